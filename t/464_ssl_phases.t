# ssl_client_hello and ssl_certificate: chunks within the handshake; ngx.ssl, ngx.ssl.clienthello, ngx.ocsp.

=== TEST 1: a certificate by the name that is asked for, from files, after a wait
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_certificate:
        lua: |
          local ssl = require "ngx.ssl"
          local folder = os.getenv("TLS")
          local function read(name)
            local file = assert(io.open(folder .. "/" .. name, "rb"))
            local text = file:read("*a")
            file:close()
            return text
          end
          ngx.sleep(0.001)
          if ssl.server_name() == "api.example.org" then
            assert(ssl.clear_certs())
            assert(ssl.set_cert(assert(ssl.parse_pem_cert(read("example.crt")))))
            assert(ssl.set_priv_key(assert(ssl.parse_pem_priv_key(read("example.key")))))
          end
          ngx.log(ngx.ERR, "phase ", ngx.get_phase(), " for ", ssl.server_name())
--- config
- { match: { path: "/*" }, respond: { body: "{tls.server_name}\n", template: true } }
--- tls
server_name: api.example.org
--- request
GET /
--- response_body
api.example.org
--- error_log
phase ssl_cert for api.example.org

=== TEST 2: DER, and what is converted
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/example.crt", key: "${TLS}/example.key" }]
      ssl_certificate:
        lua: |
          local ssl = require "ngx.ssl"
          local function read(name)
            local file = assert(io.open(os.getenv("TLS") .. "/" .. name, "rb"))
            local text = file:read("*a")
            file:close()
            return text
          end
          ssl.clear_certs()
          assert(ssl.set_der_cert(assert(ssl.cert_pem_to_der(read("server.crt")))))
          assert(ssl.set_der_priv_key(assert(ssl.priv_key_pem_to_der(read("server.key")))))
--- config
- { match: { path: "/*" }, respond: { body: "ok\n" } }
--- tls
--- request
GET /
--- response_body
ok

=== TEST 3: the hello: name, versions, extensions; and it may wait
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_client_hello:
        lua: |
          local hello = require "ngx.ssl.clienthello"
          ngx.sleep(0.001)
          local present = {}
          for _, number in ipairs(hello.get_client_hello_ext_present()) do present[number] = true end
          ngx.log(ngx.ERR, ngx.get_phase(), " ", hello.get_client_hello_server_name(), " ",
            table.concat(hello.get_supported_versions(), ","), " ", tostring(present[0]), " ",
            #hello.get_client_hello_ext(0), " ", tostring(hello.get_client_hello_ext(4242)))
--- config
- { match: { path: "/*" }, respond: { body: "ok\n" } }
--- tls
--- request
GET /
--- response_body
ok
--- error_log regex
ssl_client_hello localhost TLSv1\.3,TLSv1\.2.* true 14 nil

=== TEST 4: versions are chosen there
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_client_hello: { lua: 'assert(require("ngx.ssl.clienthello").set_protocols({ "TLSv1.2" }))' }
--- config
- { match: { path: "/*" }, content: { lua: 'local ssl = require "ngx.ssl" ngx.say(ssl.get_tls1_version_str(), " ", ssl.get_tls1_version() == ssl.TLS1_2_VERSION)' } }
--- tls
--- request
GET /
--- response_body
TLSv1.2 true

=== TEST 5: ngx.exit(ngx.ERROR), and an error, end the handshake
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_client_hello: { lua: "ngx.sleep(0.001) ngx.exit(ngx.ERROR)" }
--- config
- { match: { path: "/*" }, respond: 200 }
--- tls
--- request
GET /
--- no_response
--- error_log
TLS handshake

=== TEST 6: an error fails closed, and tells where
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_certificate: { lua: "error('on purpose')" }
--- config
- { match: { path: "/*" }, respond: 200 }
--- tls
--- request
GET /
--- no_response
--- error_log regex
listeners\[0\]\.tls\.ssl_certificate: .*on purpose

=== TEST 7: addresses
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_certificate:
        lua: |
          local ssl = require "ngx.ssl"
          local address, kind = ssl.raw_client_addr()
          ngx.log(ngx.ERR, kind, " ", string.byte(address, 1), ".", string.byte(address, 4), " ",
            select(2, ssl.raw_server_addr()), " ", ssl.server_port() > 0)
--- config
- { match: { path: "/*" }, respond: 200 }
--- tls
--- request
GET /
--- error_log
inet 127.1 inet true

=== TEST 8: asking clients for a certificate
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_certificate:
        lua: |
          local ssl = require "ngx.ssl"
          local file = assert(io.open(os.getenv("TLS") .. "/ca.pem", "rb"))
          assert(ssl.verify_client(assert(ssl.parse_pem_cert(file:read("*a"))), 2))
          file:close()
--- config
- { match: { path: "/*" }, respond: { body: "{tls.client.verify} {tls.client.subject}\n", template: true } }
--- tls
certificate: client
--- request
GET /
--- response_body
SUCCESS O=Moongate,CN=alice

=== TEST 9: what cannot be parsed
--- config
- match: { path: /t }
  content:
    lua: |
      local ssl, ocsp = require "ngx.ssl", require "ngx.ocsp"
      ngx.say(ssl.parse_pem_cert("nothing"))
      ngx.say(ssl.parse_der_cert("nothing"))
      ngx.say(ssl.parse_pem_priv_key("nothing"))
      ngx.say(ssl.parse_der_priv_key("nothing"))
      ngx.say(ssl.cert_pem_to_der("nothing"))
      ngx.say(ocsp.create_ocsp_request("nothing"))
      ngx.say(pcall(ssl.set_cert, nil))
--- request
GET /t
--- response_body_like
^nilPEM_read_bio_X509_AUX\(\) failed
nild2i_X509_bio\(\) failed
nilPEM_read_bio_PrivateKey\(\) failed
nild2i_PrivateKey_bio\(\) failed
nilPEM_read_bio_X509_AUX\(\) failed
nild2i_X509_bio\(\) failed
false.*API disabled in the context of content_by_lua\*

=== TEST 10: the gateway's chunks are for the listeners that have none of their own
--- gateway
tls:
  ssl_client_hello: { lua: "ngx.ctx.hello = require('ngx.ssl.clienthello').get_client_hello_server_name()" }
  ssl_certificate: { lua: "ngx.log(ngx.ERR, 'the gateway says: ', ngx.ctx.hello)" }
listeners:
  - address: "127.0.0.1:0"
    tls: { certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }] }
