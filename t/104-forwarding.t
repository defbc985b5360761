# What a proxy changes on the way, and what it must not let through (RFC 9110 section 7).

=== TEST 1: the upstream learns of the client and of the gateway
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
Host: shop.example
--- response_body_like: (?m)^Host: shop\.example$
--- upstream_requests_like: (?m)^X-Forwarded-For: 127\.0\.0\.1$.*^X-Forwarded-Proto: http$.*^X-Forwarded-Host: shop\.example$.*^Via: 1\.1 \S+$

=== TEST 2: hop-by-hop fields stay behind
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
Connection: close, X-Hop
X-Hop: 1
Keep-Alive: timeout=5
Proxy-Connection: keep-alive
TE: gzip
X-End: 2
--- response_body_like: (?m)^X-End: 2$
--- upstream_requests_unlike: (?mi)^(X-Hop|Keep-Alive|Proxy-Connection|TE|Connection: close)

=== TEST 3: Connection cannot take Host or the length away
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
POST /
abc
--- more_headers
Connection: close, Host, Content-Length
--- response_body_like: (?m)^Host: localhost$.*^Content-Length: 3$.*abc$

=== TEST 4: a stranger's X-Forwarded-For is not believed
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
X-Forwarded-For: 10.1.2.3
X-Forwarded-Proto: https
X-Forwarded-Host: evil.example
Forwarded: for=10.1.2.3
--- response_body_like: (?m)^X-Forwarded-For: 127\.0\.0\.1$
--- upstream_requests_unlike: (10\.1\.2\.3|https|evil)

=== TEST 5: a trusted proxy's is, and is added to
--- gateway
trusted_proxies: [127.0.0.0/8]
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
X-Forwarded-For: 10.1.2.3
X-Forwarded-Proto: https
--- response_body_like: (?m)^X-Forwarded-For: 10\.1\.2\.3, 127\.0\.0\.1$.*^X-Forwarded-Proto: https$

=== TEST 6: several X-Forwarded-For fields of a trusted proxy are one list
--- gateway
trusted_proxies: [127.0.0.0/8]
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
X-Forwarded-For: 10.1.2.3
X-Forwarded-For: 10.4.5.6
--- response_body_like: (?m)^X-Forwarded-For: 10\.1\.2\.3, 10\.4\.5\.6, 127\.0\.0\.1$

=== TEST 7: remote_addr behind a trusted proxy is the nearest address that is not trusted
--- gateway
trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr}\n", template: true } }
--- request
GET /
--- more_headers
X-Forwarded-For: 192.0.2.1, 198.51.100.7, 10.1.2.3
--- response_body
198.51.100.7

=== TEST 8: remote_addr of a stranger is its own
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr}\n", template: true } }
--- request
GET /
--- more_headers
X-Forwarded-For: 192.0.2.1
--- response_body
127.0.0.1

=== TEST 9: Via is added to
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
Via: 1.0 fred
--- response_body_like: (?m)^Via: 1\.0 fred, 1\.1 \S+$

=== TEST 10: several Via fields are kept in their order
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
Via: 1.0 fred
Via: 1.1 ginger
--- response_body_like: (?m)1\.0 fred.*1\.1 ginger.*1\.1 moongate

=== TEST 11: identity headers of a client are removed, in any spelling
--- gateway
identity_headers: [X-User-ID, "X-Consumer-*"]
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
X-User-ID: root
x-user-id: root
X_User_ID: root
X-CONSUMER-NAME: root
X-Consumer_Group: root
X-Userid: kept
--- response_body_like: (?m)^X-Userid: kept$
--- upstream_requests_unlike: root

=== TEST 12: identity headers are removed before a script can see them
--- gateway
identity_headers: [X-User-ID]
--- config
- match: { path: "/*" }
  content: { lua: "ngx.say(ngx.req.get_headers()['X-User-ID'] or 'nobody')" }
--- request
GET /
--- more_headers
X-User-ID: root
--- response_body
nobody

=== TEST 13: fields of one name are forwarded in their order
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
X-A: 1
X-B: 2
X-A: 3
--- response_body_like: (?m)^X-A: 1$.*^X-A: 3$

=== TEST 14: hop-by-hop fields of an answer stay behind
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
200 OK
Connection: X-Hop
X-Hop: 1
Keep-Alive: timeout=5
X-End: 2

hi
--- request
GET /
--- more_headers
Connection: keep-alive
--- response_headers
!X-Hop
!Keep-Alive
!Connection
X-End: 2

=== TEST 15: several Set-Cookie of an answer stay apart
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
200 OK
Set-Cookie: a=1; Path=/
Set-Cookie: b=2

hi
--- request
GET /
--- raw_response_headers_like: Set-Cookie: a=1; Path=/\r\n(.*\r\n)?Set-Cookie: b=2\r\n

