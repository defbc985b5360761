// Lua's patterns on any bytes: what is found lies within the subject, and is what LuaJIT's own string.find and gsub say
// wherever those come to an end soon. And ngx.re's replacement templates: read or refused, never past an end.
#include <algorithm>
#include <array>
#include <cstdint>
#include <luajit-2.1/lua.hpp>
#include <string>

#include "base/result.h"
#include "script/pattern.h"
#include "script/regex.h"

using namespace mg;
using namespace mg::script;

namespace {

constexpr uint64_t kMostSteps = 100'000;

struct Stock {
  lua_State* L = luaL_newstate();
  Stock() { luaL_openlibs(L); }
  ~Stock() { lua_close(L); }

  // The function's answers, on the stack; false: an error, whose text is.
  bool Call(const char* function, std::string_view a, std::string_view b, const std::string* c) {
    lua_settop(L, 0);
    lua_getglobal(L, "string");
    lua_getfield(L, 1, function);
    lua_remove(L, 1);
    lua_pushlstring(L, a.data(), a.size());
    lua_pushlstring(L, b.data(), b.size());
    if (c != nullptr) lua_pushlstring(L, c->data(), c->size());
    return lua_pcall(L, c != nullptr ? 3 : 2, LUA_MULTRET, 0) == 0;
  }
  std::string_view Text(int at) {
    size_t size = 0;
    const char* text = lua_tolstring(L, at, &size);
    return {text, size};
  }
};

bool IsPlain(std::string_view pattern) { return pattern.find_first_of("^$*+?.([%-") == std::string_view::npos; }

void CompareFind(Stock& stock, std::string_view subject, std::string_view pattern) {
  std::array<int, 66> ends;
  Pattern call(subject, pattern, nullptr, kMostSteps);
  int count = call.Find(0, {}, ends.data());
  if (count == Pattern::kTooManySteps || IsPlain(pattern)) return;
  bool ok = stock.Call("find", subject, pattern, nullptr);
  MG_CHECK(ok == (count >= 0));
  if (count < 0) {
    MG_CHECK(stock.Text(1).ends_with(Pattern::ErrorText(count)));
    return;
  }
  MG_CHECK(lua_isnil(stock.L, 1) == (count == 0));
  if (count == 0) return;
  MG_CHECK(lua_gettop(stock.L) == count + 1);
  MG_CHECK(lua_tointeger(stock.L, 1) == ends[0] + 1 && lua_tointeger(stock.L, 2) == ends[1]);
  for (int i = 1; i < count; i++) {
    auto at = static_cast<size_t>(2 * i);
    if (ends[at + 1] == Pattern::kPosition) {
      MG_CHECK(lua_tointeger(stock.L, i + 2) == ends[at] + 1);
    } else {
      MG_CHECK(0 <= ends[at] && ends[at] <= ends[at + 1] && static_cast<size_t>(ends[at + 1]) <= subject.size());
      auto from = static_cast<size_t>(ends[at]), to = static_cast<size_t>(ends[at + 1]);
      MG_CHECK(stock.Text(i + 2) == subject.substr(from, to - from));
    }
  }
}

void CompareReplace(Stock& stock, std::string_view subject, std::string_view pattern, const std::string& with) {
  std::string out;
  Pattern call(subject, pattern, nullptr, kMostSteps);
  int count = call.Replace(with, 1e9, nullptr, out);
  if (count == Pattern::kTooManySteps) return;
  bool ok = stock.Call("gsub", subject, pattern, &with);
  MG_CHECK(ok == (count >= 0));
  if (count < 0) {
    MG_CHECK(stock.Text(1).ends_with(Pattern::ErrorText(count)));
  } else {
    MG_CHECK(stock.Text(1) == out && lua_tointeger(stock.L, 2) == count);
  }
}

void Template(std::string_view text, std::string_view subject) {
  auto replacement = Replacement::Parse(text);
  if (!replacement) {
    MG_CHECK(!replacement.error().empty());
    return;
  }
  int size = static_cast<int>(subject.size());
  std::array<int, 6> ends = {0, size, -1, -1, size / 2, size};
  std::string out;
  replacement->Append(subject, ends, out);
  if (text.find('$') == std::string_view::npos) MG_CHECK(out == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  static Stock stock;
  std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::string_view pattern = rest.substr(0, data[0] % 64);
  rest.remove_prefix(pattern.size());
  std::string with(rest.substr(0, data[1] % 16));
  rest.remove_prefix(with.size());
  std::string_view subject = rest.substr(0, 256);
  CompareFind(stock, subject, pattern);
  CompareReplace(stock, subject, pattern, with);
  Template(with, subject);
  return 0;
}
