// Makes Schemas in C++, in a line a key: Map({{"head", Size("...").AtLeast(1024).Default(32768)}, ...}).
#pragma once

#include <chrono>
#include <concepts>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/schema.h"
#include "config/units.h"

namespace mg::config::build {

class Build {
 public:
  Build(Schema::Type type, std::string doc) {
    schema_.type = type;
    schema_.doc = std::move(doc);
  }
  operator Schema() const { return schema_; }  // NOLINT: what it is for

  Build& Required() {
    schema_.required = true;
    return *this;
  }
  Build& AtLeast(double minimum) {
    schema_.minimum = minimum;
    return *this;
  }
  Build& AtMost(double maximum) {
    schema_.maximum = maximum;
    return *this;
  }
  Build& Items(size_t least, size_t most = SIZE_MAX) {
    schema_.min_items = least;
    schema_.max_items = most;
    return *this;
  }
  Build& OneOf(std::vector<std::string> texts) {
    schema_.one_of = std::move(texts);
    return *this;
  }
  Build& ExactlyOneOf(std::vector<std::string> keys) {
    schema_.exactly_one_of.push_back(std::move(keys));
    return *this;
  }
  Build& Or(Schema alternative) {
    schema_.alternatives.push_back(std::move(alternative));
    return *this;
  }
  Build& Keep(Schema::Environment environment) {
    schema_.environment = environment;
    return *this;
  }
  Build& Of(Schema values) {
    schema_.values = std::make_shared<Schema>(std::move(values));
    return *this;
  }
  Build& Fields(std::vector<Schema::Field> fields) {
    schema_.fields = std::move(fields);
    return *this;
  }

  Build& Default(bool value) {
    return Default(Value::Kind::kBool, value ? "true" : "false", [&](Value& v) { v.boolean = value; });
  }
  Build& Default(const char* text) {
    return Default(Value::Kind::kString, text, [](Value&) {});
  }
  Build& Default(std::chrono::milliseconds time) {
    double seconds = static_cast<double>(time.count()) / 1000;
    return Default(Value::Kind::kNumber, FormatDuration(seconds), [&](Value& v) { v.number = seconds; });
  }
  template <std::integral Integer>
  Build& Default(Integer value) {
    int64_t integer = static_cast<int64_t>(value);
    std::string text = schema_.type == Schema::Type::kSize ? FormatSize(integer) : std::to_string(integer);
    return Default(Value::Kind::kInteger, text, [&](Value& v) {
      v.integer = integer;
      v.number = static_cast<double>(integer);
    });
  }
  Build& DefaultPercent(uint32_t percent) {
    return Default(Value::Kind::kNumber, std::to_string(percent) + "%", [&](Value& v) { v.number = percent / 100.0; });
  }

 private:
  template <class Fill>
  Build& Default(Value::Kind kind, std::string text, Fill fill) {
    Value value;
    value.kind = kind;
    value.text = std::move(text);
    fill(value);
    schema_.default_value = std::move(value);
    return *this;
  }

  Schema schema_;
};

using Fields = std::vector<Schema::Field>;

inline Build Bool(std::string doc) { return {Schema::Type::kBool, std::move(doc)}; }
inline Build Integer(std::string doc) { return {Schema::Type::kInteger, std::move(doc)}; }
inline Build Text(std::string doc) { return {Schema::Type::kString, std::move(doc)}; }
inline Build Secret(std::string doc) { return {Schema::Type::kSecret, std::move(doc)}; }
inline Build Time(std::string doc) { return {Schema::Type::kDuration, std::move(doc)}; }
inline Build Size(std::string doc) { return {Schema::Type::kSize, std::move(doc)}; }
inline Build Share(std::string doc) { return {Schema::Type::kShare, std::move(doc)}; }
inline Build At(std::string doc) { return {Schema::Type::kAddress, std::move(doc)}; }
inline Build File(std::string doc) { return {Schema::Type::kPath, std::move(doc)}; }
inline Build Raw(std::string doc) { return {Schema::Type::kRaw, std::move(doc)}; }
inline Build Map(std::string doc, Fields fields) {
  Build map(Schema::Type::kMap, std::move(doc));
  map.Fields(std::move(fields));
  return map;
}
// A map of free keys.
inline Build MapOf(std::string doc, Schema values) {
  Build map(Schema::Type::kMap, std::move(doc));
  map.Of(std::move(values));
  return map;
}
inline Build ListOf(std::string doc, Schema items) {
  Build list(Schema::Type::kList, std::move(doc));
  list.Of(std::move(items));
  return list;
}
// A list, or one of its items in its place.
inline Build OneOrMore(std::string doc, Schema item) {
  Build list = ListOf(std::move(doc), item);
  list.Or(std::move(item));
  return list;
}

}  // namespace mg::config::build
