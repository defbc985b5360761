# Libraries written for OpenResty run as they are: those that Debian packages, unpacked by `./dev test` into
# build/lua-packages. Debian calls nginx.* what is resty.* elsewhere.

=== TEST 1: redis
--- gateway
lua: { path: [../build/lua-packages/usr/share/lua/5.1] }
--- redis
--- config
- match: { path: /t }
  content:
    lua: |
      local redis = require "nginx.redis"
      local host, port = os.getenv("REDIS"):match("(.*):(.*)")
      local r = redis:new()
      r:set_timeouts(1000, 1000, 1000)
      ngx.say(r:connect(host, port), " ", r:set("a", "1"), " ", r:get("a"), " ", r:get("none") == ngx.null)
      r:init_pipeline()
      r:set("b", 2)
      r:incr("b")
      r:hmset("h", { x = 1, y = 2 })
      r:hgetall("h")
      local answers = r:commit_pipeline()
      ngx.say(#answers, " ", answers[2], " ", #answers[4])
      ngx.say(r:eval("return {KEYS[1], ARGV[1]}", 1, "k", "v")[2])
      ngx.say((select(2, r:nope()):match("^ERR unknown command")))
      ngx.say(r:multi(), " ", r:get("a"), " ", r:exec()[1])
      local subscriber = redis:new()
      subscriber:connect(host, port)
      ngx.say(subscriber:subscribe("channel")[1])
      r:publish("channel", "news")
      ngx.say(subscriber:read_reply()[3])
      ngx.say(r:set_keepalive(1000, 10), " ", r:get("a"))
      ngx.say(r:connect(host, port), " ", r:get_reused_times())
--- request
GET /t
--- response_body
1 OK 1 true
4 3 4
v
ERR unknown command
OK QUEUED 1
subscribe
news
1 nilclosed
1 1

=== TEST 2: strings, digests, a cipher
--- gateway
lua: { path: [../build/lua-packages/usr/share/lua/5.1] }
--- config
- match: { path: /t }
  content:
    lua: |
      local str = require "nginx.string"
      ngx.say(str.to_hex("ab\255"), " ", str.atoi("12"), " ", str.atoi("x"))
      for _, name in ipairs { "md5", "sha1", "sha256", "sha512" } do
        local digest = require("nginx." .. name):new()
        digest:update("he")
        digest:update("llo")
        ngx.say(name, " ", str.to_hex(digest:final()):sub(1, 12))
      end
      local aes = require("nginx.aes"):new("key")
      ngx.say(aes:decrypt(aes:encrypt("secret")), " ", #require("nginx.random").bytes(10))
--- request
GET /t
--- response_body
6162ff 12 -1
md5 5d41402abc4b
sha1 aaf4c61ddcc5
sha256 2cf24dba5fb0
sha512 9b71d224bd62
secret 10

=== TEST 3: cookies
--- gateway
lua: { path: [../build/lua-packages/usr/share/lua/5.1] }
--- config
- match: { path: /t }
  content:
    lua: |
      local cookie = require("nginx.cookie"):new()
      cookie:set { key = "n", value = "v", path = "/", secure = true, httponly = true, max_age = 50 }
      cookie:set { key = "m", value = "w" }
      ngx.say(cookie:get("a"), cookie:get("b"), " ", tostring(cookie:get("c")))
--- request
GET /t
--- more_headers
Cookie: a=1; b=2
--- response_headers
Set-Cookie: n=v; Max-Age=50; Path=/; Secure; HttpOnly, m=w
--- response_body
12 nil

=== TEST 4: a WebSocket, both ends of it
--- gateway
lua: { path: [../build/lua-packages/usr/share/lua/5.1] }
--- config
- match: { path: /ws }
  content:
    lua: |
      local socket, message = require("nginx.websocket.server"):new { timeout = 1000, max_payload_len = 65535 }
      if not socket then
        ngx.log(ngx.ERR, "no WebSocket: ", message)
        return ngx.exit(444)
      end
      while true do
        local data, kind = socket:recv_frame()
        if kind == "close" then
          return socket:send_close(1000, "goodbye")
        elseif kind == "ping" then
          socket:send_pong(data)
        elseif kind == "text" then
          socket:send_text("echo " .. data)
        end
      end
- match: { path: /t }
  content:
    lua: |
      local socket = require("nginx.websocket.client"):new { timeout = 1000 }
      ngx.say(socket:connect("ws://127.0.0.1:" .. ngx.var.server_port .. "/ws"))
      socket:send_text("hello")
      ngx.say(socket:recv_frame())
      socket:send_ping("p")
      ngx.say(socket:recv_frame())
      socket:send_text(("x"):rep(70000 - 5000))
      ngx.say(#socket:recv_frame())
      socket:send_close(1000, "done")
      ngx.say(socket:recv_frame())
--- request
GET /t
--- response_body
1
echo hellotextnil
ppongnil
65005
goodbyeclose1000

=== TEST 5: an LRU cache
--- gateway
lua: { path: [../build/lua-packages/usr/share/lua/5.1] }
--- config
- match: { path: /t }
  content:
    lua: |
      for _, name in ipairs { "resty.lrucache", "resty.lrucache.pureffi" } do
        local cache = require(name).new(2)
        cache:set("a", 1)
        cache:set("b", 2)
        cache:set("c", 3, 0.01)
        ngx.print(tostring(cache:get("a")), " ", (cache:get("b")), " ", (cache:get("c")))
        ngx.sleep(0.02)
        ngx.say(" ", tostring((cache:get("c"))))
      end
--- request
GET /t
--- response_body
nil 2 3 nil
nil 2 3 nil
