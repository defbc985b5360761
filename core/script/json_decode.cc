#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <luajit-2.1/lua.hpp>

#include "script/json_state.h"

namespace mg::script::json {
namespace {

constexpr size_t kKeptBytes = size_t{1} << 20;
constexpr int kGathered = 32;       // members held on the Lua stack until a table's size is known
constexpr int kStackForAll = 4000;  // slots in use beyond which nothing is gathered
constexpr int kDeepest = 2500;      // whatever decode_max_depth says: a level takes of the thread's stack

constexpr std::array<bool, 256> kSpace = [] {
  std::array<bool, 256> table{};
  for (char c : {' ', '\t', '\n', '\r'}) table[static_cast<uint8_t>(c)] = true;
  return table;
}();

// The thread's memory for strings with escapes; a jump out of the Lua API leaves it for the next call.
struct Scratch {
  char* data = nullptr;
  size_t capacity = 0;
  ~Scratch() { free(data); }
  char* Room(size_t size) {
    if (capacity < size || capacity > kKeptBytes) {
      capacity = std::max<size_t>(size, 4096);
      free(data);
      data = static_cast<char*>(malloc(capacity));
      if (data == nullptr) abort();
    }
    return data;
  }
};
thread_local Scratch t_scratch;

class Decoder {
 public:
  Decoder(lua_State* state, const Options& settings, std::string_view text)
      : L(state), options(settings), begin(text.data()), at(text.data()), end(text.data() + text.size()) {}

  bool Document() {
    SkipSpace();
    if (!Value(0)) return false;
    SkipSpace();
    if (at == end) return true;
    return Unexpected("the end");
  }

 private:
  struct Gathering;

  void SkipSpace() {
    while (at != end && kSpace[static_cast<uint8_t>(*at)]) at++;
  }
  bool Value(int depth);
  bool Object(int depth);
  bool Array(int depth);
  bool String();
  bool StringWithEscapes(const char* from);
  bool Escape(const char*& from, char*& to);
  static int Hex(const char* from, const char* to);
  bool Number();
  bool OddNumber();
  bool Word(std::string_view word) {
    if (static_cast<size_t>(end - at) < word.size() || memcmp(at, word.data(), word.size()) != 0) return false;
    at += word.size();
    return true;
  }
  bool Enter(int depth, int slots) {
    if (depth <= std::min(options.decode_depth, kDeepest) && lua_checkstack(L, slots)) return true;
    lua_pushfstring(L, "Found too many nested data structures (%d) at character %d", depth, Column(at));
    return false;
  }
  int Column(const char* where) const { return static_cast<int>(where - begin) + 1; }
  bool Fail(const char* expected, const char* found, const char* where) {
    lua_pushfstring(L, "Expected %s but found %s at character %d", expected, found, Column(where));
    return false;
  }
  // Another token than `expected` stands at `at`.
  bool Unexpected(const char* expected) { return Fail(expected, TokenName(), at); }
  const char* TokenName();

  lua_State* L;
  const Options& options;
  const char* const begin;
  const char* at;
  const char* const end;
};

// Collects a container's members on the stack and makes its table when their number is known, or when they are too
// many.
struct Decoder::Gathering {
  Gathering(Decoder& decoder, int values_a_member)
      : d(decoder), per_member(values_a_member), base(lua_gettop(d.L)), most(base > kStackForAll ? 0 : kGathered) {
    if (most == 0) Make(0);
  }

  void Added() {
    count++;
    if (direct) {
      if (per_member == 2) {
        lua_rawset(d.L, base + 1);
      } else {
        lua_rawseti(d.L, base + 1, count);
      }
    } else if (count == most) {
      Flush(most * 4);
    }
  }
  void Finish() {
    if (!direct) Flush(count);
  }

  void Make(int size) {
    lua_createtable(d.L, per_member == 1 ? size : 0, per_member == 2 ? size : 0);
    direct = true;
  }
  void Flush(int size) {
    Make(size);
    int table = lua_gettop(d.L);
    for (int i = 0; i < count; i++) {
      int value = base + 1 + i * per_member;
      lua_pushvalue(d.L, value);
      if (per_member == 2) {
        lua_pushvalue(d.L, value + 1);
        lua_rawset(d.L, table);
      } else {
        lua_rawseti(d.L, table, i + 1);
      }
    }
    if (count > 0) lua_replace(d.L, base + 1);
    lua_settop(d.L, base + 1);
  }

