// Schema -> JSON Schema (draft 2020-12), for editors and machines. A text may hold ${NAME} wherever it is filled in, so
// a quoted text is allowed beside a number or a boolean.
#include <cmath>

#include <fmt/format.h>

#include "config/json.h"
#include "config/schema.h"

namespace mg::config {
namespace {

using Type = Schema::Type;

class Writer {
 public:
  std::string Document(const Schema& schema) {
    out_ = "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\"";
    first_ = false;
    Members(schema, 1);
    out_ += "\n}\n";
    return std::move(out_);
  }

 private:
  void Key(std::string_view key, int depth) {
    out_ += first_ ? "\n" : ",\n";
    first_ = false;
    out_.append(static_cast<size_t>(depth) * 2, ' ');
    AppendJsonString(out_, key);
    out_ += ": ";
  }
  void Text(std::string_view key, std::string_view text, int depth) {
    Key(key, depth);
    AppendJsonString(out_, text);
  }
  void Object(const Schema& schema, int depth) {
    out_ += '{';
    first_ = true;
    Members(schema, depth + 1);
    Close('}', depth);
  }
  void Close(char bracket, int depth) {
    if (!first_) out_.append("\n").append(static_cast<size_t>(depth) * 2, ' ');
    out_ += bracket;
    first_ = false;
  }
  void Item(int depth) {
    out_ += first_ ? "\n" : ",\n";
    first_ = false;
    out_.append(static_cast<size_t>(depth) * 2, ' ');
  }

  void Members(const Schema& schema, int depth) {
    if (!schema.doc.empty()) Text("description", schema.doc, depth);
    if (schema.default_value) {
      Key("default", depth);
      bool quantity = schema.type == Type::kDuration || schema.type == Type::kSize || schema.type == Type::kShare ||
                      schema.type == Type::kRate;
      if (quantity && !schema.default_value->text.empty()) {
        AppendJsonString(out_, schema.default_value->text);
      } else {
        out_ += schema.default_value->ToJson();
      }
    }
    if (schema.alternatives.empty()) {
      Shape(schema, depth);
      return;
    }
    Key("anyOf", depth);
    out_ += '[';
    first_ = true;
    Schema own = schema;
    own.alternatives.clear();
    own.doc.clear();
    own.default_value.reset();
    Item(depth + 1);
    Object(own, depth + 1);
    for (const Schema& alternative : schema.alternatives) {
      Item(depth + 1);
      Object(alternative, depth + 1);
    }
    Close(']', depth);
  }

  void Shape(const Schema& schema, int depth) {
    switch (schema.type) {
      case Type::kAny:
      case Type::kRaw: return;
      case Type::kMap: return MapShape(schema, depth);
      case Type::kList:
        Text("type", "array", depth);
        if (schema.values) {
          Key("items", depth);
          Object(*schema.values, depth);
        }
        if (schema.min_items > 0) Number("minItems", static_cast<double>(schema.min_items), depth);
        if (schema.max_items != SIZE_MAX) Number("maxItems", static_cast<double>(schema.max_items), depth);
        return;
      case Type::kBool: return Types("\"boolean\"", schema, depth);
      case Type::kInteger: return Types("\"integer\"", schema, depth);
      case Type::kNumber: return Types("\"number\"", schema, depth);
      case Type::kSize: return Types("\"integer\"", schema, depth);
      default: return TextShape(schema, depth);
    }
  }

  // A scalar that is no text, or a text that the environment turns into one.
  void Types(std::string_view type, const Schema& schema, int depth) {
    Key("type", depth);
    out_ += fmt::format("[{}, \"string\"]", type);
    if (std::isfinite(schema.minimum)) Number("minimum", schema.minimum, depth);
    if (std::isfinite(schema.maximum)) Number("maximum", schema.maximum, depth);
    if (schema.type == Type::kSize) Text("pattern", "^[0-9.]+([kKmMgGtT]([iI][bB])?|[bB])?$|\\$\\{", depth);
    if (schema.type == Type::kBool || schema.type == Type::kInteger || schema.type == Type::kNumber) {
      Text("pattern", "\\$\\{", depth);
    }
  }

