// JSON for Lua: the modules "cjson" and "cjson.safe" with the documented interface of lua-cjson 2.1 and OpenResty's
// additions (empty_array, array_mt, empty_array_mt, decode_array_with_array_mt, ...), written as lua_CFunctions.
//
// Numbers are doubles, as documented there. The decoder reads once and makes each table in its final size; both
// directions work in buffers of the thread. One VM, one thread; an error is a Lua error (cjson.safe: nil and its text).
#pragma once

struct lua_State;

namespace mg::script {

// Puts "cjson" and "cjson.safe" into package.preload.
void PreloadJson(lua_State* L);

}  // namespace mg::script
