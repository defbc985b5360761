# Details that scripts written for OpenResty see: how many values come back, what is said of a wrong call, which fields
# an answer has that nobody named.

=== TEST 1: a coroutine that returns nothing gives nothing
--- config
- match: { path: /t }
  content:
    lua: |
      local co = coroutine.create(function() coroutine.yield() end)
      ngx.say(select("#", coroutine.resume(co)), " ", select("#", coroutine.resume(co)))
      co = coroutine.create(function() ngx.sleep(0.001) end)
      ngx.say(select("#", coroutine.resume(co)))
      ngx.say(select("#", coroutine.wrap(function() end)()))
      ngx.say(select("#", coroutine.wrap(function() return nil, 2 end)()))
--- request
GET /t
--- response_body
1 1
1
0
2

=== TEST 2: cookies in several fields
--- config
- match: { path: /t }
  content: { lua: 'ngx.say(ngx.var.cookie_a, ngx.var.cookie_b, " ", tostring(ngx.var.cookie_c))' }
--- request
GET /t
--- more_headers
Cookie: a=1
Cookie: b=2; x=3
--- response_body
12 nil

=== TEST 3: an empty text removes a field
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.header["X-A"] = "1"
      ngx.header["X-A"] = ""
      ngx.header["X-B"] = ""
      ngx.say(tostring(ngx.header["X-A"]), tostring(ngx.header["X-B"]))
--- request
GET /t
--- response_headers
!X-A
!X-B
--- response_body
nilnil

=== TEST 4: an answer is text, with and without output
--- config
- match: { path: /said }
  content: { lua: 'ngx.say("x")' }
- match: { path: /nothing }
  content: { lua: 'return 1' }
- match: { path: /taken }
  content: { lua: 'ngx.header.content_type = "a/b" ngx.header.content_type = nil ngx.say("x")' }
- match: { path: /no-body }
  content: { lua: 'ngx.status = 204 ngx.say("x")' }
--- requests
GET /said
GET /nothing
GET /taken
GET /no-body
--- error_code: 200 200 200 204
--- response_headers
Content-Type: text/plain
---8<---
Content-Type: text/plain
---8<---
!Content-Type
---8<---
!Content-Type

=== TEST 5: what is said of a wrong number of arguments, or of a wrong one
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = ngx.socket.tcp()
      local calls = {
        { ngx.sleep }, { ngx.sleep, -1 }, { ngx.timer.at, 0 }, { ngx.timer.at, 0, "x" }, { ngx.timer.every, 0, print },
        { ngx.timer.every, 0, function() end }, { ngx.thread.spawn, math.floor }, { ngx.hmac_sha1, "k" },
        { ngx.location.capture }, { ngx.location.capture, "/", 1 }, { ngx.location.capture_multi },
        { ngx.req.set_uri }, { ngx.log, 100, "x" }, { ngx.say, print }, { sock.connect }, { sock.settimeout, sock },
        { sock.settimeouts, sock, 1 },
      }
      for _, call in ipairs(calls) do
        local _, message = pcall(unpack(call))
        ngx.say((message:gsub("^.-:%d+: ", "")))
      end
      ngx.say(sock:connect("127.0.0.1"))
      ngx.say(ngx.crc32_short(nil), " ", ngx.crc32_long(nil))
      local semaphore = require("ngx.semaphore").new()
      ngx.say(semaphore:wait(0))
      ngx.say(semaphore:wait(0.001))
