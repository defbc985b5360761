// Regular expressions: replacement templates, and searches without end that are stopped. How long it takes is never
// asserted.
#include "script/regex.h"
#include "base/sanitizer.h"

#include "script/ffi/moongate_ffi.h"
#include "script/limits.h"

#include "script/test_support.h"

namespace mg::script {
namespace {

std::string Replaced(std::string_view pattern, std::string_view subject, std::string_view with) {
  Regexes all{config::LuaRegex{}};
  Limits limits;
  auto regex = Regex::Compile(pattern, MG_REGEX_J);
  auto replacement = Replacement::Parse(with);
  if (!regex || !replacement) return "error";
  std::string out;
  int count = all.Replace(**regex, subject, *replacement, true, limits, out);
  return std::to_string(count) + " " + out;
}

TEST(Regex, Replaces) {
  EXPECT_EQ(Replaced("b(.)", "abcabd", "<$1$0>"), "2 a<cbc>a<dbd>");
  EXPECT_EQ(Replaced("(x)?b", "ab", "[$1]"), "1 a[]");
  EXPECT_EQ(Replaced("b", "ab", "$65535$99999999999999"), "1 a");
  EXPECT_EQ(Replaced("$", "ab", "!"), "1 ab!");
  EXPECT_EQ(Replaced("(?<=a)b", "abb", "c"), "1 acb");
  EXPECT_EQ(Replaced("a\\Kb", "abab", "c"), "2 acac");
  EXPECT_EQ(Replaced("b", "ab", "$"), "error");
  EXPECT_EQ(Replaced("b", "ab", "${"), "error");
  EXPECT_EQ(Replaced("b", "ab", "${}"), "error");
}

TEST(Regex, NumbersThatGoAreGivenAgain) {
  Regexes all{config::LuaRegex{}};
  int a = all.Add(std::move(*Regex::Compile("a", 0))), b = all.Add(std::move(*Regex::Compile("b", 0)));
  all.Remove(a);
  EXPECT_EQ(all.Find(a), nullptr);
  EXPECT_NE(all.Find(b), nullptr);
  all.Remove(a);
  EXPECT_EQ(all.Add(std::move(*Regex::Compile("c", 0))), a);
  EXPECT_EQ(all.Find(-1), nullptr);
  EXPECT_EQ(all.Find(7), nullptr);
}

// Each goes on for hours within any limit of steps from one place (there are a million places, and most take a step for
// each character behind them), or has no limit at all.
const char* const kEndless[] = {
    "while true do ngx.re.find(s, 'a', 'jo') end",
    "ngx.re.match(s, '(?:.*(?>.*))+x', 'jo')",
    "ngx.re.match(s, '\\\\w+\\\\s')",
    "ngx.re.match(s, '\\\\w+\\\\s', 'd')",
    "ngx.re.match(s, '(?:.*(?>.*))+x', 's')",
    "ngx.re.match(s:sub(-60), '(?:a|aa|aaa)+$', 'jo')",
    "ngx.re.match(s:sub(-60), '(?:a|aa|aaa)+$')",
    "pcall(ngx.re.gsub, s, '\\\\w+\\\\s', 'x')",
    "while true do pcall(ngx.re.gsub, s, '\\\\w+\\\\s', function() return 'x' end, 'jo') end",
    "for m in ngx.re.gmatch(s, '\\\\w+\\\\s') do end",
};

class EndlessSearch : public ScriptTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(EndlessSearch, IsStoppedInItsRequestAlone) {
  if (kUnderTsan) GTEST_SKIP() << "TSan defers the signals that stop scripts";
  ASSERT_EQ(Load("- match: { path: /ok }\n"
                 "  content: { lua: \"ngx.say(ngx.re.gsub('a b', '[a-z]', '<$0>', 'jo'))\" }\n"
                 "- match: { path: /* }\n  content:\n    lua: |\n      local s = ('a'):rep(1000000) .. '!'\n      " +
                     std::string(GetParam()) + "\n      ngx.say('too early')\n",
                 {}, "lua: { limits: { cpu: 20ms }, regex: { match_limit: 1000000000 } }\n"),
            "");
  for (int i = 0; i < 5; i++) {
    log.text.clear();
    EXPECT_EQ(Fetch("/run").status, 500);
    EXPECT_NE(log.text.find("time limit of 20 ms exceeded at "), std::string::npos) << log.text;
    EXPECT_NE(log.text.find("test.yaml:"), std::string::npos) << log.text;
    EXPECT_EQ(Fetch("/ok").body, "<a> <b>2\n");
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EndlessSearch, ::testing::ValuesIn(kEndless));

TEST_F(ScriptTest, AReplacementThatGrowsTooLargeIsStopped) {
  ASSERT_EQ(Load("- match: { path: /* }\n  content:\n    lua: |\n"
                 "      local s = ('a'):rep(100000)\n"
                 "      ngx.say(#(ngx.re.gsub(s, 'a', s)))\n",
                 {}, "lua: { limits: { cpu: 10s, growth: 16MiB, memory: 64MiB } }\n"),
            "");
  EXPECT_EQ(Fetch().status, 500);
  EXPECT_NE(log.text.find("memory growth limit of 16384 KiB exceeded"), std::string::npos) << log.text;
}

}  // namespace
}  // namespace mg::script
