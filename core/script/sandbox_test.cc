// Attempts to get out of the VM of untrusted policies. Each is also made by a trusted one, where most succeed: so the
// attempt itself is known to be good.
#include "base/sanitizer.h"
#include "script/program.h"
#include "script/test_support.h"

namespace mg::script {
namespace {

struct Attempt {
  const char* name;
  const char* chunk;  // answers true when it is out
  bool when_trusted;  // what it answers there
};

// Puts functions of its own where the gateway's Lua could look for a library's, calls much of the API and looks whether
// anything of C was handed to it.
constexpr const char* kReplaced = R"(
local got = false
local select, type, next, rawset, rawget, pcall = select, type, next, rawset, rawget, pcall
local function spy(f) return function(...)
  for i = 1, select("#", ...) do if type((select(i, ...))) == "cdata" then got = true end end
  return f(...) end end
local kept = {}
local function replace(lib, name, f)
  kept[#kept + 1] = { lib, name, f }
  rawset(lib, name, spy(f))
end
for _, n in next, { "tostring", "tonumber", "type", "error", "pairs", "ipairs", "setmetatable", "getmetatable", "select",
  "rawget" } do replace(_G, n, rawget(_G, n)) end
for _, lib in next, { string, table, math } do
  local names = {}
  for k, f in next, lib do if type(f) == "function" then names[k] = f end end
  for k, f in next, names do replace(lib, k, f) end
end
pcall(function()
  ngx.req.get_headers() ngx.req.get_uri_args() ngx.md5("x") ngx.encode_base64("x") ngx.header.x_y = { "a", 1 }
  ngx.log(ngx.DEBUG, "x", 1, nil) local _ = ngx.header.x_y, ngx.var.uri, ngx.ctx ngx.decode_args("a=b")
  ngx.shared.d:set("a", 1) ngx.shared.d:get("a") ngx.shared.d:get_keys() ngx.resp.get_headers() ngx.http_time(1)
  ngx.req.get_body_data(5) ngx.escape_uri("a b") ngx.worker.pid() ngx.exit({})
end)
for _, each in next, kept do rawset(each[1], each[2], each[3]) end
return got
)";

// All that tables and metatables lead to from the globals.
constexpr const char* kCrawl = R"(
local seen, found = {}, false
local bad = { ffi = true, io = true, debug = true, jit = true, execute = true, loadlib = true, dump = true,
  getfenv = true, setfenv = true, newproxy = true, getregistry = true, getupvalue = true, popen = true }
local function walk(v)
  if type(v) == "cdata" then found = true end
  if type(v) ~= "table" or seen[v] then return end
  seen[v] = true
  walk(getmetatable(v))
  for k, each in next, v do
    if bad[k] and type(each) ~= "boolean" then found = true end
    walk(k) walk(each)
  end
end
walk(_G) walk(package) walk(ngx) walk(getmetatable("")) walk(require "cjson") walk(require "moongate.http")
walk(require "moongate.redis") walk(require "moongate.identity") walk(require "moongate.problem")
return found
)";

constexpr Attempt kAttempts[] = {
    {"Ffi", "return require 'ffi' ~= nil", true},
    {"FfiLoaded", "return package.loaded.ffi ~= nil or package.loaded['ffi'] ~= nil", true},
    {"FfiGlobal", "return rawget(_G, 'ffi') ~= nil or package.preload.ffi ~= nil", true},
    {"Loaders", "return package.loaders ~= nil", true},
    {"SearchersOfTheGateway", "return package.loaders[2]('ngx.variables') ~= nil", true},
    {"Loadlib", "return package.loadlib ~= nil", true},
    {"Cpath", "return package.cpath ~= ''", true},
    {"Path", "package.path = '/usr/share/lua/5.1/?.lua' return require 'no_such_module' ~= nil", false},
    {"Io", "return io ~= nil", true},
    {"IoRequired", "return require 'io' ~= nil", true},
    {"IoOpen", "return io.open('/etc/passwd') ~= nil", true},
    {"Popen", "return io.popen ~= nil", true},
    {"Execute", "return os.execute ~= nil", true},
    {"Exit", "return os.exit ~= nil", true},
    {"Remove", "return os.remove ~= nil", true},
    {"Rename", "return os.rename ~= nil", true},
    {"Tmpname", "return os.tmpname ~= nil", true},
    {"Getenv", "return os.getenv('PATH') ~= nil", true},
    {"Setlocale", "return os.setlocale ~= nil", true},
    {"Debug", "return debug ~= nil", true},
    {"DebugRequired", "return require 'debug' ~= nil", true},
    {"Upvalues", "return debug.getupvalue(ngx.say, 1) ~= nil", true},
    {"Registry", "return debug.getregistry() ~= nil", true},
    {"Jit", "return jit ~= nil", true},
    {"JitRequired", "return require 'jit' ~= nil", true},
    {"JitUtil", "return require 'jit.util' ~= nil", true},
    {"JitOpt", "return require 'jit.opt' ~= nil", true},
    {"Newproxy", "return newproxy(true) ~= nil", true},
    {"Dump", "return string.dump(function() end) ~= nil", true},
    {"DumpAsMethod", "return (''):dump() or ('').dump ~= nil", false},
    {"DumpOfTexts", "return ('').dump ~= nil", true},
    {"MetatableOfTexts", "return type(getmetatable('')) == 'table'", true},
    {"MethodsReplaced",
     "local kept = string.upper string.upper = function() return 'mine' end local now = ('x'):upper() string.upper = "
     "kept return now == 'mine'",
     true},
    {"Getfenv", "return getfenv(0).io ~= nil", true},
    {"GetfenvOfTheApi", "return getfenv(ngx.say) ~= nil", true},
    {"Setfenv", "return setfenv(function() end, {}) ~= nil", true},
    {"Module", "return module ~= nil", true},
    {"Dofile", "return dofile ~= nil", true},
    {"Loadfile", "return loadfile ~= nil", true},
    {"LoadedText", "return loadstring('return io')() ~= nil", true},
    {"LoadedGlobals", "return load('return _G', 'x', 't')().io ~= nil", true},
    {"LoadedReader",
     "local done = false return load(function() if not done then done = true return 'return io' end end)() ~= nil",
     true},
    {"LoadedModeIgnored", "return load('return debug', '=x', 'bt')() ~= nil", true},
    {"LoadedInACoroutine", "return coroutine.wrap(function() return loadstring('return io')() end)() ~= nil", true},
    {"GlobalsOfACoroutine", "return coroutine.wrap(function() return io end)() ~= nil", true},
    {"ErrorHandler", "local _, d = xpcall(error, function() return debug or false end) return d", true},
    {"Collector", "return collectgarbage('stop') and collectgarbage('restart') and true", true},
    {"MetatableOfNgx", "return type(getmetatable(ngx)) == 'table'", true},
    {"MetatableOfHeader", "return type(getmetatable(ngx.header)) == 'table'", true},
    {"MetatableOfVar", "return type(getmetatable(ngx.var)) == 'table'", true},
    {"MetatableOfDict", "return type(getmetatable(ngx.shared.d)) == 'table'", true},
    {"ForgedDict", "return pcall(ngx.shared.d.get, { index = 0 }, 'k')", false},
    {"MetatableOfReadHeaders", "return type(getmetatable(ngx.req.get_headers())) == 'table'", true},
    {"MetatableOfSentHeaders", "return type(getmetatable(ngx.resp.get_headers())) == 'table'", true},
    {"SocketOfTheRequest", "return ngx.req.socket ~= nil", true},
    {"Sockets", "return ngx.socket ~= nil", true},
    {"Processes", "return require 'ngx.pipe' ~= nil", true},
    {"ProcessesOfTheGateway", "return require 'ngx.process' ~= nil", true},
    {"WorkerThreads", "return ngx.run_worker_thread ~= nil", true},
    {"Subrequests", "return ngx.location ~= nil", true},
    {"ErrorLog", "return require 'ngx.errlog' ~= nil", true},
    {"Semaphores", "return require 'ngx.semaphore' ~= nil", true},
    {"CoreBase", "return require('resty.core.base').get_string_buf ~= nil", true},
    {"CoreContext", "return require('resty.core.ctx').get_ctx_table ~= nil", true},
    {"StringBuffer", "return require 'string.buffer' ~= nil", true},
    {"Searchpath", "return package.searchpath ~= nil", true},
    {"Loadstring", "return loadstring('return getfenv')() ~= nil", true},
    {"LoadedEnvironment", "return load('return io', '=x', 't', nil)() ~= nil", true},
    {"LoadedWithAnEnvironment", "return load('return ngx.say and getmetatable(\"\").__index', '=x', 't', _G)() ~= nil",
     true},
    {"Int64Indexed", "return (1LL).x ~= nil", false},
    {"Int64Metatable", "return type(getmetatable(1LL)) ~= 'string'", false},
    {"Int64AsAPointer",
     "for _, f in ipairs { ngx.md5, ngx.encode_base64, ngx.escape_uri, ngx.decode_base64, ngx.crc32_long, "
     "ngx.http_time } "
     "do local ok, out = pcall(f, 0x7fff0000LL) if type(out) == 'cdata' then return true end end return false",
     false},
    {"ErrorObjects",
     "local seen = false local left = { exit = 1, exec = 1, redirect = 1, eof = 1, send_headers = 1, flush = 1, say = "
     "1, "
     "print = 1, on_abort = 1 } for n, f in pairs(ngx) do if type(f) == 'function' and not left[n] then "
     "local ok, e = pcall(f, {}, {}, {}) seen = seen or (not ok and type(e) ~= 'string') end end return seen",
     false},
    {"HandlerSeesTheStack",
     "local out = false xpcall(error, function() out = debug.getinfo(2, 'f').func end) return out", true},
    {"TostringMetamethod",
     "local got local t = setmetatable({}, { __tostring = function() got = getfenv(2) return 'x' end }) "
     "ngx.header.x_y = { t } return got ~= nil",
     true},
    {"IndexMetamethod",
     "local got local t = setmetatable({}, { __index = function(t, k) got = got or (debug and debug.getinfo(2, "
     "'f').func) "
     "end }) pcall(ngx.encode_args, { a = t }) pcall(require('cjson').encode, t) return debug ~= nil",
     true},
    {"GcMetamethod", "local p = newproxy(true) getmetatable(p).__gc = function() end return true", true},
    {"WrappedToken",
     "local token local f = coroutine.wrap(function() ngx.sleep(0) end) token = f() return token ~= nil", false},
    {"YieldedToken",
     "local co = coroutine.wrap(function() coroutine.yield(ngx.null, 1) end) return type(co()) == 'cdata'", false},
    {"PreloadedModule",
     "package.preload.ffi = function() return 'mine' end return require 'ffi' ~= 'mine' and package.preload.ffi == nil",
     false},
    {"LoadedReplaced", "package.loaded.cjson = nil return type(require 'cjson'.decode) ~= 'function'", false},
    {"PathOutOfTheRoots", "return require '../../../../etc/passwd' ~= nil", false},
    {"PathByDots", "return require '..........etc.passwd' ~= nil", false},
    {"RawsetNgx", "rawset(ngx, 'say', nil) return ngx.config.subsystem == nil", false},
    {"BytecodeByAReader", "local f = load(function() local b = '\\27LJ\\2' return b end) return f ~= nil", false},
    {"RedisHandleInside",
     "return getmetatable(require('moongate.redis').get('none')) ~= false and "
     "require('moongate.redis').get('none').name",
     false},
    {"MetatableOfNil", "return getmetatable(nil) ~= nil or getmetatable(print) ~= nil or getmetatable(1) ~= nil",
     false},
    {"RegexPlaceOfNan", "return (ngx.re.find('abc', '(b)', '', { pos = 0 / 0 }, 1)) ~= 2", false},
    {"RegexGroupOfNan", "return pcall(ngx.re.find, 'abc', '(b)', '', nil, 0 / 0)", true},
    {"RegexOptions", "return pcall(ngx.re.find, 'abc', '(b)', setmetatable({}, { __len = function() return 1 end }))",
     true},
    {"RegexFreedMeanwhile",
     "local ctx = setmetatable({}, { __index = function() for i = 1, 5000 do ngx.re.find('a', 'a{' .. i .. '}') end "
     "end })"
     " return (ngx.re.find('abc', 'b', '', ctx)) ~= 2",
     false},
    {"RegexModule", "return require('ngx.re').opt ~= nil", true},
    {"Gcinfo", "return gcinfo ~= nil", true},
    {"CollectorStep", "return pcall(collectgarbage, 'collect')", true},
    {"Runtime", "return require 'moongate.runtime' ~= nil", true},
    {"Coroutines", "return require 'moongate.coroutines' ~= nil", false},
    {"GroupOfTheApi", "return require 'ngx.balancer' ~= nil", true},
    {"BundledPolicy", "return require 'policies.cors' ~= nil", true},
    {"BodyFile", "return ngx.req.set_body_file ~= nil", true},
    {"Identity", "return require('moongate.identity').set ~= nil", true},
    {"SetmetatableOfTexts", "return debug.setmetatable(0, {}) ~= nil", true},
    {"TokenOfTheScheduler",
     "local co = coroutine.create(function() ngx.sleep(0) end) local _, token = coroutine.resume(co) return "
     "type(token) "
     "== 'userdata'",
     false},
    {"Replaced", kReplaced, false},
    {"Crawl", kCrawl, true},
};

class SandboxTest : public ScriptTest, public ::testing::WithParamInterface<Attempt> {
 protected:
  std::string Try(const char* trusted) {
    std::string text = "local ok, out = pcall(function()\n" + std::string(GetParam().chunk) +
                       "\nend)\nngx.header.x_out = tostring(ok and out and true or false)\n";
    std::string indented;
    for (size_t from = 0; from < text.size();) {
      size_t to = text.find('\n', from);
      indented += "        " + text.substr(from, to - from) + "\n";
      from = to + 1;
    }
    EXPECT_EQ(Load("- match: { path: /* }\n  policies:\n  - lua:\n      trusted: " + std::string(trusted) +
                       "\n      access: |\n" + indented + "  respond: { body: in }\n",
                   {}, "lua: { shared_dicts: { d: 64KiB } }\n"),
              "");
    std::string out = Fetch().Header("x-out");
    EXPECT_NE(out, "") << log.text;
    return out;
  }
};

TEST_P(SandboxTest, StaysInside) {
  EXPECT_EQ(Try("true"), GetParam().when_trusted ? "true" : "false");
  EXPECT_EQ(Try("false"), "false");
}
INSTANTIATE_TEST_SUITE_P(All, SandboxTest, ::testing::ValuesIn(kAttempts),
                         [](const auto& attempt) { return attempt.param.name; });

class UntrustedTest : public ScriptTest {};

TEST_F(UntrustedTest, BytecodeIsRefused) {
  lua_State* L = luaL_newstate();
  ASSERT_EQ(luaL_loadstring(L, "return 42"), 0);
  std::string bytes;
  lua_dump(
      L,
      [](lua_State*, const void* data, size_t size, void* to) {
        static_cast<std::string*>(to)->append(static_cast<const char*>(data), size);
        return 0;
      },
      &bytes);
  lua_close(L);
  std::string text;
  for (char c : bytes) text += "\\" + std::to_string(static_cast<uint8_t>(c) + 1000).substr(1);
  for (const char* trusted : {"true", "false"}) {
    ASSERT_EQ(Load("- match: { path: /* }\n  policies:\n  - lua:\n      trusted: " + std::string(trusted) +
                   "\n      access: |\n        local f, err = loadstring(\"" + text +
                   "\")\n        ngx.header.x_out = f and tostring(f()) or err\n  respond: { body: in }\n"),
              "");
    if (std::string_view(trusted) == "true") {
      EXPECT_EQ(Fetch().Header("x-out"), "42");
    } else {
      EXPECT_EQ(Fetch().Header("x-out"), "attempt to load chunk with wrong mode");
    }
  }
}

// Another request's coroutine cannot be resumed, whichever VM it is in.
TEST_F(UntrustedTest, CoroutinesOfOtherRequestsAreOutOfReach) {
  for (const char* trusted : {"true", "false"}) {
    ASSERT_EQ(Load("- match: { path: /* }\n  policies:\n  - lua:\n      trusted: " + std::string(trusted) +
                   "\n      access: |\n"
                   "        if ngx.var.uri == '/first' then\n"
                   "          rawset(_G, 'kept', coroutine.running())\n"
                   "          ngx.sleep(0.01)\n"
                   "          ngx.header.x_out = 'mine'\n"
                   "        else\n"
                   "          ngx.header.x_out = tostring(select(2, coroutine.resume(kept)))\n"
                   "        end\n  respond: { body: in }\n"),
              "");
    CollectingStream first, second;
    TestRequest request;
    request.target = "/first";
    Begin(first, request);
    request.target = "/second";
    Begin(second, request);
    ASSERT_TRUE(RunUntil([&] { return Done(first) && Done(second); }));
    EXPECT_EQ(first.response.Header("x-out"), "mine");
    EXPECT_EQ(second.response.Header("x-out"), "cannot resume running coroutine");
  }
}

// What is refused to a C library costs the VM, its requests and nothing else.
TEST_F(UntrustedTest, AVmThatWasRefusedMemoryIsReplaced) {
  for (const char* trusted : {"true", "false"}) {
    ASSERT_EQ(Load("- match: { path: /* }\n  policies:\n  - lua:\n      trusted: " + std::string(trusted) +
                       "\n      access: |\n"
                       "        rawset(_G, 'count', (rawget(_G, 'count') or 0) + 1)\n"
                       "        ngx.header.x_count = count\n"
                       "        if ngx.var.uri == '/wait' then ngx.sleep(60) end\n"
                       "        if ngx.var.uri == '/much' then local _ = string.rep('x', 1e9) end\n"
                       "  respond: { body: in }\n",
                   {}, "lua: { limits: { growth: 8MiB, memory: 16MiB } }\n"),
              "");
    auto* program = dynamic_cast<Program*>(context.current->program.get());
    VmKind kind = std::string_view(trusted) == "true" ? VmKind::kTrusted : VmKind::kUntrusted;
    Vm* before = program->vm(kind);
    EXPECT_EQ(Fetch("/").Header("x-count"), "1");
    CollectingStream waiting;
    TestRequest request;
    request.target = "/wait";
    Begin(waiting, request);
    EXPECT_EQ(Fetch("/much").status, 500);
    ASSERT_TRUE(RunUntil([&] { return Done(waiting); }));
    EXPECT_EQ(waiting.response.status, 500);
    EXPECT_NE(log.text.find("is replaced: 1 requests and timers end"), std::string::npos) << log.text;
    EXPECT_NE(program->vm(kind), before);
    TestResponse after = Fetch("/");
    EXPECT_EQ(after.status, 200);
    EXPECT_EQ(after.Header("x-count"), "1");
  }
}

// The results of a thread do not fit on the stack of who waits for it: LuaJIT's error comes when no Lua runs.
TEST_F(UntrustedTest, AFullStackOutsideOfLuaIsNotTheEndOfTheProcess) {
  ASSERT_EQ(Load("- match: { path: /* }\n  policies:\n  - lua:\n      trusted: false\n      access: |\n"
                 "        local function values() return unpack({}, 1, 7000) end\n"
                 "        local function deep(n)\n"
                 "          if n > 0 then local a = deep(n - 1) return a end\n"
                 "          return (ngx.thread.wait(ngx.thread.spawn(values)))\n"
                 "        end\n"
                 "        local n = tonumber(ngx.var.arg_n)\n"
                 "        if n then deep(n) end\n"
                 "  respond: { body: in }\n"),
            "");
  int refused = 0;
  for (int n = 2000; n < 22'000 && refused < 5; n += 250) {
    int status = Fetch("/?n=" + std::to_string(n)).status;
    EXPECT_TRUE(status == 200 || status == 500);
    if (log.text.find("a Lua error outside of Lua") != std::string::npos) refused++;
    log.text.clear();
    bool turned = false;
    context.loop.Defer([&] { turned = true; });
    ASSERT_TRUE(RunUntil([&] { return turned; }));
    ASSERT_EQ(Fetch("/").status, 200) << n;
  }
  EXPECT_GT(refused, 0);
}

TEST_F(UntrustedTest, LimitsOfOnePolicy) {
  if (kUnderTsan) GTEST_SKIP() << "TSan defers the signals that stop scripts";
  ASSERT_EQ(Load("- match: { path: /* }\n  policies:\n"
                 "  - lua: { access: \"for i = 1, 3e6 do local _ = tostring(i) end ngx.header.x_first = 'ran'\" }\n"
                 "  - lua: { limits: { cpu: 5ms }, access: \"while true do end\" }\n  respond: { body: in }\n",
                 {}, "lua: { limits: { cpu: 20s } }\n"),
            "");
  EXPECT_EQ(Fetch("/").status, 500);
  EXPECT_NE(log.text.find("policy \"lua\" (access phase): lua entry thread aborted: runtime error: time limit of 5 ms exceeded at test.yaml:7"),
            std::string::npos)
      << log.text;
}

}  // namespace
}  // namespace mg::script
