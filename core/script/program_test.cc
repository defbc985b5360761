// Phases, exits, waits, output and errors of scripts, through the real pipeline.
#include "script/test_support.h"

namespace mg::script {
namespace {

using ::testing::Test;

// A route at "/" whose policies are chunks in place; `phases` is YAML of `lua:`.
std::string Route(const std::string& phases, const std::string& answer = "  respond: { body: \"in\\n\" }\n") {
  return "- match: { path: /* }\n  policies:\n  - lua:\n" + phases + answer;
}

std::string Content(const std::string& chunk) {
  std::string indented;
  size_t from = 0;
  while (from < chunk.size()) {
    size_t to = std::min(chunk.find('\n', from), chunk.size());
    indented += "      " + chunk.substr(from, to - from) + "\n";
    from = to + 1;
  }
  return "- match: { path: /* }\n  content:\n    lua: |\n" + indented;
}

TEST_F(ScriptTest, ContentAnswers) {
  ASSERT_EQ(Load(Content("ngx.header['X-Seen'] = 'yes'\nngx.say('hello ', 42, ' ', true, nil, {'a', {'b'}})")), "");
  TestResponse response = Fetch();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "hello 42 truenilab\n");
  EXPECT_EQ(response.Header("x-seen"), "yes");
}

TEST_F(ScriptTest, OutputIsTextUnlessTheScriptSaysOtherwise) {
  ASSERT_EQ(Load("- match: { path: /a }\n  content: { lua: \"ngx.say('x')\" }\n"
                 "- match: { path: /b }\n  content: { lua: \"ngx.header.content_type = 'a/b' ngx.say('x')\" }\n"),
            "");
  EXPECT_EQ(Fetch("/a").Header("content-type"), "text/plain");
  EXPECT_EQ(Fetch("/b").Header("content-type"), "a/b");
}

TEST_F(ScriptTest, CapturesAreVariables) {
  ASSERT_EQ(Load("- match: { path: \"/{user}/x/{id}\" }\n  vars: { tier: gold, mine: '' }\n"
                 "  content: { lua: \"ngx.var.mine = 5 ngx.say(ngx.var.user, ngx.var[2], ngx.var['1'], ngx.var.tier, "
                 "ngx.var.mine,"
                 " ngx.var[3], ngx.var.absent, pcall(function() ngx.var.uri = 'x' end))\" }\n"),
            "");
  EXPECT_EQ(Fetch("/a%20b/x/7").body, "a b7a bgold5nilnilfalsetest.yaml:5: variable \"uri\" not changeable\n");
}

TEST_F(ScriptTest, EverySurfaceFunctionResolves) {
  ASSERT_EQ(
      Load(Content("local ffi = require 'ffi'\n"
                   "for name in io.open('core/script/ffi/moongate_ffi.h'):read('*a'):gmatch('(mg_%w+_?%w*)%(') do\n"
                   "  if not pcall(function() return ffi.C[name] end) then ngx.say('missing ', name) end\n"
                   "end\nngx.say('done')")),
      "");
  EXPECT_EQ(Fetch().body, "done\n");
}

TEST_F(ScriptTest, PoliciesRunInOrderAndFiltersInReverse) {
  ASSERT_EQ(Load("- match: { path: /* }\n  policies:\n"
                 "  - lua: { access: \"ngx.ctx.seen = (ngx.ctx.seen or '') .. 'a'\","
                 " header_filter: \"ngx.header['X-Order'] = (ngx.header['X-Order'] or '') .. '1'\" }\n"
                 "  - lua: { access: \"ngx.ctx.seen = ngx.ctx.seen .. 'b'\","
                 " header_filter: \"ngx.header['X-Order'] = (ngx.header['X-Order'] or '') .. '2' .. ngx.ctx.seen\" }\n"
                 "  respond: { body: in }\n"),
            "");
  EXPECT_EQ(Fetch().Header("x-order"), "2ab1");
}

TEST_F(ScriptTest, ExitOkEndsOnlyThatPolicy) {
  ASSERT_EQ(Load("- match: { path: /* }\n  policies:\n"
                 "  - lua: { access: \"pcall(function() ngx.exit(ngx.OK) end) ngx.exit(403)\" }\n"
                 "  - lua: { access: \"coroutine.wrap(function() ngx.exit(ngx.DECLINED) end)() ngx.exit(403)\" }\n"
                 "  - lua: { access: \"ngx.ctx.third = true return ngx.exit(ngx.OK)\" }\n"
                 "  - lua: { access: \"ngx.header['X-Last'] = tostring(ngx.ctx.third)\" }\n"
                 "  respond: { body: in }\n"),
            "");
  TestResponse response = Fetch();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Header("x-last"), "true");
}

