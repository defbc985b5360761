#include "base/json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/encoding.h"

namespace mg {

namespace {

namespace dom = simdjson::dom;

constexpr size_t kValidateDepth = 128;
constexpr size_t kValidateBytes = size_t{1} << 30;
constexpr size_t kKeptCapacity = size_t{256} << 10;  // a parser that grew past this is not kept

// The thread's parser, for one parse; its buffers are about ten times the largest text.
class ThreadParser {
 public:
  ThreadParser() {
    if (!parser()) parser() = std::make_unique<dom::parser>();
  }
  ~ThreadParser() {
    if (parser()->capacity() > kKeptCapacity) parser().reset();
  }
  ThreadParser(const ThreadParser&) = delete;
  ThreadParser& operator=(const ThreadParser&) = delete;

  simdjson::error_code Parse(std::string_view text, dom::element& root) {
    constexpr size_t kLeast = 4096;
    size_t capacity = std::max(text.size(), kLeast);
    // The library counts one level less for an innermost empty container.
    if (parser()->capacity() < capacity) {
      if (auto error = parser()->allocate(capacity, kValidateDepth + 1)) return error;
    }
    return parser()->parse(text.data(), text.size()).get(root);
  }

 private:
  static std::unique_ptr<dom::parser>& parser() {
    thread_local std::unique_ptr<dom::parser> kept;
    return kept;
  }
};

void AppendEscaped(std::string& to, char c) {
  switch (c) {
    case '"': to += "\\\""; return;
    case '\\': to += "\\\\"; return;
    case '\b': to += "\\b"; return;
    case '\f': to += "\\f"; return;
    case '\n': to += "\\n"; return;
    case '\r': to += "\\r"; return;
    case '\t': to += "\\t"; return;
    default: fmt::format_to(std::back_inserter(to), "\\u{:04x}", static_cast<uint8_t>(c));
  }
}

// A negative zero keeps its sign: "-0" would be read as an integer.
void AppendDouble(std::string& to, double number) {
  if (number == 0) {
    to += std::signbit(number) ? "-0.0" : "0";
  } else {
    fmt::format_to(std::back_inserter(to), "{}", number);
  }
}

constexpr bool IsPlain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

}  // namespace

void AppendJsonString(std::string& to, std::string_view text) {
  to += '"';
  size_t at = 0;
  while (at < text.size()) {
    size_t plain = at;
    while (plain < text.size() && IsPlain(text[plain])) plain++;
    to.append(text, at, plain - at);
    at = plain;
    if (at == text.size()) break;
    auto c = static_cast<uint8_t>(text[at]);
    if (c < 0x80) {
      AppendEscaped(to, text[at++]);
    } else if (size_t length = Utf8SequenceSize(text, at)) {
      to.append(text, at, length);
      at += length;
    } else {
      to += "\xef\xbf\xbd";
      at++;
    }
  }
  to += '"';
}

std::string JsonString(std::string_view text) {
  std::string result;
  result.reserve(text.size() + 2);
  AppendJsonString(result, text);
  return result;
}

bool ValidateJson(std::string_view text) {
  if (text.size() > kValidateBytes) return false;
  dom::element root;
  return ThreadParser().Parse(text, root) == simdjson::SUCCESS;
}

// Copies the library's tree, which lives in the thread's parser, into a document.
class JsonBuilder {
 public:
  JsonBuilder(JsonDocument& document, const JsonLimits& limits) : document_(document), limits_(limits) {}

  // `depth` is the number of containers around the value.
  bool Add(const dom::element& value, JsonDocument::Text key, size_t depth) {
    if (document_.nodes_.size() >= limits_.values) return Refuse(ErrorCode::kTooLarge, "JSON has too many values");
    size_t index = document_.nodes_.size();
    document_.nodes_.emplace_back();
    document_.nodes_[index].key = key;
    if (!Fill(index, value, depth)) return false;
    document_.nodes_[index].next = static_cast<uint32_t>(document_.nodes_.size());
    return true;
  }

  Error TakeError() { return std::move(error_); }

 private:
  bool Refuse(ErrorCode code, std::string message) {
    error_ = Error{code, Origin::kGateway, Retryable::kNo, std::move(message)};
    return false;
  }

  JsonDocument::Text Keep(std::string_view text) {
    JsonDocument::Text part{static_cast<uint32_t>(document_.text_.size()), static_cast<uint32_t>(text.size())};
    document_.text_.append(text);
    return part;
  }

  bool Fill(size_t index, const dom::element& value, size_t depth) {
    JsonDocument::Node& node = document_.nodes_[index];
    switch (value.type()) {
      case dom::element_type::ARRAY: return FillArray(index, value, depth + 1);
      case dom::element_type::OBJECT: return FillObject(index, value, depth + 1);
      case dom::element_type::STRING:
        node.type = JsonType::kString;
        node.string = Keep(value.get_string().value_unsafe());
        return true;
      case dom::element_type::INT64:
        node.type = JsonType::kInteger;
        node.integer = value.get_int64().value_unsafe();
        return true;
      case dom::element_type::UINT64:  // only what no int64_t holds
        node.type = JsonType::kDouble;
        node.number = static_cast<double>(value.get_uint64().value_unsafe());
        return true;
      case dom::element_type::DOUBLE:
        node.type = JsonType::kDouble;
        node.number = value.get_double().value_unsafe();
        return true;
      case dom::element_type::BOOL:
        node.type = JsonType::kBoolean;
        node.boolean = value.get_bool().value_unsafe();
        return true;
      case dom::element_type::NULL_VALUE: return true;
    }
    return Refuse(ErrorCode::kInternal, "JSON value of an unknown type");
  }

