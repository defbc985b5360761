#include "script/value_to_lua.h"

#include <luajit-2.1/lua.hpp>

#include "script/json_state.h"

namespace mg::script {

void PushValue(lua_State* L, const config::Value& value) {
  using Kind = config::Value::Kind;
  if (lua_checkstack(L, 4) == 0) {  // the loader's limit on depth keeps far from this
    lua_pushnil(L);
    return;
  }
  switch (value.kind) {
    case Kind::kNull: lua_pushnil(L); return;
    case Kind::kBool: lua_pushboolean(L, value.boolean); return;
    case Kind::kInteger: lua_pushnumber(L, static_cast<lua_Number>(value.integer)); return;
    case Kind::kNumber: lua_pushnumber(L, value.number); return;
    case Kind::kString: lua_pushlstring(L, value.text.data(), value.text.size()); return;
    case Kind::kList:
      lua_createtable(L, static_cast<int>(value.items.size()), 0);
      if (value.items.empty()) {  // for cjson, which would take it for an object
        json::PushEmptyArrayMt(L);
        lua_setmetatable(L, -2);
      }
      for (size_t i = 0; i < value.items.size(); i++) {
        PushValue(L, value.items[i]);
        lua_rawseti(L, -2, static_cast<int>(i) + 1);
      }
      return;
    case Kind::kMap:
      lua_createtable(L, 0, static_cast<int>(value.entries.size()));
      for (const auto& [key, entry] : value.entries) {
        lua_pushlstring(L, key.data(), key.size());
        PushValue(L, entry);
        lua_rawset(L, -3);
      }
      return;
  }
}

}  // namespace mg::script
