#include "config/schema.h"

#include <algorithm>
#include <regex>

#include <fmt/format.h>

#include "base/strings.h"
#include "config/environment.h"
#include "config/syntax.h"
#include "config/units.h"

namespace mg::config {
namespace {

using Type = Schema::Type;
using Environment = Schema::Environment;

// The path of the key being checked, as a chain on the stack: text is made of it only for an error.
struct Path {
  const Path* up = nullptr;
  std::string_view key;  // of a map; of the chain's root, its whole text
  size_t index = SIZE_MAX;

  std::string ToString() const {
    if (up == nullptr) return std::string(key);
    std::string text = up->ToString();
    if (index != SIZE_MAX) return text + "[" + std::to_string(index) + "]";
    bool plain = !key.empty();
    for (char c : key) plain = plain && (IsAlpha(c) || IsDigit(c) || c == '_' || c == '-');
    if (!plain) return text + "[\"" + std::string(key) + "\"]";
    return text.empty() ? std::string(key) : text + "." + std::string(key);
  }
};

enum class Defaults : bool { kSkip, kFill };

class Checker {
 public:
  Checker(FileSource& files, Diagnostics& diagnostics, Defaults defaults)
      : files_(files), diagnostics_(diagnostics), defaults_(defaults) {}

  Value Run(const Schema& schema, const Node* node, const Position& where, const Path& path, Environment environment);

 private:
  Value Absent(const Schema& schema, const Position& where, const Path& path);
  Value CheckShape(const Schema& schema, const Node& node, const Path& path, Environment environment);
  Value CheckAlternatives(const Schema& schema, const Node& node, const Path& path, Environment environment);
  Value CheckMap(const Schema& schema, const Node& node, const Path& path, Environment environment);
  void CheckGroups(const Schema& schema, const Node& node, const Path& path);
  void UnknownKey(const Schema& schema, const Node::Entry& entry, const Path& path);
  Value CheckList(const Schema& schema, const Node& node, const Path& path, Environment environment);
  Value CheckScalar(const Schema& schema, const Node& node, const Path& path, Environment environment);
  bool Convert(const Schema& schema, const Node& node, const Path& path, Value& value);
  bool ConvertSecret(const Path& path, Value& value);
  bool ConvertText(const Schema& schema, const Path& path, Value& value);
  void CheckRange(const Schema& schema, const Path& path, const Value& value);
  Value CheckAny(const Node& node, const Path& path, Environment environment);

  void Error(const Position& at, const Path& path, std::string message) {
    diagnostics_.Error(at, path.ToString(), std::move(message));
  }
  std::string DirectoryOf(const Position& at) const {
    return at.file < diagnostics_.directories.size() ? diagnostics_.directories[at.file] : "/";
  }

