#include "script/schema_from_lua.h"

#include <luajit-2.1/lua.hpp>

#include <algorithm>
#include <cmath>

#include "base/strings.h"

namespace mg::script {
namespace {

using config::Schema;
using config::Value;

constexpr int kDeepest = 32;

constexpr std::pair<std::string_view, Schema::Type> kTypes[] = {
    {"any", Schema::Type::kAny},           {"bool", Schema::Type::kBool},       {"integer", Schema::Type::kInteger},
    {"number", Schema::Type::kNumber},     {"string", Schema::Type::kString},   {"secret", Schema::Type::kSecret},
    {"duration", Schema::Type::kDuration}, {"size", Schema::Type::kSize},       {"rate", Schema::Type::kRate},
    {"share", Schema::Type::kShare},       {"address", Schema::Type::kAddress}, {"path", Schema::Type::kPath},
    {"list", Schema::Type::kList},         {"map", Schema::Type::kMap},
};

constexpr std::string_view kKeys[] = {
    "type",   "required", "default",   "min",       "max", "one_of",   "values",         "fields",
    "any_of", "pattern",  "min_items", "max_items", "doc", "raw_text", "exactly_one_of", "at_least_one_of"};

std::string Text(lua_State* L, int index) {
  size_t size;
  const char* text = lua_tolstring(L, index, &size);
  return {text, size};
}

class Reader {
 public:
  explicit Reader(lua_State* L) : L_(L) {}

  Schema Read(int index, const std::string& path, int depth) {
    Schema schema;
    if (depth > kDeepest) return Bad(path, "is nested too deeply");
    if (lua_type(L_, index) == LUA_TSTRING) {
      SetType(schema, Text(L_, index), path);
      return schema;
    }
    if (!lua_istable(L_, index)) return Bad(path, "is neither a table nor the name of a type");
    lua_checkstack(L_, 8);
    lua_pushliteral(L_, "type");
    lua_rawget(L_, index);
    bool described = lua_type(L_, -1) == LUA_TSTRING;
    if (described) SetType(schema, Text(L_, -1), path);
    lua_pop(L_, 1);
    if (described) {
      ReadKeys(schema, index, path, depth);
    } else {
      ReadFields(schema, index, path, depth);
    }
    return schema;
  }

  std::string error;

 private:
  Schema Bad(const std::string& path, const std::string& message) {
    if (error.empty()) error = (path.empty() ? std::string("schema") : "schema." + path) + " " + message;
    return {};
  }

  void SetType(Schema& schema, const std::string& name, const std::string& path) {
    for (const auto& [known, type] : kTypes) {
      if (known == name) {
        schema.type = type;
        return;
      }
    }
    Bad(path, "has the unknown type \"" + name + "\"");
  }

  // A map of fields, in the order of their names, for Lua's tables have none.
  void ReadFields(Schema& schema, int index, const std::string& path, int depth) {
    schema.type = Schema::Type::kMap;
    lua_pushnil(L_);
    while (lua_next(L_, index) != 0) {
      int value = lua_gettop(L_);
      if (lua_type(L_, -2) == LUA_TNUMBER) {
        if (lua_istable(L_, value)) {
          ReadRules(schema, value, path);
        } else {
          Bad(path, "has a list item that is not a rule");
        }
      } else if (lua_type(L_, -2) == LUA_TSTRING) {
        std::string name = Text(L_, -2);
        schema.fields.push_back({name, Read(value, path.empty() ? name : path + "." + name, depth + 1)});
      } else {
        Bad(path, "has a key that is not a text");
      }
      lua_settop(L_, value - 1);
    }
    std::ranges::sort(schema.fields, {}, [](const auto& field) -> const std::string& { return field.first; });
  }

  void ReadRules(Schema& schema, int index, const std::string& path) {
    for (auto [key, groups] :
         {std::pair{"exactly_one_of", &schema.exactly_one_of}, std::pair{"at_least_one_of", &schema.at_least_one_of}}) {
      lua_pushstring(L_, key);
      lua_rawget(L_, index);
      if (!lua_isnil(L_, -1)) groups->push_back(Texts(lua_gettop(L_), path + "." + key));
      lua_pop(L_, 1);
    }
  }

  std::vector<std::string> Texts(int index, const std::string& path) {
    std::vector<std::string> texts;
    if (!lua_istable(L_, index)) {
      Bad(path, "is not a list of texts");
      return texts;
    }
    for (size_t i = 1; i <= lua_objlen(L_, index); i++) {
      lua_rawgeti(L_, index, static_cast<int>(i));
      if (lua_type(L_, -1) == LUA_TSTRING) {
        texts.push_back(Text(L_, -1));
      } else {
        Bad(path, "is not a list of texts");
      }
      lua_pop(L_, 1);
    }
    return texts;
  }

  void ReadKeys(Schema& schema, int index, const std::string& path, int depth) {
    lua_pushnil(L_);
    while (lua_next(L_, index) != 0) {
      int value = lua_gettop(L_);
      if (lua_type(L_, -2) != LUA_TSTRING) {
        Bad(path, "has a key that is not a text");
      } else {
        ReadKey(schema, Text(L_, -2), value, path, depth);
      }
      lua_settop(L_, value - 1);
    }
  }

