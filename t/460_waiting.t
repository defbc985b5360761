# sleep, light threads, timers; waiting in every phase.

=== TEST 1: sleep
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.sleep(0.001)
      ngx.sleep(0)
      ngx.sleep("0.001")
      ngx.say(pcall(ngx.sleep, -1))
      ngx.say(pcall(ngx.sleep, {}))
--- request
GET /t
--- response_body_like
false.*invalid sleep duration "-1000"
false.*bad argument #1 to 'sleep' \(number expected, got table\)

=== TEST 2: in every phase
--- config
- match: { path: /t }
  policies:
  - lua:
      rewrite: ngx.sleep(0.001) ngx.ctx.n = 1
      access: ngx.sleep(0.001) ngx.ctx.n = ngx.ctx.n + 1
      header_filter: ngx.sleep(0.001) ngx.header.x_n = ngx.ctx.n
      body_filter: ngx.sleep(0.001)
      log: ngx.sleep(0.001) ngx.log(ngx.ERR, "logged after a sleep ", ngx.status, " ", ngx.var.uri)
  respond: { body: "ok\n" }
--- request
GET /t
--- response_headers
X-N: 2
--- response_body
ok
--- wait: 0.05
--- error_log
logged after a sleep 200 /t

=== TEST 3: threads run at once
--- config
- match: { path: /t }
  content:
    lua: |
      local out = {}
      local function work(name)
        for i = 1, 2 do out[#out + 1] = name .. i ngx.sleep(0.002) end
        return name
      end
      local a, b = ngx.thread.spawn(work, "a"), ngx.thread.spawn(work, "b")
      ngx.thread.wait(a)
      ngx.thread.wait(b)
      ngx.say(table.concat(out, " "))
--- request
GET /t
--- response_body
a1 b1 a2 b2

=== TEST 4: wait for the first of several; results and errors
--- config
- match: { path: /t }
  content:
    lua: |
      local slow = ngx.thread.spawn(function() ngx.sleep(5) end)
      local fast = ngx.thread.spawn(function() ngx.sleep(0.001) return "a", nil, "c" end)
      ngx.say(ngx.thread.wait(slow, fast))
      ngx.say(ngx.thread.kill(slow), " ", ngx.thread.kill(slow))
      local bad = ngx.thread.spawn(function() error("oh", 0) end)
      ngx.say(ngx.thread.wait(bad))
      ngx.say(ngx.thread.wait(bad))
--- request
GET /t
--- response_body
trueanilc
1 nilalready waited or killed
falseoh
nilalready waited or killed

=== TEST 5: the request waits for its threads
--- config
- { match: { path: /t }, content: { lua: "ngx.thread.spawn(function() ngx.sleep(0.003) ngx.say('thread') end) ngx.say('main')" } }
--- request
GET /t
--- response_body
main
thread

=== TEST 6: users' coroutines
--- config
- match: { path: /t }
  content:
    lua: |
      local producer = coroutine.wrap(function()
        for i = 1, 3 do ngx.sleep(0.001) coroutine.yield(i) end
      end)
      for i = 1, 3 do ngx.say(producer()) end
      local co = coroutine.create(function() error("inside", 0) end)
      ngx.say(coroutine.resume(co))
      ngx.say(coroutine.status(co), " ", coroutine.resume(co))
--- request
GET /t
--- response_body
1
2
3
falseinside
dead falsecannot resume dead coroutine

=== TEST 7: timers
--- config
- match: { path: /t }
  content:
    lua: |
      local function fired(premature, a, b)
        ngx.sleep(0.001)
        ngx.log(ngx.ERR, "fired ", premature, " ", a, " ", b)
      end
      ngx.say(ngx.timer.at(0, fired, "x", nil))
      ngx.say(ngx.timer.pending_count(), " ", ngx.timer.running_count())
      ngx.say(pcall(ngx.timer.at, 1, "x"))
      ngx.say(pcall(ngx.timer.every, 0, fired))
--- request
GET /t
--- response_body_like
^1
1 0
false.*Lua function expected.*
false.*delay cannot be zero
--- wait: 0.05
--- error_log
fired false x nil

=== TEST 8: a timer that comes again
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.timer.every(0.002, function() ngx.shared.d:incr("n", 1, 0) end)
      for i = 1, 500 do
        ngx.sleep(0.002)
        if (ngx.shared.d:get("n") or 0) >= 3 then break end
      end
      ngx.say(ngx.shared.d:get("n") >= 3)
--- request
GET /t
--- response_body
true

=== TEST 9: no request in a timer
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.timer.at(0, function()
        for _, f in ipairs { function() return ngx.var.uri end, function() ngx.say("x") end, ngx.req.get_method } do
          ngx.log(ngx.ERR, select(2, pcall(f)))
        end
        ngx.ctx.own = 1
        ngx.log(ngx.ERR, "own ctx ", ngx.ctx.own)
      end)
      ngx.say("ok")
--- request
GET /t
--- wait: 0.05
--- error_log
API disabled in the context of ngx.timer
own ctx 1

=== TEST 10: nothing can wait inside a C function's callback
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(pcall(table.sort, { 2, 1 }, function() ngx.sleep(0.001) end))
      table.sort({ 2, 1 }, function(a, b) ngx.say("said in sort") return a < b end)
--- request
GET /t
--- response_body_like
false.*attempt to yield across C-call boundary
said in sort
