#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include <luajit-2.1/lua.hpp>

#include "script/json_state.h"

namespace mg::script::json {
namespace {

constexpr size_t kMostBytes = size_t{256} << 20;  // a table that refers to itself twice a level would never end
constexpr size_t kKeptBytes = size_t{1} << 20;

// The thread's output buffer. Plain memory: a jump out of the Lua API leaves it as it is, for the next call to reuse.
struct Output {
  char* data = nullptr;
  size_t size = 0, capacity = 0;

  char* Room(size_t more) {
    if (capacity - size < more) [[unlikely]]
      Grow(more);
    return data + size;
  }
  void Put(char c) {
    *Room(1) = c;
    size++;
  }
  void Put(std::string_view text) {
    memcpy(Room(text.size()), text.data(), text.size());
    size += text.size();
  }

 private:
  void Grow(size_t more) {
    capacity = std::max(size + more, capacity * 2 + 1024);
    data = static_cast<char*>(realloc(data, capacity));
    if (data == nullptr) abort();
  }
};

struct ThreadOutput : Output {
  ~ThreadOutput() { free(data); }
};

// What a byte of a string becomes: 0, itself; 'u', \u00XX; else a backslash and this.
constexpr auto kEscapes = [] {
  std::array<char, 256> table{};
  for (int c = 0; c < 32; c++) table[static_cast<size_t>(c)] = 'u';
  table['\b'] = 'b';
  table['\t'] = 't';
  table['\n'] = 'n';
  table['\f'] = 'f';
  table['\r'] = 'r';
  table['"'] = '"';
  table['\\'] = '\\';
  table['/'] = '/';
  table[127] = 'u';
  return table;
}();

class Encoder {
 public:
  Encoder(lua_State* state, const Options& settings, Output& output) : L(state), options(settings), out(output) {
    lua_settop(L, 1);
    PushArrayMt(L);
    array_mt = lua_topointer(L, 2);
    PushEmptyArrayMt(L);
    empty_array_mt = lua_topointer(L, 3);
    lua_settop(L, 1);
  }

  // Encodes the value on top of the stack, which stays. False: an error's text is pushed.
  bool Value(int depth);

 private:
  bool Table(int depth);
  bool Array(int length, int depth);
  bool Object(int depth);
  bool Number(double number);
  void String(std::string_view text);
  bool Refuse(int type, const char* why) {
    lua_pushfstring(L, "Cannot serialise %s: %s", lua_typename(L, type), why);
    return false;
  }
  // Elements if the table at the top can be an array, 0 if it is empty, -1 for an object, -2 for a refusal.
  int ArrayLength();
  bool Supported(int type) const {
    switch (type) {
      case LUA_TSTRING:
      case LUA_TNUMBER:
      case LUA_TBOOLEAN:
      case LUA_TTABLE:
      case LUA_TNIL: return true;
      case LUA_TLIGHTUSERDATA: {
        void* address = lua_touserdata(L, -1);
        return address == nullptr || address == EmptyArray();
      }
      default: return false;
    }
  }

  lua_State* L;
  const Options& options;
  Output& out;
  const void* array_mt;
  const void* empty_array_mt;
};

bool Encoder::Value(int depth) {
  int type = lua_type(L, -1);
  switch (type) {
    case LUA_TSTRING: {
      size_t size;
      const char* text = lua_tolstring(L, -1, &size);
      String({text, size});
      return true;
    }
    case LUA_TNUMBER: return Number(lua_tonumber(L, -1));
    case LUA_TBOOLEAN:
      out.Put(lua_toboolean(L, -1) ? std::string_view("true") : std::string_view("false"));
      return true;
    case LUA_TTABLE: return Table(depth + 1);
    case LUA_TNIL: out.Put("null"); return true;
    case LUA_TLIGHTUSERDATA: {
      void* address = lua_touserdata(L, -1);
      if (address != nullptr && address != EmptyArray()) break;
      out.Put(address == nullptr ? std::string_view("null") : std::string_view("[]"));
      return true;
    }
    default: break;
  }
  return Refuse(type, "type not supported");
}

bool Encoder::Table(int depth) {
  if (depth > options.encode_depth || !lua_checkstack(L, 6)) {
    lua_pushfstring(L, "Cannot serialise, excessive depth (%d)", depth);
    return false;
  }
  if (out.size > kMostBytes) return Refuse(LUA_TTABLE, "the text is too long");
  bool as_array = false, empty_as_array = !options.empty_as_object;
  if (lua_getmetatable(L, -1)) {
    const void* metatable = lua_topointer(L, -1);
    as_array = metatable == array_mt;
    if (metatable == empty_array_mt) empty_as_array = true;
    lua_pop(L, 1);
  }
  if (as_array) return Array(static_cast<int>(lua_objlen(L, -1)), depth);
  int length = ArrayLength();
  if (length == -2) return Refuse(LUA_TTABLE, "excessively sparse array");
  if (length > 0) return Array(length, depth);
  if (length == 0) {
    out.Put(empty_as_array ? std::string_view("[]") : std::string_view("{}"));
    return true;
  }
  return Object(depth);
}

int Encoder::ArrayLength() {
  double most = 0;
  int items = 0;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    double key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
    if (!(key >= 1) || key > INT32_MAX || std::floor(key) != key) {
      lua_pop(L, 2);
      return -1;
    }
    most = std::max(most, key);
    items++;
    lua_pop(L, 1);
  }
  if (options.sparse_ratio > 0 && most > static_cast<double>(items) * options.sparse_ratio &&
      most > options.sparse_safe) {
    return options.sparse_convert ? -1 : -2;
  }
  return static_cast<int>(most);
}

bool Encoder::Array(int length, int depth) {
  out.Put('[');
  bool first = true;
  for (int i = 1; i <= length; i++) {
    lua_rawgeti(L, -1, i);
    if (options.skip_unsupported && !Supported(lua_type(L, -1))) {
      lua_pop(L, 1);
      continue;
    }
    if (!first) out.Put(',');
    first = false;
    if (!Value(depth)) return false;
    lua_pop(L, 1);
  }
  out.Put(']');
  return true;
}

bool Encoder::Object(int depth) {
  out.Put('{');
  bool first = true;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (options.skip_unsupported && !Supported(lua_type(L, -1))) {
      lua_pop(L, 1);
      continue;
    }
    if (!first) out.Put(',');
    first = false;
    int type = lua_type(L, -2);
    if (type == LUA_TSTRING) {
      size_t size;
      const char* key = lua_tolstring(L, -2, &size);
      String({key, size});
    } else if (type == LUA_TNUMBER) {
      out.Put('"');
      if (!Number(lua_tonumber(L, -2))) return false;
      out.Put('"');
    } else {
      return Refuse(type, "table key must be a number or string");
    }
    out.Put(':');
    if (!Value(depth)) return false;
    lua_pop(L, 1);
  }
  out.Put('}');
  return true;
}