  Decoder& d;
  const int per_member, base, most;
  int count = 0;
  bool direct = false;
};

bool Decoder::Value(int depth) {
  if (at == end) return Unexpected("value");
  switch (*at) {
    case '{': return Object(depth + 1);
    case '[': return Array(depth + 1);
    case '"': return String();
    case 't':
      if (!Word("true")) break;
      lua_pushboolean(L, 1);
      return true;
    case 'f':
      if (!Word("false")) break;
      lua_pushboolean(L, 0);
      return true;
    case 'n':
      if (!Word("null")) return OddNumber();
      lua_pushlightuserdata(L, nullptr);
      return true;
    case '-':
    case '0' ... '9': return Number();
    case 'i':
    case 'I':
    case 'N': return OddNumber();
    default: break;
  }
  return Unexpected("value");
}

bool Decoder::Object(int depth) {
  if (!Enter(depth, 2 * kGathered + 6)) return false;
  at++;
  Gathering members(*this, 2);
  SkipSpace();
  if (at != end && *at == '}') {
    at++;
    members.Finish();
    return true;
  }
  for (;;) {
    if (at == end || *at != '"') return Unexpected("object key string");
    if (!String()) return false;
    SkipSpace();
    if (at == end || *at != ':') return Unexpected("colon");
    at++;
    SkipSpace();
    if (!Value(depth)) return false;
    members.Added();
    SkipSpace();
    if (at == end || (*at != ',' && *at != '}')) return Unexpected("comma or object end");
    if (*at++ == '}') break;
    SkipSpace();
  }
  members.Finish();
  return true;
}

bool Decoder::Array(int depth) {
  if (!Enter(depth, kGathered + 6)) return false;
  at++;
  Gathering elements(*this, 1);
  SkipSpace();
  bool more = at == end || *at != ']';
  if (!more) at++;
  while (more) {
    if (!Value(depth)) return false;
    elements.Added();
    SkipSpace();
    if (at == end || (*at != ',' && *at != ']')) return Unexpected("comma or array end");
    more = *at++ == ',';
    if (more) SkipSpace();
  }
  elements.Finish();
  if (options.mark_arrays) {
    PushArrayMt(L);
    lua_setmetatable(L, -2);
  }
  return true;
}

// --- strings

bool Decoder::String() {
  const char* from = ++at;
  for (; end - at >= 16; at += 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    int mask = _mm_movemask_epi8(
        _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')), _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'))));
    if (mask == 0) continue;
    at += std::countr_zero(static_cast<unsigned>(mask));
    break;
  }
  while (at != end && *at != '"' && *at != '\\') at++;
  if (at != end && *at == '\\') return StringWithEscapes(from);
  if (at == end) return Fail("value", "unexpected end of string", from - 1);
  lua_pushlstring(L, from, static_cast<size_t>(at - from));
  at++;
  return true;
}

// `at` is at the first backslash.
bool Decoder::StringWithEscapes(const char* from) {
  const char* opening = from - 1;
  const char* close = at;  // the closing quote bounds what is written
  while (close != end && *close != '"') close += *close == '\\' && end - close > 1 ? 2 : 1;
  if (close == end) return Fail("value", "unexpected end of string", opening);
  char* const out = t_scratch.Room(static_cast<size_t>(close - from));
  char* to = out;
  while (from != close) {
    auto* next = static_cast<const char*>(memchr(from, '\\', static_cast<size_t>(close - from)));
    auto plain = static_cast<size_t>((next != nullptr ? next : close) - from);
    memcpy(to, from, plain);
    to += plain;
    from += plain;
    if (next == nullptr) break;
    if (!Escape(from, to)) {
      return Fail("value", next[1] == 'u' ? "invalid unicode escape code" : "invalid escape code", next);
    }
  }
  at = close + 1;
  lua_pushlstring(L, out, static_cast<size_t>(to - out));
  return true;
}

int Decoder::Hex(const char* from, const char* to) {
  if (to - from < 4) return -1;
  int value = 0;
  auto [stop, error] = std::from_chars(from, from + 4, value, 16);
  return error == std::errc() && stop == from + 4 && *from != '-' ? value : -1;
}