  bool FillArray(size_t index, const dom::element& value, size_t depth) {
    if (depth > limits_.depth) return Refuse(ErrorCode::kTooLarge, "JSON is nested too deep");
    uint32_t count = 0;
    dom::array array = value.get_array().value_unsafe();
    for (dom::element element : array) {
      if (!Add(element, {0, 0}, depth)) return false;
      count++;
    }
    document_.nodes_[index].type = JsonType::kArray;
    document_.nodes_[index].count = count;
    return true;
  }

  bool FillObject(size_t index, const dom::element& value, size_t depth) {
    if (depth > limits_.depth) return Refuse(ErrorCode::kTooLarge, "JSON is nested too deep");
    std::vector<std::string_view> names;  // of the library's buffer: ours may move
    dom::object object = value.get_object().value_unsafe();
    for (dom::key_value_pair member : object) {
      if (!Add(member.value, Keep(member.key), depth)) return false;
      names.push_back(member.key);
    }
    document_.nodes_[index].type = JsonType::kObject;
    document_.nodes_[index].count = static_cast<uint32_t>(names.size());
    std::sort(names.begin(), names.end());
    if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
      return Refuse(ErrorCode::kInvalid, "JSON object with two members of one name");
    }
    return true;
  }

  JsonDocument& document_;
  const JsonLimits& limits_;
  Error error_;
};

Result<JsonDocument> JsonDocument::Parse(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes || text.size() > kValidateBytes) {
    return Fail(ErrorCode::kTooLarge, "JSON text is too large");
  }
  ThreadParser parser;
  dom::element root;
  if (auto error = parser.Parse(text, root)) {
    bool deep = error == simdjson::DEPTH_ERROR;
    return Fail(deep ? ErrorCode::kTooLarge : ErrorCode::kInvalid, simdjson::error_message(error));
  }
  JsonDocument document;
  document.text_.reserve(text.size() * 2);
  document.text_.append(text);
  document.source_size_ = text.size();
  document.nodes_.reserve(std::min<size_t>(text.size() / 8 + 1, limits.values));
  JsonBuilder builder(document, limits);
  if (!builder.Add(root, {0, 0}, 0)) return std::unexpected(builder.TakeError());
  return document;
}

JsonType JsonValue::type() const { return document_ == nullptr ? JsonType::kNone : document_->nodes_[index_].type; }

std::optional<bool> JsonValue::boolean() const {
  if (type() != JsonType::kBoolean) return std::nullopt;
  return document_->nodes_[index_].boolean;
}

std::optional<int64_t> JsonValue::integer() const {
  if (type() != JsonType::kInteger) return std::nullopt;
  return document_->nodes_[index_].integer;
}

std::optional<double> JsonValue::number() const {
  if (type() == JsonType::kDouble) return document_->nodes_[index_].number;
  if (type() == JsonType::kInteger) return static_cast<double>(document_->nodes_[index_].integer);
  return std::nullopt;
}

std::string_view JsonValue::string() const {
  return type() == JsonType::kString ? document_->View(document_->nodes_[index_].string) : std::string_view();
}

size_t JsonValue::size() const { return is_array() || is_object() ? document_->nodes_[index_].count : 0; }

std::string_view JsonValue::key() const {
  return document_ == nullptr ? std::string_view() : document_->View(document_->nodes_[index_].key);
}

JsonValue JsonValue::Find(std::string_view name) const {
  if (!is_object()) return {};
  for (JsonValue member : *this) {
    if (member.key() == name) return member;
  }
  return {};
}

JsonValue::Iterator& JsonValue::Iterator::operator++() {
  index_ = document_->nodes_[index_].next;
  return *this;
}

JsonValue::Iterator JsonValue::begin() const {
  if (size() == 0) return end();
  return Iterator(document_, index_ + 1);
}

JsonValue::Iterator JsonValue::end() const {
  return Iterator(document_, document_ == nullptr ? 0 : document_->nodes_[index_].next);
}

void AppendJson(std::string& to, JsonValue value) {
  switch (value.type()) {
    case JsonType::kNone:
    case JsonType::kNull: to += "null"; return;
    case JsonType::kBoolean: to += value.boolean().value_or(false) ? "true" : "false"; return;
    case JsonType::kInteger: fmt::format_to(std::back_inserter(to), "{}", value.integer().value_or(0)); return;
    case JsonType::kDouble: AppendDouble(to, value.number().value_or(0)); return;
    case JsonType::kString: AppendJsonString(to, value.string()); return;
    case JsonType::kArray:
    case JsonType::kObject: break;
  }
  to += value.is_array() ? '[' : '{';
  bool first = true;
  for (JsonValue child : value) {
    if (!first) to += ',';
    first = false;
    if (value.is_object()) {
      AppendJsonString(to, child.key());
      to += ':';
    }
    AppendJson(to, child);
  }
  to += value.is_array() ? ']' : '}';
}

}  // namespace mg
