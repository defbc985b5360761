// Value: finding and printing.
#include <cmath>

#include <fmt/format.h>

#include "config/json.h"
#include "config/schema.h"

namespace mg::config {

const Value* Value::Find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

namespace {

void Append(std::string& out, const Value& value) {
  bool first = true;
  auto comma = [&] {
    if (!first) out += ',';
    first = false;
  };
  switch (value.kind) {
    case Value::Kind::kNull: out += "null"; break;
    case Value::Kind::kBool: out += value.boolean ? "true" : "false"; break;
    case Value::Kind::kInteger: out += std::to_string(value.integer); break;
    case Value::Kind::kNumber:
      // JSON has no infinity and no NaN.
      if (std::isfinite(value.number)) {
        fmt::format_to(std::back_inserter(out), "{}", value.number);
      } else {
        out += "null";
      }
      break;
    case Value::Kind::kString: AppendJsonString(out, value.text); break;
    case Value::Kind::kList:
      out += '[';
      for (const Value& item : value.items) {
        comma();
        Append(out, item);
      }
      out += ']';
      break;
    case Value::Kind::kMap:
      out += '{';
      for (const auto& [key, entry] : value.entries) {
        comma();
        AppendJsonString(out, key);
        out += ':';
        Append(out, entry);
      }
      out += '}';
      break;
  }
}

}  // namespace

std::string Value::ToJson() const {
  std::string out;
  Append(out, *this);
  return out;
}

}  // namespace mg::config
