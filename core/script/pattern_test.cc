// Lua's patterns: the same as LuaJIT's own functions say, on random patterns and subjects; and an end to those without.
#include "script/pattern.h"

#include <random>

#include "script/test_support.h"

namespace mg::script {
namespace {

// Both ways with the same arguments; what differs.
constexpr const char* kCompare = R"lua(
local own = { find = string.find, match = string.match, gsub = string.gsub, gmatch = string.gmatch }
local stock = moongate_stock
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
  return (table.concat(out, "|"):gsub("[%w_]+%.yaml:%d+: ", ""):gsub("'%?'", "'f'"):gsub("'%w+' %(", "'f' ("))
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
for i = 1, 4000 do
  local s, p, r, n = made(bytes, 12), made(pieces, 6), replacements[random(#replacements)], random(16) - 8
  local calls = {
    { "find", s, p }, { "find", s, p, n }, { "find", s, p, n, true }, { "match", s, p }, { "match", s, p, n }, { "gsub", s, p, r },
    { "gsub", s, p, r, n }, { "gsub", s, p, { a = 1, b = "two", ab = false, [1] = "at one" } },
    { "gsub", s, p, function(x, y) return (x ~= "a") and tostring(x) .. tostring(y) end },
    { "gmatch", s, p }, { "find", s, s }, { "match", n, p }, { "find", s, p, n + 0.5 },
  }
  for _, call in ipairs(calls) do
    local name = call[1]
    local f, g = own[name], stock[name]
    if name == "gmatch" then
      f, g = function(...) return all(own.gmatch, ...) end, function(...) return all(stock.gmatch, ...) end
    end
    local mine, theirs = show(pcall(f, unpack(call, 2, 5))), show(pcall(g, unpack(call, 2, 5)))
    if mine ~= theirs then
      ngx.say(string.format("%s(%q, %q, %s): %s, not %s", name, s, p, tostring(call[4]), mine, theirs))
    end
  end
end
ngx.say("done")
)lua";

std::string Indented(std::string_view text) {
  std::string out = "      ";
  for (char c : text) out += c == '\n' ? std::string("\n      ") : std::string(1, c);
  return out;
}

TEST_F(ScriptTest, PatternsAreWhatLuaSaysTheyAre) {
  unsigned seed = std::random_device{}() % 1'000'000;
  SCOPED_TRACE(seed);
  std::string code = kCompare;
  code.replace(code.find("SEED"), 4, std::to_string(seed));
  code.replace(code.find("moongate_stock"), 14, "require('moongate.runtime').stock_string");
  ASSERT_EQ(Load("- match: { path: /* }\n  content:\n    lua: |\n" + Indented(code) + "\n", {},
                 "lua: { limits: { cpu: 60s, growth: 200MiB } }\n"),
            "");
  EXPECT_EQ(Fetch().body, "done\n") << log.text;
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
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "TSan defers the signals that stop scripts";
#endif
  ASSERT_EQ(Load("- match: { path: /ok }\n"
                 "  content: { lua: \"ngx.say(('a b'):gsub('%a', '<%0>'))\" }\n"
                 "- match: { path: /* }\n  content:\n    lua: |\n      local s = ('a'):rep(10000)\n      " +
                     std::string(GetParam()) + "\n      ngx.say('too early')\n",
                 {}, "lua: { limits: { cpu: 20ms } }\n"),
            "");
  for (int i = 0; i < 3; i++) {
    log.text.clear();
    EXPECT_EQ(Fetch("/run").status, 500);
    EXPECT_NE(log.text.find("time limit of 20 ms exceeded at test.yaml:"), std::string::npos) << log.text;
    EXPECT_EQ(Fetch("/ok").body, "<a> <b>2\n");
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EndlessPattern, ::testing::ValuesIn(kEndless));

TEST(Pattern, AnUnlimitedRunHasALimitOfSteps) {
  std::string subject(3000, 'a');
  int ends[66];
  EXPECT_EQ(Pattern(subject, ".-.-.-.-b", nullptr).Find(0, true, ends), Pattern::kTooManySteps);
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
