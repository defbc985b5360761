# Bodies both ways: fixed length and chunked, HEAD, statuses without one, Expect (RFC 9110, RFC 9112 sections 6 and 7).

=== TEST 1: a body of fixed length reaches the upstream
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
POST /a
hello
--- response_body_like: (?m)^Content-Length: 5$.*hello$
--- upstream_requests_unlike: Transfer-Encoding

=== TEST 2: a chunked body reaches the upstream chunked
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request bytes
POST /a
5\r
hello\r
6;name=value\r
 world\r
0\r
\r
--- more_headers
Transfer-Encoding: chunked
--- response_body_like: (?m)^Transfer-Encoding: chunked$.*hello world$
--- upstream_requests_unlike: Content-Length

=== TEST 3: chunk sizes in capitals and with zeros before
--- config
- match: { path: /echo }
  content: { lua: "ngx.req.read_body() ngx.say(ngx.req.get_body_data())" }
--- request bytes
POST /echo
0A\r
0123456789\r
000\r
\r
--- more_headers
Transfer-Encoding: chunked
--- response_body
0123456789

=== TEST 4: the name of the coding in any case
--- config
- match: { path: /echo }
  content: { lua: "ngx.req.read_body() ngx.say(ngx.req.get_body_data())" }
--- request bytes
POST /echo
3\r
abc\r
0\r
\r
--- more_headers
Transfer-Encoding: Chunked
--- response_body
abc

=== TEST 5: trailers after the last chunk do not disturb the next request
--- config
- match: { path: /echo }
  content: { lua: "ngx.req.read_body() ngx.say(ngx.req.get_body_data())" }
--- raw_request
POST /echo HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
\r
3\r
abc\r
0\r
X-Sum: 1\r
\r
POST /echo HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
Connection: close\r
\r
3\r
def\r
0\r
\r
--- error_code: 200 200
--- response_body
abc
---8<---
def

=== TEST 6: an answer of fixed length comes as it was
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
200 OK
X-Kind: plain

hello
--- request
GET /a
--- response_headers
Content-Length: 6
X-Kind: plain
!Transfer-Encoding
--- response_body
hello

=== TEST 7: a chunked answer comes chunked
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> chunked
200 OK

one
two
--- request
GET /a
--- more_headers
Connection: keep-alive
--- response_headers
Transfer-Encoding: chunked
!Content-Length
--- response_body
one
two

=== TEST 8: a chunked answer for an HTTP/1.0 client ends with the connection
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> chunked
200 OK

one
two
--- request
GET /a HTTP/1.0
--- response_headers
!Transfer-Encoding
--- response_body
one
two
--- connection_closed

=== TEST 9: an answer that ends with the upstream's connection
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> close
raw
HTTP/1.1 200 OK\r
X-Kind: until-close\r
\r
all of it
--- request
GET /a
--- response_headers
X-Kind: until-close
--- response_body
all of it

=== TEST 10: an answer from an HTTP/1.0 upstream
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> close
raw
HTTP/1.0 200 OK\r
\r
old
--- request
GET /a
--- raw_response_headers_like: ^HTTP/1.1 200
--- response_body
old

=== TEST 11: an answer byte by byte
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> split=1 chunked
200 OK

slowly
--- request
GET /a
--- response_body
slowly

=== TEST 12: HEAD has the headers of GET and no body
--- config
- { match: { path: /a }, respond: { body: "hello\n" } }
--- requests
HEAD /a
GET /a
--- response_headers
Content-Length: 6
---8<---
Content-Length: 6
--- response_body
---8<---
hello

=== TEST 13: HEAD of an upstream
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> HEAD
200 OK
Content-Length: 1234
>>> GET
200 OK

hello
--- requests
HEAD /a
GET /a
--- response_headers
Content-Length: 1234
---8<---
Content-Length: 6
--- response_body
---8<---
hello
--- upstream_connection_count: 1

=== TEST 14: HEAD of a script's content
--- config
- match: { path: /a }
  content: { lua: "ngx.say('hello')" }
--- requests
HEAD /a
GET /a
--- response_body
---8<---
hello

=== TEST 15: 204 has neither body nor length
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
204 No Content
--- requests
DELETE /a
DELETE /a
--- error_code: 204
--- response_headers
!Content-Length
!Transfer-Encoding
---8<---
!Content-Length
!Transfer-Encoding

=== TEST 16: 304 has no body, whatever its length says
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
304 Not Modified
ETag: "x"
Content-Length: 100
--- requests
GET /a
GET /a
--- error_code: 304
--- response_headers
ETag: "x"
---8<---
ETag: "x"

=== TEST 17: Expect: 100-continue is answered before the body comes
--- config
- match: { path: /echo }
  content: { lua: "ngx.req.read_body() ngx.say(ngx.req.get_body_data())" }
--- raw_request
POST /echo HTTP/1.1\r
Host: a\r
Expect: 100-continue\r
Content-Length: 5\r
Connection: close\r
\r
---8<--- wait
hello\

--- raw_response_headers_like: ^HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200
--- response_body
hello

=== TEST 18: Expect: 100-continue on the way to an upstream
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- raw_request
POST /a HTTP/1.1\r
Host: a\r
Expect: 100-continue\r
Content-Length: 5\r
Connection: close\r
\r
---8<--- wait
hello\

--- raw_response_headers_like: ^HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200
--- response_body_like: hello$

=== TEST 19: a refusal instead of 100 when the body is too large
--- config
- match: { path: /echo }
  body_limit: 3
  content: { lua: "ngx.req.read_body() ngx.say(ngx.req.get_body_data())" }
--- raw_request
POST /echo HTTP/1.1\r
Host: a\r
Expect: 100-continue\r
Content-Length: 5\r
\r
--- error_code: 413
--- raw_response_headers_unlike: 100 Continue

=== TEST 20: an expectation that is not known: 417
--- config
- { match: { path: /a }, respond: { body: "a\n" } }
--- request
GET /a
--- more_headers
Expect: cookies
--- error_code: 417
--- connection_closed

=== TEST 21: a POST without a body
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- raw_request
POST /a HTTP/1.1\r
Host: a\r
Connection: close\r
\r
--- response_body_like: ^POST /a HTTP/1.1

=== TEST 22: a body with GET goes along
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
GET /a
query
--- response_body_like: query$

=== TEST 23: 103 Early Hints are passed on
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
raw
HTTP/1.1 103 Early Hints\r
Link: </a.css>; rel=preload\r
\r
HTTP/1.1 200 OK\r
Content-Length: 2\r
\r
hi\

--- request
GET /a
--- raw_response_headers_like: ^HTTP/1.1 103 [^\r]*\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200
--- response_body chomp
hi

=== TEST 24: 103 is not passed on to an HTTP/1.0 client
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
raw
HTTP/1.1 103 Early Hints\r
Link: </a.css>; rel=preload\r
\r
HTTP/1.1 200 OK\r
Content-Length: 2\r
\r
hi\

--- request
GET /a HTTP/1.0
--- raw_response_headers_unlike: 103
--- response_body chomp
hi

=== TEST 25: an answer that comes before the request's body has gone
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> early
403 No

no
--- request
POST /a
some body
--- error_code: 403
--- response_body
no