--- config
- { match: { path: "/*" }, respond: { body: "ok\n" } }
--- tls
--- request
GET /
--- response_body
ok
--- error_log
the gateway says: localhost

=== TEST 11: a listener's own goes before the gateway's, from a file
--- gateway
tls:
  ssl_certificate: { lua: "ngx.log(ngx.ERR, 'the gateway says')" }
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_certificate: certificate.lua
--- config
- { match: { path: "/*" }, respond: { body: "ok\n" } }
--- user_files
>>> certificate.lua
ngx.log(ngx.ERR, "the listener says")
--- tls
--- request
GET /
--- response_body
ok
--- error_log
certificate.lua:1: the listener says
--- no_error_log
the gateway says

=== TEST 12: a certificate out of Redis, while the handshake waits
--- gateway
redis: { main: { address: "${REDIS}" } }
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_certificate:
        lua: |
          local ssl, redis = require "ngx.ssl", require("moongate.redis").get "main"
          for _, kind in ipairs { "crt", "key" } do
            local file = assert(io.open(os.getenv("TLS") .. "/example." .. kind, "rb"))
            assert(redis:set(kind .. ":" .. ssl.server_name(), file:read("*a")))
            file:close()
          end
          assert(ssl.clear_certs())
          local chain, key = assert(redis:get("crt:" .. ssl.server_name())), assert(redis:get("key:" .. ssl.server_name()))
          assert(ssl.set_cert(assert(ssl.parse_pem_cert(chain))))
          assert(ssl.set_priv_key(assert(ssl.parse_pem_priv_key(key))))
--- config
- { match: { path: "/*" }, respond: { body: "{tls.server_name}\n", template: true } }
--- redis
--- tls
server_name: api.example.org
--- request
GET /
--- response_body
api.example.org

=== TEST 13: both wait for a cosocket, beside a light thread
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_client_hello: ask.lua
      ssl_certificate: ask.lua
--- config
- { match: { path: "/*" }, respond: { body: "ok\n" } }
--- user_files
>>> ask.lua
local host, port = os.getenv("UPSTREAM"):match("(.+):(%d+)")
local thread = ngx.thread.spawn(function()
  ngx.sleep(0.001)
  return "slept"
end)
local sock = ngx.socket.tcp()
assert(sock:connect(host, tonumber(port)))
assert(sock:send("GET /" .. ngx.get_phase() .. " HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n"))
local line = assert(sock:receive("*l"))
sock:close()
ngx.log(ngx.ERR, ngx.get_phase(), ": ", line, " ", select(2, ngx.thread.wait(thread)))
--- upstream
>>>
204 No Content
--- tls
--- request
GET /
--- response_body
ok
--- error_log
ssl_client_hello: HTTP/1.1 204 No Content slept
ssl_cert: HTTP/1.1 204 No Content slept
--- upstream_request_count: 2

=== TEST 14: a status refuses, too
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_certificate: { lua: "ngx.exit(403)" }
--- config
- { match: { path: "/*" }, respond: 200 }
--- tls
--- request
GET /
--- no_response

=== TEST 15: ngx.exit(ngx.OK) ends the chunk alone
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_certificate: { lua: "ngx.exit(ngx.OK) error('not reached')" }
--- config
- { match: { path: "/*" }, respond: { body: "ok\n" } }
--- tls
--- request
GET /
--- response_body
ok
--- no_error_log
[error]

