#include "script/json_codec.h"

#include <luajit-2.1/lua.hpp>

#include "script/json_state.h"

namespace mg::script {

namespace json {
namespace {

// Addresses that name what all instances of a VM share.
constexpr char kArrayMt = 0, kEmptyArrayMt = 0;
constexpr char kEmptyArrayAddress = 0;

void PushShared(lua_State* L, const char* address) {
  lua_pushlightuserdata(L, const_cast<char*>(address));
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushlightuserdata(L, const_cast<char*>(address));
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

Options& OptionsOf(lua_State* L) { return *static_cast<Options*>(lua_touserdata(L, lua_upvalueindex(1))); }

// Each setter answers the setting, after changing it where an argument is given.
void SetBoolean(lua_State* L, int index, bool& option) {
  if (lua_isnoneornil(L, index)) return;
  if (lua_type(L, index) == LUA_TSTRING) {
    static const char* const kWords[] = {"off", "on", nullptr};
    option = luaL_checkoption(L, index, nullptr, kWords) == 1;
    return;
  }
  luaL_checktype(L, index, LUA_TBOOLEAN);
  option = lua_toboolean(L, index) != 0;
}

template <bool Options::*kOption>
int BooleanSetting(lua_State* L) {
  bool& option = OptionsOf(L).*kOption;
  SetBoolean(L, 1, option);
  lua_pushboolean(L, option);
  return 1;
}

void SetInteger(lua_State* L, int index, int& option, int least, int most) {
  if (lua_isnoneornil(L, index)) return;
  lua_Integer value = luaL_checkinteger(L, index);
  luaL_argcheck(L, value >= least && value <= most, index,
                lua_pushfstring(L, "expected integer between %d and %d", least, most));
  option = static_cast<int>(value);
}

template <int Options::*kOption, int kLeast, int kMost>
int IntegerSetting(lua_State* L) {
  int& option = OptionsOf(L).*kOption;
  SetInteger(L, 1, option, kLeast, kMost);
  lua_pushinteger(L, option);
  return 1;
}

int SparseSetting(lua_State* L) {
  Options& options = OptionsOf(L);
  SetBoolean(L, 1, options.sparse_convert);
  SetInteger(L, 2, options.sparse_ratio, 0, INT_MAX);
  SetInteger(L, 3, options.sparse_safe, 0, INT_MAX);
  lua_pushboolean(L, options.sparse_convert);
  lua_pushinteger(L, options.sparse_ratio);
  lua_pushinteger(L, options.sparse_safe);
  return 3;
}

int InvalidNumbersSetting(lua_State* L) {
  InvalidNumbers& option = OptionsOf(L).encode_invalid;
  if (lua_type(L, 1) == LUA_TBOOLEAN) {
    option = lua_toboolean(L, 1) ? InvalidNumbers::kAllow : InvalidNumbers::kRefuse;
  } else if (!lua_isnoneornil(L, 1)) {
    static const char* const kWords[] = {"off", "on", "null", nullptr};
    option = static_cast<InvalidNumbers>(luaL_checkoption(L, 1, nullptr, kWords));
  }
  if (option == InvalidNumbers::kNull) {
    lua_pushliteral(L, "null");
  } else {
    lua_pushboolean(L, option == InvalidNumbers::kAllow);
  }
  return 1;
}

// The result, or the error's text, is on top of the stack.
int Answer(lua_State* L, bool good, bool safe) {
  if (good) return 1;
  if (!safe) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
    return lua_error(L);
  }
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

int EncodeCall(lua_State* L) {
  Options& options = OptionsOf(L);
  luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
  return Answer(L, Encode(L, options), options.safe);
}

int DecodeCall(lua_State* L) {
  Options& options = OptionsOf(L);
  luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
  if (options.safe && lua_isstring(L, 1) == 0) {
    lua_pushfstring(L, "bad argument #1 to 'decode' (string expected, got %s)", luaL_typename(L, 1));
    return Answer(L, false, true);
  }
  size_t size;
  const char* text = luaL_checklstring(L, 1, &size);
  return Answer(L, Decode(L, options, {text, size}), options.safe);
}

void PushModule(lua_State* L, bool safe);

int New(lua_State* L) {
  PushModule(L, OptionsOf(L).safe);
  return 1;
}

constexpr luaL_Reg kFunctions[] = {
    {"encode", EncodeCall},
    {"decode", DecodeCall},
    {"new", New},
    {"encode_sparse_array", SparseSetting},
    {"encode_max_depth", IntegerSetting<&Options::encode_depth, 1, INT_MAX>},
    {"decode_max_depth", IntegerSetting<&Options::decode_depth, 1, INT_MAX>},
    {"encode_number_precision", IntegerSetting<&Options::precision, 1, 17>},
    {"encode_keep_buffer", BooleanSetting<&Options::keep_buffer>},
    {"encode_invalid_numbers", InvalidNumbersSetting},
    {"decode_invalid_numbers", BooleanSetting<&Options::decode_invalid>},
    {"encode_empty_table_as_object", BooleanSetting<&Options::empty_as_object>},
    {"decode_array_with_array_mt", BooleanSetting<&Options::mark_arrays>},
    {"encode_escape_forward_slash", BooleanSetting<&Options::escape_slash>},
    {"encode_skip_unsupported_value_types", BooleanSetting<&Options::skip_unsupported>},
};

void PushModule(lua_State* L, bool safe) {
  lua_createtable(L, 0, 24);
  *static_cast<Options*>(lua_newuserdata(L, sizeof(Options))) = Options{.safe = safe};
  for (const luaL_Reg& each : kFunctions) {
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, each.func, 1);
    lua_setfield(L, -3, each.name);
  }
  lua_pop(L, 1);
  lua_pushlightuserdata(L, nullptr);
  lua_setfield(L, -2, "null");
  lua_pushlightuserdata(L, EmptyArray());
  lua_setfield(L, -2, "empty_array");
  PushArrayMt(L);
  lua_setfield(L, -2, "array_mt");
  PushEmptyArrayMt(L);
  lua_setfield(L, -2, "empty_array_mt");
  lua_pushstring(L, safe ? "cjson.safe" : "cjson");
  lua_setfield(L, -2, "_NAME");
  lua_pushliteral(L, "2.1.0");
  lua_setfield(L, -2, "_VERSION");
}

int OpenPlain(lua_State* L) {
  PushModule(L, false);
  return 1;
}

int OpenSafe(lua_State* L) {
  PushModule(L, true);
  return 1;
}

}  // namespace

void* EmptyArray() { return const_cast<char*>(&kEmptyArrayAddress); }
void PushArrayMt(lua_State* L) { PushShared(L, &kArrayMt); }
void PushEmptyArrayMt(lua_State* L) { PushShared(L, &kEmptyArrayMt); }

}  // namespace json

void PreloadJson(lua_State* L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, json::OpenPlain);
  lua_setfield(L, -2, "cjson");
  lua_pushcfunction(L, json::OpenSafe);
  lua_setfield(L, -2, "cjson.safe");
  lua_pop(L, 2);
}

}  // namespace mg::script
