# Timers: arguments, limits, what they may use, threads and sockets in them.

=== TEST 1: arguments arrive as they are; the callback's own ctx
--- config
- match: { path: /t }
  content:
    lua: |
      local list = { "kept" }
      ngx.ctx.of = "request"
      assert(ngx.timer.at(0, function(premature, a, b, c, ...)
        ngx.ctx.of = ngx.ctx.of or "timer"
        ngx.log(ngx.ERR, "got ", premature, " ", a, " ", b, " ", c[1], " ", select("#", ...), " ", ngx.ctx.of, " ",
          ngx.get_phase())
      end, 1, nil, list, nil, nil))
      ngx.sleep(0.01)
      ngx.say(ngx.ctx.of)
--- request
GET /t
--- response_body
request
--- error_log
got false 1 nil kept 2 timer timer

=== TEST 2: those of equal delay fire in the order they were made
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      for _, delay in ipairs { 0, 0.003 } do
        for i = 1, 20 do
          ngx.timer.at(delay, function() ngx.shared.d:rpush("order", i) end)
        end
        ngx.sleep(delay + 0.02)
        local order = {}
        for i = 1, 20 do order[i] = ngx.shared.d:lpop("order") end
        ngx.say(table.concat(order, " "))
      end
--- request
GET /t
--- response_body
1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20

=== TEST 3: too many that wait
--- gateway
lua: { timers: { pending: 3 } }
--- config
- match: { path: /t }
  content:
    lua: |
      for i = 1, 5 do ngx.say(ngx.timer.at(1000, function() end)) end
      ngx.say(ngx.timer.pending_count())
--- request
GET /t
--- response_body
1
1
1
niltoo many pending timers
niltoo many pending timers
3

=== TEST 4: too many that run
--- gateway
lua: { timers: { running: 2 } }
--- config
- match: { path: /t }
  content:
    lua: |
      for i = 1, 3 do ngx.timer.at(0, function() ngx.sleep(0.02) ngx.log(ngx.ERR, "ran ", i) end) end
      ngx.sleep(0.01)
      ngx.say(ngx.timer.running_count(), " ", ngx.timer.pending_count())
      ngx.sleep(0.04)
      ngx.say(ngx.timer.running_count())
--- request
GET /t
--- response_body
2 0
0
--- error_log
2 lua_max_running_timers are not enough
ran 1
ran 2
--- no_error_log
ran 3

=== TEST 5: wrong arguments
--- config
- match: { path: /t }
  content:
    lua: |
      local function f() end
      ngx.say(pcall(ngx.timer.at))
      ngx.say(pcall(ngx.timer.at, "x", f))
      ngx.say(pcall(ngx.timer.every, -1, f))
      ngx.say(pcall(ngx.timer.every, 0, f))
      ngx.say(pcall(ngx.timer.at, 0, {}))
      ngx.say(ngx.timer.at("0.5", f))
--- request
GET /t
--- response_body_like
^false.*expecting at least 2 arguments but got 0
false.*bad argument #1 to 'at' \(number expected, got string\)
false.*delay cannot be a negative number\)
false.*delay cannot be zero
false.*bad argument #2 to 'at' \(Lua function expected\)
1

=== TEST 6: an error in one is logged, and the repeated one comes again; exit ends it
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.timer.every(0.002, function()
        local n = ngx.shared.d:incr("n", 1, 0)
        if n == 1 then error("first failed") end
        if n == 2 then ngx.exit(0) ngx.log(ngx.ERR, "after exit") end
      end)
      for _ = 1, 200 do
        ngx.sleep(0.002)
        if (ngx.shared.d:get("n") or 0) > 3 then break end
      end
      ngx.say(ngx.shared.d:get("n") > 3)
--- request
GET /t
--- response_body
true
--- error_log
first failed
--- no_error_log
after exit

=== TEST 7: timers in timers, with threads and coroutines
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.timer.at(0, function()
        local next = coroutine.wrap(function() ngx.sleep(0.001) coroutine.yield(1) coroutine.yield(2) end)
        local sum = next() + next()
        ngx.timer.at(0, function(_, value)
          local t = ngx.thread.spawn(function() ngx.sleep(0.001) return value * 2 end)
          ngx.log(ngx.ERR, "sum ", select(2, ngx.thread.wait(t)))
        end, sum)
      end)
      ngx.say("ok")
--- request
GET /t
--- error_log
sum 6

=== TEST 8: what needs a request is refused
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.timer.at(0, function()
        for name, f in pairs {
          say = function() ngx.say("x") end, body = ngx.req.read_body, redirect = ngx.redirect, exec = ngx.exec,
          on_abort = ngx.on_abort, socket = ngx.req.socket, capture = ngx.location.capture,
        } do
          local ok, message = pcall(f, "x")
          if ok or not message:find("API disabled in the context of ngx.timer", 1, true) then
            ngx.log(ngx.ERR, "wrong: ", name, " ", message)
          end
        end
        ngx.log(ngx.ERR, "all seen")
      end)
--- request
GET /t
--- error_log
all seen
--- no_error_log
wrong:

=== TEST 9: none in init; those of init_worker run
--- gateway
lua:
  init: { lua: "print(select(2, pcall(ngx.timer.at, 0, print)))" }
  init_worker: { lua: "ngx.timer.at(0, function() ngx.log(ngx.ERR, 'from init_worker') end)" }
--- config
- { match: { path: /t }, respond: 204 }
--- request
GET /t
--- error_code: 204
--- error_log
from init_worker

=== TEST 10: one without a delay goes off when the handler yields
--- config
- match: { path: /t }
  content:
    lua: |
      local seen = {}
      ngx.timer.at(0, function() table.insert(seen, "timer") end)
      table.insert(seen, "set")
      ngx.sleep(0)
      table.insert(seen, "slept")
      ngx.say(table.concat(seen, " "))
--- request
GET /t
--- response_body
set timer slept