  void TextShape(const Schema& schema, int depth) {
    // YAML writers leave quotes away: a text may look like a number or a boolean.
    bool plain = schema.type == Type::kString || schema.type == Type::kSecret;
    Key("type", depth);
    out_ += plain || schema.type == Type::kDuration ? "[\"string\", \"number\", \"boolean\"]" : "\"string\"";
    if (!schema.one_of.empty()) {
      Key("anyOf", depth);
      out_ += "[{\"enum\": [";
      for (size_t i = 0; i < schema.one_of.size(); i++) {
        if (i > 0) out_ += ", ";
        AppendJsonString(out_, schema.one_of[i]);
        if (LooksLikeNumber(schema.one_of[i])) out_ += ", " + schema.one_of[i];
      }
      out_ += "]}, {\"type\": \"string\", \"pattern\": \"\\\\$\\\\{\"}]";
    }
    if (schema.type == Type::kDuration) Text("pattern", "^(0|([0-9.]+(ms|s|m|h|d))+)$|\\$\\{", depth);
    if (schema.type == Type::kRate) Text("pattern", "^[0-9.]+/(s|m|h|d)$|\\$\\{", depth);
    if (schema.type == Type::kShare) Text("pattern", "^[0-9.]+%$|\\$\\{", depth);
    if (plain && std::isfinite(schema.minimum) && schema.minimum > 0) Number("minLength", schema.minimum, depth);
    if (plain && std::isfinite(schema.maximum)) Number("maxLength", schema.maximum, depth);
    if (!schema.pattern.empty()) Text("pattern", "^(?:" + schema.pattern + ")$|\\$\\{", depth);
  }

  static bool LooksLikeNumber(const std::string& text) {
    return text.find_first_not_of("0123456789.") == std::string::npos;
  }

  void MapShape(const Schema& schema, int depth) {
    Text("type", "object", depth);
    if (!schema.fields.empty()) {
      Key("properties", depth);
      out_ += '{';
      first_ = true;
      for (const auto& [name, field] : schema.fields) {
        Key(name, depth + 1);
        Object(field, depth + 1);
      }
      Close('}', depth);
    }
    Key("additionalProperties", depth);
    if (schema.values) {
      Object(*schema.values, depth);
    } else {
      out_ += "false";
    }
    std::vector<std::string> required;
    for (const auto& [name, field] : schema.fields) {
      if (field.required) required.push_back(name);
    }
    if (!required.empty()) {
      Key("required", depth);
      Names(required);
    }
    Groups(schema, depth);
  }

  void Groups(const Schema& schema, int depth) {
    if (schema.exactly_one_of.empty() && schema.at_least_one_of.empty()) return;
    Key("allOf", depth);
    out_ += '[';
    first_ = true;
    auto group = [&](std::string_view word, const std::vector<std::string>& keys) {
      Item(depth + 1);
      out_ += fmt::format("{{\"{}\": [", word);
      for (size_t i = 0; i < keys.size(); i++) {
        out_ += i > 0 ? ", {\"required\": " : "{\"required\": ";
        Names({keys[i]});
        out_ += '}';
      }
      out_ += "]}";
    };
    for (auto keys : schema.exactly_one_of) {
      if (schema.exactly_one_unless.empty()) {
        group("oneOf", keys);
      } else {  // that no two are given is left to `check`
        keys.push_back(schema.exactly_one_unless);
        group("anyOf", keys);
      }
    }
    for (const auto& keys : schema.at_least_one_of) group("anyOf", keys);
    Close(']', depth);
  }

  void Names(const std::vector<std::string>& names) {
    out_ += '[';
    for (size_t i = 0; i < names.size(); i++) {
      if (i > 0) out_ += ", ";
      AppendJsonString(out_, names[i]);
    }
    out_ += ']';
  }

  void Number(std::string_view key, double value, int depth) {
    Key(key, depth);
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }

  std::string out_;
  bool first_ = true;
};

}  // namespace

std::string ToJsonSchema(const Schema& schema) { return Writer().Document(schema); }

}  // namespace mg::config
