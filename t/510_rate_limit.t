=== TEST 1: a burst is let through, then 429 with Retry-After
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 2 }
  respond: { body: "in\n" }
--- pipelined_requests
GET /t
---8<---
GET /t
---8<---
GET /t
--- error_code: 200 200 429

=== TEST 2: an answer tells where the client stands
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 5 }
  respond: { body: "in\n" }
--- request
GET /t
--- response_headers
RateLimit-Limit: 5
RateLimit-Remaining: 4
RateLimit-Reset: 3600

=== TEST 3: a refusal is a problem, with the seconds to wait
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 1 }
  respond: { body: "in\n" }
--- requests
GET /t
---8<---
GET /t
--- error_code: 200 429
--- response_headers
RateLimit-Remaining: 0
---8<---
RateLimit-Remaining: 0
Retry-After: 3600
Content-Type: application/problem+json

=== TEST 4: without headers, if that is wished
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/s, headers: false }
  respond: { body: "in\n" }
--- request
GET /t
--- raw_response_headers_unlike: (?i)ratelimit

=== TEST 5: each key has a bucket
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 1, key: header.X-Key }
  respond: { body: "in\n" }
--- requests
GET /t
---8<---
GET /t
---8<---
GET /t
--- more_headers
X-Key: a
---8<---
X-Key: b
---8<---
X-Key: a
--- error_code: 200 200 429

=== TEST 6: a key of several values does not run them together
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 1, key: [query.a, query.b] }
  respond: { body: "in\n" }
--- requests
GET /t?a=x&b=yz
---8<---
GET /t?a=xy&b=z
---8<---
GET /t?b=yz&a=x
--- error_code: 200 200 429

=== TEST 7: requests without the key share one bucket
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 1, key: header.X-Key }
  respond: { body: "in\n" }
--- requests
GET /t
---8<---
GET /t
--- error_code: 200 429

=== TEST 8: routes have buckets of their own
--- config
- match: { path: /a }
  policies: [{ rate_limit: { rate: 1/h, burst: 1 } }]
  respond: { body: "a\n" }
- match: { path: /b }
  policies: [{ rate_limit: { rate: 1/h, burst: 1 } }]
  respond: { body: "b\n" }
--- requests
GET /a
---8<---
GET /b
---8<---
GET /a
--- error_code: 200 200 429

=== TEST 9: limiters of one name share their buckets
--- config
- match: { path: /a }
  policies: [{ rate_limit: { rate: 1/h, burst: 1, name: both } }]
  respond: { body: "a\n" }
- match: { path: /b }
  policies: [{ rate_limit: { rate: 1/h, burst: 1, name: both } }]
  respond: { body: "b\n" }
--- requests
GET /a
---8<---
GET /b
--- error_code: 200 429

=== TEST 10: one for every route is one limit over all
--- gateway
policies:
  - rate_limit: { rate: 1/h, burst: 1 }
--- config
- { match: { path: /a }, respond: { body: "a\n" } }
- { match: { path: /b }, respond: { body: "b\n" } }
--- requests
GET /a
---8<---
GET /b
--- error_code: 200 429

=== TEST 11: in Redis
--- redis
--- gateway
redis: { main: { address: "${REDIS}", timeout: 2s } }
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 2, store: main, on_error: closed }
  respond: { body: "in\n" }
--- requests
GET /t
---8<---
GET /t
---8<---
GET /t
--- error_code: 200 200 429
--- no_error_log
[warn]

=== TEST 12: in Redis, the answer tells where the client stands
--- redis
--- gateway
redis: { main: { address: "${REDIS}", timeout: 2s } }
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 3, store: main, on_error: closed }
  respond: { body: "in\n" }
--- request
GET /t
--- response_headers
RateLimit-Limit: 3
RateLimit-Remaining: 2
RateLimit-Reset: 3600

=== TEST 13: in Redis, a bucket is forgotten when it would be full
--- redis
--- gateway
redis: { main: { address: "${REDIS}", timeout: 2s } }
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/s, burst: 5, store: main, on_error: closed }
  content:
    lua: |
      local redis = require("moongate.redis").get("main")
      local keys = redis:keys("moongate:limit:*")
      local left = redis:pttl(keys[1])
      ngx.say(#keys, " ", left > 0 and left <= 6000)
--- request
GET /t
--- response_body
1 true

=== TEST 14: without Redis, the limit is counted here
--- gateway
redis: { main: { address: "${DEAD}", timeout: 500ms } }
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 1, store: main }
  respond: { body: "in\n" }
--- requests
GET /t
---8<---
GET /t
--- error_code: 200 429
--- error_log
rate_limit: redis main:

=== TEST 15: without Redis, open lets everything through
--- gateway
redis: { main: { address: "${DEAD}", timeout: 500ms } }
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 1, store: main, on_error: open }
  respond: { body: "in\n" }
--- requests
GET /t
---8<---
GET /t
--- error_code: 200 200

=== TEST 16: without Redis, closed refuses
--- gateway
redis: { main: { address: "${DEAD}", timeout: 500ms } }
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 1, store: main, on_error: closed }
  respond: { body: "in\n" }
--- request
GET /t
--- error_code: 503

=== TEST 17: a connection that is not configured is refused, and the nearest is named
--- gateway
redis: { main: { address: "127.0.0.1:1" } }
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/s, store: mian }
  respond: { body: "in\n" }
--- must_die
--- error_log
did you mean "main"?

=== TEST 18: an unknown expression is refused
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/s, key: remote_adr }
  respond: { body: "in\n" }
--- must_die
--- error_log
remote_addr