  void ReadKey(Schema& schema, const std::string& key, int value, const std::string& path, int depth) {
    if (key == "type") return;
    if (key == "required")
      schema.required = lua_toboolean(L_, value) != 0;
    else if (key == "default")
      schema.default_value = ReadDefault(schema, value, path + ".default", depth);
    else if (key == "min")
      schema.minimum = Number(value, path + ".min");
    else if (key == "max")
      schema.maximum = Number(value, path + ".max");
    else if (key == "one_of")
      schema.one_of = Texts(value, path + ".one_of");
    else if (key == "values")
      schema.values = std::make_shared<Schema>(Read(value, path + ".values", depth + 1));
    else if (key == "fields")
      ReadFieldsOf(schema, value, path, depth);
    else if (key == "any_of")
      ReadShapes(schema, value, path, depth);
    else if (key == "pattern")
      schema.pattern = String(value, path + ".pattern");
    else if (key == "doc")
      schema.doc = String(value, path + ".doc");
    else if (key == "min_items")
      schema.min_items = static_cast<size_t>(std::max(0.0, Number(value, path + ".min_items")));
    else if (key == "max_items")
      schema.max_items = static_cast<size_t>(std::max(0.0, Number(value, path + ".max_items")));
    else if (key == "exactly_one_of")
      schema.exactly_one_of.push_back(Texts(value, path + "." + key));
    else if (key == "at_least_one_of")
      schema.at_least_one_of.push_back(Texts(value, path + "." + key));
    else if (key == "raw_text")
      schema.environment = Schema::Environment::kKeep;
    else {
      std::string_view nearest = Nearest(key, kKeys);
      Bad(path, "has the unknown key \"" + key + "\"" +
                    (nearest.empty() ? "" : ", did you mean \"" + std::string(nearest) + "\"?"));
    }
  }

  // A default may be written as a user would write it ("5m"): then it is checked like one.
  Value ReadDefault(const Schema& schema, int index, const std::string& path, int depth) {
    bool plain = schema.type == Schema::Type::kAny || schema.type == Schema::Type::kString ||
                 schema.type == Schema::Type::kSecret;
    if (lua_type(L_, index) != LUA_TSTRING || plain) return ReadValue(index, path, depth);
    Schema alone;
    alone.type = schema.type;
    config::Node node;
    node.kind = config::Node::Kind::kScalar;
    node.scalar = Text(L_, index);
    config::Diagnostics diagnostics;
    diagnostics.files = {"schema"};
    diagnostics.directories = {"/"};
    config::MemoryFiles none({});
    Value value = config::Check(alone, &node, {}, path, none, diagnostics);
    value.node = nullptr;
    if (diagnostics.failed()) Bad(path, "does not fit its type");
    return value;
  }

  void ReadFieldsOf(Schema& schema, int value, const std::string& path, int depth) {
    if (!lua_istable(L_, value)) {
      Bad(path, "has fields that are not a table");
      return;
    }
    Schema::Type type = schema.type;
    ReadFields(schema, value, path, depth);
    schema.type = type;
  }

  void ReadShapes(Schema& schema, int value, const std::string& path, int depth) {
    if (!lua_istable(L_, value)) {
      Bad(path, "has an any_of that is not a list");
      return;
    }
    for (size_t i = 1; i <= lua_objlen(L_, value); i++) {
      lua_rawgeti(L_, value, static_cast<int>(i));
      schema.alternatives.push_back(Read(lua_gettop(L_), path + ".any_of[" + std::to_string(i) + "]", depth + 1));
      lua_pop(L_, 1);
    }
  }

  double Number(int index, const std::string& path) {
    if (lua_type(L_, index) == LUA_TNUMBER) return lua_tonumber(L_, index);
    Bad(path, "is not a number");
    return 0;
  }

  std::string String(int index, const std::string& path) {
    if (lua_type(L_, index) == LUA_TSTRING) return Text(L_, index);
    Bad(path, "is not a text");
    return {};
  }

  Value ReadValue(int index, const std::string& path, int depth) {
    Value value;
    if (depth > kDeepest) {
      Bad(path, "is nested too deeply");
      return value;
    }
    lua_checkstack(L_, 8);
    switch (lua_type(L_, index)) {
      case LUA_TBOOLEAN:
        value.kind = Value::Kind::kBool;
        value.boolean = lua_toboolean(L_, index) != 0;
        break;
      case LUA_TNUMBER: {
        double number = lua_tonumber(L_, index);
        value.number = number;
        bool whole = number == std::floor(number) && std::abs(number) < 9e15;
        value.kind = whole ? Value::Kind::kInteger : Value::Kind::kNumber;
        value.integer = whole ? static_cast<int64_t>(number) : 0;
        break;
      }
      case LUA_TSTRING:
        value.kind = Value::Kind::kString;
        value.text = Text(L_, index);
        break;
      case LUA_TTABLE: ReadTable(value, index, path, depth); break;
      default: Bad(path, std::string("is a ") + luaL_typename(L_, index));
    }
    return value;
  }

  void ReadTable(Value& value, int index, const std::string& path, int depth) {
    size_t length = lua_objlen(L_, index);
    value.kind = length > 0 ? Value::Kind::kList : Value::Kind::kMap;
    for (size_t i = 1; i <= length; i++) {
      lua_rawgeti(L_, index, static_cast<int>(i));
      value.items.push_back(ReadValue(lua_gettop(L_), path, depth + 1));
      lua_pop(L_, 1);
    }
    if (length > 0) return;
    lua_pushnil(L_);
    while (lua_next(L_, index) != 0) {
      if (lua_type(L_, -2) == LUA_TSTRING)
        value.entries.push_back({std::string(Text(L_, -2)), ReadValue(lua_gettop(L_), path, depth + 1)});
      lua_pop(L_, 1);
    }
  }

  lua_State* L_;
};

}  // namespace

Result<Schema> ReadSchema(lua_State* L, int index) {
  if (index < 0) index = lua_gettop(L) + 1 + index;
  int top = lua_gettop(L);
  Reader reader(L);
  Schema schema = reader.Read(index, "", 0);
  lua_settop(L, top);
  if (!reader.error.empty()) return Fail(ErrorCode::kInvalid, reader.error);
  return schema;
}

}  // namespace mg::script