  FileSource& files_;
  Diagnostics& diagnostics_;
  Defaults defaults_;
};

std::string Join(const std::vector<std::string>& words, std::string_view last = "or") {
  std::string text;
  for (size_t i = 0; i < words.size(); i++) {
    if (i > 0) text += i + 1 == words.size() ? fmt::format(" {} ", last) : ", ";
    text += words[i];
  }
  return text;
}

bool Fits(Type type, Node::Kind kind) {
  if (type == Type::kAny || type == Type::kRaw) return true;
  if (type == Type::kMap) return kind == Node::Kind::kMap;
  if (type == Type::kList) return kind == Node::Kind::kSequence;
  return kind == Node::Kind::kScalar;
}

std::string Found(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kSequence:
      return "a list";
    case Node::Kind::kMap: {
      // An unquoted {name} is a map with one key and no value.
      bool template_like = node.entries.size() == 1 && node.entries[0].value.kind == Node::Kind::kNull;
      return template_like ? "a map: quote it: \"{" + node.entries[0].key + "}\"" : "a map";
    }
    case Node::Kind::kScalar:
      return node.scalar.find("${") == std::string::npos && node.scalar.size() <= 80 ? "\"" + node.scalar + "\""
                                                                                     : "a text";
  }
  return "";
}

std::string Expected(const Schema& schema) {
  std::vector<std::string> shapes{schema.one_of.empty() ? TypeName(schema.type) : "one of " + Join(schema.one_of)};
  for (const Schema& alternative : schema.alternatives) {
    std::string shape = alternative.one_of.empty() ? TypeName(alternative.type) : Join(alternative.one_of);
    if (std::find(shapes.begin(), shapes.end(), shape) == shapes.end()) shapes.push_back(std::move(shape));
  }
  return Join(shapes);
}

Value Checker::Run(const Schema& schema, const Node* node, const Position& where, const Path& path,
                   Environment environment) {
  if (schema.environment != Environment::kFill) environment = schema.environment;
  bool keeps_null = schema.type == Type::kAny || schema.type == Type::kRaw;
  if (node == nullptr || (node->kind == Node::Kind::kNull && !keeps_null)) {
    return Absent(schema, node == nullptr ? where : node->position, path);
  }
  return schema.alternatives.empty() ? CheckShape(schema, *node, path, environment)
                                     : CheckAlternatives(schema, *node, path, environment);
}

Value Checker::Absent(const Schema& schema, const Position& where, const Path& path) {
  Value value;
  value.position = where;
  if (schema.required) {
    Error(where, path, fmt::format("required: {}", Expected(schema)));
  } else if (schema.default_value && defaults_ == Defaults::kFill) {
    value = *schema.default_value;
    value.position = where;
    bool empty_map = value.kind == Value::Kind::kMap && value.entries.empty();
    if (empty_map && schema.type == Type::kMap && !schema.fields.empty()) {
      Node node;
      node.kind = Node::Kind::kMap;
      node.position = where;
      value = CheckMap(schema, node, path, schema.environment);
      value.node = nullptr;
    }
  }
  return value;
}

Value Checker::CheckShape(const Schema& schema, const Node& node, const Path& path, Environment environment) {
  if (!Fits(schema.type, node.kind)) {
    Value value;
    value.position = node.position;
    Error(node.position, path, fmt::format("expected {}, found {}", Expected(schema), Found(node)));
    return value;
  }
  if (schema.type == Type::kMap) return CheckMap(schema, node, path, environment);
  if (schema.type == Type::kList) return CheckList(schema, node, path, environment);
  if (schema.type == Type::kAny) return CheckAny(node, path, environment);
  if (schema.type == Type::kRaw) {
    Value value;
    value.position = node.position;
    value.node = &node;
    return value;
  }
  return CheckScalar(schema, node, path, environment);
}

// The one shape that fits the node's kind; among several, the first without an error.
Value Checker::CheckAlternatives(const Schema& schema, const Node& node, const Path& path, Environment environment) {
  std::vector<const Schema*> fitting;
  if (Fits(schema.type, node.kind)) fitting.push_back(&schema);
  for (const Schema& alternative : schema.alternatives) {
    if (Fits(alternative.type, node.kind)) fitting.push_back(&alternative);
  }
  if (fitting.empty()) {
    Value value;
    value.position = node.position;
    Error(node.position, path, fmt::format("expected {}, found {}", Expected(schema), Found(node)));
    return value;
  }
  auto run = [&](const Schema& shape) {
    Environment inner = shape.environment != Environment::kFill ? shape.environment : environment;
    return CheckShape(shape, node, path, inner);
  };
  if (fitting.size() == 1) return run(*fitting[0]);
  for (const Schema* shape : fitting) {
    Diagnostics scratch;
    scratch.files = diagnostics_.files;
    scratch.directories = diagnostics_.directories;
    Checker trial(files_, scratch, defaults_);
    Environment inner = shape->environment != Environment::kFill ? shape->environment : environment;
    Value value = trial.CheckShape(*shape, node, path, inner);
    if (!scratch.failed()) return value;
  }
  if (node.kind != Node::Kind::kScalar) return run(*fitting[0]);
  Value value;
  value.position = node.position;
  Error(node.position, path, fmt::format("expected {}, found {}", Expected(schema), Found(node)));
  return value;
}

const Schema* FindField(const Schema& schema, std::string_view key) {
  for (const auto& [name, field] : schema.fields) {
    if (name == key) return &field;
  }
  return nullptr;
}

void Checker::UnknownKey(const Schema& schema, const Node::Entry& entry, const Path& path) {
  std::vector<std::string> known;
  for (const auto& [name, field] : schema.fields) known.push_back(name);
  std::string message = fmt::format("unknown key \"{}\"", entry.key);
  std::string_view nearest = Nearest(entry.key, known);
  if (!nearest.empty()) {
    message += fmt::format("; did you mean \"{}\"?", nearest);
  } else if (known.size() <= 12) {
    message += known.empty() ? "; none is known here" : "; known here: " + Join(known, "and");
  }
  Error(entry.position, {&path, entry.key}, std::move(message));
}

Value Checker::CheckMap(const Schema& schema, const Node& node, const Path& path, Environment environment) {
  Value value;
  value.kind = Value::Kind::kMap;
  value.position = node.position;
  value.node = &node;
  value.entries.reserve(node.entries.size());
  for (const Node::Entry& entry : node.entries) {
    const Schema* field = FindField(schema, entry.key);
    if (field == nullptr) field = schema.values.get();
    if (field == nullptr) {
      UnknownKey(schema, entry, path);
      continue;
    }
    bool absent = entry.value.kind == Node::Kind::kNull && field->type != Type::kAny && field->type != Type::kRaw;
    Value item = Run(*field, &entry.value, entry.position, {&path, entry.key}, environment);
    if (absent && item.kind == Value::Kind::kNull) continue;
    value.entries.emplace_back(entry.key, std::move(item));
  }
  for (const auto& [name, field] : schema.fields) {
    if (!field.required && (defaults_ == Defaults::kSkip || !field.default_value)) continue;
    if (node.Find(name) != nullptr) continue;
    Value item = Run(field, nullptr, node.position, {&path, name}, environment);
    if (!field.required) value.entries.emplace_back(name, std::move(item));
  }
  CheckGroups(schema, node, path);
  if (schema.fields.empty() && (node.entries.size() < schema.min_items || node.entries.size() > schema.max_items)) {
    Error(node.position, path,
          fmt::format("has {} entries; allowed are {} to {}", node.entries.size(), schema.min_items, schema.max_items));
  }
  return value;
}

void Checker::CheckGroups(const Schema& schema, const Node& node, const Path& path) {
  auto given = [&](const std::vector<std::string>& group) {
    std::vector<const Node::Entry*> found;
    for (const Node::Entry& entry : node.entries) {
      bool named = std::find(group.begin(), group.end(), entry.key) != group.end();
      if (named && entry.value.kind != Node::Kind::kNull) found.push_back(&entry);
    }
    return found;
  };
  for (const auto& group : schema.exactly_one_of) {
    auto found = given(group);
    if (found.empty()) Error(node.position, path, fmt::format("exactly one of {} is required", Join(group)));
    if (found.size() > 1) {
      Error(found[1]->position, {&path, found[1]->key},
            fmt::format("exactly one of {} may be given: \"{}\" is, at line {}", Join(group), found[0]->key,
                        found[0]->position.line));
    }
  }
  for (const auto& group : schema.at_least_one_of) {
    if (given(group).empty()) Error(node.position, path, fmt::format("at least one of {} is required", Join(group)));
  }
}

std::string Count(size_t count) { return count == 1 ? "1 item" : fmt::format("{} items", count); }

Value Checker::CheckList(const Schema& schema, const Node& node, const Path& path, Environment environment) {
  Value value;
  value.kind = Value::Kind::kList;
  value.position = node.position;
  value.node = &node;
  value.items.reserve(node.items.size());
  static const Schema any;
  for (size_t i = 0; i < node.items.size(); i++) {
    const Node& item = node.items[i];
    const Schema& shape = schema.values ? *schema.values : any;
    Path item_path{&path, {}, i};
    if (item.kind == Node::Kind::kNull && shape.type != Type::kAny && shape.type != Type::kRaw) {
      Error(item.position, item_path, "an empty item: expected " + Expected(shape));
      continue;
    }
    value.items.push_back(Run(shape, &item, item.position, item_path, environment));
  }
  if (node.items.size() < schema.min_items) {
    Error(node.position, path, fmt::format("needs at least {}", Count(schema.min_items)));
  }
  if (node.items.size() > schema.max_items) {
    Error(node.position, path,
          fmt::format("has {}; at most {} are allowed", Count(node.items.size()), schema.max_items));
  }
  return value;
}

Value Checker::CheckScalar(const Schema& schema, const Node& node, const Path& path, Environment environment) {
  Value value;
  value.position = node.position;
  value.node = &node;
  bool keep =
      environment == Environment::kKeep || (environment == Environment::kUnlessRegex && node.scalar.starts_with('~'));
  if (keep || node.scalar.find("${") == std::string::npos) {
    value.text = node.scalar;
  } else {
    Result<Substitution> filled = Substitute(node.scalar);
    if (!filled) {
      Error(node.position, path, filled.error().message);
      return value;
    }
    value.text = std::move(filled->text);
    value.substituted = filled->changed;
  }
  value.secret = schema.type == Type::kSecret;
  if (Convert(schema, node, path, value)) CheckRange(schema, path, value);
  return value;
}

// Fills in the value from its text. A quoted text is a string, unless it had to be quoted for its ${NAME}.
bool Checker::Convert(const Schema& schema, const Node& node, const Path& path, Value& value) {
  auto fail = [&](std::string message) {
    Error(value.position, path, std::move(message));
    return false;
  };
  auto number = [&](const Result<double>& parsed) {
    if (!parsed) return fail(Quote(value) + ": " + parsed.error().message);
    value.kind = Value::Kind::kNumber;
    value.number = *parsed;
    return true;
  };
  bool typed = !node.quoted || value.substituted;
  switch (schema.type) {
    case Type::kBool:
      if (auto boolean = typed ? ParseYamlBool(value.text) : std::nullopt) {
        value.kind = Value::Kind::kBool;
        value.boolean = *boolean;
        return true;
      }
      return fail(fmt::format("expected true or false, found {}", Quote(value)));
    case Type::kInteger:
      if (auto integer = typed ? ParseYamlInteger(value.text) : std::nullopt) {
        value.kind = Value::Kind::kInteger;
        value.integer = *integer;
        value.number = static_cast<double>(*integer);
        return true;
      }
      return fail(fmt::format("expected an integer, found {}", Quote(value)));
    case Type::kNumber: {
      auto parsed = typed ? ParseYamlNumber(value.text) : std::nullopt;
      if (!parsed) return fail(fmt::format("expected a number, found {}", Quote(value)));
      return number(*parsed);
    }
    case Type::kDuration:
      return number(ParseDuration(value.text));
    case Type::kRate:
      return number(ParseRate(value.text));
    case Type::kShare:
      return number(ParseShare(value.text));
    case Type::kSize: {
      Result<int64_t> size = ParseSize(value.text);
      if (!size) return fail(Quote(value) + ": " + size.error().message);
      value.kind = Value::Kind::kInteger;
      value.integer = *size;
      value.number = static_cast<double>(*size);
      return true;
    }
    default:
      return ConvertText(schema, path, value);
  }
}

bool Checker::ConvertText(const Schema& schema, const Path& path, Value& value) {
  value.kind = Value::Kind::kString;
  if (schema.type == Type::kSecret) return ConvertSecret(path, value);
  if (schema.type == Type::kPath || schema.type == Type::kAddress) {
    if (value.text.empty()) {
      Error(value.position, path, "is empty: expected " + TypeName(schema.type));
      return false;
    }
  }
  if (schema.type == Type::kPath) {
    if (value.text.find_first_of("\n\r") != std::string::npos) {
      Error(value.position, path, "expected a file's path, found a text of several lines");
      return false;
    }
    value.text = AbsolutePath(DirectoryOf(value.position), value.text);
  }
  if (schema.type == Type::kAddress) {
    Result<Address> address = ParseAddress(value.text, DirectoryOf(value.position));
    if (!address) {
      Error(value.position, path, Quote(value) + ": " + address.error().message);
      return false;
    }
    if (address->kind == Address::Kind::kUnix) value.text = "unix:" + address->host;
  }
  if (!schema.one_of.empty() &&
      std::find(schema.one_of.begin(), schema.one_of.end(), value.text) == schema.one_of.end()) {
    std::string message = fmt::format("expected one of {}, found {}", Join(schema.one_of), Quote(value));
    std::string_view nearest = value.substituted ? "" : Nearest(value.text, schema.one_of);
    if (!nearest.empty()) message += fmt::format("; did you mean \"{}\"?", nearest);
    Error(value.position, path, std::move(message));
    return false;
  }
  if (schema.pattern.empty()) return true;
  constexpr size_t kLongest = 4096;  // the library's matcher recurses
  bool matches = false;
  try {
    matches = value.text.size() <= kLongest &&
              std::regex_match(value.text, std::regex(schema.pattern, std::regex::ECMAScript));
  } catch (const std::regex_error& error) {
    Error(value.position, path, "the schema's pattern is broken: " + std::string(error.what()));
    return false;
  }
  if (!matches) Error(value.position, path, fmt::format("{} does not match {}", Quote(value), schema.pattern));
  return matches;
}

bool Checker::ConvertSecret(const Path& path, Value& value) {
  if (!value.text.starts_with("file:")) return true;
  std::string name = AbsolutePath(DirectoryOf(value.position), value.text.substr(5));
  std::string error;
  if (!files_.Read(name, value.text, error)) {
    Error(value.position, path, fmt::format("cannot read {}: {}", name, error));
    return false;
  }
  // The end of the line that an editor or echo leaves is not a part of it.
  if (value.text.ends_with('\n')) value.text.pop_back();
  if (value.text.ends_with('\r')) value.text.pop_back();
  return true;
}

std::string FormatBound(Type type, double bound) {
  if (type == Type::kDuration) return FormatDuration(bound);
  if (type == Type::kSize) return FormatSize(static_cast<int64_t>(bound));
  if (type == Type::kShare) return FormatShare(bound);
  if (type == Type::kRate) return fmt::format("{}/s", bound);
  return fmt::format("{}", bound);
}

void Checker::CheckRange(const Schema& schema, const Path& path, const Value& value) {
  bool text = value.kind == Value::Kind::kString;
  double measure = text ? static_cast<double>(value.text.size()) : value.number;
  std::string what = text ? "its length must be " : "must be ";
  if (value.kind == Value::Kind::kBool) return;
  if (!(measure >= schema.minimum)) {
    Error(value.position, path, what + "at least " + FormatBound(schema.type, schema.minimum));
  } else if (measure > schema.maximum) {
    Error(value.position, path, what + "at most " + FormatBound(schema.type, schema.maximum));
  }
}

// What YAML 1.2's core schema says the node is.
Value Checker::CheckAny(const Node& node, const Path& path, Environment environment) {
  static const Schema text{.type = Type::kString};
  Value value;
  if (node.kind == Node::Kind::kMap) {
    value.kind = Value::Kind::kMap;
    for (const Node::Entry& entry : node.entries) {
      value.entries.emplace_back(entry.key, CheckAny(entry.value, {&path, entry.key}, environment));
    }
  } else if (node.kind == Node::Kind::kSequence) {
    value.kind = Value::Kind::kList;
    for (size_t i = 0; i < node.items.size(); i++) {
      value.items.push_back(CheckAny(node.items[i], {&path, {}, i}, environment));
    }
  } else if (node.kind == Node::Kind::kScalar) {
    value = CheckScalar(text, node, path, environment);
    if (node.quoted) return value;
    if (auto boolean = ParseYamlBool(value.text)) {
      value.kind = Value::Kind::kBool;
      value.boolean = *boolean;
    } else if (auto integer = ParseYamlInteger(value.text)) {
      value.kind = Value::Kind::kInteger;
      value.integer = *integer;
      value.number = static_cast<double>(*integer);
    } else if (auto number = ParseYamlNumber(value.text)) {
      value.kind = Value::Kind::kNumber;
      value.number = *number;
    }
  }
  value.position = node.position;
  value.node = &node;
  return value;
}

Value CheckFrom(const Schema& schema, const Node* node, const Position& where, const std::string& path,
                FileSource& files, Diagnostics& diagnostics, Defaults defaults) {
  Checker checker(files, diagnostics, defaults);
  return checker.Run(schema, node, where, Path{nullptr, path}, Environment::kFill);
}

}  // namespace

