# ngx.socket.tcp: connecting, sending, receiving, timeouts, what is refused.

=== TEST 1: a conversation with a server
--- upstream
>>> GET /a
200 OK
Content-Type: text/plain

hello
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = ngx.socket.tcp()
      local host, port = os.getenv("UPSTREAM"):match("(.*):(.*)")
      sock:settimeout(1000)
      ngx.say("connect: ", sock:connect(host, port))
      ngx.say("send: ", sock:send("GET /a HTTP/1.1\r\n"))
      ngx.say("send: ", sock:send { "Host: ", { "a", 1 }, "\r\n", "\r\n" })
      local length
      while true do
        local line = assert(sock:receive())
        if line == "" then break end
        length = length or tonumber(line:match("Content%-Length: (%d+)"))
      end
      ngx.say("length: ", length)
      ngx.say("body: ", sock:receive(length - 4), "|", sock:receive("4"))
      ngx.say("reused: ", sock:getreusedtimes())
      ngx.say("close: ", sock:close())
      ngx.say("close: ", sock:close())
      ngx.say("send: ", sock:send("x"))
      ngx.say("receive: ", sock:receive())
      ngx.say("reused: ", sock:getreusedtimes())
--- request
GET /t
--- response_body
connect: 1
send: 17
send: 12
length: 6
body: he|llo

reused: 0
close: 1
close: nilclosed
send: nilclosed
receive: nilclosed
reused: nilclosed
--- error_log
attempt to send data on a closed socket
attempt to receive data on a closed socket

=== TEST 2: the patterns of receive, and what comes with an error
--- upstream
>>> GET /a close
raw
one\r\ntw\ro\n\nanyrest of it
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.socket.connect(os.getenv("UPSTREAM"):match("(.*):(.*)")))
      sock:send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
      ngx.say("l: ", sock:receive("*l"))
      ngx.say("l: ", sock:receive())
      ngx.say("l: ", sock:receive("*l"))
      ngx.say("0: [", sock:receive(0), "]")
      ngx.say("any: ", sock:receiveany(3))
      ngx.say("a: ", sock:receive("*a"))
      ngx.say("a: [", sock:receive("*a"), "]")
      for _ = 1, 2 do
        local data, err, partial = sock:receive(5)
        ngx.say("after: ", data, " ", err, " ", partial)
      end
--- request
GET /t
--- response_body
l: one
l: two
l: 
0: []
any: any
a: rest of it

a: []
after: nil closed 
after: nil closed nil

=== TEST 3: what has come before the end is the third result
--- upstream
>>> GET /a close
raw
first\npart
--- config
- match: { path: /t }
  content:
    lua: |
      local function ask()
        local sock = assert(ngx.socket.connect(os.getenv("UPSTREAM"):match("(.*):(.*)")))
        sock:send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        assert(sock:receive() == "first")
        return sock
      end
      local sock = ask()
      ngx.say(sock:receive(100))
      ngx.say(sock:receive())
      ngx.say(sock:close())
      ngx.say(ask():receive())
      ngx.say(ask():receiveuntil("--")())
--- request
GET /t
--- response_body_like
^nilclosedpart

nilclosed
1
part
nilclosedpart

$

=== TEST 4: receiveuntil
--- upstream
>>> GET /a close
raw
hello, world! -agentzh\n--abcedhb blah--abcedhb--abcedhbtail
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.socket.connect(os.getenv("UPSTREAM"):match("(.*):(.*)")))
      sock:send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
      local reader = sock:receiveuntil("\n--abcedhb")
      for _ = 1, 7 do
        local data, err, partial = reader(4)
        ngx.say("[", data, "] ", err, " ", partial)
      end
      local inclusive = sock:receiveuntil("--abcedhb", { inclusive = true })
      ngx.say(inclusive())
      ngx.say(inclusive(100), " ", inclusive(100))
      ngx.print(inclusive())
--- request
GET /t
--- response_body
[hell] nil nil
[o, w] nil nil
[orld] nil nil
[! -a] nil nil
[gent] nil nil
[zh] nil nil
[nil] nil nil
 blah--abcedhb
