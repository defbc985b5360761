# ngx.socket.udp: what is refused. Conversations with a peer are in core/script/udp_socket_test.cc.

=== TEST 1: nobody there
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = ngx.socket.udp()
      ngx.say(sock:send("x"))
      ngx.say(sock:receive())
      ngx.say(sock:close())
      sock:settimeout(1000)
      ngx.say(sock:setpeername(os.getenv("DEAD"):match("(.*):(.*)")))
      ngx.say(pcall(sock.send, sock, { "a", { 1, true } }))
      ngx.say(sock:send { "a", { 1, "b" } })
      ngx.say(sock:receive())
      ngx.say(sock:close())
      ngx.say(sock:setpeername("unix:/nowhere/at/all.sock"))
      ngx.say(sock:setpeername("no such host", 53))
      ngx.say(sock:setpeername("127.0.0.1", 65536))
      ngx.say(pcall(sock.setpeername, sock))
      ngx.say(pcall(sock.setpeername, sock, "127.0.0.1"))
      ngx.say(pcall(sock.send, sock))
      ngx.say(sock:bind("nowhere"))
      ngx.say(sock:bind("127.0.0.1"))
      ngx.say(pcall(sock.bind, sock))
      ngx.say(pcall(sock.settimeout, sock))
      ngx.say(pcall(sock.receive, sock, 1, 2))
--- request
GET /t
--- response_body_like chomp
^nilclosed
nilclosed
nilclosed
1
false.*\(bad data type boolean found\)
1
nilconnection refused
1
nilno such file or directory
nilno such host could not be resolved \(.*\)
nilbad port number: 65536
falsengx.socket.udp setpeername: expecting 2 or 3 arguments \(including the object\), but seen 1
false.*bad argument #2 to 'setpeername' \(number expected, got no value\)
falseexpecting 2 arguments \(including the object\), but got 1
nilbad address
true
falseexpecting 2 arguments, but got 1
falsengx.socket settimeout: expecting at least 2 arguments \(including the object\) but seen 1
falseexpecting 1 or 2 arguments \(including the object\), but got 3
$

=== TEST 2: another request's
--- config
- match: { path: /a }
  content:
    lua: |
      local kept = require "kept"
      kept.sock = ngx.socket.udp()
      ngx.say(kept.sock:setpeername("127.0.0.1", 9))
- match: { path: /b }
  content:
    lua: |
      local sock = require("kept").sock
      ngx.say(pcall(sock.send, sock, "x"))
      ngx.say(pcall(sock.receive, sock))
      ngx.say(pcall(sock.close, sock))
      ngx.say(sock:setpeername("127.0.0.1", 9))
--- user_files
>>> kept.lua
return {}
--- requests
GET /a
GET /b
--- response_body
1
---8<---
falsebad request
falsebad request
falsebad request
1

=== TEST 3: methods of what is no socket
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = ngx.socket.udp()
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