TEST_F(ScriptTest, ExitWithAStatusEndsThePhase) {
  ASSERT_EQ(
      Load("- match: { path: /* }\n  policies:\n"
           "  - lua: { access: \"pcall(ngx.exit, 403) ngx.header['X-Never'] = '1'\" }\n"
           "  - lua: { access: \"ngx.header['X-Never'] = '2'\", log: \"ngx.log(ngx.ERR, 'logged ', ngx.status)\" }\n"
           "  respond: { body: in }\n"),
      "");
  TestResponse response = Fetch();
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.Header("content-type"), "application/problem+json");
  EXPECT_EQ(response.Header("x-never"), "");
  EXPECT_NE(log.text.find("logged 403"), std::string::npos);
}

TEST_F(ScriptTest, OutputThenExitKeepsTheBody) {
  ASSERT_EQ(Load(Route("      access: |\n        ngx.status = 401\n        ngx.say('who?')\n        ngx.exit(401)\n")),
            "");
  TestResponse response = Fetch();
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.body, "who?\n");
}

TEST_F(ScriptTest, SleepsInEveryPhase) {
  ASSERT_EQ(Load(Route("      rewrite: ngx.sleep(0.001)\n      access: ngx.sleep(0.001)\n"
                       "      header_filter: ngx.sleep(0.001) ngx.header['X-Slept'] = 'yes'\n"
                       "      body_filter: ngx.sleep(0.001) ngx.arg[1] = ngx.arg[1]:upper()\n"
                       "      log: ngx.sleep(0.001) ngx.log(ngx.ERR, 'log has slept ', ngx.var.uri)\n")),
            "");
  TestResponse response = Fetch("/path");
  EXPECT_EQ(response.body, "IN\n");
  EXPECT_EQ(response.Header("x-slept"), "yes");
  EXPECT_TRUE(RunUntil([&] { return log.text.find("log has slept /path") != std::string::npos; })) << log.text;
}

TEST_F(ScriptTest, WaitsPassThroughUsersCoroutines) {
  ASSERT_EQ(Load(Content("local co = coroutine.create(function(a)\n"
                         "  ngx.sleep(0.001)\n"
                         "  local b = coroutine.yield(a + 1)\n"
                         "  ngx.sleep(0.001)\n"
                         "  return b * 2\n"
                         "end)\n"
                         "local _, first = coroutine.resume(co, 1)\n"
                         "local _, second = coroutine.resume(co, 10)\n"
                         "local wrapped = coroutine.wrap(function() ngx.sleep(0) coroutine.yield('w') end)\n"
                         "ngx.say(first, ' ', second, ' ', coroutine.status(co), ' ', wrapped())\n"
                         "coroutine.yield()\n"
                         "ngx.say('after a yield at top level')")),
            "");
  EXPECT_EQ(Fetch().body, "2 20 dead w\nafter a yield at top level\n");
}

TEST_F(ScriptTest, LightThreads) {
  ASSERT_EQ(Load(Content("local function work(name, time) ngx.sleep(time) return name, time end\n"
                         "local slow = ngx.thread.spawn(work, 'slow', 0.03)\n"
                         "local fast = ngx.thread.spawn(work, 'fast', 0.001)\n"
                         "ngx.say(ngx.thread.wait(slow, fast))\n"
                         "ngx.say(ngx.thread.wait(slow))\n"
                         "ngx.say(ngx.thread.wait(slow))\n"
                         "local bad = ngx.thread.spawn(function() error('oh', 0) end)\n"
                         "ngx.say(ngx.thread.wait(bad))\n"
                         "local long = ngx.thread.spawn(ngx.sleep, 100)\n"
                         "ngx.say(ngx.thread.kill(long))\n"
                         "ngx.say(ngx.thread.kill(long))")),
            "");
  EXPECT_EQ(Fetch().body,
            "truefast0.001\ntrueslow0.03\nnilalready waited or killed\nfalseoh\n1\nnilalready waited or killed\n");
}

TEST_F(ScriptTest, ThePhaseWaitsForItsThreads) {
  ASSERT_EQ(Load(Content("ngx.thread.spawn(function() ngx.sleep(0.005) ngx.say('thread') end)\nngx.say('main')")), "");
  EXPECT_EQ(Fetch().body, "main\nthread\n");
}

TEST_F(ScriptTest, AnErrorFailsClosed) {
  ASSERT_EQ(Load(Route("      access: |\n        local a\n        a.b = 1\n")), "");
  TestResponse response = Fetch();
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("test.yaml"), std::string::npos);
  EXPECT_NE(log.text.find("policy \"lua\" (access phase): lua entry thread aborted: runtime error: test.yaml:8: attempt to index"), std::string::npos)
      << log.text;
  EXPECT_NE(log.text.find("stack traceback"), std::string::npos);
  EXPECT_EQ(context.counters.hook_errors.load(), 1u);
}