--abcedhb nilnilnil
nilclosedtail


=== TEST 5: timeouts of reading keep what comes later
--- upstream
>>> GET /a delay=60ms
raw
late\n
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.socket.connect(os.getenv("UPSTREAM"):match("(.*):(.*)")))
      sock:settimeouts(1000, 1000, 10)
      sock:send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
      local data, err, partial = sock:receive()
      ngx.say(data, " ", err, " [", partial, "]")
      sock:settimeout(2000)
      ngx.say(sock:receive())
--- request
GET /t
--- response_body
nil timeout []
late
--- error_log
[error]
lua tcp socket read timed out

=== TEST 6: refused, unknown, impossible
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = ngx.socket.tcp()
      ngx.say(sock:connect(os.getenv("DEAD"):match("(.*):(.*)")))
      ngx.say(sock:connect("no such host", 80))
      ngx.say(sock:connect("127.0.0.1", 65536))
      ngx.say(sock:connect("127.0.0.1", -1))
      ngx.say(sock:connect("unix:/nowhere/at/all.sock"))
      ngx.say(ngx.socket.connect("unix:/nowhere/at/all.sock"))
      ngx.say(sock:setkeepalive())
      ngx.say(sock:setoption("keepalive", true))
      ngx.say(sock:bind("not an address"))
      ngx.say(pcall(sock.connect, sock))
      ngx.say(pcall(sock.connect, sock, "a"))
      ngx.say(pcall(sock.connect, sock, "a", 1, { pool_size = 0 }))
      ngx.say(pcall(sock.connect, sock, "a", 1, { backlog = -1 }))
      ngx.say(pcall(sock.connect, sock, "a", 1, { pool = {} }))
      ngx.say(sock:receive("*x"))
      ngx.say(sock:receiveany(0))
      assert(sock:connect("127.0.0.1", ngx.var.server_port))
      ngx.say(pcall(sock.receive, sock, "*x"))
      ngx.say(pcall(sock.receive, sock, "l"))
      ngx.say(pcall(sock.receive, sock, nil))
      ngx.say(pcall(sock.receive, sock, -1))
      ngx.say(pcall(sock.receive, sock, 1, 2))
      ngx.say(pcall(sock.receiveany, sock, 0))
      ngx.say(pcall(sock.setkeepalive, sock, "x"))
      ngx.say(pcall(sock.send, sock))
      ngx.say(pcall(sock.send, sock, print))
      ngx.say(pcall(sock.send, sock, { a = 1 }))
      ngx.say(pcall(sock.send, sock, { "a", { true } }))
      ngx.say(pcall(sock.send, sock, { "a", nil, "b" }))
      ngx.say(pcall(sock.receiveuntil, sock, "a", { inclusive = 1 }))
      ngx.say(pcall(sock.settimeout, sock, -1))
      ngx.say(pcall(ngx.socket.tcp().setoption, ngx.socket.tcp(), "keepalive", true))
      ngx.say(pcall(ngx.socket.tcp, 1))
      ngx.say(sock:receiveuntil(""))
      ngx.say(pcall(sock.settimeout, sock, 2^40))
--- request
GET /t
--- response_body_like chomp
^nilconnection refused
nilno such host could not be resolved \(.*\)
nilbad port number: 65536
nilbad port number: -1
nilno such file or directory
nilno such file or directory
nilclosed
nilclosed
nilbad address
falsengx.socket connect: expecting 2, 3, or 4 arguments \(including the object\), but seen 1
truenilmissing the port number
false.*bad "pool_size" option value: 0\)
false.*bad "backlog" option value: -1\)
false.*bad "pool" option type: table\)
nilclosed
nilclosed
false.*\(bad pattern argument: \*x\)
false.*\(bad pattern argument: l\)
false.*\(bad pattern argument\)
false.*\(bad pattern argument\)
falseexpecting 1 or 2 arguments \(including the object\), but got 3
false.*\(bad max argument\)
false.*#1 to 'setkeepalive' \(number expected, got string\)
falseexpecting 2 arguments \(including the object\), but got 1
false.*string, number, boolean, nil, or array table expected, got function\)
false.*\(non-array table found\)
false.*\(bad data type boolean found\)
false.*\(bad data type nil found\)
falsebad "inclusive" option value type: number
falsebad timeout value
falsesocket is never created nor connected
falseexpecting zero arguments, but got 1
nilpattern is empty
false.*bad timeout value
$

