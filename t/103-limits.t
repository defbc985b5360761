# Limits on what a client sends.

=== TEST 1: a head that is too large: 431
--- gateway
limits: { head: 1KiB }
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- request
GET /
--- more_headers
X-A: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789
X-B: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789
X-C: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789
X-D: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789
--- error_code: 431
--- connection_closed

=== TEST 2: too many header fields: 431
--- gateway
limits: { headers: 5 }
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- request
GET /
--- more_headers
X-1: 1
X-2: 2
X-3: 3
X-4: 4
--- error_code: 431
--- connection_closed

=== TEST 3: just as many as may be
--- gateway
limits: { headers: 5 }
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- request
GET /
--- more_headers
X-1: 1
X-2: 2
X-3: 3
--- response_body
in

=== TEST 4: a target that is too long: 414
--- gateway
limits: { uri: 64 }
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- request
GET /01234567890123456789012345678901234567890123456789012345678901234567890123456789
--- error_code: 414
--- connection_closed

=== TEST 5: a body longer than the limit, known from its length: 413
--- gateway
limits: { body: 10 }
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
POST /
01234567890
--- error_code: 413
--- upstream_request_count: 0

=== TEST 6: a body just as long as the limit
--- gateway
limits: { body: 10 }
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request
POST /
0123456789
--- response_body_like: 0123456789$

=== TEST 7: a chunked body longer than the limit: 413
--- gateway
limits: { body: 10 }
--- config
- match: { path: "/*" }
  content: { lua: "ngx.req.read_body() ngx.say('in')" }
--- request bytes
POST /
6\r
012345\r
6\r
678901\r
0\r
\r
--- more_headers
Transfer-Encoding: chunked
--- error_code: 413

=== TEST 8: a route's own limit goes before
--- gateway
limits: { body: 10 }
--- config
- { match: { path: /large }, body_limit: 1KiB, upstream: "http://${UPSTREAM}" }
- { match: { path: /small }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- requests
POST /large
01234567890123456789
---8<---
POST /small
01234567890123456789
--- error_code: 200 413

=== TEST 9: a chunked body over the limit on its way to an upstream
--- config
- { match: { path: "/*" }, body_limit: 10, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- request bytes
POST /
6\r
012345\r
6\r
678901\r
0\r
\r
--- more_headers
Transfer-Encoding: chunked
--- error_code: 413

=== TEST 10: an endless chunk extension
--- config
- match: { path: "/*" }
  content: { lua: "ngx.req.read_body() ngx.say('in')" }
--- request bytes
POST /
1;0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r
a\r
0\r
\r
--- more_headers
Transfer-Encoding: chunked
--- error_code: 400
--- connection_closed
