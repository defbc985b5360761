#include "config/schema.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/strings.h"
#include "config/scalar.h"
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

  // nullopt: it is empty, which is an error.
  std::optional<Value> CheckItem(const Schema& schema, const Node& list, size_t index, const Path& path,
                                 Environment environment);

 private:
  Value Absent(const Schema& schema, const Position& where, const Path& path);
  Value CheckShape(const Schema& schema, const Node& node, const Path& path, Environment environment);
  Value CheckAlternatives(const Schema& schema, const Node& node, const Path& path, Environment environment);
  Value CheckMap(const Schema& schema, const Node& node, const Path& path, Environment environment);
  void CheckGroups(const Schema& schema, const Node& node, const Path& path);
  void UnknownKey(const Schema& schema, const Node::Entry& entry, const Path& path);
  Value CheckList(const Schema& schema, const Node& node, const Path& path, Environment environment);
  Value CheckScalar(const Schema& schema, const Node& node, const Path& path, Environment environment);
  Value CheckAny(const Node& node, const Path& path, Environment environment);

  void Error(const Position& at, const Path& path, std::string message) {
    diagnostics_.Error(at, path.ToString(), std::move(message));
  }
  FileSource& files_;
  Diagnostics& diagnostics_;
  Defaults defaults_;
};

bool Fits(Type type, Node::Kind kind) {
  if (type == Type::kAny || type == Type::kRaw) return true;
  if (type == Type::kMap) return kind == Node::Kind::kMap;
  if (type == Type::kList) return kind == Node::Kind::kSequence;
  return kind == Node::Kind::kScalar;
}