std::string Quote(const Value& value) {
  if (value.substituted || value.secret) return "***";
  if (value.text.size() > 80) return "\"" + value.text.substr(0, 77) + "...\"";
  return "\"" + value.text + "\"";
}

std::string TypeName(Schema::Type type) {
  switch (type) {
    case Type::kAny:
    case Type::kRaw:
      return "a value";
    case Type::kBool:
      return "true or false";
    case Type::kInteger:
      return "an integer";
    case Type::kNumber:
      return "a number";
    case Type::kString:
      return "a text";
    case Type::kSecret:
      return "a text or file:PATH";
    case Type::kDuration:
      return "a duration such as 30s";
    case Type::kSize:
      return "a size such as 10MiB";
    case Type::kRate:
      return "a rate such as 10/s";
    case Type::kShare:
      return "a share such as 20%";
    case Type::kAddress:
      return "an address (host:port or unix:PATH)";
    case Type::kPath:
      return "a file's path";
    case Type::kList:
      return "a list";
    case Type::kMap:
      return "a map";
  }
  return "";
}

Value Check(const Schema& schema, const Node* node, const Position& where, const std::string& path, FileSource& files,
            Diagnostics& diagnostics) {
  return CheckFrom(schema, node, where, path, files, diagnostics, Defaults::kFill);
}

Value CheckGiven(const Schema& schema, const Node* node, const Position& where, const std::string& path,
                 FileSource& files, Diagnostics& diagnostics) {
  return CheckFrom(schema, node, where, path, files, diagnostics, Defaults::kSkip);
}

}  // namespace mg::config
