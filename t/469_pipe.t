# ngx.pipe: real child processes.

=== TEST 1: write, shut down, read
--- config
- match: { path: /t }
  content:
    lua: |
      local proc = assert(require("ngx.pipe").spawn({ "wc", "-c" }))
      for _ = 1, 3 do ngx.say(proc:write(("1234"):rep(2048))) end
      ngx.say(proc:write({ "a", "bc" }))
      ngx.say(proc:shutdown("stdin"), " ", proc:shutdown("stdin"))
      ngx.say(proc:stdout_read_line())
      ngx.say(proc:wait())
      ngx.say(proc:wait())
--- request
GET /t
--- response_body
8192
8192
8192
3
true true
24579
trueexit0
nilexited

=== TEST 2: a string goes to the shell; how a process can end
--- config
- match: { path: /t }
  content:
    lua: |
      local pipe = require "ngx.pipe"
      ngx.say(pipe.spawn("sleep 0.01 && exit 2"):wait())
      ngx.say(pipe.spawn("kill -9 $$"):wait())
      local proc = pipe.spawn({ "sleep", "10" })
      ngx.say(proc:pid() > 1, " ", tostring(proc) == "process: " .. proc:pid())
      ngx.say(proc:kill(1234))
      ngx.say(proc:kill(15))
      ngx.say(proc:wait())
      ngx.say(proc:kill(15))
      ngx.say((select(2, pcall(proc.kill, proc, "TERM"))))
      ngx.say(pipe.spawn({ "/no/such/program" }))
--- request
GET /t
--- response_body_like
^falseexit2
falsesignal9
true true
nilinvalid signal
true
falsesignal15
nilexited
.*bad signal arg: number expected, got string
nilNo such file or directory
$

=== TEST 3: each way to read
--- config
- match: { path: /t }
  content:
    lua: |
      local proc = require("ngx.pipe").spawn([[printf 'one\r\ntwo\n12345678rest'; printf 'err1\nerr2' >&2]])
      ngx.say(proc:stdout_read_line(), " ", proc:stdout_read_line(), " ", proc:stdout_read_bytes(5), " ",
        proc:stdout_read_any(2), " ", proc:stdout_read_bytes(1))
      ngx.say(proc:stdout_read_all())
      ngx.say(proc:stdout_read_all())
      ngx.say(proc:stderr_read_line())
      ngx.say(proc:stderr_read_line())
      ngx.say(proc:stderr_read_any(10))
      ngx.say(proc:stdout_read_bytes(3))
      ngx.say((select(2, pcall(proc.stdout_read_any, proc, 0))))
--- request
GET /t
--- response_body_like
^one two 12345 67 8
rest
nilclosed
err1
nilclosederr2
nilclosed
nilclosed
.*bad len arg: must not be less than 1
$

=== TEST 4: standard error with the output
--- config
- match: { path: /t }
  content:
    lua: |
      local proc = require("ngx.pipe").spawn({ "sh", "-c", ">&2 echo data" }, { merge_stderr = true, buffer_size = 2 })
      ngx.say(proc:stderr_read_all())
      ngx.say(proc:shutdown("stderr"))
      ngx.say(proc:stdout_read_line())
--- request
GET /t
--- response_body
nilmerged to stdout
nilmerged to stdout
data

=== TEST 5: the environment
--- config
- match: { path: /t }
  content:
    lua: |
      local pipe = require "ngx.pipe"
      local proc = pipe.spawn("echo $GREETING; echo ${HOME:-none}", { environ = { "GREETING=hello", "PATH=/bin" } })
      ngx.print(proc:stdout_read_all())
      ngx.say((select(2, pcall(pipe.spawn, "x", { environ = { 1 } }))))
      ngx.say((select(2, pcall(pipe.spawn, {}))))
      ngx.say((select(2, pcall(pipe.spawn, { 1 }))))
--- request
GET /t
--- response_body_like
^hello
none
.*bad value at environ option \(string expected, got number\)
.*bad args arg: non-empty table expected
.*bad value at args arg \(string expected, got number\)
$

