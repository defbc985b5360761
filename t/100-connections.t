# Keep-alive, pipelining and the ends of connections (RFC 9112 section 9).

=== TEST 1: HTTP/1.1 keeps the connection
--- config
- { match: { path: "/{n}" }, respond: { body: "{path.n}\n", template: true } }
--- requests
GET /1
GET /2
GET /3
--- response_body
1
---8<---
2
---8<---
3
--- raw_response_headers_unlike
Connection: close.*\r\n\r\n.*Connection
--- response_headers
!Connection
---8<---
!Connection
---8<---
Connection: close

=== TEST 2: Connection: close ends it after the answer
--- config
- { match: { path: /a }, respond: { body: "a\n" } }
--- request
GET /a
--- more_headers
Connection: close
--- response_headers
Connection: close
--- connection_closed

=== TEST 3: close is found among other options, in any case
--- config
- { match: { path: /a }, respond: { body: "a\n" } }
--- request
GET /a
--- more_headers
Connection: X-One, CLOSE
--- response_headers
Connection: close
--- connection_closed

=== TEST 4: HTTP/1.0 closes
--- config
- { match: { path: /a }, respond: { body: "a\n" } }
--- raw_request
GET /a HTTP/1.0\r
Host: localhost\r
\r
--- response_body
a
--- connection_closed

=== TEST 5: HTTP/1.0 keeps the connection when asked
--- config
- { match: { path: "/{n}" }, respond: { body: "{path.n}\n", template: true } }
--- requests
GET /1 HTTP/1.0
---8<---
GET /2 HTTP/1.0
--- more_headers
Connection: keep-alive
---8<---
Connection: close
--- response_body
1
---8<---
2
--- response_headers
Connection: keep-alive
---8<---

=== TEST 6: HTTP/1.0 needs no Host
--- config
- { match: { path: /a }, respond: { body: "a\n" } }
--- raw_request
GET /a HTTP/1.0\r
\r
--- response_body
a
--- connection_closed

=== TEST 7: pipelined requests are answered in order
--- config
- { match: { path: "/{n}" }, respond: { body: "{path.n}\n", template: true } }
--- pipelined_requests
GET /1
GET /2
GET /3
GET /4
--- response_body
1
---8<---
2
---8<---
3
---8<---
4

=== TEST 8: a slow answer holds back the quick one behind it
--- config
- { match: { path: /slow }, upstream: "http://${UPSTREAM}" }
- { match: { path: /quick }, respond: { body: "quick\n" } }
--- upstream
>>> delay=30ms
200 OK

slow
--- pipelined_requests
GET /slow
GET /quick
--- response_body
slow
---8<---
quick

=== TEST 9: pipelined requests with bodies
--- config
- match: { path: /echo }
  content: { lua: "ngx.req.read_body() ngx.say(ngx.req.get_body_data())" }
--- pipelined_requests
POST /echo
first
---8<---
POST /echo
second
--- response_body
first
---8<---
second

=== TEST 10: a body that nobody reads is not taken for the next request
--- config
- { match: { path: "/{n}" }, respond: { body: "{path.n}\n", template: true } }
--- pipelined_requests
POST /1
GET /smuggled HTTP/1.1
---8<---
GET /2
--- response_body
1
---8<---
2

=== TEST 11: nothing is answered after Connection: close
--- config
- { match: { path: "/{n}" }, respond: { body: "{path.n}\n", template: true } }
--- raw_request
GET /1 HTTP/1.1\r
Host: a\r
Connection: close\r
\r
GET /2 HTTP/1.1\r
Host: a\r
\r
--- response_body
1
--- connection_closed

=== TEST 12: an empty line before a request is skipped
--- config
- { match: { path: "/{n}" }, respond: { body: "{path.n}\n", template: true } }
--- raw_request
\r
GET /1 HTTP/1.1\r
Host: a\r
Connection: close\r
\r
--- response_body
1

=== TEST 13: a request that comes byte by byte, as good as
--- config
- { match: { path: /a }, respond: { body: "a\n" } }
--- raw_request
GE\
---8<---
T /a HT\
---8<---
TP/1.1\r\
---8<---
\nHost: a\r\nConnection: close\r\n\r\
---8<---
\n\

--- raw_request_middle_delay: 5ms
--- response_body
a

=== TEST 14: a client that sends no more still gets its answer
--- config
- { match: { path: /slow }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> delay=20ms
200 OK

slow
--- request
GET /slow
--- shutdown
--- response_body
slow

=== TEST 15: the limit of requests on one connection
--- gateway
limits: { requests: 2 }
--- config
- { match: { path: "/{n}" }, respond: { body: "{path.n}\n", template: true } }
--- requests
GET /1
GET /2
--- more_headers
Connection: keep-alive
--- response_headers
!Connection
---8<---
Connection: close
--- connection_closed

=== TEST 16: an idle connection is closed
--- gateway
limits: { idle_timeout: 30ms }
--- config
- { match: { path: /a }, respond: { body: "a\n" } }
--- request
GET /a
--- more_headers
Connection: keep-alive
--- response_body
a
--- connection_closed

=== TEST 17: a head that does not end in time: 408
--- gateway
limits: { head_timeout: 30ms }
--- config
- { match: { path: /a }, respond: { body: "a\n" } }
--- raw_request
GET /a HTTP/1.1\r
Host: a\r
--- error_code: 408
--- connection_closed

=== TEST 18: a body that stops coming: 408
--- gateway
limits: { body_timeout: 30ms }
--- config
- match: { path: /echo }
  content: { lua: "ngx.req.read_body() ngx.say(ngx.req.get_body_data())" }
--- raw_request
POST /echo HTTP/1.1\r
Host: a\r
Content-Length: 10\r
\r
abc
--- error_code: 408
--- connection_closed