=== TEST 16: the status' phrase of an upstream is passed on
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
299 Quite Fine

hi
--- request
GET /
--- error_code: 299
--- raw_response_headers_like: ^HTTP/1\.1 299 Quite Fine\r\n

=== TEST 17: the path is forwarded as it was checked: normalised
--- config
- { match: { path: "/a/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /x/../a//./b/%7euser?q=../1
--- response_body_like: ^GET /a/b/~user\?q=\.\./1 HTTP/1\.1\n

=== TEST 18: an encoded slash stays encoded
--- config
- { match: { path: "/a/{id}" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /a/b%2Fc
--- response_body_like: ^GET /a/b%2Fc HTTP/1\.1\n

=== TEST 19: without preserve_host the upstream's own address
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], preserve_host: false }
--- upstream: echo
--- request
GET /
--- more_headers
Host: shop.example
--- response_body_like: (?m)^Host: 127\.0\.0\.1:\d+$

=== TEST 20: a WebSocket handshake opens a tunnel
--- config
- { match: { path: /ws }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> close
raw
HTTP/1.1 101 Switching Protocols\r
Upgrade: websocket\r
Connection: Upgrade\r
\r
not HTTP\

--- raw_request
GET /ws HTTP/1.1\r
Host: a\r
Connection: Upgrade\r
Upgrade: websocket\r
\r
--- error_code: 101
--- response_headers
Upgrade: websocket
--- response_body chomp
not HTTP
--- upstream_requests_like: (?mi)^Upgrade: websocket$

=== TEST 21: Forwarded of a trusted proxy, where there is no X-Forwarded-For
--- gateway
trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr}\n", template: true } }
--- request
GET /
--- more_headers
Forwarded: for=192.0.2.1, for="198.51.100.7:4711";proto=https
Forwarded: for=10.1.2.3;by=_a
--- response_body
198.51.100.7

=== TEST 22: Forwarded in IPv6
--- gateway
trusted_proxies: [127.0.0.0/8]
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr}\n", template: true } }
--- request
GET /
--- more_headers
Forwarded: proto=http;For="[2001:db8::17]:4711"
--- response_body
2001:db8::17

=== TEST 23: a hidden node ends the walk
--- gateway
trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr}\n", template: true } }
--- request
GET /
--- more_headers
Forwarded: for=192.0.2.1, for=_secret, for=10.1.2.3
--- response_body
10.1.2.3

=== TEST 24: a malformed Forwarded tells nothing
--- gateway
trusted_proxies: [127.0.0.0/8]
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr}\n", template: true } }
--- request
GET /
--- more_headers
Forwarded: for=192.0.2.1, for="198.51.100.7
--- response_body
127.0.0.1

=== TEST 25: X-Forwarded-For goes before Forwarded
--- gateway
trusted_proxies: [127.0.0.0/8]
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr}\n", template: true } }
--- request
GET /
--- more_headers
Forwarded: for=192.0.2.1
X-Forwarded-For: 198.51.100.7
--- response_body
198.51.100.7

=== TEST 26: addresses with ports in X-Forwarded-For
--- gateway
trusted_proxies: [127.0.0.0/8, "2001:db8::/32"]
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr}\n", template: true } }
--- request
GET /
--- more_headers
X-Forwarded-For: 192.0.2.1:4711, [2001:db8::1]:80
--- response_body
192.0.2.1

=== TEST 27: a trusted proxy's Forwarded goes on, with an element for us
--- gateway
trusted_proxies: [127.0.0.0/8]
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
Host: shop.example:8080
Forwarded: for=192.0.2.1;proto=https
--- response_body_like: (?m)^Forwarded: for=192\.0\.2\.1;proto=https$.*^Forwarded: for=127\.0\.0\.1;proto=http;host="shop\.example:8080"$

=== TEST 28: nobody's Forwarded is begun
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
Forwarded: for=192.0.2.1
--- upstream_requests_unlike: Forwarded: for

=== TEST 29: the scheme a trusted proxy tells of
--- gateway
trusted_proxies: [127.0.0.0/8]
--- config
- { match: { path: "/*" }, redirect: "{scheme}://{host}/new" }
--- request
GET /
--- more_headers
Host: shop.example
X-Forwarded-Proto: https
--- error_code: 302
--- response_headers
Location: https://shop.example/new

=== TEST 30: the scheme a stranger tells of is not believed
--- config
- { match: { path: "/*" }, redirect: "{scheme}://{host}/new" }
--- request
GET /
--- more_headers
Host: shop.example
X-Forwarded-Proto: https
--- error_code: 302
--- response_headers
Location: http://shop.example/new

=== TEST 31: request_headers: removed, then set, then added; the gateway's before the route's
--- gateway
request_headers:
  remove: [X-Gone, Cookie]
  set: { X-Who: "{remote_addr}", X-Both: gateway }