=== TEST 6: timeouts, of each kind
--- config
- match: { path: /t }
  content:
    lua: |
      local proc = require("ngx.pipe").spawn("printf part; sleep 10", { wait_timeout = 5 })
      ngx.say(proc:wait())
      ngx.say(proc:stdout_read_bytes(2))
      proc:set_timeouts(5, 5, 5)
      ngx.say(proc:stdout_read_line())
      ngx.say(proc:stderr_read_all())
      ngx.say(proc:write(("x"):rep(1000000)))
      ngx.say(pcall(proc.set_timeouts, proc, -1))
      proc:kill(9)
--- request
GET /t
--- response_body_like
^niltimeout
pa
niltimeoutrt
niltimeout
niltimeout
false.*bad write_timeout option
$

=== TEST 7: one at a time on each stream; shutting down aborts
--- config
- match: { path: /t }
  content:
    lua: |
      local proc = require("ngx.pipe").spawn({ "sleep", "10" })
      local reader = ngx.thread.spawn(function() return proc:stdout_read_line() end)
      local other = ngx.thread.spawn(function() return proc:stderr_read_line() end)
      local waiter = ngx.thread.spawn(function() return proc:wait() end)
      local writer = ngx.thread.spawn(function() return proc:write(("x"):rep(1000000)) end)
      ngx.say(proc:stdout_read_line())
      ngx.say(proc:wait())
      ngx.say(proc:write("x"))
      ngx.say(proc:shutdown("stdout"), " ", ngx.thread.wait(reader))
      ngx.say(proc:shutdown("stdin"), " ", ngx.thread.wait(writer))
      ngx.say(proc:stdout_read_line())
      ngx.say(proc:write("x"))
      ngx.thread.kill(other)
      local again = ngx.thread.spawn(function() return proc:stderr_read_line() end)
      proc:kill(9)
      ngx.say(ngx.thread.wait(again))
      ngx.say(ngx.thread.wait(waiter))
--- request
GET /t
--- response_body
nilpipe busy reading
nilpipe busy waiting
nilpipe busy writing
true truenilaborted
true truenilaborted
nilclosed
nilclosed
truenilclosed
truefalsesignal9

=== TEST 8: full duplex
--- config
- match: { path: /t }
  content:
    lua: |
      local proc = require("ngx.pipe").spawn({ "cat" })
      local text = ("0123456789"):rep(50000)
      local writer = ngx.thread.spawn(function()
        local sent = proc:write(text)
        proc:shutdown("stdin")
        return sent
      end)
      local all = proc:stdout_read_all()
      ngx.say(all == text, " ", ngx.thread.wait(writer))
      ngx.say(proc:wait())
--- request
GET /t
--- response_body
true true500000
trueexit0

=== TEST 9: one that the script drops is killed, and no zombie stays; other descriptors are not passed on
--- config
- match: { path: /t }
  content:
    lua: |
      local pipe = require "ngx.pipe"
      local pid = pipe.spawn({ "sleep", "10" }):pid()
      local function there() local f = io.open("/proc/" .. pid .. "/stat") if f then f:close() end return f ~= nil end
      ngx.say(there())
      for _ = 1, 200 do
        collectgarbage()
        ngx.sleep(0.005)
        if not there() then break end
      end
      ngx.say(there())
      local open = pipe.spawn("ls /proc/self/fd"):stdout_read_all()
      ngx.say(select(2, open:gsub("%d+", "")))
--- request
GET /t
--- response_body
true
false
4

=== TEST 10: a killed thread's read is undone; in timers
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.timer.at(0, function()
        ngx.log(ngx.ERR, "in a timer: ", require("ngx.pipe").spawn("echo hi"):stdout_read_line())
      end)
      local proc = require("ngx.pipe").spawn("sleep 0.01; echo late")
      local t = ngx.thread.spawn(function() return proc:stdout_read_line() end)
      ngx.thread.kill(t)
      ngx.say(proc:stdout_read_line())
--- request
GET /t
--- response_body
late
--- error_log
in a timer: hi