--- request
GET /t
--- response_body
attempt to pass 0 arguments, but accepted 1
invalid sleep duration "-1000"
expecting at least 2 arguments but got 1
bad argument #2 to 'at' (Lua function expected)
delay cannot be zero
delay cannot be zero
bad argument #1 to 'spawn' (Lua function expected)
expecting 2 arguments, but got 1
expecting one or two arguments
expecting table as the 2nd argument for subrequest 0, but got number
only one argument is expected, but got 0
expecting 1, 2 or 3 arguments but seen 0
bad argument #1 to 'log' (bad log level: 100)
bad argument #1 to 'say' (string, number, boolean, nil, ngx.null, or array table expected, but got function)
ngx.socket connect: expecting 2, 3, or 4 arguments (including the object), but seen 0
ngx.socket settimeout: expecting 2 arguments (including the object) but seen 1
ngx.socket settimeout: expecting 4 arguments (including the object) but seen 2
nilmissing the port number
0 0
niltimeout
falsetimeout

=== TEST 6: Content-Type keeps its name, however it was written
--- config
- match: { path: /t }
  content: { lua: 'ngx.header.content_type = "a/b" ngx.say("x")' }
--- request
GET /t
--- raw_response_headers_like
\r\nContent-Type: a/b\r\n

=== TEST 7: a status that was set stands when the phase ends with another good one
--- config
- match: { path: /ok }
  content: { lua: "ngx.status = 404 ngx.header.x_a = 'a' ngx.exit(200)" }
- match: { path: /created }
  policies: [ { lua: { access: "ngx.status = 403 ngx.exit(201)" } } ]
  content: { lua: "ngx.say('never')" }
- match: { path: /empty }
  content: { lua: "ngx.status = 404 ngx.exit(204)" }
- match: { path: /bad }
  content: { lua: "ngx.status = 404 ngx.exit(409)" }
- match: { path: /plain }
  content: { lua: "ngx.exit(201)" }
--- requests
GET /ok
GET /created
GET /empty
GET /bad
GET /plain
--- error_code: 404 403 204 409 201
--- response_body_like
^$
---8<---
^$
---8<---
^$
---8<---
"title":"Conflict"
---8<---
^$

=== TEST 8: variables that are there and empty, and those that are not there
--- config
- match: { path: /t }
  content:
    lua: |
      local v = ngx.var
      ngx.say("[", v.arg_a, "][", v.arg_b, "][", v.arg_c, v.arg_C, v.ARG_c, "][", v.http_x_empty, "][", v.http_x_none, "][",
        v.cookie_e, "][", v.cookie_none, "][", v.args, "]")
      for _, name in ipairs { "arg_a", "http_x_empty", "cookie_e", "nope" } do
        local ok, message = pcall(function() v[name] = "x" end)
        assert(not ok and message:find('variable "' .. name .. '" not found for writing', 1, true), name)
      end
      for _, name in ipairs { "query_string", "http_host", "sent_http_location" } do
        local ok, message = pcall(function() v[name] = "x" end)
        assert(not ok and message:find('variable "' .. name .. '" not changeable', 1, true), name)
      end
      v.args = ""
      ngx.say("[", v.args, "][", v.is_args, "]")
      v.args = nil
      ngx.say("[", v.args, "][", v.is_args, "]")
--- request
GET /t?a=&b&C=1&c=2
--- more_headers
X-Empty:
Cookie: e=; none
--- response_body
[][nil][111][][nil][][nil][a=&b&C=1&c=2]
[][]
[nil][]

=== TEST 9: a request field that is set to an empty text is taken away
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.req.set_header("X-A", "")
      ngx.say(ngx.req.get_headers()["X-A"], " ", ngx.var.http_x_a)
      ngx.say((select(2, pcall(ngx.req.get_headers, "x"))))
      ngx.say((select(2, pcall(ngx.resp.get_headers, {}))))
      ngx.say((select(2, pcall(ngx.req.get_uri_args, {}))))
      ngx.say((select(2, pcall(ngx.req.get_uri_args, 1, "x"))))
      ngx.say((select(2, pcall(ngx.req.get_post_args, 1, 2))))
      ngx.say((select(2, pcall(ngx.req.get_body_file, 1))))
