# Connection pools of cosockets.

=== TEST 1: kept and used again, by another request too
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = ngx.socket.tcp()
      local function round()
        assert(sock:connect("127.0.0.1", os.getenv("REDIS_PORT"), { pool = "481.1" }))
        local times = sock:getreusedtimes()
        sock:send("PING\r\n")
        assert(sock:receive() == "+PONG")
        ngx.say(times, " ", sock:setkeepalive(1000, 4))
      end
      round()
      round()
      ngx.say(sock:send("PING\r\n"))
--- requests
GET /t
GET /t
--- response_body
0 1
1 1
nilclosed
---8<---
2 1
3 1
nilclosed

=== TEST 2: the latest first, the oldest makes room
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local function open()
        local sock = assert(ngx.socket.tcp())
        assert(sock:connect("127.0.0.1", os.getenv("REDIS_PORT"), { pool = "481.2" }))
        return sock
      end
      local function id(sock)
        sock:send("CLIENT ID\r\n")
        return assert(sock:receive())
      end
      local a, b, c = open(), open(), open()
      local ids = { [id(a)] = "a", [id(b)] = "b", [id(c)] = "c" }
      for _, sock in ipairs { a, b, c } do assert(sock:setkeepalive(0, 2)) end
      for _ = 1, 3 do
        local sock = open()
        ngx.say(ids[id(sock)], " ", sock:getreusedtimes())
      end
--- request
GET /t
--- response_body
c 1
b 1
nil 0

=== TEST 3: what is not fit to be kept
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = ngx.socket.tcp()
      local function connect()
        assert(sock:connect("127.0.0.1", os.getenv("REDIS_PORT"), { pool = "481.3" }))
      end
      connect()
      sock:send("PING\r\nPING\r\n")
      sock:receive()
      ngx.sleep(0.02)
      ngx.say(sock:setkeepalive())
      connect()
      sock:send("PING\r\n")
      ngx.sleep(0.02)
      ngx.say(sock:setkeepalive())
      ngx.say(sock:setkeepalive())
      connect()
      sock:send("QUIT\r\n")
      sock:receive()
      ngx.sleep(0.02)
      ngx.say(sock:setkeepalive())
      ngx.say(pcall(sock.setkeepalive, sock, 1, 0))
--- request
GET /t
--- response_body_like
^nil(unread data in buffer|connection in dubious state)
nilconnection in dubious state
nilclosed
nilconnection in dubious state
false.*bad "pool_size" option value: 0

=== TEST 4: an idle connection that its server closes, or writes to, is gone
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local function open(pool)
        local sock = assert(ngx.socket.tcp())
        assert(sock:connect("127.0.0.1", os.getenv("REDIS_PORT"), { pool = pool }))
        return sock
      end
      local control = open("481.4c")
      local one = open("481.4")
      one:send("CLIENT ID\r\n")
      local id = one:receive():sub(2)
      assert(one:setkeepalive())
      control:send("CLIENT KILL ID " .. id .. "\r\n")
      ngx.say(control:receive())
      ngx.sleep(0.02)
      one = open("481.4")
      ngx.say(one:getreusedtimes())
      one:send("SUBSCRIBE news\r\n")
      for _ = 1, 6 do one:receive() end
      assert(one:setkeepalive())
      control:send("PUBLISH news 1\r\n")
      ngx.say(control:receive())
      ngx.sleep(0.02)
      ngx.say(open("481.4"):getreusedtimes())
--- request
GET /t
--- response_body
:1
0
:1
0

=== TEST 5: kept for a time
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local function open()
        local sock = assert(ngx.socket.tcp())
        assert(sock:connect("127.0.0.1", os.getenv("REDIS_PORT"), { pool = "481.5" }))
        return sock
      end
      assert(open():setkeepalive(10))
      ngx.sleep(0.05)
      ngx.say(open():getreusedtimes())
--- request
GET /t
--- response_body
0

=== TEST 6: a full pool with a backlog
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local options = { pool = "481.6", pool_size = 1, backlog = 2 }
      local function open(timeout)
        local sock = assert(ngx.socket.tcp())
        if timeout then sock:settimeout(timeout) end
        local ok, err = sock:connect("127.0.0.1", os.getenv("REDIS_PORT"), options)
        return ok and sock, err
      end
      local first = assert(open())
      ngx.say(open(10))
      local out = {}
      local function user(name)
        local sock = assert(open(1000))
        out[#out + 1] = name .. sock:getreusedtimes()
        if name == "b" then sock:close() else sock:setkeepalive() end
      end
      local b, c = ngx.thread.spawn(user, "b"), ngx.thread.spawn(user, "c")
      ngx.say(open())
      first:setkeepalive()
      ngx.thread.wait(b)
      ngx.thread.wait(c)
      ngx.say(table.concat(out, " "))
      ngx.say(open():getreusedtimes())
--- request
GET /t
--- response_body
niltimeout
niltoo many waiting connect operations
b1 c0
1

=== TEST 7: a queue goes on when a request ends without closing
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local options = { pool = "481.7", pool_size = 1, backlog = 1 }
      ngx.timer.at(0, function()
        assert(ngx.socket.tcp():connect("127.0.0.1", os.getenv("REDIS_PORT"), options))
        ngx.sleep(0.02)
      end)
      ngx.sleep(0.01)
      ngx.say(ngx.socket.tcp():connect("127.0.0.1", os.getenv("REDIS_PORT"), options))
--- request
GET /t
--- response_body
1
