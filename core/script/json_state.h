// The halves of the JSON codec (json_codec.h): json_encode.cc and json_decode.cc. Neither holds anything with a
// destructor across a call of the Lua API, which may leave by a jump.
#pragma once

#include <cstddef>
#include <string_view>

struct lua_State;

namespace mg::script::json {

enum class InvalidNumbers : int { kRefuse, kAllow, kNull };

// The settings of one instance (cjson.new()); lua-cjson's defaults.
struct Options {
  bool safe = false;
  bool sparse_convert = false;
  int sparse_ratio = 2, sparse_safe = 10;
  int encode_depth = 1000, decode_depth = 1000;
  int precision = 14;
  bool keep_buffer = true;  // told back; the buffer is the thread's
  InvalidNumbers encode_invalid = InvalidNumbers::kRefuse;
  bool decode_invalid = true;
  bool empty_as_object = true;
  bool mark_arrays = false;
  bool escape_slash = true;
  bool skip_unsupported = false;
};

void* EmptyArray();  // the light userdata that stands for []
void PushArrayMt(lua_State* L);
void PushEmptyArrayMt(lua_State* L);

// Encodes the value at index 1. True: its text is on top of the stack; false: an error's is.
bool Encode(lua_State* L, const Options& options);
// True: the value is on top of the stack; false: an error's text is. `text` stays where it is meanwhile.
bool Decode(lua_State* L, const Options& options, std::string_view text);

}  // namespace mg::script::json
