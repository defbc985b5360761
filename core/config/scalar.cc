#include "config/scalar.h"

#include <algorithm>
#include <regex>

#include <fmt/format.h>

#include "base/strings.h"
#include "config/environment.h"
#include "config/syntax.h"
#include "config/units.h"

namespace mg::config {

using Type = Schema::Type;

std::string Join(const std::vector<std::string>& words, std::string_view last) {
  std::string text;
  for (size_t i = 0; i < words.size(); i++) {
    if (i > 0) text += i + 1 == words.size() ? fmt::format(" {} ", last) : ", ";
    text += words[i];
  }
  return text;
}

std::string DidYouMean(std::string_view text, const std::vector<std::string>& known) {
  std::string_view nearest = Nearest(text, known);
  return nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest);
}

std::string Quote(const Value& value) {
  if (value.substituted || value.secret) return "***";
  if (value.text.size() > 80) return "\"" + value.text.substr(0, 77) + "...\"";
  return "\"" + value.text + "\"";
}

std::string TypeName(Schema::Type type) {
  switch (type) {
    case Type::kAny:
    case Type::kRaw: return "a value";
    case Type::kBool: return "true or false";
    case Type::kInteger: return "an integer";
    case Type::kNumber: return "a number";
    case Type::kString: return "a text";
    case Type::kSecret: return "a text or file:PATH";
    case Type::kDuration: return "a duration such as 30s";
    case Type::kSize: return "a size such as 10MiB";
    case Type::kRate: return "a rate such as 10/s";
    case Type::kShare: return "a share such as 20%";
    case Type::kAddress: return "an address (host:port or unix:PATH)";
    case Type::kPath: return "a file's path";
    case Type::kList: return "a list";
    case Type::kMap: return "a map";
  }
  return "";
}

namespace {

using Failure = std::string;  // empty: none

// The error of a text's own syntax, which may cite the text.
Failure NotOne(Type type, const Value& value, const Error& error) {
  return Quote(value) + (value.substituted ? " is not " + TypeName(type) : ": " + error.message);
}

Failure SetNumber(Type type, const Result<double>& parsed, Value& value) {
  if (!parsed) return NotOne(type, value, parsed.error());
  value.kind = Value::Kind::kNumber;
  value.number = *parsed;
  return "";
}

void SetInteger(int64_t integer, Value& value) {
  value.kind = Value::Kind::kInteger;
  value.integer = integer;
  value.number = static_cast<double>(integer);
}

Failure ReadSecret(const ScalarPlace& place, Value& value) {
  if (!value.text.starts_with("file:")) return "";
  std::string name = AbsolutePath(place.directory, value.text.substr(5));
  std::string error;
  if (!place.files.Read(name, value.text, error)) {
    return fmt::format("cannot read {}: {}", value.substituted ? "***" : name, error);
  }
  // The end of the line that an editor or echo leaves is not a part of it.
  if (value.text.ends_with('\n')) value.text.pop_back();
  if (value.text.ends_with('\r')) value.text.pop_back();
  return "";
}

Failure MatchPattern(const std::string& pattern, const Value& value) {
  constexpr size_t kLongest = 4096;  // the library's matcher recurses
  try {
    std::regex expression(pattern, std::regex::ECMAScript);
    if (value.text.size() <= kLongest && std::regex_match(value.text, expression)) return "";
  } catch (const std::regex_error& error) {
    return "the schema's pattern is broken: " + std::string(error.what());
  }
  return fmt::format("{} does not match {}", Quote(value), pattern);
}

Failure ReadText(const Schema& schema, const ScalarPlace& place, Value& value) {
  value.kind = Value::Kind::kString;
  if (schema.type == Type::kSecret) {
    if (Failure failure = ReadSecret(place, value); !failure.empty()) return failure;
  }
  if (schema.type == Type::kPath) {
    if (value.text.empty()) return "is empty: expected a file's path";
    if (value.text.find_first_of("\n\r") != std::string::npos)
      return "expected a file's path, found a text of several lines";
    value.text = AbsolutePath(place.directory, value.text);
  }
  if (schema.type == Type::kAddress) {
    Result<Address> address = ParseAddress(value.text, place.directory);
    if (!address) return NotOne(schema.type, value, address.error());
    if (address->kind == Address::Kind::kUnix) value.text = "unix:" + address->host;
  }
  const std::vector<std::string>& allowed = schema.one_of;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), value.text) == allowed.end()) {
    std::string hint = value.substituted ? "" : DidYouMean(value.text, allowed);
    return fmt::format("expected {}, found {}{}", Join(allowed), Quote(value), hint);
  }
  return schema.pattern.empty() ? "" : MatchPattern(schema.pattern, value);
}