=== TEST 7: one thread writes while another reads; two readers are one too many
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.socket.connect("127.0.0.1", os.getenv("REDIS_PORT")))
      local total = 2000
      local reader = ngx.thread.spawn(function()
        local sum = 0
        for _ = 1, total do
          sum = sum + tonumber((assert(sock:receive()):sub(2)))
        end
        return sum
      end)
      ngx.say(sock:receive())
      ngx.say(sock:close())
      ngx.say(sock:setkeepalive())
      ngx.say(sock:connect("127.0.0.1", 1))
      local writer = ngx.thread.spawn(function()
        for _ = 1, total do
          assert(sock:send("INCR n\r\n"))
        end
      end)
      ngx.thread.wait(writer)
      local _, sum = ngx.thread.wait(reader)
      ngx.say(sum)
      ngx.say(sock:close())
--- request
GET /t
--- response_body
nilsocket busy reading
nilsocket busy reading
nilsocket busy reading
nilsocket busy reading
2001000
1

=== TEST 8: a thread that is killed leaves its socket usable
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.socket.connect("127.0.0.1", os.getenv("REDIS_PORT")))
      local reader = ngx.thread.spawn(function() sock:receive() end)
      ngx.say(ngx.thread.kill(reader))
      sock:send("PING\r\n")
      ngx.say(sock:receive())
--- request
GET /t
--- response_body
1
+PONG

=== TEST 9: in every phase, and in timers
--- redis
--- config
- match: { path: /t }
  policies:
  - lua:
      rewrite: return require("ask")("rewrite")
      access: return require("ask")("access")
      header_filter: |
        require("ask")("header_filter")
        ngx.header.x_seen = require("ask")()
      body_filter: if ngx.arg[2] then require("ask")("body_filter") end
      log: |
        require("ask")("log")
        ngx.timer.at(0, function()
          require("ask")("timer")
          ngx.log(ngx.ERR, "seen: ", require("ask")())
        end)
  respond: { body: "in\n" }
--- user_files
>>> ask.lua
return function(word)
  local sock = assert(ngx.socket.connect("127.0.0.1", os.getenv("REDIS_PORT")))
  if word then
    sock:send { "APPEND words ", word, ",\r\n" }
    return (assert(sock:receive())) and nil
  end
  sock:send("GET words\r\n")
  local size = assert(sock:receive()):sub(2)
  return assert(sock:receive(tonumber(size)))
end
--- request
GET /t
--- response_body
in
--- response_headers
X-Seen: rewrite,access,header_filter,
--- wait: 0.1
--- error_log
seen: rewrite,access,header_filter,body_filter,log,timer,

=== TEST 10: another request's socket
--- redis
--- config
- match: { path: /a }
  content:
    lua: |
      local kept = require "kept"
      kept.sock = assert(ngx.socket.connect("127.0.0.1", os.getenv("REDIS_PORT")))
      ngx.say(kept.sock:send("PING\r\n"))
- match: { path: /b }
  content:
    lua: |
      local sock = require("kept").sock
      ngx.say(pcall(sock.receive, sock))
      ngx.say(pcall(sock.send, sock, "x"))
      ngx.say(pcall(sock.close, sock))
      ngx.say(pcall(sock.setkeepalive, sock))
      ngx.say(sock:connect("127.0.0.1", os.getenv("REDIS_PORT")))
      sock:send("PING\r\n")
      ngx.say(sock:receive())
--- user_files
>>> kept.lua
return {}
--- requests
GET /a
GET /b
--- response_body
6
---8<---
falsebad request
falsebad request
falsebad request
falsebad request
1
+PONG

