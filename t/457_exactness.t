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
falsetimeout
niltimeout

=== TEST 6: Content-Type keeps its name, however it was written
--- config
- match: { path: /t }
  content: { lua: 'ngx.header.content_type = "a/b" ngx.say("x")' }
--- request
GET /t
--- raw_response_headers_like
\r\nContent-Type: a/b\r\n