TEST_F(ScriptTest, AnErrorAfterOutputCutsTheResponse) {
  ASSERT_EQ(Load(Content("ngx.say('some')\nngx.flush(true)\nerror('late')")), "");
  CollectingStream stream;
  Begin(stream);
  EXPECT_TRUE(stream.response.aborted);
  EXPECT_FALSE(stream.response.complete);
}

TEST_F(ScriptTest, BodyFiltersSeePiecesAndMayReplaceThem) {
  ASSERT_EQ(Load("- match: { path: /* }\n  policies:\n"
                 "  - lua: { body_filter: \"if ngx.arg[2] then ngx.arg[1] = ngx.arg[1] .. '.' end\" }\n"
                 "  - lua: { body_filter: \"ngx.arg[1] = {'<', ngx.arg[1], '>'}\" }\n"
                 "  content: { lua: \"ngx.print('a') ngx.print('b') ngx.eof()\" }\n"),
            "");
  EXPECT_EQ(Fetch().body, "<a><b><>.");
}

TEST_F(ScriptTest, AFilterThatWaitsHoldsTheOutput) {
  ASSERT_EQ(Load("- match: { path: /* }\n  policies:\n"
                 "  - lua: { body_filter: \"ngx.sleep(0.001) ngx.arg[1] = ngx.arg[1]:upper()\" }\n"
                 "  content: { lua: \"for i = 1, 3 do ngx.print('x', i) end\" }\n"),
            "");
  EXPECT_EQ(Fetch().body, "X1X2X3");
}

TEST_F(ScriptTest, ReadsABody) {
  ASSERT_EQ(Load(Content("ngx.req.read_body()\nngx.say(ngx.req.get_body_data())\n"
                         "for k, v in pairs(ngx.req.get_post_args()) do ngx.say(k, '=', v) end")),
            "");
  TestRequest request;
  request.method = "POST";
  request.body = "a=1%202";
  EXPECT_EQ(Fetch(request).body, "a=1%202\na=1 2\n");
}

TEST_F(ScriptTest, Timers) {
  ASSERT_EQ(Load(Content("ngx.say(ngx.timer.at(0.001, function(premature, a, b)\n"
                         "  ngx.sleep(0.001)\n"
                         "  ngx.log(ngx.ERR, 'fired ', premature, a, b, ' ', ngx.get_phase(), ' ', pcall(function() "
                         "return ngx.var.uri end))\n"
                         "end, 'x', 'y'))\n"
                         "ngx.timer.at(1000, function(premature) ngx.log(ngx.ERR, 'premature ', premature) end)")),
            "");
  EXPECT_EQ(Fetch().body, "1\n");
  EXPECT_TRUE(RunUntil([&] { return log.text.find("fired falsexy timer false") != std::string::npos; })) << log.text;
  EXPECT_NE(log.text.find("API disabled in the current context"), std::string::npos) << log.text;
  ASSERT_EQ(Load("- match: { path: /* }\n  respond: { body: new }\n"), "");
  EXPECT_NE(log.text.find("premature true"), std::string::npos) << log.text;
}

TEST_F(ScriptTest, WhatAReplacedGenerationStillDoesEndsWithTheDrain) {
  ASSERT_EQ(Load(Content("ngx.timer.at(0, function() ngx.log(ngx.ERR, 'begun') ngx.sleep(60) end) ngx.say('x')"), {},
                 "lua: { drain: 50ms }\n"),
            "");
  EXPECT_EQ(Fetch().body, "x\n");
  ASSERT_TRUE(RunUntil([&] { return log.text.find("begun") != std::string::npos; }));
  ASSERT_EQ(Load("- match: { path: /* }\n  respond: { body: new }\n"), "");
  ASSERT_EQ(context.retired.size(), 1u);
  EXPECT_EQ(context.retired[0]->program->Holds().timers, 1u);
  EXPECT_TRUE(RunUntil([&] { return context.retired.empty(); }));
  EXPECT_NE(log.text.find("lua.drain is over: 1 timers, 0 worker chunks and 0 log phases"), std::string::npos);
}

