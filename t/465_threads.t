# Light threads and coroutines: who runs when, who may wait for whom, what ends them.

=== TEST 1: a spawned thread runs at once, until it waits; then its parent, then whoever is ready in turn
--- config
- match: { path: /t }
  content:
    lua: |
      local yield = coroutine.yield
      ngx.thread.spawn(function()
        ngx.say("a 1")
        ngx.thread.spawn(function() ngx.say("b 1") yield() ngx.say("b 2") end)
        ngx.say("a 2")
        yield()
        ngx.say("a 3")
      end)
      ngx.say("main 1")
      yield()
      ngx.say("main 2")
--- request
GET /t
--- response_body
a 1
b 1
main 1
a 2
b 2
main 2
a 3

=== TEST 2: yields take turns
--- config
- match: { path: /t }
  content:
    lua: |
      local function work(name)
        for i = 1, 3 do
          ngx.print(name, i, " ")
          coroutine.yield(coroutine.running())
        end
      end
      local threads = {}
      for _, name in ipairs { "a", "b", "c", "d", "e" } do
        threads[#threads + 1] = ngx.thread.spawn(work, name)
      end
      for _, thread in ipairs(threads) do
        assert(ngx.thread.wait(thread))
      end
      ngx.say("end")
--- request
GET /t
--- response_body
a1 b1 c1 d1 e1 a2 b2 c2 d2 e2 a3 b3 c3 d3 e3 end

=== TEST 3: equal sleeps end in order, those of no time too
--- config
- match: { path: /t }
  content:
    lua: |
      for _, time in ipairs { 0.005, 0 } do
        local threads = {}
        for i = 1, 20 do
          threads[i] = ngx.thread.spawn(function() ngx.sleep(time) ngx.print(i, " ") end)
        end
        for i = 1, 20 do ngx.thread.wait(threads[i]) end
        ngx.say("")
      end
--- request
GET /t
--- response_body_like
^1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 
1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 
$

=== TEST 4: only the parent waits and kills
--- config
- match: { path: /t }
  content:
    lua: |
      local child = ngx.thread.spawn(function() ngx.sleep(5) end)
      local other = ngx.thread.spawn(function()
        ngx.say(pcall(ngx.thread.wait, child))
        ngx.say(ngx.thread.kill(child))
      end)
      ngx.thread.wait(other)
      local co = coroutine.wrap(function()
        local grandchild = ngx.thread.spawn(function() ngx.sleep(0.001) return "from below" end)
        ngx.say(ngx.thread.wait(grandchild))
        return ngx.thread.spawn(function() return 1 end)
      end)
      ngx.say(pcall(ngx.thread.wait, co()))
      ngx.say(ngx.thread.kill(child), " ", ngx.thread.kill(child))
      ngx.say(pcall(ngx.thread.wait, coroutine.create(print)))
      ngx.say(ngx.thread.kill(coroutine.create(print)))
      ngx.say(pcall(ngx.thread.kill, 1))
      ngx.say(pcall(ngx.thread.wait))
--- request
GET /t
--- response_body_like
^false.*only the parent coroutine can wait on the thread
nilkiller not parent
truefrom below
false.*only the parent coroutine can wait on the thread
1 nilalready waited or killed
false.*attempt to wait on a coroutine that is not a user thread
nilnot user thread
false.*bad argument #1 to 'kill' \(lua thread expected\)
false.*at least one coroutine should be specified
$

=== TEST 5: killing what has ended; waiting for what was killed
--- config
- match: { path: /t }
  content:
    lua: |
      local ended = ngx.thread.spawn(function() return 1 end)
      ngx.say(ngx.thread.kill(ended))
      ngx.say(ngx.thread.kill(ended))
      local killed = ngx.thread.spawn(ngx.sleep, 5)
      ngx.say(ngx.thread.kill(killed))
      ngx.say(ngx.thread.wait(killed))
      ngx.say(ngx.thread.wait(ngx.thread.spawn(function() return end)))
--- request
GET /t
--- response_body
nilalready terminated
nilalready waited or killed
1
nilalready waited or killed
true

=== TEST 6: states of threads and coroutines
--- config
- match: { path: /t }
  content:
    lua: |
      local status = coroutine.status
      local main = coroutine.running()
      local sleeper = ngx.thread.spawn(function()
        ngx.say("main: ", status(main))
        ngx.sleep(0.001)
      end)
      ngx.say("waiting: ", status(sleeper))
      ngx.say(coroutine.resume(sleeper))
      ngx.say(coroutine.resume(main))
      ngx.sleep(0.005)
      ngx.say("ended: ", status(sleeper))
      ngx.say(coroutine.resume(sleeper))
      ngx.thread.wait(sleeper)
      ngx.say("waited for: ", status(sleeper))
      local killed = ngx.thread.spawn(ngx.sleep, 1)
      ngx.thread.kill(killed)
      ngx.say("killed: ", status(killed), " ", coroutine.resume(killed))
      local inner, outer
      outer = coroutine.create(function()
        inner = coroutine.create(function() ngx.sleep(0.002) coroutine.yield() end)
        coroutine.resume(inner)
        ngx.say("inner: ", status(inner))
      end)
      ngx.say("new: ", status(outer))
      ngx.thread.spawn(function() coroutine.resume(outer) end)
      ngx.say("both: ", status(outer), " ", status(inner), " ", coroutine.resume(outer))
      ngx.sleep(0.01)
      ngx.say("at the end: ", status(outer), " ", status(main))
--- request
GET /t
--- response_body
main: running
waiting: running
falsecannot resume running coroutine
falsecannot resume running coroutine
ended: zombie
falsecannot resume zombie coroutine
waited for: dead
killed: dead falsecannot resume dead coroutine
new: suspended
both: normal running falsecannot resume normal coroutine
inner: suspended
at the end: dead running

=== TEST 7: the error of a thread is logged and seen by who waits; its parent goes on
--- config
- match: { path: /t }
  content:
    lua: |
      local bad = ngx.thread.spawn(function() local x = nil x.y = 1 end)
      local odd = ngx.thread.spawn(function() error({ code = 7 }) end)
      ngx.say((select(2, ngx.thread.wait(bad))))
      local ok, problem = ngx.thread.wait(odd)
      ngx.say(ok, " ", problem.code)
--- request
GET /t
--- response_body_like
attempt to index local 'x' \(a nil value\)
false 7
--- error_log
lua user thread aborted: runtime error: 
attempt to index local 'x'

=== TEST 8: the error of the entry thread ends the others
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.thread.spawn(function() ngx.sleep(0.01) ngx.log(ngx.ERR, "went on") end)
      ngx.sleep(0.001)
      error("entry failed")
--- request
GET /t
--- error_code: 500
--- wait: 0.03
--- error_log
entry failed
--- no_error_log
went on

=== TEST 9: ngx.exit in a thread ends the request and the other threads
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.thread.spawn(function() ngx.sleep(0.02) ngx.log(ngx.ERR, "went on") end)
      ngx.thread.spawn(function() ngx.sleep(0.001) ngx.exit(403) end)
      ngx.sleep(5)
      ngx.log(ngx.ERR, "went on")
--- request
GET /t
--- error_code: 403
--- wait: 0.04
--- no_error_log
went on

=== TEST 10: exec and redirect in a thread
--- config
- match: { path: /redirect }
  content: { lua: "ngx.thread.spawn(function() ngx.redirect('/x', 301) end) ngx.sleep(5)" }
- match: { path: /exec }
  content: { lua: "ngx.thread.spawn(function() ngx.sleep(0.001) ngx.exec('/there') end) ngx.sleep(5)" }
- { match: { path: /there }, content: { lua: "ngx.say('there')" } }
--- requests
GET /redirect
GET /exec
--- error_code: 301 200
--- response_body_like
.*
---8<---
there

=== TEST 11: in every phase, filters and timers too; each phase waits for its threads
--- config
- match: { path: /t }
  policies:
  - lua:
      rewrite: ngx.thread.spawn(function() ngx.sleep(0.002) ngx.ctx.n = 1 end)
      access: assert(ngx.thread.wait(ngx.thread.spawn(function() ngx.sleep(0.001) ngx.ctx.n = ngx.ctx.n + 1 end)))
      header_filter: ngx.thread.spawn(function() ngx.sleep(0.001) ngx.header.x_n = ngx.ctx.n end)
      body_filter: ngx.thread.spawn(function() ngx.sleep(0.001) ngx.ctx.n = ngx.ctx.n + 1 end)
      log: |
        local function work() ngx.sleep(0.001) return ngx.ctx.n >= 3 end
        ngx.log(ngx.ERR, "in log: ", select(2, ngx.thread.wait(ngx.thread.spawn(work))))
        ngx.timer.at(0, function()
          local t = ngx.thread.spawn(work)
          ngx.ctx.n = 7
          ngx.log(ngx.ERR, "in a timer: ", select(2, ngx.thread.wait(t)))
        end)
  respond: { body: "ok\n" }
--- request
GET /t
--- response_headers
X-N: 2
--- response_body
ok
--- error_log
in log: true
in a timer: true

=== TEST 12: waiting for several gives each once
--- config
- match: { path: /t }
  content:
    lua: |
      local threads = {}
      for i = 1, 4 do
        threads[i] = ngx.thread.spawn(function() ngx.sleep(0.002 * (5 - i)) return i end)
      end
      local seen = {}
      while #seen < 4 do
        local ok, i = ngx.thread.wait(unpack(threads))
        seen[#seen + 1] = i
        for at, thread in ipairs(threads) do
          if coroutine.status(thread) == "dead" then table.remove(threads, at) break end
        end
      end
      ngx.say(table.concat(seen, " "))
--- request
GET /t
--- response_body
4 3 2 1

=== TEST 13: a killed thread's wait is cancelled, and its coroutine cannot be used again
--- config
- match: { path: /t }
  content:
    lua: |
      local log = {}
      local t = ngx.thread.spawn(function() ngx.sleep(0.002) log[#log + 1] = "woken" end)
      ngx.thread.kill(t)
      ngx.sleep(0.006)
      ngx.say(#log, " ", coroutine.status(t))
--- request
GET /t
--- response_body
0 dead

=== TEST 14: one request cannot resume what another has made, nor see its ctx
--- config
- match: { path: /make }
  content:
    lua: |
      package.loaded.shared_coroutines = {
        user = coroutine.create(function() ngx.log(ngx.ERR, "resumed by another") end),
        main = coroutine.running(),
        thread = ngx.thread.spawn(function() ngx.sleep(5) ngx.log(ngx.ERR, "resumed by another") end),
        ctx = ngx.ctx,
      }
      ngx.ctx.secret = "mine"
      ngx.say("made")
      ngx.exit(200)
- match: { path: /use }
  content:
    lua: |
      local made = package.loaded.shared_coroutines
      for _, name in ipairs { "user", "thread" } do
        ngx.say(coroutine.resume(made[name]))
      end
      ngx.say((coroutine.resume(made.main)))
      ngx.say(ngx.thread.wait(made.thread))
      ngx.say(ngx.thread.kill(made.thread))
      ngx.say(ngx.ctx.secret, " ", ngx.ctx ~= made.ctx)
--- requests
GET /make
GET /use
--- response_body
made
---8<---
falsecannot resume dead coroutine
falsecannot resume dead coroutine
false
nilalready waited or killed
nilalready waited or killed
nil true
--- no_error_log
resumed by another

=== TEST 15: a coroutine made in init is everybody's, one at a time
--- gateway
lua: { init: init.lua }
--- config
- match: { path: /t }
  content:
    lua: |
      local numbers = require("numbers")
      ngx.say(numbers.next(), " ", numbers.next())
--- user_files
>>> init.lua
package.loaded.numbers = {
  next = coroutine.wrap(function()
    for i = 1, 100 do
      ngx.sleep(0.001)
      coroutine.yield(i)
    end
  end),
}
--- requests
GET /t
GET /t
--- response_body
1 2
---8<---
3 4

=== TEST 16: five hundred threads
--- config
- match: { path: /t }
  content:
    lua: |
      local threads, sum = {}, 0
      for i = 1, 500 do
        threads[i] = ngx.thread.spawn(function(n) ngx.sleep(0.001 * (i % 3)) coroutine.yield() return n end, i)
      end
      for i = 1, 500 do sum = sum + select(2, ngx.thread.wait(threads[i])) end
      ngx.say(sum)
--- request
GET /t
--- response_body
125250

=== TEST 17: spawn refuses what is no function, and where nothing can wait
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(pcall(ngx.thread.spawn, "x"))
      ngx.say(pcall(table.sort, { 2, 1 }, function() ngx.thread.spawn(function() end) end))
--- request
GET /t
--- response_body_like
^false.*bad argument #1 to 'spawn' \(Lua function expected\)
false.*attempt to yield across C-call boundary

=== TEST 18: ngx.on_abort without a client that goes
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(pcall(ngx.on_abort, 1))
      ngx.say(ngx.on_abort(function() ngx.log(ngx.ERR, "aborted") end))
      ngx.say(ngx.on_abort(function() end))
- match: { path: /ignore }
  client_abort: ignore
  content: { lua: "ngx.say(ngx.on_abort(function() end))" }
--- requests
GET /t
GET /ignore
--- response_body_like
^false.*bad argument #1 to 'on_abort' \(function expected, got number\)
1
nilduplicate call
$
---8<---
^nillua_check_client_abort is off
--- no_error_log
aborted

=== TEST 19: the callback of ngx.on_abort is a thread beside the others; the request goes on
--- config
- match: { path: /goes-on }
  content:
    lua: |
      ngx.on_abort(function() ngx.log(ngx.ERR, "callback ran, stays") end)
      ngx.sleep(0.2)
      ngx.log(ngx.ERR, "went on to its end")
--- request
GET /goes-on
--- timeout: 50ms
--- abort
--- wait: 0.4
--- error_log
callback ran, stays
went on to its end

=== TEST 20: ngx.exit(499) in the callback
--- config
- match: { path: /ends }
  policies:
  - lua: { log: "ngx.log(ngx.ERR, 'logged status ', ngx.status)" }
  content:
    lua: |
      ngx.on_abort(function()
        ngx.sleep(0.001)
        ngx.log(ngx.ERR, "callback ran, exits")
        ngx.exit(499)
      end)
      ngx.sleep(0.2)
      ngx.log(ngx.ERR, "went on after 499")
--- request
GET /ends
--- timeout: 50ms
--- abort
--- wait: 0.3
--- error_log
callback ran, exits
logged status 499
--- no_error_log
went on after 499

=== TEST 21: without a callback a client that goes ends it
--- config
- match: { path: /none }
  content:
    lua: |
      ngx.thread.spawn(function() ngx.sleep(0.2) ngx.log(ngx.ERR, "went on") end)
      ngx.sleep(0.2)
      ngx.log(ngx.ERR, "went on")
--- request
GET /none
--- timeout: 50ms
--- abort
--- wait: 0.3
--- no_error_log
went on

=== TEST 22: with client_abort: ignore it goes on without the client
--- config
- match: { path: /t }
  client_abort: ignore
  content:
    lua: |
      ngx.sleep(0.2)
      ngx.say("x")
      ngx.log(ngx.ERR, "slept to the end")
--- request
GET /t
--- timeout: 50ms
--- abort
--- wait: 0.3
--- error_log
slept to the end

=== TEST 23: the same, while it waits for the client to take what it sends
--- config
- match: { path: /t }
  client_abort: ignore
  content:
    lua: |
      local piece = string.rep("x", 1024 * 1024)
      ngx.sleep(0.1)
      for _ = 1, 30 do
        ngx.sleep(0.001)
        local ok = ngx.print(piece) and ngx.flush(true)
        if not ok then ngx.log(ngx.ERR, "the client has gone") break end
      end
      ngx.log(ngx.ERR, "sent to the end")
--- request
GET /t
--- timeout: 50ms
--- abort
--- wait: 0.3
--- error_log
the client has gone
sent to the end

=== TEST 24: but a body that will not come ends it
--- config
- match: { path: /t }
  client_abort: ignore
  policies:
    - lua: { log: "ngx.log(ngx.ERR, 'logged status ', ngx.status)" }
  content:
    lua: |
      ngx.req.read_body()
      ngx.log(ngx.ERR, "went on without the body")
--- raw_request
POST /t HTTP/1.1\r
Host: x\r
Content-Length: 10\r
\r
half
--- timeout: 50ms
--- abort
--- wait: 0.2
--- error_log
logged status 499
--- no_error_log
went on without the body
