// The schema engine: describes a map's keys (type, default, range, one-of, required, nested), checks a Node against it
// and yields a typed value tree with the defaults filled in. The gateway's own sections and every policy (whose schema
// is a Lua table that `script` turns into a Schema) go through it, so all errors look alike. ${NAME} is filled in here,
// where it is known which texts may hold it. Control thread; schemas are immutable once made.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/node.h"

namespace mg::config {

// What a checked node became: JSON-like, with durations in seconds (kNumber), sizes in bytes (kInteger), shares as
// 0..1, rates as events per second. A scalar keeps its text beside its number.
struct Value {
  struct Entry;
  enum class Kind : uint8_t { kNull, kBool, kInteger, kNumber, kString, kList, kMap };
  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  std::string text;
  bool secret = false;       // print as ***
  bool substituted = false;  // holds text from the environment: not to be quoted in messages
  std::vector<Value> items;
  std::vector<Entry> entries;
  Position position;
  const Node* node = nullptr;  // what it was made from; null for a default

  const Value* Find(std::string_view key) const;
  std::string ToJson() const;  // with secrets: for handing to a VM, never for printing
};

struct Value::Entry {  // a pair, which itself cannot be of a type that is not complete yet
  std::string first;
  Value second;
};

struct Schema {
  struct Field;
  enum class Type : uint8_t {
    kAny,
    kBool,
    kInteger,
    kNumber,
    kString,
    kSecret,  // a secret may be file:PATH
    kDuration,
    kSize,
    kRate,
    kShare,
    kAddress,
    kPath,  // a path becomes absolute, relative to its file
    kList,
    kMap,  // kMap: `fields`; with `values`, a map of free keys
    kRaw,  // not looked into: whoever reads Value::node checks it
  };
  Type type = Type::kAny;
  bool required = false;
  // Where ${NAME} stays as it is, in this and all below it: Lua chunks, patterns and bodies. kUnlessRegex: in texts
  // that begin with "~".
  enum class Environment : uint8_t { kFill, kUnlessRegex, kKeep } environment = Environment::kFill;
  std::optional<Value> default_value;
  double minimum = -std::numeric_limits<double>::infinity(), maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string> one_of;                       // allowed texts
  std::vector<Field> fields;                             // of a map
  std::shared_ptr<Schema> values;                        // of a list's items or of a free map's values
  std::vector<std::vector<std::string>> exactly_one_of;  // groups of keys
  std::string exactly_one_unless;                        // with this key, none of a group will do, too
  std::vector<std::vector<std::string>> at_least_one_of;
  size_t min_items = 0, max_items = SIZE_MAX;
  bool deferred = false;  // a list, long ones of which are never held whole: whoever reads it calls CheckDeferred
  std::vector<Schema> alternatives;  // any of these shapes instead (a scalar where a map is usual)
  std::string pattern;               // a regular expression the whole text must match, ECMAScript
  std::string doc;
};

struct Schema::Field {
  std::string first;
  Schema second;
};

// Checks `node` (null: absent) and adds every error to `diagnostics`; the value is whole only when none was added. A
// null node counts as absent. `where` is cited for what is absent; `path` is the root's ("routes[3].policies[1].jwt").
// A map that is absent stays absent: give it a default of {} for its fields' defaults to be filled in.
Value Check(const Schema& schema, const Node* node, const Position& where, const std::string& path, FileSource& files,
            Diagnostics& diagnostics);

// The same without filling in defaults: what is absent has no entry. For structs that carry their defaults themselves.
Value CheckGiven(const Schema& schema, const Node* node, const Position& where, const std::string& path,
                 FileSource& files, Diagnostics& diagnostics);

// An item of a list whose check was deferred, as CheckGiven. `list` is its value, `path` the list's.
Value CheckDeferred(const Schema& schema, const Value& list, size_t index, const std::string& path, FileSource& files,
                    Diagnostics& diagnostics);

// A text for a message, in quotes: *** for one that came from the environment or is a secret, and never a long one.
std::string Quote(const Value& value);

// For messages and documentation.
std::string TypeName(Schema::Type type);  // "an integer", "a duration such as 30s", ...

// A Schema as JSON Schema (draft 2020-12).
std::string ToJsonSchema(const Schema& schema);

}  // namespace mg::config