--- request
GET /t
--- more_headers
X-A: 1
--- response_body
nil nil
bad argument #1 to 'get_headers' (number expected, got string)
bad argument #1 to 'get_headers' (number expected, got table)
bad argument #1 to 'get_uri_args' (number expected, got table)
bad argument #2 to 'get_uri_args' (table expected, got string)
expecting 0 or 1 arguments but seen 2
expecting 0 arguments but seen 1

=== TEST 10: another body: how much of it stays in memory, when there may be one, what is said of wrong arguments
--- config
- match: { path: /t }
  content:
    lua: |
      local req = ngx.req
      local function say(f, ...) ngx.say((select(2, pcall(f, ...)))) end
      say(req.set_body_data, "x")
      req.read_body()
      req.init_body(4)
      req.append_body("abcd")
      req.finish_body()
      ngx.say(req.get_body_data(), " ", req.get_body_file())
      req.init_body(4)
      req.append_body("abcde")
      req.finish_body()
      ngx.say(req.get_body_data(), " ", io.open(req.get_body_file()):read("*a"), " ", ngx.var.content_length)
      say(req.set_body_data)
      say(req.set_body_data, "a", "b")
      say(req.set_body_file)
      say(req.set_body_file, "x", 1)
      say(req.append_body)
      say(req.finish_body, 1)
      say(req.finish_body)
- match: { path: /discarded }
  content:
    lua: |
      ngx.req.discard_body()
      ngx.req.read_body()
      ngx.say(ngx.req.get_body_data())
      ngx.req.set_body_data("new")
      ngx.say(ngx.req.get_body_data())
--- requests
POST /t
old
---8<---
POST /discarded
old
--- response_body
request body not read yet
abcd nil
nil abcde 5
expecting 1 arguments but seen 0
expecting 1 arguments but seen 2
expecting 1 or 2 arguments but seen 0
bad argument #2 to 'set_body_file' (boolean expected, got number)
expecting 1 arguments but seen 0
expecting 0 argument but seen 1
request_body not initialized
---8<---
nil
new

=== TEST 11: what calls of the wrong kind are told, and where
--- config
- match: { path: /t }
  content:
    lua: |
      local function try(code)
        local ok, message = pcall(loadstring(code, "=line"))
        ngx.say(ok, " ", message)
      end
      try "ngx.encode_args({ a = { {} } })"
      try "ngx.req.set_uri_args({ [1] = 2 })"
      try "ngx.location.capture('/', { args = { a = print } })"
      try "ngx.location.capture('/', { vars = 1 })"
      try "ngx.location.capture('/', 1)"
      try "ngx.location.capture({})"
      try "ngx.socket.tcp().send()"
      try "ngx.exec()"
      try "ngx.exec('/', 1, 2)"
      try "ngx.exec('/', true)"
      try "ngx.exec('/', { a = print })"
      try "ngx.flush(nil)"
      try "ngx.flush(true, 1)"
      try "ngx.re.match('a', 'a', 'z')"
      try "ngx.re.gsub('a', 'a', 'b', 'z')"
      try "ngx.re.find('a', 'a', nil, 1)"
      try "ngx.decode_args()"
      try "ngx.sleep(nil)"
      try "ngx.socket.connect()"
      try "ngx.req.socket(1, 2)"
      try "coroutine.create(1)"
      try "coroutine.wrap()"
      try "coroutine.resume(1)"
      try "coroutine.status(nil)"
      ngx.sleep(-0.0001)
