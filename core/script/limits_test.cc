// Runaway scripts are stopped, whatever they do, in their request alone. How long it takes is never asserted.
#include "base/sanitizer.h"
#include "script/test_support.h"

namespace mg::script {
namespace {

constexpr const char* kSignalsComeLate = "TSan defers the signals that stop scripts";

constexpr const char* kLimits = "lua: { limits: { cpu: 20ms, growth: 16MiB, memory: 128MiB } }\n";

std::string Chunk(const std::string& phase, const std::string& code) {
  std::string indented;
  size_t from = 0;
  while (from < code.size()) {
    size_t to = std::min(code.find('\n', from), code.size());
    indented += "        " + code.substr(from, to - from) + "\n";
    from = to + 1;
  }
  return "- match: { path: /ok }\n  content: { lua: \"ngx.say('fine')\" }\n"
         "- match: { path: /* }\n  policies:\n  - lua:\n      " +
         phase + ": |\n" + indented + "  respond: { body: in }\n";
}

struct Runaway {
  const char* name;
  const char* code;
};

// Each must be stopped by the limit.
const Runaway kRunaways[] = {
    {"empty loop", "while true do end"},
    {"repeat", "repeat until false"},
    {"for to infinity", "for i = 1, math.huge do end"},
    {"goto", "::again:: goto again"},
    {"arithmetic", "local x = 0\nwhile true do x = x * 1.5 + 1 end"},
    {"pcall swallows", "while true do pcall(function() while true do end end) end"},
    {"pcall of a pcall", "while true do pcall(pcall, pcall, function() while true do end end) end"},
    {"xpcall handler loops", "xpcall(function() while true do end end, function() while true do end end)"},
    {"xpcall in a loop", "while true do xpcall(error, function(e) return e end, 'x') end"},
    {"coroutines", "while true do coroutine.wrap(function() for i = 1, 10 do coroutine.yield(i) end end)() end"},
    {"inside a coroutine", "coroutine.resume(coroutine.create(function() while true do end end))\nwhile true do end"},
    {"a coroutine swallows", "while true do coroutine.resume(coroutine.create(function() while true do end end)) end"},
    {"sort callback",
     "local t = {}\nfor i = 1, 300 do t[i] = i % 7 end\nwhile true do table.sort(t, function(a, b) return a < b end) "
     "end"},
    {"gsub callback",
     "while true do (('x'):rep(100)):gsub('x', function() local n = 0 for i = 1, 100 do n = n + i end end) end"},
    {"gsub callback loops", "('x'):gsub('x', function() while true do end end)"},
    {"metamethod", "local t = setmetatable({}, { __index = function() while true do end end })\nlocal x = t.y"},
    {"tostring", "local t = setmetatable({}, { __tostring = function() while true do end end })\ntostring(t)"},
    {"pairs", "local t = {}\nfor i = 1, 100 do t[i] = i end\nwhile true do for k, v in pairs(t) do end end"},
    {"next", "local t = { a = 1 }\nlocal k\nwhile true do k = next(t, k) end"},
    {"ipairs", "local t = {1, 2, 3}\nwhile true do for i, v in ipairs(t) do end end"},
    {"string building", "while true do local s = ('x'):rep(100) .. 'y' end"},
    {"string.format", "while true do string.format('%d %s', 1, 'x') end"},
    {"table churn", "while true do local t = { 1, 2, 3 } end"},
    {"recursion", "local function f(n) if n > 0 then return f(n - 1) end end\nwhile true do f(100) end"},
    {"tail call for ever", "local function f() return f() end\nf()"},
    {"mutual tail calls", "local a, b\nfunction a() return b() end\nfunction b() return a() end\na()"},
    {"closures", "while true do local f = function() return 1 end f() end"},
    {"ffi arithmetic", "local ffi = require 'ffi'\nlocal p = ffi.new('int[4]')\nwhile true do p[0] = p[0] + 1 end"},
    {"ffi calls", "while true do ngx.now() end"},
    {"api calls", "while true do local x = ngx.var.uri local y = ngx.escape_uri(x) end"},
    {"headers", "while true do ngx.req.get_headers() end"},
    {"jit.flush", "while true do jit.flush() end"},
    {"jit.off", "jit.off(true, true)\nwhile true do end"},
    {"collectgarbage", "while true do collectgarbage('step') end"},
    {"loadstring", "while true do loadstring('local x = 1')() end"},
    {"error handling in traces", "local n = 0\nwhile true do local ok = pcall(error, n) n = n + 1 end"},
    {"cjson", "local cjson = require 'cjson'\nwhile true do cjson.decode(cjson.encode({ a = { 1, 2, 3 } })) end"},
    {"shared state after a trap",
     "local ok = true\nrepeat ok = pcall(function() for i = 1, 1e9 do end end) until false"},
};

class Runaways : public ScriptTest, public ::testing::WithParamInterface<Runaway> {};

TEST_P(Runaways, AreStopped) {
  if (kUnderTsan) GTEST_SKIP() << kSignalsComeLate;
  ASSERT_EQ(Load(Chunk("access", GetParam().code), {}, kLimits), "");
  for (int i = 1; i <= 3; i++) {
    log.text.clear();
    EXPECT_EQ(Fetch("/run").status, 500);
    EXPECT_NE(log.text.find("policy \"lua\" (access phase): lua entry thread aborted: runtime error: time limit of 20 ms exceeded at "), std::string::npos)
        << log.text;
    EXPECT_EQ(context.counters.hook_timeouts.load(), static_cast<uint64_t>(i));
    EXPECT_EQ(Fetch("/ok").body, "fine\n");
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Runaways, ::testing::ValuesIn(kRunaways), [](const auto& each) {
  std::string name = each.param.name;
  std::ranges::replace_if(
      name, [](char c) { return !IsAlpha(c) && !IsDigit(c); }, '_');
  return name;
});

std::string Indented(std::string_view code) {
  std::string text;
  while (!code.empty()) {
    size_t to = std::min(code.find('\n'), code.size());
    text += "        " + std::string(code.substr(0, to)) + "\n";
    code.remove_prefix(std::min(to + 1, code.size()));
  }
  return text;
}

// All kinds in one VM, one after the other in an order that changes: each run is stopped, once, and nothing else is,
// neither what runs right after it nor a request that waits meanwhile. MG_INTERRUPTS=10000 for the long form.
TEST_F(ScriptTest, NoInterruptIsMissedOrMisdirected) {
  if (kUnderTsan) GTEST_SKIP() << kSignalsComeLate;
  const char* wanted = std::getenv("MG_INTERRUPTS");
  const uint64_t count = wanted != nullptr ? std::stoull(wanted) : 500;
  std::string routes =
      "- match: { path: /ok }\n  content: { lua: \"local n = 0 for i = 1, 1000 do n = n + #tostring(i) end "
      "ngx.say('fine')\" }\n"
      "- match: { path: /wait }\n  content: { lua: \"for i = 1, 5 do ngx.sleep(0.001) end ngx.say('waited')\" }\n";
  for (size_t kind = 0; kind < std::size(kRunaways); kind++) {
    routes += "- match: { path: /" + std::to_string(kind) +
              " }\n  policies:\n  - lua:\n      limits: { cpu: 1ms }\n      access: |\n" +
              Indented(kRunaways[kind].code) + "  respond: { body: in }\n";
  }
  ASSERT_EQ(Load(routes, {}, "lua: { limits: { cpu: 10s } }\n"), "");
  uint32_t random = 1;
  for (uint64_t i = 1; i <= count; i++) {
    random = random * 1664525 + 1013904223;
    size_t kind = (random >> 8) % std::size(kRunaways);
    CollectingStream waiting;
    TestRequest request;
    request.target = "/wait";
    if (i % 10 == 0) Begin(waiting, request);
    log.text.clear();
    ASSERT_EQ(Fetch("/" + std::to_string(kind)).status, 500) << kRunaways[kind].name;
    ASSERT_NE(log.text.find("policy \"lua\" (access phase): lua entry thread aborted: runtime error: time limit of 1 ms exceeded at "), std::string::npos)
        << kRunaways[kind].name << ": " << log.text;
    ASSERT_EQ(context.counters.hook_timeouts.load(), i) << kRunaways[kind].name;
    ASSERT_EQ(context.counters.hook_errors.load(), i) << kRunaways[kind].name;
    ASSERT_EQ(Fetch("/ok").body, "fine\n") << "after " << kRunaways[kind].name;
    if (i % 10 != 0) continue;
    ASSERT_TRUE(RunUntil([&] { return Done(waiting); }));
    ASSERT_EQ(waiting.response.body, "waited\n") << "beside " << kRunaways[kind].name;
  }
}

class RunawayPhases : public ScriptTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(RunawayPhases, AreStoppedInEachPhase) {
  if (kUnderTsan) GTEST_SKIP() << kSignalsComeLate;
  ASSERT_EQ(Load(Chunk(GetParam(), "if ngx.var.uri == '/run' then while true do end end"), {}, kLimits), "");
  Fetch("/run");
  size_t at = log.text.find(std::string("(") + GetParam() + " phase): ");
  ASSERT_NE(at, std::string::npos) << log.text;
  EXPECT_NE(log.text.find(": time limit of 20 ms exceeded at test.yaml:10", at), std::string::npos) << log.text;
  EXPECT_EQ(Fetch("/other").body, "in");
}

INSTANTIATE_TEST_SUITE_P(Phases, RunawayPhases,
                         ::testing::Values("rewrite", "access", "header_filter", "body_filter", "log"));

TEST_F(ScriptTest, TheBudgetIsOfEachRunNotOfTheRequest) {
  if (kUnderTsan) GTEST_SKIP() << kSignalsComeLate;
  // Far more than one budget in all, in runs far below it.
  ASSERT_EQ(Load("- match: { path: /* }\n  content:\n    lua: |\n"
                 "      for i = 1, 400 do\n"
                 "        local x = 0\n"
                 "        for j = 1, 100000 do x = x + j end\n"
                 "        ngx.sleep(0)\n"
                 "      end\n"
                 "      ngx.say('done')\n",
                 {}, "lua: { limits: { cpu: 50ms } }\n"),
            "");
  EXPECT_EQ(Fetch().body, "done\n");
}

TEST_F(ScriptTest, EachPolicyHasItsOwnBudget) {
  if (kUnderTsan) GTEST_SKIP() << kSignalsComeLate;
  ASSERT_EQ(Load("- match: { path: /* }\n  policies:\n"
                 "  - lua: { access: \"ngx.ctx.first = true\" }\n"
                 "  - lua: { access: \"while true do end\" }\n"
                 "  respond: { body: in }\n",
                 {{"/conf/x.lua", ""}}, kLimits),
            "");
  EXPECT_EQ(Fetch().status, 500);
  EXPECT_NE(log.text.find("time limit of 20 ms exceeded at test.yaml:7"), std::string::npos) << log.text;
}

TEST_F(ScriptTest, ATimerIsStoppedToo) {
  if (kUnderTsan) GTEST_SKIP() << kSignalsComeLate;
  ASSERT_EQ(Load("- match: { path: /* }\n  content: { lua: \"ngx.timer.at(0, function() while true do end end) "
                 "ngx.say('x')\" }\n",
                 {}, kLimits),
            "");
  EXPECT_EQ(Fetch().body, "x\n");
  EXPECT_TRUE(RunUntil([&] { return log.text.find("runtime error: time limit of 20 ms exceeded") != std::string::npos; }))
      << log.text;
  EXPECT_FALSE(context.current->program->Busy());
}

const Runaway kHogs[] = {
    {"one string", "local s = ('x'):rep(100 * 1024 * 1024)"},
    {"doubling", "local s = 'x'\nwhile true do s = s .. s end"},
    {"table", "local t = {}\nfor i = 1, 1e8 do t[i] = i end"},
    {"tables", "local t = {}\nfor i = 1, 1e8 do t[i] = { i } end"},
    {"swallowed", "local t = {}\nwhile true do pcall(function() for i = 1, 1e7 do t[#t + 1] = { i } end end) end"},
    {"buffer", "local b = require('string.buffer').new()\nwhile true do b:put('xxxxxxxxxxxxxxxx') end"},
    {"in a coroutine", "local t = {}\ncoroutine.wrap(function() for i = 1, 1e8 do t[i] = tostring(i) end end)()"},
};

class Hogs : public ScriptTest, public ::testing::WithParamInterface<Runaway> {};

TEST_P(Hogs, AreRefused) {
  if (kUnderTsan) GTEST_SKIP() << kSignalsComeLate;
  ASSERT_EQ(Load(Chunk("access", GetParam().code), {}, "lua: { limits: { cpu: 2s, growth: 16MiB, memory: 64MiB } }\n"),
            "");
  for (int i = 0; i < 5; i++) {
    EXPECT_EQ(Fetch("/run").status, 500);
    bool turned = false;  // a VM that was refused memory is replaced at the end of the turn
    context.loop.Defer([&] { turned = true; });
    ASSERT_TRUE(RunUntil([&] { return turned; }));
    EXPECT_EQ(Fetch("/ok").body, "fine\n");
  }
  bool told = log.text.find("memory growth limit of 16384 KiB exceeded") != std::string::npos ||
              log.text.find("memory limit of 65536 KiB exceeded") != std::string::npos;
  EXPECT_TRUE(told) << log.text;
}

INSTANTIATE_TEST_SUITE_P(Kinds, Hogs, ::testing::ValuesIn(kHogs), [](const auto& each) {
  std::string name = each.param.name;
  std::ranges::replace(name, ' ', '_');
  return name;
});

}  // namespace
}  // namespace mg::script