bool Encoder::Number(double number) {
  constexpr double kPlain = 1e14;  // below, "%.14g" writes integers in full
  if (options.precision >= 14 && std::fabs(number) < kPlain && number == std::trunc(number) &&
      (number != 0 || !std::signbit(number))) {
    char* at = out.Room(24);
    out.size += static_cast<size_t>(std::to_chars(at, at + 24, static_cast<int64_t>(number)).ptr - at);
    return true;
  }
  if (!std::isfinite(number)) {
    if (options.encode_invalid == InvalidNumbers::kRefuse) return Refuse(LUA_TNUMBER, "must not be NaN or Inf");
    if (options.encode_invalid == InvalidNumbers::kNull) {
      out.Put("null");
    } else {
      out.Put(std::isnan(number) ? std::string_view("NaN")
              : number > 0       ? std::string_view("Infinity")
                                 : std::string_view("-Infinity"));
    }
    return true;
  }
  char* at = out.Room(40);
  out.size +=
      static_cast<size_t>(std::to_chars(at, at + 40, number, std::chars_format::general, options.precision).ptr - at);
  return true;
}

// How many bytes from `text` on stand for themselves, looking at 16 at a time.
size_t PlainLength(const char* text, size_t size) {
  size_t i = 0;
  for (; i + 16 <= size; i += 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + i));
    // Bytes below 0x20 as unsigned: the smaller of the byte and 0x1f is the byte.
    __m128i special = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
    for (char c : {'"', '\\', '/', '\x7f'}) special = _mm_or_si128(special, _mm_cmpeq_epi8(block, _mm_set1_epi8(c)));
    int mask = _mm_movemask_epi8(special);
    if (mask != 0) return i + static_cast<size_t>(std::countr_zero(static_cast<unsigned>(mask)));
  }
  while (i < size && kEscapes[static_cast<uint8_t>(text[i])] == 0) i++;
  return i;
}

void Encoder::String(std::string_view text) {
  char* at = out.Room(text.size() * 6 + 2);
  *at++ = '"';
  const char* from = text.data();
  size_t left = text.size();
  for (;;) {
    size_t plain = PlainLength(from, left);
    memcpy(at, from, plain);
    at += plain;
    from += plain;
    left -= plain;
    if (left == 0) break;
    auto byte = static_cast<uint8_t>(*from++);
    left--;
    char escape = kEscapes[byte];
    if (escape == '/' && !options.escape_slash) {
      *at++ = '/';
    } else {
      *at++ = '\\';
      *at++ = escape;
      if (escape == 'u') {
        *at++ = '0';
        *at++ = '0';
        *at++ = "0123456789abcdef"[byte >> 4];
        *at++ = "0123456789abcdef"[byte & 15];
      }
    }
  }
  *at++ = '"';
  out.size = static_cast<size_t>(at - out.data);
}

}  // namespace

bool Encode(lua_State* L, const Options& options) {
  static thread_local ThreadOutput output;
  if (output.capacity > kKeptBytes) {
    free(output.data);
    output.data = nullptr;
    output.capacity = 0;
  }
  output.size = 0;
  Encoder encoder(L, options, output);
  if (!encoder.Value(0)) return false;
  lua_pushlstring(L, output.data, output.size);
  return true;
}

}  // namespace mg::script::json