// Fills in the value from its text. A quoted text is a string, unless it had to be quoted for its ${NAME}.
Failure ReadTyped(const Schema& schema, const Node& node, const ScalarPlace& place, Value& value) {
  bool typed = !node.quoted || value.substituted;
  switch (schema.type) {
    case Type::kBool: {
      auto boolean = typed ? ParseYamlBool(value.text) : std::nullopt;
      if (!boolean) return fmt::format("expected true or false, found {}", Quote(value));
      value.kind = Value::Kind::kBool;
      value.boolean = *boolean;
      return "";
    }
    case Type::kInteger: {
      auto integer = typed ? ParseYamlInteger(value.text) : std::nullopt;
      if (!integer) return fmt::format("expected an integer, found {}", Quote(value));
      SetInteger(*integer, value);
      return "";
    }
    case Type::kNumber: {
      auto number = typed ? ParseYamlNumber(value.text) : std::nullopt;
      if (!number) return fmt::format("expected a number, found {}", Quote(value));
      return SetNumber(schema.type, *number, value);
    }
    case Type::kDuration: return SetNumber(schema.type, ParseDuration(value.text), value);
    case Type::kRate: return SetNumber(schema.type, ParseRate(value.text), value);
    case Type::kShare: return SetNumber(schema.type, ParseShare(value.text), value);
    case Type::kSize: {
      Result<int64_t> size = ParseSize(value.text);
      if (!size) return NotOne(schema.type, value, size.error());
      SetInteger(*size, value);
      return "";
    }
    default: return ReadText(schema, place, value);
  }
}

std::string FormatBound(Type type, double bound) {
  if (type == Type::kDuration) return FormatDuration(bound);
  if (type == Type::kSize) return FormatSize(static_cast<int64_t>(bound));
  if (type == Type::kShare) return FormatShare(bound);
  if (type == Type::kRate) return fmt::format("{}/s", bound);
  return fmt::format("{}", bound);
}

Failure CheckRange(const Schema& schema, const Value& value) {
  if (value.kind == Value::Kind::kBool) return "";
  bool text = value.kind == Value::Kind::kString;
  double measure = text ? static_cast<double>(value.text.size()) : value.number;
  bool low = !(measure >= schema.minimum);  // a NaN is neither
  if (!low && measure <= schema.maximum) return "";
  return fmt::format("{} {} {}", text ? "its length must be" : "must be", low ? "at least" : "at most",
                     FormatBound(schema.type, low ? schema.minimum : schema.maximum));
}

}  // namespace

std::expected<Value, std::string> ReadScalar(const Schema& schema, const Node& node, const ScalarPlace& place) {
  Value value;
  value.position = node.position;
  value.node = &node;
  value.secret = schema.type == Type::kSecret;
  if (!place.fill_environment || node.scalar.find("${") == std::string::npos) {
    value.text = node.scalar;
  } else {
    Result<Substitution> filled = Substitute(node.scalar);
    if (!filled) return std::unexpected(filled.error().message);
    value.text = std::move(filled->text);
    value.substituted = filled->changed;
  }
  Failure failure = ReadTyped(schema, node, place, value);
  if (failure.empty()) failure = CheckRange(schema, value);
  if (!failure.empty()) return std::unexpected(std::move(failure));
  return value;
}

}  // namespace mg::config
