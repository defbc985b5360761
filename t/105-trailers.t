# Trailers both ways (RFC 9110 section 6.5, RFC 9112 section 7.1.2), and the fields that go with them.

=== TEST 1: a request's trailers reach the upstream
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- raw_request
POST /a HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
Trailer: X-Sum\r
Connection: close\r
\r
3\r
abc\r
0\r
X-Sum: 1\r
x-More:2\r
\r
--- response_body_like: (?m)^Trailer: X-Sum$.*^X-Sum: 1$.*^x-More: 2$

=== TEST 2: trailers that belong into the head are dropped
--- gateway
identity_headers: [X-User-ID]
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- raw_request
POST /a HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
Connection: close\r
\r
0\r
Host: evil\r
Authorization: Basic Og==\r
Cookie: a=b\r
X-Forwarded-For: 6.6.6.6\r
x-forwarded-anything: 1\r
If-Match: x\r
Range: bytes=0-1\r
Content-Type: x/y\r
x_user_id: root\r
X-Kept: 1\r
\r
--- response_body_like: (?m)^X-Kept: 1$
--- upstream_requests_unlike: (?mi)^(Host: evil|Authorization|Cookie|X-Forwarded-For: 6|x-forwarded-any|If-Match|Range|Content-Type|x_user_id)

=== TEST 3: a body that a script has read goes on with a length, and without trailers
--- config
- match: { path: /a }
  policies: [{ script: read.lua }]
  upstream: "http://${UPSTREAM}"
--- user_files
>>> read.lua
return { access = function() ngx.req.read_body() end }
--- upstream: echo
--- raw_request
POST /a HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
Trailer: X-Sum\r
Connection: close\r
\r
3\r
abc\r
0\r
X-Sum: 1\r
\r
--- response_body_like: (?m)^Content-Length: 3$
--- upstream_requests_unlike: X-Sum

=== TEST 4: an answer's trailers reach the client
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
raw
HTTP/1.1 200 OK\r
Transfer-Encoding: chunked\r
Trailer: X-Sum, X-More\r
\r
3\r
abc\r
0\r
X-Sum: 1\r
X-More: 2\r
\r
--- request
GET /a
--- response_headers
Trailer: X-Sum, X-More
--- response_body chomp
abc
--- response_trailers
X-Sum: 1
X-More: 2

=== TEST 5: an answer's trailers that belong into the head are dropped
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
raw
HTTP/1.1 200 OK\r
Transfer-Encoding: chunked\r
\r
0\r
Set-Cookie: a=b\r
Location: /evil\r
Cache-Control: no-store\r
WWW-Authenticate: Basic\r
Access-Control-Allow-Origin: *\r
ETag: "x"\r
\r
--- request
GET /a
--- response_trailers
!Set-Cookie
!Location
!Cache-Control
!WWW-Authenticate
!Access-Control-Allow-Origin
ETag: "x"

=== TEST 6: an answer without chunks has no trailers
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
raw
HTTP/1.1 200 OK\r
Transfer-Encoding: chunked\r
Trailer: X-Sum\r
\r
3\r
abc\r
0\r
X-Sum: 1\r
\r
--- request
GET /a HTTP/1.0
--- response_headers
!Trailer
!Transfer-Encoding
--- response_body chomp
abc
--- connection_closed

=== TEST 7: TE: trailers is passed on, and nothing else of TE
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /a
--- more_headers
TE: gzip;q=0.5, trailers
Connection: close, TE
--- response_body_like: (?m)^Connection: TE$.*^TE: trailers$
--- upstream_requests_unlike: gzip

=== TEST 8: a malformed trailer is refused
--- config
- match: { path: /a }
  content: { lua: "ngx.req.read_body() ngx.say('in')" }
--- raw_request
POST /a HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
\r
0\r
X-Sum : 1\r
\r
--- error_code: 400
--- connection_closed

=== TEST 9: a malformed trailer of an answer cuts it
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
raw
HTTP/1.1 200 OK\r
Transfer-Encoding: chunked\r
\r
3\r
abc\r
0\r
X-Sum : 1\r
\r
--- request
GET /a
--- response_cut

=== TEST 10: a framing field among trailers is refused
--- config
- match: { path: /a }
  content: { lua: "ngx.req.read_body() ngx.say('in')" }
--- raw_request
POST /a HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
\r
0\r
Content-Length: 5\r
\r
--- error_code: 400
--- connection_closed