--- request
GET /t
--- response_body
false line:1: attempt to use table as query arg value
false line:1: attempt to use a non-string key in the "args" option table
false line:1: attempt to use function as query arg value
false line:1: Bad vars option value
false line:1: expecting table as the 2nd argument for subrequest 0, but got number
false line:1: bad argument #1 to 'capture' (string expected, got table)
false line:1: bad argument #1 (a socket expected, got nil): call it with a colon
false line:1: expecting one or two arguments, but got 0
false line:1: expecting one or two arguments, but got 3
false line:1: bad argument #2 to 'exec' (string, number, or table expected, but got boolean)
false line:1: attempt to use function as query arg value
false line:1: bad argument #1 to 'flush' (boolean expected, got nil)
false line:1: attempt to pass 2 arguments, but accepted 0 or 1
false line:1: unknown flag "z" (flags "z")
false line:1: unknown flag "z" (flags "z")
false line:1: bad argument #4 to 'find' (table expected, got number)
false line:1: expecting 1 or 2 arguments but seen 0
false line:1: bad argument #1 to 'sleep' (number expected, got nil)
false line:1: ngx.socket connect: expecting 2, 3, or 4 arguments (including the object), but seen 1
false line:1: expecting zero arguments, but got 2
false line:1: bad argument #1 to 'create' (Lua function expected)
false line:1: bad argument #1 to 'wrap' (Lua function expected)
false line:1: bad argument #1 to 'resume' (coroutine expected)
false line:1: bad argument #1 to 'status' (coroutine expected)

=== TEST 12: threads and coroutines that have ended, or wait for another
--- config
- match: { path: /t }
  content:
    lua: |
      local t = ngx.thread.spawn(function() return 1 end)
      ngx.say(coroutine.status(t))
      ngx.say(ngx.thread.wait(t))
      ngx.say(coroutine.status(t))
      local outer
      outer = coroutine.create(function()
        ngx.say(coroutine.resume(coroutine.create(function()
          ngx.say(coroutine.status(outer), " ", coroutine.resume(outer))
        end)))
        ngx.say(coroutine.resume(outer))
      end)
      ngx.say(coroutine.resume(outer))
      ngx.say(coroutine.resume(outer))
--- request
GET /t
--- response_body
zombie
true1
dead
normal falsecannot resume normal coroutine
true
falsecannot resume running coroutine
true
falsecannot resume dead coroutine

=== TEST 13: answers of subrequests have the fields that were set; queries are joined
--- config
- match: { path: /t }
  content:
    lua: |
      local r = ngx.location.capture("/sub?", { args = "x=1" })
      ngx.say(r.body, " ", r.header.content_length)
      r = ngx.location.capture("/sub?y", { args = { x = 1 } })
      ngx.say(r.body)
      for _, path in ipairs { "/refused", "/failed" } do
        r = ngx.location.capture(path)
        ngx.say(r.status, " [", r.body, "] ", r.truncated)
      end
- { match: { path: /sub }, content: { lua: "ngx.print(ngx.var.args)" } }
- { match: { path: /refused }, content: { lua: "ngx.exit(403)" } }
- { match: { path: /failed }, content: { lua: "error('failed')" } }
--- request
GET /t
--- response_body
x=1 nil
y&x=1
403 [] false
500 [] false

=== TEST 14: the end of an answer without output is text, too
--- config
- { match: { path: /t }, content: { lua: "ngx.eof()" } }
--- request
GET /t
--- response_headers
Content-Type: text/plain
--- response_body

=== TEST 15: the length of a body in chunks is known when it was read
--- config
- match: { path: /t }
  content:
    lua: |
      local before = ngx.var.content_length
      ngx.req.read_body()
      ngx.say(before, " ", ngx.var.content_length, " ", ngx.req.get_headers().content_length)
--- raw_request
POST /t HTTP/1.1\r
Host: x\r
Transfer-Encoding: chunked\r
\r
3\r
abc\r
0\r
\r
--- response_body
nil 3 nil

=== TEST 16: a redirection by a script says so to those that do not follow it
--- config
- { match: { path: /t }, content: { lua: "ngx.header.content_type = 'a/b' return ngx.redirect('/x')" } }
- { match: { path: /gone }, content: { lua: "ngx.header.location = '/x' ngx.exit(301)" } }
- { match: { path: /own }, content: { lua: "ngx.status = 302 ngx.header.location = '/x' ngx.say('mine')" } }
- { match: { path: /same }, content: { lua: "ngx.exit(304)" } }
--- requests
GET /t
GET /gone
GET /own
GET /same
HEAD /t
--- error_code: 302 301 302 304 302
--- response_headers
Content-Type: text/html
Location: /x
---8<---
Content-Type: text/html
---8<---
Content-Type: text/plain
---8<---
!Content-Type
---8<---
Content-Type: text/html
--- response_body_like
302 Found
---8<---
301 Moved Permanently
---8<---
^mine$
---8<---
^$
---8<---
^$

