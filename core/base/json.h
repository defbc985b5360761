// JSON (RFC 8259): a writer of strings, a validator, and a reader of small untrusted documents into an immutable tree.
// Any thread; the parser behind them is kept per thread. The library behind them is included by json.cc alone.
//
// Both readers refuse numbers that neither a 64-bit integer nor a finite double can hold, and escaped lone surrogates
// (RFC 8259 section 9 allows such limits), besides everything the grammar refuses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mg {

// Appends the text as a JSON string with its quotes. What is not UTF-8 becomes U+FFFD, so the result always is JSON.
void AppendJsonString(std::string& to, std::string_view text);
std::string JsonString(std::string_view text);

// One JSON text, in UTF-8 without a byte order mark, at most 128 levels deep (an empty innermost level not counted).
bool ValidateJson(std::string_view text);

enum class JsonType : uint8_t { kNone, kNull, kBoolean, kInteger, kDouble, kString, kArray, kObject };

class JsonDocument;

// A value of a document: a light handle, valid while its JsonDocument lives and stays where it is. What is asked of a
// value of another type answers "none", so chains need no checks: doc.root().Find("a").Find("b").string().
class JsonValue {
 public:
  JsonValue() = default;  // none

  JsonType type() const;
  explicit operator bool() const { return document_ != nullptr; }
  bool is_null() const { return type() == JsonType::kNull; }
  bool is_string() const { return type() == JsonType::kString; }
  bool is_array() const { return type() == JsonType::kArray; }
  bool is_object() const { return type() == JsonType::kObject; }

  std::optional<bool> boolean() const;
  std::optional<int64_t> integer() const;  // of an integer that fits; 1.0 is none
  std::optional<double> number() const;    // of both kinds of number
  std::string_view string() const;         // unescaped, may hold NUL; "" if it is no string
  size_t size() const;                     // members or elements
  std::string_view key() const;            // the name of a member; "" elsewhere

  JsonValue Find(std::string_view name) const;

  // The children of an array or object, in order.
  class Iterator {
   public:
    JsonValue operator*() const { return JsonValue(document_, index_); }
    Iterator& operator++();
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    friend class JsonValue;
    Iterator(const JsonDocument* document, uint32_t index) : document_(document), index_(index) {}
    const JsonDocument* document_;
    uint32_t index_;
  };
  Iterator begin() const;
  Iterator end() const;

 private:
  friend class JsonDocument;
  JsonValue(const JsonDocument* document, uint32_t index) : document_(document), index_(index) {}
  const JsonDocument* document_ = nullptr;
  uint32_t index_ = 0;
};

// Writes the value as JSON without white space.
void AppendJson(std::string& to, JsonValue value);

struct JsonLimits {
  size_t bytes = size_t{1} << 20;
  size_t depth = 32;
  size_t values = 65536;
};

// An immutable tree; copied by copying two blocks. Members with equal names in one object are an error.
class JsonDocument {
 public:
  JsonDocument() = default;  // root() is none

  // kTooLarge past a limit, kInvalid otherwise; the message quotes nothing of the text.
  static Result<JsonDocument> Parse(std::string_view text, const JsonLimits& limits = {});

  JsonValue root() const { return nodes_.empty() ? JsonValue() : JsonValue(this, 0); }
  // The text it was made from.
  std::string_view source() const { return std::string_view(text_).substr(0, source_size_); }

 private:
  friend class JsonValue;
  friend class JsonBuilder;
  struct Text {
    uint32_t at, size;
  };
  struct Node {  // in the order of the text: the first child of a node follows it
    JsonType type = JsonType::kNull;
    Text key{0, 0};
    uint32_t next = 0;  // the node after this one and all below it
    union {
      bool boolean;
      int64_t integer;
      double number;
      Text string;
      uint32_t count;
    };
    Node() : integer(0) {}
  };
  std::string_view View(Text part) const { return std::string_view(text_).substr(part.at, part.size); }

  std::vector<Node> nodes_;
  std::string text_;  // the source, then keys and strings unescaped
  size_t source_size_ = 0;
};

}  // namespace mg
