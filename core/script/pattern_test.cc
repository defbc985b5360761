// Lua's patterns: the same as LuaJIT's own functions say, on random patterns and subjects; and an end to those without.
#include "script/pattern.h"
#include "base/sanitizer.h"

#include <algorithm>
#include <luajit-2.1/lua.hpp>
#include <random>

#include "script/test_support.h"

namespace mg::script {
namespace {

// Answers what each call does.
constexpr const char* kCalls = R"lua(
local function all(f, s, p)
  local out = {}
  for a, b, c in f(s, p) do
    out[#out + 1] = tostring(a) .. "," .. tostring(b) .. "," .. tostring(c)
    if #out > 50 then break end
  end
  return table.concat(out, ";")
end
local function show(...)
  local out = { select("#", ...) }
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    out[i + 1] = type(value) .. ":" .. tostring(value)
  end
  return (table.concat(out, "|"))
end
local seed = SEED
local function random(n)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return math.floor(seed / 65536) % n + 1
end
local pieces = { "a", "b", "c", ".", "%a", "%A", "%d", "%s", "%w", "%W", "%p", "%l", "%u", "%x", "%c", "%z", "%g", "%.", "%%",
  "[abc]", "[^ab]", "[a-c]", "[%a_]", "[]]", "[^]]", "[a-]", "[%]]", "[-a]", "[a", "[^", "*", "+", "-", "?", "(", ")", "()", "^", "$",
  "%1", "%2", "%0", "%b()", "%bab", "%b", "%f[%a]", "%f[^%a]", "%f", "%", "\0", "z", "(a)", "(.-)", "(%a+)", "(b*)", "\255", "]" }
local bytes = { "a", "a", "b", "b", "c", "1", " ", "(", ")", "%", "]", "-", "^", "$", "\0", "\255", "_", "Z", "\n" }
local replacements = { "x", "%0", "%1", "<%1%2>", "%%", "%", "a%q", "" }
local function made(from, longest)
  local out = {}
  for i = 1, random(longest) do out[i] = from[random(#from)] end
  return table.concat(out)
end
local out = {}
local function try(f, ...)
  out[#out + 1] = string.format("%q %q: ", tostring((...)), tostring((select(2, ...)))) .. show(pcall(f, ...))
end
for i = 1, 4000 do
  local s, p, r, n = made(bytes, 12), made(pieces, 6), replacements[random(#replacements)], random(16) - 8
  try(string.find, s, p)
  try(string.find, s, p, n)
  try(string.find, s, p, n, true)
  try(string.find, s, s)
  try(string.find, s, p, n + 0.5)
  try(string.match, s, p)
  try(string.match, s, p, n)
  try(string.match, n, p)
  try(string.gsub, s, p, r)
  try(string.gsub, s, p, r, n)
  try(string.gsub, s, p, { a = 1, b = "two", ab = false, [1] = "at one" })
  try(string.gsub, s, p, function(x, y) return x ~= "a" and tostring(x) .. tostring(y) end)
  try(function(...) return all(string.gmatch, ...) end, s, p)
end
for _, piece in ipairs { "a?", "a*", "(a)", "(a?)", "()", "a-", "%f[%a]", "(", "a" } do
  for _, times in ipairs { 31, 32, 33, 198, 199, 200, 201, 202, 300 } do
    try(string.find, "aaa", piece:rep(times))
    try(string.gsub, "aaa", piece:rep(times), "x")
  end
end
for _, value in ipairs { true, {}, type, 1.5, 12, -0.5, 1e300, 1/0, 0/0, 2147483647, 2147483648, -2147483648, "3", "x" } do
  try(string.find, "a1.5b12", value)
  try(string.find, value, "%d")
  try(string.find, "abc", "b", value)
  try(string.match, "abc", "b", value)
  try(string.gsub, "abc", "b", value)
  try(string.gsub, "abc", "b", "x", value)
  try(string.gsub, "abc", "b", function() return value end)
end
try(string.find)
try(string.find, "a")
try(string.gsub, "a", "a")
try(string.gmatch, "a")
local text = table.concat(out, "\n"):gsub("table: 0x%x+", "table"):gsub("function: [%w#: ]+", "f")
text = text:gsub("to '[%w?]+'", "to 'f'") -- called by pcall they have no name
text = text:gsub("got no value", "got nil") -- what is written in Lua cannot tell
return text
)lua";

// The same by LuaJIT's own functions. The lines are those of the policy.
std::string ByStock(const std::string& code) {
  lua_State* L = luaL_newstate();
  luaL_openlibs(L);
  std::string lines = std::string(7, '\n') + code;
  bool ok = luaL_loadbuffer(L, lines.data(), lines.size(), "=test.yaml") == 0 && lua_pcall(L, 0, 1, 0) == 0;
  std::string out = ok ? "" : "failed: ";
  size_t size = 0;
  const char* text = lua_tolstring(L, -1, &size);
  out.append(text, size);
  lua_close(L);
  return out;
}

// The first line that differs.
std::string Difference(std::string_view mine, std::string_view theirs) {
  while (!mine.empty() || !theirs.empty()) {
    std::string_view a = mine.substr(0, mine.find('\n')), b = theirs.substr(0, theirs.find('\n'));
    if (a != b) return std::string(a) + ", but it is " + std::string(b);
    mine.remove_prefix(std::min(mine.size(), a.size() + 1));
    theirs.remove_prefix(std::min(theirs.size(), b.size() + 1));
  }
  return {};
}

std::string Indented(std::string_view text) {
  std::string out = "      ";
  for (char c : text) out += c == '\n' ? std::string("\n      ") : std::string(1, c);
  return out;
}

TEST_F(ScriptTest, PatternsAreWhatLuaSaysTheyAre) {
  unsigned seed = std::random_device{}() % 1'000'000;
  SCOPED_TRACE(seed);
  std::string code = kCalls;
  code.replace(code.find("SEED"), 4, std::to_string(seed));
  ASSERT_EQ(Load("- match: { path: /* }\n  content:\n    lua: |\n      local function calls()\n" + Indented(code) +
                     "\n      end\n      ngx.print(calls())\n",
                 {}, "lua: { limits: { cpu: 60s, growth: 200MiB } }\n"),
            "");
  std::string mine = Fetch().body;
  EXPECT_GT(mine.size(), 1'000'000U) << log.text;
  EXPECT_EQ(Difference(mine, ByStock(code)), "");
}

const char* const kEndless[] = {
    "string.find(s, '.-.-.-.-b')",
    "while true do s:match('.-.-.-b') end",
    "s:gsub('.-.-.-.-b', 'x')",
    "s:gsub('.-.-.-.-b', function() end)",
    "for x in s:gmatch('.-.-.-.-b') do end",
    "pcall(string.find, s, '.-.-.-.-b')",
    "for i = 1, 1e9 do pcall(string.find, s, 'a*a*a*a*b') end",
    "while true do s:find(('a'):rep(5000) .. 'b', 1, true) end",
};

class EndlessPattern : public ScriptTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(EndlessPattern, IsStoppedInItsRequestAlone) {
  if (kUnderTsan) GTEST_SKIP() << "TSan defers the signals that stop scripts";
  ASSERT_EQ(Load("- match: { path: /ok }\n"
                 "  content: { lua: \"ngx.say(('a b'):gsub('%a', '<%0>'))\" }\n"
                 "- match: { path: /* }\n  content:\n    lua: |\n      local s = ('a'):rep(10000)\n      " +
                     std::string(GetParam()) + "\n      ngx.say('too early')\n",
                 {}, "lua: { limits: { cpu: 20ms } }\n"),
            "");
  for (int i = 0; i < 3; i++) {
    log.text.clear();
    EXPECT_EQ(Fetch("/run").status, 500);
    EXPECT_NE(log.text.find("time limit of 20 ms exceeded at "), std::string::npos) << log.text;
    EXPECT_NE(log.text.find("test.yaml:"), std::string::npos) << log.text;
    EXPECT_EQ(Fetch("/ok").body, "<a> <b>2\n");
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EndlessPattern, ::testing::ValuesIn(kEndless));

TEST(Pattern, AnUnlimitedRunHasALimitOfSteps) {
  std::string subject(3000, 'a');
  int ends[66];
  EXPECT_EQ(Pattern(subject, ".-.-.-.-b", nullptr, 1'000'000).Find(0, {}, ends), Pattern::kTooManySteps);
}

TEST_F(ScriptTest, AReplacedPatternThatGrowsTooLargeIsStopped) {
  ASSERT_EQ(Load("- match: { path: /* }\n  content:\n    lua: |\n"
                 "      local s = ('a'):rep(100000)\n"
                 "      ngx.say(#(s:gsub('a', s)))\n",
                 {}, "lua: { limits: { cpu: 10s, growth: 16MiB, memory: 64MiB } }\n"),
            "");
  EXPECT_EQ(Fetch().status, 500);
  EXPECT_NE(log.text.find("memory growth limit of 16384 KiB exceeded"), std::string::npos) << log.text;
}

}  // namespace
}  // namespace mg::script