=== TEST 17: a length that is none
--- config
- match: { path: /t }
  content:
    lua: |
      local said = {}
      for i, length in ipairs { "abc", -5, 5.5 } do
        local _, message = pcall(function() ngx.header["Content-Length"] = length end)
        said[i] = message:gsub("^.-:%d+: ", "") .. "\n"
      end
      ngx.print(said)
--- request
GET /t
--- response_body
failed to set header
failed to set header
failed to set header

=== TEST 18: what the protocol adds is among the fields of the response
--- config
- match: { path: /t }
  content:
    lua: |
      local function show()
        local h = ngx.resp.get_headers()
        ngx.say(h.connection, " ", h.transfer_encoding, " ", h.content_type)
      end
      show()
      show()
--- request
GET /t
--- response_body
close nil nil
close chunked text/plain

=== TEST 19: a path that a script sets is decoded already
--- upstream: echo
--- config
- match: { path: /t }
  policies: [ { lua: { access: 'ngx.req.set_uri("/a%20b%zz c") ngx.header.x_uri = ngx.var.uri' } } ]
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- response_headers
X-Uri: /a%20b%zz c
--- upstream_requests_like
^GET /a%2520b%25zz%20c HTTP

=== TEST 20: what is said where there is no request
--- gateway
lua: { shared_dicts: { d: 1MiB }, init: init.lua, init_worker: worker.lua }
--- user_files
>>> calls.lua
local calls = {
  "ngx.say('x')", "ngx.exit(0)", "ngx.sleep(0)", "ngx.thread.spawn(function() end)", "ngx.timer.at(0, function() end)",
  "return ngx.var.uri", "ngx.var.a = 1", "return ngx.ctx.a", "return ngx.status", "ngx.status = 1",
  "return ngx.header.a", "ngx.header.a = 1", "return ngx.headers_sent", "return ngx.is_subrequest", "return ngx.arg[1]",
  "ngx.req.get_headers()", "ngx.req.set_header('a', 'b')", "ngx.req.get_method()", "ngx.req.set_uri('/')",
  "ngx.req.get_uri_args()", "ngx.req.get_body_data()", "ngx.req.read_body()", "ngx.req.init_body()",
  "ngx.resp.get_headers()", "ngx.req.socket()", "ngx.location.capture('/')", "ngx.redirect('/')",
}
return function(except, from)
  local said = {}
  for i = from or 1, #calls do
    local code = calls[i]
    local ok, message = pcall(loadstring(code, "=line"))
    message = ok and "fine" or message:gsub("^line:1: ", "")
    if message ~= except then table.insert(said, code .. ": " .. message) end
  end
  return table.concat(said, "\n")
end
>>> init.lua
ngx.shared.d:set("init", require("calls")("no request found"))
>>> worker.lua
ngx.shared.d:set("worker", require("calls")("API disabled in the current context"))
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.shared.d:get("init"))
      ngx.say("--")
      ngx.say(ngx.shared.d:get("worker"))
      ngx.say("--")
      ngx.timer.at(0, function() ngx.shared.d:set("timer", require("calls")("API disabled in the current context", 3)) end)
      ngx.sleep(0.01)
      ngx.say(ngx.shared.d:get("timer"))