=== TEST 16: a handshake whose hook does not end is cut after limits.head_timeout
--- gateway
limits: { head_timeout: 100ms }
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_certificate: { lua: "ngx.log(ngx.ERR, 'begun') ngx.sleep(60) ngx.log(ngx.ERR, 'slept')" }
--- config
- { match: { path: "/*" }, respond: 200 }
--- tls
--- request
GET /
--- no_response
--- error_log
begun
--- no_error_log
slept

=== TEST 17: a listener that requires a certificate goes on requiring one, whatever the chunk asks for
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      client_auth: { mode: required, ca: "${TLS}/ca.pem" }
      ssl_certificate:
        lua: |
          local ssl = require "ngx.ssl"
          local file = assert(io.open(os.getenv("TLS") .. "/ca.pem", "rb"))
          assert(ssl.verify_client(assert(ssl.parse_pem_cert(file:read("*a")))))
          file:close()
--- config
- { match: { path: "/*" }, respond: 200 }
--- tls
--- request
GET /
--- no_response
--- error_log
peer did not return a certificate

=== TEST 18: what belongs to requests is not there in a handshake
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_certificate:
        lua: |
          for _, call in ipairs { function() return ngx.var.uri end, function() ngx.say("x") end,
              function() return ngx.req.get_headers() end, function() ngx.location.capture("/") end,
              function() require("ngx.ssl.clienthello").get_client_hello_server_name() end } do
            ngx.log(ngx.ERR, (select(2, pcall(call))))
          end
      ssl_client_hello: { lua: 'ngx.log(ngx.ERR, (select(2, pcall(require("ngx.ssl").clear_certs))))' }
--- config
- { match: { path: "/*" }, respond: { body: "ok\n" } }
--- tls
--- request
GET /
--- response_body
ok
--- grep_error_log regex: API disabled in the (?:context of \w+\*|current context)
--- grep_error_log_out
API disabled in the context of ssl_client_hello_by_lua*
API disabled in the current context
API disabled in the context of ssl_certificate_by_lua*
API disabled in the current context
API disabled in the context of ssl_certificate_by_lua*
API disabled in the current context

=== TEST 19: what is no certificate and no key; a pointer of a library's own
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      ssl_certificate:
        lua: |
          local ssl, ffi = require "ngx.ssl", require "ffi"
          local function read(name)
            local file = assert(io.open(os.getenv("TLS") .. "/" .. name, "rb"))
            local text = file:read("*a")
            file:close()
            return text
          end
          local chain, key = ssl.parse_pem_cert(read("server.crt")), ssl.parse_pem_priv_key(read("server.key"))
          ngx.log(ngx.ERR, tostring(pcall(ssl.set_cert, 4096LL)), tostring(pcall(ssl.set_cert, key)),
            tostring(pcall(ssl.set_priv_key, chain)), tostring(pcall(ssl.set_cert, ffi.new("void *"))),
            tostring(pcall(ssl.set_priv_key, "text")), tostring(pcall(ssl.verify_client, key)), " none")
          assert(ssl.clear_certs())
          assert(ssl.set_cert(ffi.cast("void *", chain)))
          assert(ssl.set_priv_key(ffi.cast("void *", key)))
--- config
- { match: { path: "/*" }, respond: { body: "ok\n" } }
--- tls
--- request
GET /
--- response_body
ok
--- error_log
falsefalsefalsefalsefalsefalse none

=== TEST 20: a cosocket shows a certificate
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      client_auth: { mode: optional, ca: "${TLS}/ca.pem" }
lua: { socket: { ca: "${TLS}/ca.pem" } }
--- config
- { match: { path: /in }, respond: { body: "{tls.client.verify} {tls.client.subject}\n", template: true } }
- match: { path: /t }
  content:
    lua: |
      local ssl = require "ngx.ssl"
      local function read(name)
        local file = assert(io.open(os.getenv("TLS") .. "/" .. name, "rb"))
        local text = file:read("*a")
        file:close()
        return text
      end
      local chain, key = ssl.parse_pem_cert(read("client.crt")), ssl.parse_pem_priv_key(read("client.key"))
      local sock = assert(ngx.socket.connect("127.0.0.1", ngx.var.server_port))
      ngx.say(sock:setclientcert(key, chain))
      ngx.say(sock:setclientcert(4096LL, 4096LL))
      assert(sock:setclientcert(chain, key))
      chain, key = nil, nil
      collectgarbage()
      assert(sock:sslhandshake(false, "localhost", true))
      sock:send("GET /in HTTP/1.0\r\nHost: localhost\r\n\r\n")
      ngx.print(sock:receive("*a"):match("\r\n\r\n(.*)"))
--- tls
--- request
GET /t
--- response_body
nilbad cert arg: cdata expected, got cdata
nilbad cert arg: cdata expected, got cdata
SUCCESS O=Moongate,CN=alice