// The same for a log phase that waits, and for a timer whose light thread does.
TEST_F(ScriptTest, TheDrainEndsWaitingLogPhasesAndLightThreads) {
  ASSERT_EQ(Load("- match: { path: /* }\n  policies:\n  - lua:\n      log: |\n"
                 "        ngx.log(ngx.ERR, 'log begun')\n        ngx.sleep(60)\n"
                 "  content:\n    lua: |\n"
                 "      ngx.timer.at(0, function()\n"
                 "        local t = ngx.thread.spawn(function() ngx.log(ngx.ERR, 'thread begun') ngx.sleep(60) end)\n"
                 "        ngx.thread.wait(t)\n      end)\n      ngx.say('x')\n",
                 {}, "lua: { drain: 50ms }\n"),
            "");
  EXPECT_EQ(Fetch().body, "x\n");
  ASSERT_TRUE(RunUntil([&] {
    return log.text.find("log begun") != std::string::npos && log.text.find("thread begun") != std::string::npos;
  })) << log.text;
  ASSERT_EQ(Load("- match: { path: /* }\n  respond: { body: new }\n"), "");
  ASSERT_EQ(context.retired.size(), 1u);
  EXPECT_TRUE(RunUntil([&] { return context.retired.empty(); })) << log.text;
  EXPECT_NE(log.text.find("lua.drain is over: 1 timers, 0 worker chunks and 1 log phases"), std::string::npos)
      << log.text;
}

// A timer that ends by itself lets go of its generation.
TEST_F(ScriptTest, AReplacedGenerationGoesWithItsLastTimer) {
  ASSERT_EQ(Load(Content("ngx.timer.at(0, function() ngx.log(ngx.ERR, 'begun') ngx.sleep(0.02) end) ngx.say('x')")),
            "");
  EXPECT_EQ(Fetch().body, "x\n");
  ASSERT_TRUE(RunUntil([&] { return log.text.find("begun") != std::string::npos; }));
  ASSERT_EQ(Load("- match: { path: /* }\n  respond: { body: new }\n"), "");
  ASSERT_EQ(context.retired.size(), 1u);
  EXPECT_TRUE(RunUntil([&] { return context.retired.empty(); }));
  EXPECT_EQ(log.text.find("lua.drain is over"), std::string::npos);
}

TEST_F(ScriptTest, ExecMatchesAgain) {
  ASSERT_EQ(Load("- match: { path: /a }\n  content: { lua: \"ngx.ctx.x = 1 ngx.exec('/b', 'q=1')\" }\n"
                 "- match: { path: /b }\n  internal: true\n"
                 "  content: { lua: \"ngx.say(ngx.var.uri, ngx.var.args, ngx.ctx.x, ngx.req.is_internal())\" }\n"),
            "");
  EXPECT_EQ(Fetch("/a").body, "/bq=1niltrue\n");
  EXPECT_EQ(Fetch("/b").status, 404);
}

TEST_F(ScriptTest, PhaseRules) {
  ASSERT_EQ(
      Load(Route("      log: ngx.say('x')\n      header_filter: local ok, e = pcall(ngx.say, 'x') ngx.header.e = e\n")),
      "");
  EXPECT_EQ(Fetch().Header("e"), "API disabled in the context of header_filter_by_lua*");
  EXPECT_NE(log.text.find("API disabled in the context of log_by_lua*"), std::string::npos);
}

TEST_F(ScriptTest, AClientThatLeavesEndsItsHooks) {
  ASSERT_EQ(Load(Content("ngx.sleep(0.01)\nngx.log(ngx.ERR, 'went on')")), "");
  CollectingStream stream;
  proxy::Exchange& x = Begin(stream);
  x.OnClosed({ErrorCode::kReset, Origin::kDownstream, Retryable::kNo, "gone"});
  RunUntil([] { return false; }, 30);
  EXPECT_EQ(log.text.find("went on"), std::string::npos);
  EXPECT_FALSE(context.current->program->Busy());
  EXPECT_EQ(context.current->live, 0u);
}

TEST_F(ScriptTest, OneRequestNeverSeesAnothersState) {
  ASSERT_EQ(Load(Content("ngx.ctx.n = (ngx.ctx.n or 0) + 1\nngx.sleep(0.001)\nngx.say(ngx.ctx.n, ngx.var.arg_id)")),
            "");
  std::vector<std::unique_ptr<CollectingStream>> streams;
  for (int i = 0; i < 50; i++) {
    streams.push_back(std::make_unique<CollectingStream>());
    TestRequest request;
    request.target = "/?id=" + std::to_string(i);
    Begin(*streams.back(), request);
  }
  for (int i = 0; i < 50; i++) {
    RunUntil([&] { return Done(*streams[i]); });
    EXPECT_EQ(streams[i]->response.body, "1" + std::to_string(i) + "\n");
  }
}

TEST_F(ScriptTest, YieldingWhereNothingCanYieldIsAnError) {
  ASSERT_EQ(Load(Content("ngx.say(pcall(table.sort, { 2, 1 }, function() ngx.sleep(0.001) end))\n"
                         "ngx.sleep(0.002)\nngx.say('still here')")),
            "");
  TestResponse response = Fetch();
  EXPECT_NE(response.body.find("attempt to yield across C-call boundary"), std::string::npos) << response.body;
  EXPECT_NE(response.body.find("still here"), std::string::npos);
}

}  // namespace
}  // namespace mg::script