--- request
GET /t
--- response_body
ngx.timer.at(0, function() end): no request
--
ngx.say('x'): API disabled in the context of init_worker_by_lua*
ngx.exit(0): API disabled in the context of init_worker_by_lua*
ngx.sleep(0): fine
ngx.thread.spawn(function() end): fine
ngx.timer.at(0, function() end): fine
return ngx.ctx.a: fine
ngx.req.read_body(): API disabled in the context of init_worker_by_lua*
ngx.req.socket(): API disabled in the context of init_worker_by_lua*
ngx.location.capture('/'): API disabled in the context of init_worker_by_lua*
ngx.redirect('/'): API disabled in the context of init_worker_by_lua*
--
ngx.sleep(0): fine
ngx.thread.spawn(function() end): fine
ngx.timer.at(0, function() end): fine
return ngx.ctx.a: fine
ngx.req.read_body(): API disabled in the context of ngx.timer
ngx.req.socket(): API disabled in the context of ngx.timer
ngx.location.capture('/'): API disabled in the context of ngx.timer
ngx.redirect('/'): API disabled in the context of ngx.timer

=== TEST 21: neither exec nor a subrequest leads above a folder
--- config
- { match: { path: /exec }, content: { lua: "ngx.exec('/a/../b')" } }
- { match: { path: /capture }, content: { lua: "ngx.say((select(2, pcall(ngx.location.capture, '/a/..'))))" } }
- { match: { path: /b }, respond: { body: b } }
--- requests
GET /exec
GET /capture
--- error_code: 500 200
--- response_body_like
a policy failed
---8<---
unsafe uri in argument #1: /a/\.\.

=== TEST 22: what cjson.safe is given may be anything
--- config
- { match: { path: /t }, content: { lua: "ngx.say(require('cjson.safe').decode(nil))" } }
--- request
GET /t
--- response_body
nilbad argument #1 to 'decode' (string expected, got nil)

=== TEST 23: log lines name the script's own functions alone, at the script's own lines
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.timer.at(0, loadstring('ngx.log(ngx.ERR, "from a timer")', "=timer"))
      ngx.sleep(0.005)
      loadstring('ngx.re.sub("a", "a", "$name")', "=sub")()
      ngx.socket.tcp():send("x")
      ngx.socket.tcp():receive()
      loadstring('ngx.exec("@nowhere")', "=exec")()
--- request
GET /t
--- error_code: 500
--- error_log
[lua] timer:1: from a timer
[lua] sub:1: attempt to use named capturing variable "name" (named captures not supported yet)
attempt to send data on a closed socket
attempt to receive data on a closed socket
[lua] exec:1: could not find named location "@nowhere"

=== TEST 24: to an HTTP/1.0 client output is collected, and its length told
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say("x")
      ngx.say(ngx.headers_sent, " ", select(2, ngx.flush(true)))
      ngx.status, ngx.header.x_late = 201, "1"
      ngx.sleep(0.001)
      ngx.say("y")
- match: { path: /sized }
  content:
    lua: |
      ngx.header.content_length = 7
      ngx.say("x")
      ngx.say(ngx.headers_sent)
      ngx.flush(true)
- match: { path: /large }
  content: { lua: 'for i = 1, 5 do ngx.print(("x"):rep(10000)) end ngx.print(tostring(ngx.headers_sent))' }
- match: { path: /filtered }
  policies: [ { lua: { header_filter: "ngx.header.x_seen = ngx.status" } } ]
  content: { lua: 'ngx.say("x") ngx.flush(true) ngx.status = 202 ngx.say("y")' }
--- requests
GET /t HTTP/1.0
---8<---
GET /sized HTTP/1.0
---8<---
GET /filtered HTTP/1.0
---8<---
GET /large HTTP/1.0
--- more_headers
Connection: keep-alive
--- error_code: 201 200 202 200
--- response_headers
Content-Length: 20
X-Late: 1
---8<---
Content-Length: 7
---8<---
Content-Length: 4
X-Seen: 202
---8<---
!Content-Length
--- response_body_like
^x
false buffering
y
$
---8<---
^x
true
$
---8<---
^x
y
$
---8<---
^x{50000}true$
