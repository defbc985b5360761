# What two parsers could read differently is refused, and the connection closed (RFC 9112, RFC 9110).

=== TEST 1: Content-Length and Transfer-Encoding
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Content-Length: 6\r
Transfer-Encoding: chunked\r
\r
0\r
\r
GET /smuggled HTTP/1.1\r
Host: a\r
\r
--- error_code: 400
--- connection_closed

=== TEST 2: two lengths that differ
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Content-Length: 5\r
Content-Length: 6\r
\r
abcdef
--- error_code: 400
--- connection_closed

=== TEST 3: the same length twice
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Content-Length: 5, 5\r
\r
abcde
--- error_code: 400
--- connection_closed

=== TEST 4: a length with a sign
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Content-Length: +5\r
\r
abcde
--- error_code: 400
--- connection_closed

=== TEST 5: a length beyond all numbers
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Content-Length: 18446744073709551617\r
\r
a
--- error_code: 400
--- connection_closed

=== TEST 6: a length in hexadecimal
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Content-Length: 0x5\r
\r
abcde
--- error_code: 400
--- connection_closed

=== TEST 7: Transfer-Encoding twice
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
Transfer-Encoding: identity\r
\r
0\r
\r
--- error_code_like: ^(400|501)$
--- connection_closed

=== TEST 8: chunked is not the last coding
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked, gzip\r
\r
0\r
\r
--- error_code_like: ^(400|501)$
--- connection_closed

=== TEST 9: a coding that is not known: 501
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Transfer-Encoding: xchunked\r
\r
0\r
\r
--- error_code_like: ^(400|501)$
--- connection_closed

=== TEST 10: Transfer-Encoding in HTTP/1.0
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
POST / HTTP/1.0\r
Host: a\r
Transfer-Encoding: chunked\r
\r
0\r
\r
--- error_code: 400
--- connection_closed

=== TEST 11: a vertical tab before chunked
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Transfer-Encoding: \x0bchunked\r
\r
0\r
\r
--- error_code: 400
--- connection_closed

=== TEST 12: lines that end in a bare LF
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1
Host: a


--- error_code: 400
--- connection_closed

=== TEST 13: a bare CR in a value
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1\r
Host: a\r
X-A: b\rX-B: c\r
\r
--- error_code: 400
--- connection_closed

=== TEST 14: a space before the colon
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1\r
Host: a\r
Transfer-Encoding : chunked\r
\r
--- error_code: 400
--- connection_closed

=== TEST 15: a folded line
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1\r
Host: a\r
X-A: b\r
 c\r
\r
--- error_code: 400
--- connection_closed

=== TEST 16: white space before the first field
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1\r
 X-A: b\r
Host: a\r
\r
--- error_code: 400
--- connection_closed

=== TEST 17: a NUL in a value
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1\r
Host: a\r
X-A: b\x00c\r
\r
--- error_code: 400
--- connection_closed

=== TEST 18: a name that is not a token
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1\r
Host: a\r
X(A): b\r
\r
--- error_code: 400
--- connection_closed

=== TEST 19: a field without a name
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1\r
Host: a\r
: b\r
\r
--- error_code: 400
--- connection_closed

=== TEST 20: no Host
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1\r
\r
--- error_code: 400
--- connection_closed

=== TEST 21: Host twice
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1\r
Host: a\r
Host: a\r
\r
--- error_code: 400
--- connection_closed

=== TEST 22: a Host that is none
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1\r
Host: a/b@c\r
\r
--- error_code: 400
--- connection_closed

=== TEST 23: an absolute target that is not Host's
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET http://b/ HTTP/1.1\r
Host: a\r
\r
--- error_code: 400
--- connection_closed

=== TEST 24: an absolute target that is Host's
--- config
- { match: { path: /a, hosts: [b] }, respond: { body: "in\n" } }
--- raw_request
GET http://b/a HTTP/1.1\r
Host: b\r
Connection: close\r
\r
--- response_body
in

=== TEST 25: another version: 505
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/2.0\r
Host: a\r
\r
--- error_code: 505
--- connection_closed

=== TEST 26: not HTTP at all
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n
--- error_code: 400
--- connection_closed

