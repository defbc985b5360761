# ngx.semaphore.

=== TEST 1: new, post, wait, count
--- config
- match: { path: /t }
  content:
    lua: |
      local semaphore = require "ngx.semaphore"
      local sem = semaphore.new(2)
      ngx.say(sem:count(), " ", sem:wait(0), " ", sem:wait(), " ", sem:count())
      ngx.say(sem:wait(0))
      ngx.say(sem:wait(0.001))
      ngx.say(sem:post(), " ", sem:count(), " ", sem:post(3), " ", sem:count())
      ngx.say(semaphore.new():count())
--- request
GET /t
--- response_body
2 true true 0
niltimeout
falsetimeout
true 1 true 4
0

=== TEST 2: waiters are woken in order, when the poster yields; at most as many as were posted
--- config
- match: { path: /t }
  content:
    lua: |
      local sem = require("ngx.semaphore").new()
      local function work(i)
        local ok, message = sem:wait(0.05)
        ngx.say(i, " ", ok, " ", message)
      end
      for i = 1, 3 do ngx.thread.spawn(work, i) end
      ngx.say("waiting: ", sem:count())
      sem:post(2)
      ngx.say("posted: ", sem:count())
      ngx.sleep(0.001)
      ngx.say("then: ", sem:count())
--- request
GET /t
--- response_body
waiting: -3
posted: -1
1 true nil
2 true nil
then: -1
3 false timeout

=== TEST 3: across requests
--- config
- match: { path: /wait }
  content:
    lua: |
      local shared = package.loaded.gate or { sem = require("ngx.semaphore").new() }
      package.loaded.gate = shared
      ngx.timer.at(0.005, function() shared.sem:post() end)
      ngx.say(shared.sem:wait(2))
- match: { path: /post }
  content: { lua: "package.loaded.gate.sem:post() ngx.say(package.loaded.gate.sem:count())" }
- match: { path: /take }
  content: { lua: "ngx.say(package.loaded.gate.sem:wait(0))" }
--- requests
GET /wait
GET /post
GET /take
GET /take
--- response_body
true
---8<---
1
---8<---
true
---8<---
niltimeout

=== TEST 4: a waiter that is killed takes nothing
--- config
- match: { path: /t }
  content:
    lua: |
      local sem = require("ngx.semaphore").new()
      local first = ngx.thread.spawn(function() return sem:wait(5) end)
      local second = ngx.thread.spawn(function() return sem:wait(1) end)
      sem:post()
      ngx.thread.kill(first)
      ngx.say(sem:count())
      ngx.say(ngx.thread.wait(second))
      ngx.say(sem:count())
--- request
GET /t
--- response_body
0
truetrue
0

=== TEST 5: wrong arguments
--- config
- match: { path: /t }
  content:
    lua: |
      local semaphore = require "ngx.semaphore"
      local sem = semaphore.new(1)
      for _, f in ipairs {
        function() semaphore.new(-1) end, function() sem:post(0) end, function() sem:wait(-1) end,
        function() sem.post("x") end, function() sem.wait({}) end, function() semaphore.count() end,
      } do
        ngx.say((select(2, pcall(f))))
      end
--- request
GET /t
--- response_body_like
^.*: no negative number
.*: positive number required
.*: no negative number
.*: not a semaphore instance
.*: not a semaphore instance
.*: not a semaphore instance

=== TEST 6: made in init; collected while others live
--- gateway
lua: { init: init.lua }
--- config
- match: { path: /t }
  content:
    lua: |
      local gate = require "gate"
      for i = 1, 200 do
        local sem = require("ngx.semaphore").new(i)
        local t = ngx.thread.spawn(function() return sem:wait(1) end)
        assert(ngx.thread.wait(t))
      end
      collectgarbage() collectgarbage()
      ngx.say(gate:count(), " ", gate:wait(0), " ", gate:count())
--- user_files
>>> init.lua
package.loaded.gate = require("ngx.semaphore").new(1)
--- request
GET /t
--- response_body
1 true 0

=== TEST 7: where nothing can wait
--- config
- match: { path: /t }
  content:
    lua: |
      local sem = require("ngx.semaphore").new(1)
      ngx.say(pcall(table.sort, { 2, 1 }, function() assert(sem:wait(0)) end))
      ngx.say(pcall(table.sort, { 2, 1 }, function() sem:wait(1) end))
--- request
GET /t
--- response_body_like
^true
false.*attempt to yield across C-call boundary