std::string Found(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull: return "nothing";
    case Node::Kind::kSequence: return "a list";
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

std::string ShapeName(const Schema& schema) {
  if (!schema.one_of.empty()) return Join(schema.one_of);
  bool bounded = schema.type == Type::kInteger && std::isfinite(schema.minimum) && std::isfinite(schema.maximum);
  if (bounded) return fmt::format("{} from {} to {}", TypeName(schema.type), schema.minimum, schema.maximum);
  return TypeName(schema.type);
}

// All shapes that a schema allows.
std::string Expected(const Schema& schema) {
  std::vector<std::string> shapes{ShapeName(schema)};
  for (const Schema& alternative : schema.alternatives) {
    std::string shape = ShapeName(alternative);
    if (std::find(shapes.begin(), shapes.end(), shape) == shapes.end()) shapes.push_back(std::move(shape));
  }
  return Join(shapes);
}

Value Checker::Run(const Schema& schema, const Node* node, const Position& where, const Path& path,
                   Environment environment) {
  if (schema.environment != Environment::kFill) environment = schema.environment;
  bool keeps_null = schema.type == Type::kAny || schema.type == Type::kRaw;
  if (node == nullptr || (node->kind == Node::Kind::kNull && !keeps_null)) {
    return Absent(schema, where, path);
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
  auto run = [&](Checker& checker, const Schema& shape) {
    Environment inner = shape.environment != Environment::kFill ? shape.environment : environment;
    return checker.CheckShape(shape, node, path, inner);
  };
  bool scalar = node.kind == Node::Kind::kScalar;
  if (fitting.size() == 1 && (!scalar || fitting[0]->one_of.empty())) return run(*this, *fitting[0]);
  std::vector<std::string> words;
  for (const Schema* shape : fitting) {
    Diagnostics scratch;
    scratch.files = diagnostics_.files;
    scratch.directories = diagnostics_.directories;
    Checker trial(files_, scratch, defaults_);
    Value value = run(trial, *shape);
    if (!scratch.failed()) return value;
    words.insert(words.end(), shape->one_of.begin(), shape->one_of.end());
  }
  // What the environment gave is not shown: the error of the usual shape says what is wrong with it.
  bool hidden = scalar && node.scalar.find("${") != std::string::npos;
  if (!fitting.empty() && (!scalar || hidden)) return run(*this, *fitting[0]);
  Value value;
  value.position = node.position;
  std::string hint = scalar ? DidYouMean(node.scalar, words) : "";
  Error(node.position, path, fmt::format("expected {}, found {}{}", Expected(schema), Found(node), hint));
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
  std::string hint = DidYouMean(entry.key, known);
  if (hint.empty() && known.size() <= 12)
    hint = known.empty() ? "; none is known here" : "; known here: " + Join(known, "and");
  message += hint;
  Error(entry.position, {&path, entry.key}, std::move(message));
}

// Whether an unknown key of the map is probably meant as one of the names: its own error says so.
bool Misspelt(const Schema& schema, const Node& node, const std::vector<std::string>& names) {
  return std::any_of(node.entries.begin(), node.entries.end(), [&](const Node::Entry& entry) {
    return FindField(schema, entry.key) == nullptr && !schema.values && !Nearest(entry.key, names).empty();
  });
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
    if (node.Find(name) != nullptr || (field.required && Misspelt(schema, node, {name}))) continue;
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
    bool excused = !schema.exactly_one_unless.empty() && !given({schema.exactly_one_unless}).empty();
    if (found.empty() && !excused && !Misspelt(schema, node, group))
      Error(node.position, path, fmt::format("exactly one of {} is required", Join(group)));
    if (found.size() > 1) {
      Error(found[1]->position, {&path, found[1]->key},
            fmt::format("exactly one of {} may be given: \"{}\" is, at line {}", Join(group), found[0]->key,
                        found[0]->position.line));
    }
  }
  for (const auto& group : schema.at_least_one_of) {
    if (given(group).empty() && !Misspelt(schema, node, group))
      Error(node.position, path, fmt::format("at least one of {} is required", Join(group)));
  }
}

std::string Count(size_t count) { return count == 1 ? "1 item" : fmt::format("{} items", count); }

std::optional<Value> Checker::CheckItem(const Schema& schema, const Node& node, size_t index, const Path& path,
                                        Environment environment) {
  static const Schema any;
  const Schema& shape = schema.values ? *schema.values : any;
  const Node& item = node.items[index];
  Path item_path{&path, {}, index};
  if (item.kind == Node::Kind::kNull && shape.type != Type::kAny && shape.type != Type::kRaw) {
    Error(item.position, item_path, "an empty item: expected " + Expected(shape));
    return std::nullopt;
  }
  return Run(shape, &item, item.position, item_path, environment);
}

Value Checker::CheckList(const Schema& schema, const Node& node, const Path& path, Environment environment) {
  Value value;
  value.kind = Value::Kind::kList;
  value.position = node.position;
  value.node = &node;
  if (!schema.deferred) {
    value.items.reserve(node.items.size());
    for (size_t i = 0; i < node.items.size(); i++) {
      if (auto item = CheckItem(schema, node, i, path, environment)) value.items.push_back(std::move(*item));
    }
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
  bool keep =
      environment == Environment::kKeep || (environment == Environment::kUnlessRegex && node.scalar.starts_with('~'));
  static const std::string root = "/";
  const std::vector<std::string>& directories = diagnostics_.directories;
  const std::string& directory = node.position.file < directories.size() ? directories[node.position.file] : root;
  ScalarPlace place{directory, files_, !keep};
  std::expected<Value, std::string> value = ReadScalar(schema, node, place);
  if (value) return std::move(*value);
  Error(node.position, path, std::move(value.error()));
  Value broken;  // without a node, so that whoever reads it does not report it again
  broken.position = node.position;
  return broken;
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

Value Check(const Schema& schema, const Node* node, const Position& where, const std::string& path, FileSource& files,
            Diagnostics& diagnostics) {
  return CheckFrom(schema, node, where, path, files, diagnostics, Defaults::kFill);
}

Value CheckGiven(const Schema& schema, const Node* node, const Position& where, const std::string& path,
                 FileSource& files, Diagnostics& diagnostics) {
  return CheckFrom(schema, node, where, path, files, diagnostics, Defaults::kSkip);
}

Value CheckDeferred(const Schema& schema, const Value& list, size_t index, const std::string& path, FileSource& files,
                    Diagnostics& diagnostics) {
  Checker checker(files, diagnostics, Defaults::kSkip);
  return checker.CheckItem(schema, *list.node, index, Path{nullptr, path}, Environment::kFill).value_or(Value());
}

}  // namespace mg::config