// `from` is at a backslash; what it stands for is never longer than it.
bool Decoder::Escape(const char*& from, char*& to) {
  constexpr std::string_view kLetters = "\"\\/bfnrt", kBytes = "\"\\/\b\f\n\r\t";
  if (from[1] != 'u') {
    size_t letter = kLetters.find(from[1]);
    if (letter == std::string_view::npos) return false;
    *to++ = kBytes[letter];
    from += 2;
    return true;
  }
  int code = Hex(from + 2, end);
  if (code < 0 || (code >= 0xdc00 && code <= 0xdfff)) return false;
  from += 6;
  if (code >= 0xd800 && code <= 0xdbff) {  // RFC 8259 section 7: a surrogate pair
    int low = end - from >= 6 && from[0] == '\\' && from[1] == 'u' ? Hex(from + 2, end) : -1;
    if (low < 0xdc00 || low > 0xdfff) return false;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    from += 6;
  }
  auto put = [&to](int byte) { *to++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | (code >> 6));
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3f));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  }
  return true;
}

// --- numbers

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// As RFC 8259 section 6 writes them; other spellings are OddNumber's.
bool Decoder::Number() {
  const char* digit = at + (*at == '-' ? 1 : 0);
  const char* stop = digit;
  uint64_t whole = 0;
  while (stop != end && IsDigit(*stop)) whole = whole * 10 + static_cast<uint64_t>(*stop++ - '0');
  if (stop == digit || (*digit == '0' && stop - digit > 1)) return OddNumber();
  char next = stop == end ? ' ' : *stop;
  if (next != '.' && next != 'e' && next != 'E' && next != 'x' && next != 'X' && stop - digit <= 15) {
    auto value = static_cast<double>(whole);
    lua_pushnumber(L, *at == '-' ? -value : value);
    at = stop;
    return true;
  }
  double value = 0;
  auto [after, error] = std::from_chars(at, end, value);
  if (error != std::errc() || (after != end && (*after == 'x' || *after == 'X')) || after[-1] == '.')
    return OddNumber();
  at = after;
  lua_pushnumber(L, value);
  return true;
}

// NaN, infinities, hexadecimal and octal-looking numbers, and what does not fit a double: lua-cjson takes them unless
// decode_invalid_numbers(false).
bool Decoder::OddNumber() {
  bool word = *at == 'n' || *at == 'N' || *at == 'i' || *at == 'I';
  std::array<char, 512> text{};  // ends in NUL, which the whole text need not have
  size_t size = std::min(static_cast<size_t>(end - at), text.size() - 1);
  memcpy(text.data(), at, size);
  char* stop;
  double value = strtod(text.data(), &stop);
  if (stop == text.data()) return Fail("value", word ? "invalid token" : "invalid number", at);
  bool overflow = !word && IsDigit(at[*at == '-' ? 1 : 0]) && (at[*at == '-' ? 1 : 0] != '0' || at[1] == '.');
  if (!options.decode_invalid && !overflow) return Fail("value", word ? "invalid token" : "invalid number", at);
  at += stop - text.data();
  lua_pushnumber(L, value);
  return true;
}

const char* Decoder::TokenName() {
  if (at == end) return "T_END";
  switch (*at) {
    case '{': return "T_OBJ_BEGIN";
    case '}': return "T_OBJ_END";
    case '[': return "T_ARR_BEGIN";
    case ']': return "T_ARR_END";
    case ':': return "T_COLON";
    case ',': return "T_COMMA";
    case '"': return "T_STRING";
    case '-':
    case '0' ... '9': return "T_NUMBER";
    case 't': return Word("true") ? (at -= 4, "T_BOOLEAN") : "invalid token";
    case 'f': return Word("false") ? (at -= 5, "T_BOOLEAN") : "invalid token";
    case 'n': return Word("null") ? (at -= 4, "T_NULL") : "invalid token";
    default: return "invalid token";
  }
}

}  // namespace

bool Decode(lua_State* L, const Options& options, std::string_view text) {
  // RFC 8259 section 8.1: UTF-8 alone. A NUL among the first two bytes is the mark of the others.
  if (text.size() >= 2 && (text[0] == 0 || text[1] == 0)) {
    lua_pushliteral(L, "JSON parser does not support UTF-16 or UTF-32");
    return false;
  }
  Decoder decoder(L, options, text);
  return decoder.Document();
}

}  // namespace mg::script::json