--- config
- match: { path: "/v/{id}" }
  request_headers:
    set: { X-Both: "route {path.id}", x-client: "{header.X-None}" }
    add: { X-More: ["1", "{method}"] }
  upstream: "http://${UPSTREAM}"
--- upstream: echo
--- request
GET /v/7
--- more_headers
X-Gone: 1
x-gone: 2
Cookie: a=b
X-Both: client
X-Client: spoofed
X-More: 0
--- response_body_like: (?m)^X-More: 0$.*^X-Who: 127\.0\.0\.1$.*^X-Both: route 7$.*^X-More: 1$.*^X-More: GET$
--- upstream_requests_unlike: (?mi)^(X-Gone|Cookie|X-Both: (client|gateway)|X-Client)

=== TEST 32: request_headers decide on forwarding fields too
--- gateway
request_headers:
  set: { X-Forwarded-For: "{remote_addr}", X-Forwarded-Proto: https }
  remove: [X-Forwarded-Port]
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
X-Forwarded-For: 192.0.2.1
--- response_body_like: (?m)^X-Forwarded-For: 127\.0\.0\.1$.*^X-Forwarded-Proto: https$.*^X-Forwarded-Host: localhost$
--- upstream_requests_unlike: (192\.0\.2\.1|X-Forwarded-Port|X-Forwarded-For: .*X-Forwarded-For|Proto: http\n)

=== TEST 33: a template's control bytes do not become lines
--- gateway
request_headers: { set: { X-Q: "{query.q}" } }
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /?q=a%0d%0aX-Evil:%201
--- response_body_like: (?m)^X-Q: a  X-Evil: 1$
--- upstream_requests_unlike: (?m)^X-Evil

=== TEST 34: what is added stays one when the request is sent again
--- gateway
request_headers: { add: { X-Once: "1" } }
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> GET
reset
>>> GET
echo
--- request
GET /
--- upstream_request_count: 2
--- upstream_requests_unlike: X-Once: 1.*X-Once: 1

=== TEST 35: Connection cannot take away what is for all recipients
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
POST /
abc
--- more_headers
Connection: close, Authorization, Cookie, Content-Type, X-Request-ID, Cache-Control, Transfer-Encoding, X-Own
Authorization: Basic Og==
Cookie: a=b
Content-Type: text/plain
X-Request-ID: 1
Cache-Control: no-store
X-Own: 1
--- response_body_like: (?m)^Authorization: Basic Og==$.*^Cookie: a=b$.*^Content-Type: text/plain$.*^Cache-Control: no-store$.*^Content-Length: 3$.*abc$
--- upstream_requests_unlike: X-Own

=== TEST 36: Connection cannot take a trusted proxy's X-Forwarded-For away
--- gateway
trusted_proxies: [127.0.0.0/8]
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /
--- more_headers
Connection: close, X-Forwarded-For, X-Forwarded-Proto
X-Forwarded-For: 9.9.9.9
X-Forwarded-Proto: https
--- response_body_like: (?m)^X-Forwarded-For: 9\.9\.9\.9, 127\.0\.0\.1$.*^X-Forwarded-Proto: https$

=== TEST 37: an answer's Connection cannot take its fields away
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
200 OK
Connection: Set-Cookie, Content-Type, X-Own
Set-Cookie: a=b
Content-Type: text/plain
X-Own: 1

hello
--- request
GET /
--- response_headers
Set-Cookie: a=b
Content-Type: text/plain
Content-Length: 6
!X-Own

=== TEST 38: the authority of an absolute target is the Host that the upstream gets
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- raw_request
GET http://Shop.example:80/a//b?x HTTP/1.1\r
Host: shop.example\r
Connection: close\r
\r
--- response_body_like: ^GET /a/b\?x HTTP/1\.1\r?\nHost: Shop\.example:80\r?\n
--- upstream_requests_unlike: (?m)^Host: shop

=== TEST 39: encoded slashes taken for slashes
--- gateway
limits: { encoded_slashes: decode }
--- config
- { match: { path: "/a/b" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /x%2F..%2fa%2Fb
--- response_body_like: ^GET /a/b HTTP

=== TEST 40: encoded slashes refused
--- gateway
limits: { encoded_slashes: refuse }
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- requests
GET /a%25b
GET /a%2Fb
--- more_headers
Connection: keep-alive
--- error_code: 200 400
--- connection_closed

=== TEST 41: encoded backslashes refused with them
--- gateway
limits: { encoded_slashes: refuse }
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- request
GET /a%5cb
--- error_code: 400

=== TEST 42: a value of encoded_slashes that is none
--- gateway
limits: { encoded_slashes: merge }
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- must_die
--- error_log
limits.encoded_slashes

=== TEST 43: an answer with a status beyond all: 502
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
raw
HTTP/1.1 999 X\r
Content-Length: 0\r
\r
--- request
GET /
--- error_code: 502
