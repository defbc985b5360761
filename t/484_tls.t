# sslhandshake: the client's side of TLS, against the gateway's own listener.

=== TEST 1: verified by name, and a session taken up again
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls: { certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }] }
lua: { socket: { ca: "${TLS}/ca.pem" } }
--- config
- match: { path: /in }
  respond: { body: "{tls.resumed}\n", template: true }
- match: { path: /t }
  content:
    lua: |
      local function fetch(session)
        local sock = assert(ngx.socket.connect("127.0.0.1", ngx.var.server_port))
        local kept = assert(sock:sslhandshake(session, "localhost", true))
        sock:send("GET /in HTTP/1.0\r\nHost: localhost\r\n\r\n")
        local text = assert(sock:receive("*a"))
        return kept, text:match("\r\n\r\n(.*)")
      end
      local session, first = fetch()
      local again, second = fetch(session)
      ngx.print(type(session), " ", first, type(again), " ", second)
      ngx.print(fetch(false))
--- tls
--- request
GET /t
--- response_body_like
^cdata .*
cdata .*
true.*
$

=== TEST 2: who is not who was asked for
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls: { certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }] }
lua: { socket: { ca: "${TLS}/ca.pem" } }
--- config
- match: { path: /t }
  content:
    lua: |
      local function try(...)
        local sock = assert(ngx.socket.connect("127.0.0.1", ngx.var.server_port))
        local session, err = sock:sslhandshake(...)
        ngx.say(session and "ok" or err, " ", (sock:close()))
      end
      try(nil, "other.example", true)
      try(nil, "other.example", false)
      try(nil, nil, true)
      try()
--- tls
--- request
GET /t
--- response_body
certificate host mismatch nil
ok 1
ok 1
ok 1

=== TEST 3: an authority that is not known
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls: { certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }] }
lua: { socket: { ca: "${TLS}/stranger.crt" } }
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = assert(ngx.socket.connect("127.0.0.1", ngx.var.server_port))
      ngx.say(sock:sslhandshake(nil, "localhost", true))
      ngx.say(sock:send("x"))
--- tls
--- request
GET /t
--- response_body_like
^nil\d+: .*certificate.*
nilclosed
$

=== TEST 4: a peer that speaks no TLS; one that is silent
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local sock = ngx.socket.tcp()
      ngx.say(pcall(sock.sslhandshake, sock))
      assert(sock:connect("127.0.0.1", os.getenv("REDIS_PORT")))
      sock:settimeout(20)
      ngx.say(sock:sslhandshake())
      ngx.say(sock:sslhandshake())
--- request
GET /t
--- response_body_like
^falsesocket is never created nor connected
nil(handshake failed|timeout)
nilclosed
$

=== TEST 5: kept alive with its TLS
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls: { certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }] }
lua: { socket: { ca: "${TLS}/ca.pem" } }
--- config
- { match: { path: /in }, respond: { body: "x" } }
- match: { path: /t }
  content:
    lua: |
      local function fetch(name)
        local sock = ngx.socket.tcp()
        assert(sock:connect("127.0.0.1", ngx.var.server_port, { pool = "484.5" }))
        local ok, err = sock:sslhandshake(false, name, true)
        if not ok then return err end
        sock:send("GET /in HTTP/1.1\r\nHost: localhost\r\n\r\n")
        repeat local line = assert(sock:receive()) until line == ""
        assert(sock:receive(1) == "x")
        local times = sock:getreusedtimes()
        assert(sock:setkeepalive())
        return times
      end
      ngx.say(fetch("localhost"), " ", fetch("localhost"), " ", fetch("other.example"), " ", fetch("localhost"))
--- tls
--- request
GET /t
--- response_body
0 1 certificate host mismatch 0