=== TEST 11: not while the gateway starts
--- gateway
lua: { init: { lua: "print(pcall(ngx.socket.tcp))" } }
--- config
- { match: { path: /t }, respond: { body: "in\n" } }
--- request
GET /t
--- error_log
no request found

=== TEST 12: names, and addresses of the other family
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = ngx.socket.tcp()
      ngx.say(sock:connect("localhost", os.getenv("REDIS_PORT")))
      ngx.say(sock:setoption("tcp-nodelay", true), " ", sock:getoption("tcp-nodelay"))
      ngx.say(sock:setoption("keepalive", 1), " ", sock:getoption("keepalive"))
      ngx.say(sock:setoption("rcvbuf", 65536), " ", sock:getoption("rcvbuf") >= 65536)
      ngx.say(sock:setoption("linger", 1))
      ngx.say(sock:setoption("linger"))
      ngx.say(sock:getoption())
      sock:send("PING\r\n")
      ngx.say(sock:receive())
      ngx.say(ngx.socket.connect("[::1]", 1))
--- request
GET /t
--- response_body
1
true 1
true 1
true true
nilunsupported option linger
nilmissing the "value" argument
nilmissing the "option" argument
+PONG
nilconnection refused

=== TEST 13: bound to an address
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = ngx.socket.tcp()
      ngx.say(sock:bind("127.0.0.9"))
      ngx.say(sock:connect("127.0.0.1", os.getenv("REDIS_PORT")))
      sock:send("CLIENT INFO\r\n")
      local info = sock:receive(tonumber((sock:receive():sub(2))))
      ngx.say(info:match(" addr=([%d.]+)"))
--- SKIP: what redis tells of its client does not come here yet
--- request
GET /t
--- response_body
1
1
127.0.0.9

=== TEST 14: much to send, to a peer that does not read: the timeout of sending
--- gateway
lua: { socket: { send_timeout: 20ms } }
--- upstream
>>> POST /a early
stall
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.socket.connect(os.getenv("UPSTREAM"):match("(.*):(.*)")))
      sock:setoption("sndbuf", 4096)
      assert(sock:send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n"))
      ngx.sleep(0.05)
      local data, err
      for _ = 1, 100 do
        data, err = sock:send(("x"):rep(1000000))
        if not data then break end
      end
      ngx.say(err)
      ngx.say(sock:send("y"))
--- request
GET /t
--- response_body
timeout
nilclosed
--- error_log
lua tcp socket write timed out

=== TEST 15: sockets end with their request, and with what nobody holds
--- redis
--- config
- match: { path: /a }
  content:
    lua: |
      for _ = 1, 20 do assert(ngx.socket.connect("127.0.0.1", os.getenv("REDIS_PORT"))) end
      ngx.say("made")
- match: { path: /b }
  content:
    lua: |
      ngx.sleep(0.01)
      for _ = 1, 300 do assert(ngx.socket.connect("127.0.0.1", os.getenv("REDIS_PORT"))) end
      collectgarbage()
      collectgarbage()
      ngx.sleep(0.01)
      local sock = assert(ngx.socket.connect("127.0.0.1", os.getenv("REDIS_PORT")))
      sock:send("INFO clients\r\n")
      local text = sock:receive(tonumber((sock:receive():sub(2))))
      ngx.say(tonumber(text:match("connected_clients:(%d+)")) < 5)
--- requests
GET /a
GET /b
--- response_body
made
---8<---
true

=== TEST 16: methods of what is no socket
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = ngx.socket.tcp()
      for _, other in ipairs { {}, { ngx.null }, { 1 }, "x" } do
        local ok, err = pcall(sock.send, other, "x")
        ngx.say(ok, " ", (err:match("a socket expected")))
        ok, err = pcall(sock.receive, other)
        ngx.say(ok, " ", (err:match("a socket expected")))
        ok, err = pcall(sock.close, other)
        ngx.say(ok, " ", (err:match("a socket expected")))
      end
--- request
GET /t
--- response_body
false a socket expected
false a socket expected
false a socket expected
false a socket expected
false a socket expected
false a socket expected
false a socket expected
false a socket expected
false a socket expected
false a socket expected
false a socket expected
false a socket expected
