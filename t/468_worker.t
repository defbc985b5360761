# ngx.worker, ngx.config, ngx.process, ngx.errlog, and the modules that libraries require.

=== TEST 1: a loop is a worker
--- gateway
workers: 2
--- config
- match: { path: /t }
  content:
    lua: |
      local id = ngx.worker.id()
      ngx.say(id == 0 or id == 1, " ", ngx.worker.count(), " ", ngx.worker.exiting())
      local pids = ngx.worker.pids()
      ngx.say(#pids, " ", pids[1] == ngx.worker.pid(), " ", ngx.worker.pid() > 1)
      ngx.say(ngx.config.subsystem, " ", ngx.config.debug, " ", ngx.config.nginx_version >= 1021004, " ",
        ngx.config.ngx_lua_version >= 10021, " ", ngx.config.prefix():sub(-1), " ", type(ngx.config.nginx_configure()))
--- request
GET /t
--- response_body
true 1 false
1 true true
http false true true / string

=== TEST 2: ngx.process
--- gateway
lua:
  init:
    lua: |
      local process = require "ngx.process"
      package.loaded.seen = { process.type(), process.enable_privileged_agent() }
--- config
- match: { path: /t }
  content:
    lua: |
      local process = require "ngx.process"
      local seen = package.loaded.seen
      ngx.say(process.type(), " ", process.get_master_pid() > 0, " ", process.enable_privileged_agent())
      ngx.say(seen[1], " ", seen[2], " ", type(seen[3]))
--- request
GET /t
--- response_body
worker true nilAPI disabled in the current context
master nil string

=== TEST 3: ngx.errlog without the log being kept
--- config
- match: { path: /t }
  content:
    lua: |
      local errlog = require "ngx.errlog"
      ngx.say(errlog.get_logs())
      ngx.say(errlog.set_filter_level(ngx.ERR))
      ngx.say(errlog.get_sys_filter_level() >= ngx.INFO)
      errlog.raw_log(ngx.ERR, "a raw line")
      for _, f in ipairs {
        function() errlog.raw_log(9, "x") end, function() errlog.raw_log("x", "x") end,
        function() errlog.raw_log(1, {}) end, function() errlog.set_filter_level() end,
      } do
        ngx.say((select(2, pcall(f))))
      end
--- request
GET /t
--- response_body_like
^nildirective "lua_capture_error_log" is not set
nildirective "lua_capture_error_log" is not set
true
.*bad log level
.*bad argument #1 to 'raw_log' \(must be a number\)
.*bad argument #2 to 'raw_log' \(must be a string\)
nil
--- error_log
[error] a raw line

=== TEST 4: ngx.errlog.get_logs
--- gateway
lua: { capture_error_log: 4KiB }
--- config
- match: { path: /t }
  content:
    lua: |
      local errlog = require "ngx.errlog"
      errlog.get_logs(1000)
      ngx.log(ngx.ERR, "one")
      ngx.log(ngx.WARN, "two")
      local logs = errlog.get_logs(1)
      ngx.say(#logs, " ", logs[1], " ", math.abs(logs[2] - ngx.now()) < 5, " ", logs[3]:match("%a+$"))
      ngx.say(errlog.set_filter_level(ngx.ERR))
      ngx.log(ngx.WARN, "left out")
      ngx.log(ngx.ERR, "three")
      local reused = { 9, 9, 9, 9, 9, 9, 9 }
      logs = errlog.get_logs(10, reused)
      ngx.say(logs == reused, " ", #logs, " ", logs[3]:match("%a+$"), " ", logs[6]:match("%a+$"))
      for i = 1, 100 do errlog.raw_log(ngx.ERR, string.rep("x", 200)) end
      logs = errlog.get_logs(1000)
      ngx.say(#logs > 3, " ", #logs < 100, " ", #errlog.get_logs())
--- request
GET /t
--- response_body
3 4 true one
true
true 6 two three
true true 0

=== TEST 5: ngx.base64
--- config
- match: { path: /t }
  content:
    lua: |
      local base64 = require "ngx.base64"
      ngx.say(base64.encode_base64url("\255\254\253?"), " ", base64.encode_base64url(""))
      ngx.say(base64.decode_base64url("__79Pw") == "\255\254\253?", " ", base64.decode_base64url("++"))
      ngx.say(base64.encode_base64url(1))
      ngx.say(base64.decode_base64url({}))
      ngx.say(base64.decode_base64mime("aGVs\r\nbG8gd2\n9ybGQ=ignored"))
--- request
GET /t
--- response_body
__79Pw 
true nilinvalid input
nilmust provide a string
nilmust provide a string
hello world

=== TEST 6: ngx.req.add_header, ngx.resp
--- config
- match: { path: /t }
  content:
    lua: |
      require("ngx.req").add_header("X-More", "1")
      require("ngx.req").add_header("X-More", { "2", "3" })
      local resp = require "ngx.resp"
      resp.add_header("X-A", "1")
      resp.add_header("X-A", { "2", 3 })
      resp.set_status(201, "Made")
      resp.bypass_if_checks()
      ngx.say(table.concat(ngx.req.get_headers()["x-more"], ","))
      ngx.say((select(2, pcall(resp.add_header, "X-A", {}))))
      ngx.say((select(2, pcall(resp.add_header, "X-A"))))
      ngx.say((select(2, pcall(resp.set_status, 200, 1))))
--- request
GET /t
--- error_code: 201
--- response_headers
X-A: 1, 2, 3
--- response_body_like
^1,2,3
invalid header value
invalid header value
.*bad 'reason' argument: string expected, got number

=== TEST 7: resty.core and what LuaJIT brings
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(require("resty.core").version)
      for _, name in ipairs { "base", "base64", "ctx", "exit", "hash", "misc", "ndk", "phase", "regex", "request",
        "response", "shdict", "time", "uri", "utils", "var", "worker" } do
        assert(type(require("resty.core." .. name)) == "table", name)
      end
      local base = require "resty.core.base"
      local list = base.new_tab(4, 0)
      list[1] = 1
      base.clear_tab(list)
      ngx.say(#list, " ", base.get_string_buf_size(), " ", pcall(base.allows_subsystem, "http", "stream"))
      ngx.ctx.x = 1
      ngx.say(require("resty.core.ctx").get_ctx_table().x)
      local clear = require "table.clear"
      local t = require("table.new")(2, 2)
      t[1], t.x = 1, 2
      clear(t)
      ngx.say(next(t))
      if pcall(require, "table.nkeys") then
        local isempty, isarray, nkeys, clone =
          require "table.isempty", require "table.isarray", require "table.nkeys", require "table.clone"
        assert(isempty({}) and isarray({ 1, 2 }) and nkeys({ 1, a = 2 }) == 2 and clone({ 5 })[1] == 5)
      end
--- request
GET /t
--- response_body
0.1.29
0 4096 true
1
nil

=== TEST 8: a function on a thread of a pool
--- gateway
lua: { path: [lib], worker_threads: { work: 2 }, shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local function show(...) local t = { ... } for i = 1, select("#", ...) do t[i] = tostring(t[i]) end ngx.say(table.concat(t, ",")) end
      show(ngx.run_worker_thread("work", "job", "sum", 1, 2, nil))
      local ok, result = ngx.run_worker_thread("work", "job", "echo", { a = { 1, "x", true }, [2] = 0.5 })
      show(ok, result.a[1], result.a[2], result.a[3], result[2])
      show(ngx.run_worker_thread("work", "job", "nothing"))
      show(ngx.run_worker_thread("work", "job", "several"))
      show(ngx.run_worker_thread("work", "job", "api"))
      show(ngx.shared.d:get("from thread"))
      show(ngx.run_worker_thread("none", "job", "sum"))
      show(ngx.run_worker_thread("work", "job", "fails"))
      show(ngx.run_worker_thread("work", "job", "missing"))
      show((ngx.run_worker_thread("work", "no_such_module", "sum")))
      show((ngx.run_worker_thread("work", "job", "sum", print)))
      show((ngx.run_worker_thread("work", "job", "gives_function")))
      show((pcall(ngx.run_worker_thread, "work", "job")))
--- user_files
>>> lib/job.lua
local job = {}
function job.sum(a, b, ...) return a + b, select("#", ...) end
function job.echo(t) return t end
function job.nothing() end
function job.several() return nil, false, "a\0b", nil end
function job.api()
  ngx.shared.d:set("from thread", 7)
  return ngx.encode_base64("x"), ngx.worker.id(), pcall(ngx.sleep, 0.001)
end
function job.fails() error("in the thread", 0) end
function job.gives_function() return print end
return job
--- request
GET /t
--- response_body_like
^true,3,1
true,1,x,true,0.5
true
true,nil,false,a.b,nil
true,eA==,nil,false,no request found
7
false,thread pool not found
false,in the thread
false,module job has no function missing
false
false
false
false
$

=== TEST 9: the loop goes on while threads work, several at once
--- gateway
lua: { path: [lib], worker_threads: { work: 4 } }
--- config
- match: { path: /t }
  content:
    lua: |
      local threads, turns, done = {}, 0, 0
      for i = 1, 4 do
        threads[i] = ngx.thread.spawn(function()
          local ok, n = ngx.run_worker_thread("work", "job", "spin", 0.03)
          done = done + 1
          return ok and n
        end)
      end
      while done < 4 do
        ngx.sleep(0.001)
        turns = turns + 1
      end
      for i = 1, 4 do ngx.print(select(2, ngx.thread.wait(threads[i])) > 0, " ") end
      ngx.say(turns > 1)
--- user_files
>>> lib/job.lua
local job = {}
function job.spin(seconds)
  local till, n = os.clock() + seconds, 0
  while os.clock() < till do n = n + 1 end
  return n
end
return job
--- request
GET /t
--- response_body
true true true true true

=== TEST 10: a killed caller's task is unheard
--- gateway
lua: { path: [lib], worker_threads: { work: 1 } }
--- config
- match: { path: /t }
  content:
    lua: |
      local t = ngx.thread.spawn(function() return ngx.run_worker_thread("work", "job", "value", 1) end)
      ngx.thread.kill(t)
      ngx.say(ngx.run_worker_thread("work", "job", "value", 2))
--- user_files
>>> lib/job.lua
return { value = function(n) return n end }
--- request
GET /t
--- response_body
true2
