# ngx.req.socket: the request's body, and the raw connection.

=== TEST 1: a body with a length
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.req.socket())
      ngx.say(sock:receive(5))
      ngx.say(sock:receive())
      ngx.say(sock:receiveuntil("--")())
      ngx.say(sock:receive("*a"))
      local data, err, partial = sock:receive(1)
      ngx.say(data, " ", err, " ", partial)
      ngx.say(sock.send, sock.close, sock.connect)
      ngx.say(ngx.req.socket())
      ngx.say(ngx.req.socket(true))
      ngx.req.read_body()
      ngx.say(ngx.req.get_body_data())
--- request
POST /t
hello line
some--rest
--- response_body_like
^hello
 line
some
rest
nil closed 
nilnilnil
nilrequest body already exists
nilduplicate call
nil

=== TEST 2: chunks that come one by one
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.req.socket())
      ngx.say(sock:receive(7), "|", sock:receive("*a"))
      ngx.say(sock:receive())
--- raw_request
POST /t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n6\r\nhello
---8<---
\r\n5\r\nworld\r\n0\r\n\r\n
--- response_body
hello
w|orld
nilclosed

=== TEST 3: no body
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.req.socket())
--- request
GET /t
--- response_body
nilno body

=== TEST 4: a body that was read
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.req.read_body()
      ngx.say(ngx.req.socket())
      ngx.say(ngx.req.socket(true))
--- request
POST /t
abc
--- response_body
nilrequest body already exists
nilpending data to write

=== TEST 5: not in every phase
--- config
- match: { path: /t }
  policies: [ { lua: { header_filter: "ngx.header.x_err = select(2, pcall(ngx.req.socket))" } } ]
  respond: { body: "in\n" }
--- request
GET /t
--- response_headers_like
X-Err: .*API disabled in the context of header_filter_by_lua\*

=== TEST 6: a client that is slow with its body
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.req.socket())
      sock:settimeout(10)
      ngx.say(sock:receive(10))
      sock:settimeout(2000)
      ngx.say(sock:receive(7))
--- raw_request
POST /t HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nConnection: close\r\n\r\nabc
---8<---
defghij
--- raw_request_middle_delay: 100ms
--- response_body
niltimeoutabc

defghij

=== TEST 7: raw, both ways, without a head of the gateway's
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.req.socket(true))
      local line = sock:receive()
      sock:send("HTTP/1.1 200 OK\r\nContent-Length: " .. #line .. "\r\nConnection: close\r\n\r\n")
      sock:send(line)
      ngx.log(ngx.WARN, "say: ", select(2, ngx.say("more")))
--- raw_request
GET /t HTTP/1.1\r\nHost: a\r\n\r\nraw line\r\n
--- response_body chomp
raw line
--- connection_closed
--- error_log
say: raw request socket acquired

=== TEST 8: raw behind a head that was flushed
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.status = 101
      ngx.header.upgrade = "echo"
      ngx.header.connection = "Upgrade"
      ngx.send_headers()
      ngx.flush(true)
      local sock = assert(ngx.req.socket(true))
      while true do
        local line = sock:receive()
        if not line then break end
        sock:send(line .. "!\n")
      end
- match: { path: /client }
  content:
    lua: |
      local sock = assert(ngx.socket.connect("127.0.0.1", ngx.var.server_port))
      sock:send("GET /t HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
      ngx.say(sock:receive())
      repeat local line = sock:receive() until line == ""
      for i = 1, 3 do
        sock:send("line " .. i .. "\n")
        ngx.say(sock:receive())
      end
      sock:shutdown("send")
      ngx.say(sock:receive())
--- request
GET /client
--- response_body
HTTP/1.1 101 Switching Protocols
line 1!
line 2!
line 3!
nilclosed

=== TEST 9: full duplex on both sides, more than sockets hold
--- config
- match: { path: /echo }
  content:
    lua: |
      local sock = assert(ngx.req.socket(true))
      while true do
        local data = sock:receiveany(65536)
        if not data or not sock:send(data) then break end
      end
- match: { path: /client }
  content:
    lua: |
      local sock = assert(ngx.socket.connect("127.0.0.1", ngx.var.server_port))
      sock:send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
      local piece = ("0123456789abcdef"):rep(4096)
      local count = 200
      local writer = ngx.thread.spawn(function()
        for _ = 1, count do assert(sock:send(piece)) end
        sock:shutdown("send")
      end)
      local reader = ngx.thread.spawn(function()
        local got = 0
        while true do
          local data, err, partial = sock:receive(#piece)
          if not data then return got, err, #partial end
          if data ~= piece then return "changed" end
          got = got + 1
        end
      end)
      ngx.thread.wait(writer)
      ngx.say(ngx.thread.wait(reader))
--- request
GET /client
--- response_body
true200closed0

=== TEST 10: the body goes to no upstream once a script has taken it
--- upstream: echo
--- config
- match: { path: /t }
  policies: [ { lua: { access: "ngx.req.socket():receive(3)" } } ]
  upstream: "http://${UPSTREAM}"
--- request
POST /t
abcdef
--- response_body_like
Content-Length: 0

=== TEST 11: what is printed has no way once the connection was taken over
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.req.socket(true))
      local said = {}
      for i, f in ipairs { ngx.say, ngx.print, ngx.flush, ngx.eof, ngx.send_headers } do
        local ok, err = f()
        said[i] = tostring(ok) .. " " .. err
      end
      local body = table.concat(said, "\n") .. "\n"
      sock:send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body)
--- request
GET /t
--- response_body
nil raw request socket acquired
nil raw request socket acquired
nil raw request socket acquired
nil raw request socket acquired
nil raw request socket acquired
