#include "script/ffi/fields.h"

#include <algorithm>

#include "script/surface.h"

namespace mg::script {
namespace {

using CharacterSet = std::array<bool, 256>;

constexpr CharacterSet kTokenCharacters = [] {
  CharacterSet set{};
  for (int c = 0; c < 256; c++)
    set[static_cast<size_t>(c)] = IsAlpha(static_cast<char>(c)) || IsDigit(static_cast<char>(c));
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) set[static_cast<unsigned char>(c)] = true;
  return set;
}();

constexpr CharacterSet kValueCharacters = [] {
  CharacterSet set{};
  for (size_t c = 0; c < 256; c++) set[c] = c == '\t' || (c >= 0x20 && c != 0x7f);
  return set;
}();

std::string_view Escape(Arena& arena, std::string_view text, const CharacterSet& allowed) {
  size_t bad = 0;
  for (char c : text) bad += allowed[static_cast<unsigned char>(c)] ? 0 : 1;
  if (bad == 0) return arena.Copy(text);
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string escaped;
  escaped.reserve(text.size() + 2 * bad);
  for (char c : text) {
    if (allowed[static_cast<unsigned char>(c)]) {
      escaped += c;
    } else {
      escaped += '%';
      escaped += kDigits[static_cast<unsigned char>(c) >> 4];
      escaped += kDigits[static_cast<unsigned char>(c) & 15];
    }
  }
  return arena.Copy(escaped);
}

}  // namespace

std::string_view SafeName(Arena& arena, std::string_view name) { return Escape(arena, name, kTokenCharacters); }
std::string_view SafeValue(Arena& arena, std::string_view value) {
  std::string_view escaped = Escape(arena, value, kValueCharacters);
  return Trim(escaped);
}

void ReplaceFields(http::HeaderList& headers, Arena& arena, std::string_view name, std::span<const mg_string> values,
                   Keep keep) {
  if (name.empty()) return;
  if (values.empty()) {
    if (keep == Keep::kNo) headers.Remove(name);
    return;
  }
  std::string_view safe = SafeName(arena, name);
  bool first = keep == Keep::kNo;
  for (const mg_string& value : values) {
    std::string_view text = SafeValue(arena, View(value.data, value.size));
    if (first) {
      headers.Set(arena, safe, text);
    } else {
      headers.Append(arena, safe, text);
    }
    first = false;
  }
}

bool TakesOneValue(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "Accept-Ranges", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Date",
      "ETag",          "Expires",          "Last-Modified",  "Location",      "Refresh",      "Server",
  };
  return std::ranges::any_of(kNames, [&](std::string_view each) { return EqualsIgnoreCase(each, name); });
}

int ListFields(const http::HeaderList& headers, mg_header* out, int most) {
  int count = 0;
  for (const http::Header& header : headers) {
    if (count < most) {
      Give(&out[count].name, header.name);
      Give(&out[count].value, header.value);
    }
    count++;
  }
  return count;
}

void PushField(lua_State* L, std::string_view name, std::string_view value) {
  lua_pushlstring(L, name.data(), name.size());
  lua_rawget(L, -2);
  if (lua_istable(L, -1)) {
    lua_pushlstring(L, value.data(), value.size());
    lua_rawseti(L, -2, static_cast<int>(lua_objlen(L, -2)) + 1);
    lua_pop(L, 1);
    return;
  }
  lua_pushlstring(L, name.data(), name.size());
  if (lua_isnil(L, -2)) {
    lua_pushlstring(L, value.data(), value.size());
  } else {
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, -3);
    lua_rawseti(L, -2, 1);
    lua_pushlstring(L, value.data(), value.size());
    lua_rawseti(L, -2, 2);
  }
  lua_rawset(L, -4);
  lua_pop(L, 1);
}

}  // namespace mg::script
