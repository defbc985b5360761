#include "script/chunks.h"

#include <gtest/gtest.h>

#include <luajit-2.1/lua.hpp>
#include <memory>
#include <string>

namespace mg::script {
namespace {

// A chunk within a YAML file says the file's lines, wherever it stands, compiled anew and loaded again.
TEST(Chunks, LinesAreTheFiles) {
  constexpr std::string_view kText =
      "local function inner()\n  return debug.getinfo(1, 'l').currentline\nend\n"
      "local i = debug.getinfo(1, 'Sl')\nreturn i.what, i.currentline, inner(), debug.getinfo(inner, 'S').linedefined";
  std::unique_ptr<lua_State, decltype(&lua_close)> state(luaL_newstate(), lua_close);
  lua_State* L = state.get();
  luaL_openlibs(L);
  config::MemoryFiles files({});
  for (uint32_t at : {1u, 2u, 200u, 300u, 70'000u, 1'000'000u}) {
    Chunks chunks(&files, {});
    for (int round = 0; round < 2; round++) {
      ASSERT_TRUE(chunks.LoadText(L, "@g.yaml", kText, at)) << lua_tostring(L, -1);
      lua_call(L, 0, 4);
      EXPECT_STREQ(lua_tostring(L, -4), "main");
      EXPECT_EQ(lua_tointeger(L, -3), at + 3);
      EXPECT_EQ(lua_tointeger(L, -2), at + 1);
      EXPECT_EQ(lua_tointeger(L, -1), at);
      lua_settop(L, 0);
    }
    ASSERT_FALSE(chunks.LoadText(L, "@g.yaml", "local a\na = = 1", at));
    EXPECT_EQ(std::string(lua_tostring(L, -1)), "g.yaml:" + std::to_string(at + 1) + ": unexpected symbol near '='");
    lua_settop(L, 0);
  }
}

// What a generation has compiled serves the next one, as long as it is used and the text is the same.
TEST(Chunks, BytecodeOutlivesItsGeneration) {
  std::unique_ptr<lua_State, decltype(&lua_close)> state(luaL_newstate(), lua_close);
  lua_State* L = state.get();
  BytecodeCache cache;
  auto generation = [&](const std::string& text, const std::string& file) {
    config::MemoryFiles files({{"/x.lua", file}});
    Chunks chunks(&files, {}, &cache);
    EXPECT_TRUE(chunks.LoadText(L, "@g.yaml", text, 7));
    EXPECT_TRUE(chunks.LoadFile(L, "/x.lua"));
    lua_call(L, 0, 1);
    lua_insert(L, 1);
    lua_call(L, 0, 1);
    std::string values = std::string(lua_tostring(L, -1)) + " " + lua_tostring(L, -2);
    lua_settop(L, 0);
    chunks.Seal();
    cache.Sweep();
    return values;
  };
  EXPECT_EQ(generation("return 'a'", "return 'b'"), "a b");
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(generation("return 'a'", "return 'b'"), "a b");
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(generation("return 'a'", "return 'c'"), "a c");
  EXPECT_EQ(cache.size(), 2u);
  cache.Sweep();
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace mg::script