=== TEST 27: two spaces in the request line
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET  / HTTP/1.1\r
Host: a\r
\r
--- error_code: 400
--- connection_closed

=== TEST 28: a control byte in the target
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET /a\x01b HTTP/1.1\r
Host: a\r
\r
--- error_code: 400
--- connection_closed

=== TEST 29: %00 in the path
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET /a%00b HTTP/1.1\r
Host: a\r
\r
--- error_code: 400

=== TEST 30: percent-encoding that is none
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET /a%zz HTTP/1.1\r
Host: a\r
\r
--- error_code: 400

=== TEST 31: dot segments beyond the root
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET /a/../../b HTTP/1.1\r
Host: a\r
\r
--- error_code: 400

=== TEST 32: CONNECT
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
CONNECT a:443 HTTP/1.1\r
Host: a:443\r
\r
--- error_code_like: ^(400|405|501)$
--- connection_closed

=== TEST 33: a chunk's size that is none
--- config
- match: { path: "/*" }
  content: { lua: "ngx.req.read_body() ngx.say('in')" }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
\r
-1\r
a\r
0\r
\r
--- error_code: 400
--- connection_closed

=== TEST 34: a chunk longer than its size says
--- config
- match: { path: "/*" }
  content: { lua: "ngx.req.read_body() ngx.say('in')" }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
\r
3\r
abcd\r
0\r
\r
--- error_code: 400
--- connection_closed

=== TEST 35: a chunk's line that ends in a bare LF
--- config
- match: { path: "/*" }
  content: { lua: "ngx.req.read_body() ngx.say('in')" }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
\r
3
abc\r
0\r
\r
--- error_code: 400
--- connection_closed

=== TEST 36: a chunk's size beyond all numbers
--- config
- match: { path: "/*" }
  content: { lua: "ngx.req.read_body() ngx.say('in')" }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
\r
10000000000000003\r
abc\r
0\r
\r
--- error_code: 400
--- connection_closed

=== TEST 37: a bad chunk on its way to an upstream does not reach it whole
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
\r
3\r
abc\r
zz\r
0\r
\r
GET /smuggled HTTP/1.1\r
Host: a\r
\r
--- error_code: 400
--- connection_closed
--- upstream_requests_unlike: smuggled

=== TEST 38: what is refused before a pipelined request is answered alone
--- config
- { match: { path: "/{n}" }, respond: { body: "{path.n}\n", template: true } }
--- raw_request
GET /1 HTTP/1.1\r
Host: a\r
\r
GET /2 HTTP/1.1\r
Host : a\r
\r
GET /3 HTTP/1.1\r
Host: a\r
\r
--- error_code: 200 400
--- connection_closed

=== TEST 39: a refusal is a problem document, and says what is wrong
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET / HTTP/1.1\r
Host: a\r
Content-Length: x\r
\r
--- error_code: 400
--- response_headers
Content-Type: application/problem+json
Connection: close
--- response_body_like: Content-Length

=== TEST 40: an encoding in the query that is none
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET /a?b=%zz HTTP/1.1\r
Host: a\r
\r
--- error_code: 400
--- connection_closed

=== TEST 41: HTTP/2 by prior knowledge, where HTTP/1 is spoken
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
PRI * HTTP/2.0\r
\r
SM\r
\r
--- error_code: 505
--- connection_closed

=== TEST 42: a dot segment to those who cut parameters off
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET /a/..;x/admin HTTP/1.1\r
Host: a\r
\r
--- error_code: 400
--- connection_closed

=== TEST 43: a chunk extension that is none
--- config
- match: { path: "/*" }
  content: { lua: "ngx.req.read_body() ngx.say('in')" }
--- raw_request
POST / HTTP/1.1\r
Host: a\r
Transfer-Encoding: chunked\r
\r
3;=\r
abc\r
0\r
\r
--- error_code: 400
--- connection_closed

=== TEST 44: user information in an absolute target
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET http://u:p@a/ HTTP/1.1\r
Host: a\r
\r
--- error_code: 400
--- connection_closed

=== TEST 45: the asterisk is for OPTIONS
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- raw_request
GET * HTTP/1.1\r
Host: a\r
\r
--- error_code: 400
--- connection_closed
