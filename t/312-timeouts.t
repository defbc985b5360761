# Timeouts of upstreams, each in its place, and the deadline that is passed on.

=== TEST 1: an upstream that accepts and never answers: 504, and what the client is told
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], timeouts: { first_byte: 30ms } }
--- upstream: stall
--- request
GET /
--- error_code: 504
--- response_body_like: "detail":"the upstream did not answer in time"

=== TEST 2: the whole time counts over all attempts
--- config
- match: { path: "/*" }
  upstream:
    targets: ["${UPSTREAM}"]
    timeouts: { first_byte: 40ms, total: 100ms }
    retries: { attempts: 7, when: [timeout], backoff: { base: 0s } }
--- upstream: stall
--- request
GET /
--- error_code: 504
--- response_body_like: "detail":"the upstream did not answer in time"
--- error_log
no answer within the total time

=== TEST 3: and over the answer's body
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], timeouts: { total: 60ms } }
--- upstream
raw
HTTP/1.1 200 OK\r
Content-Length: 100\r
\r
the beginning\

--- request
GET /
--- response_cut
--- response_body chomp
the beginning
--- error_log
no answer within the total time

=== TEST 4: an answer in time is not cut
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], timeouts: { total: 30ms } }
  policies: [{ lua: { body_filter: "ngx.sleep(0.06)" } }]
--- upstream
200 OK

whole
--- request
GET /
--- response_body
whole

=== TEST 5: no connection
--- config
- match: { path: "/*" }
  upstream: { targets: ["${DEAD}"], retries: { attempts: 0 } }
--- request
GET /
--- error_code: 502
--- response_body_like: "detail":"the upstream could not be reached"

=== TEST 6: causes have their words
--- config
- { match: { path: /reset }, upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 0 } } }
- { match: { path: /garbage }, upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 0 } } }
--- upstream
>>> /reset
reset
>>> /garbage
raw
SSH-2.0-OpenSSH_9.2\r
\r
--- requests
GET /reset
GET /garbage
--- error_code: 502
--- response_body_like
"detail":"the upstream closed the connection before its answer was complete"
---8<---
"detail":"the answer of the upstream was not valid HTTP"

=== TEST 7: a deadline is passed on: what is left of the total time
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], timeouts: { total: 20s }, deadline_header: X-Request-Deadline }
--- upstream: echo
--- request
GET /
--- more_headers
X-Request-Deadline: 5
--- response_body_like: X-Request-Deadline: (20000|1\d{4})\r?\n
--- response_body_unlike: X-Request-Deadline: 5\r?\n

=== TEST 8: none is made up, and a stranger's goes no further
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], deadline_header: X-Request-Deadline }
--- upstream: echo
--- request
GET /
--- more_headers
x-request-deadline: 5
--- response_body_unlike: (?i)X-Request-Deadline

=== TEST 9: a trusted peer's is kept when it is shorter, and holds
--- gateway
trusted_proxies: [127.0.0.1]
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], timeouts: { total: 20s }, deadline_header: X-Request-Deadline }
--- upstream
>>> /echo
echo
>>> /stall
stall
--- requests
GET /echo
GET /stall
--- more_headers
X-Request-Deadline: 1500
---8<---
X-Request-Deadline: 60
--- error_code: 200 504
--- response_body_like
X-Request-Deadline: (1500|1[0-4]\d\d|\d{3})\r?\n
---8<---
504

=== TEST 10: but not when it is longer
--- gateway
trusted_proxies: [127.0.0.1]
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], timeouts: { total: 20s }, deadline_header: X-Request-Deadline }
--- upstream: echo
--- request
GET /
--- more_headers
X-Request-Deadline: 90000
--- response_body_like: X-Request-Deadline: (20000|1\d{4})\r?\n

=== TEST 11: one that has passed is not worth asking
--- gateway
trusted_proxies: [127.0.0.1]
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], deadline_header: X-Request-Deadline }
--- upstream: echo
--- request
GET /
--- more_headers
X-Request-Deadline: 0
--- error_code: 504
--- upstream_request_count: 0

=== TEST 12: grpc-timeout has its own form
--- gateway
trusted_proxies: [127.0.0.1]
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], deadline_header: grpc-timeout }
--- upstream: echo
--- request
GET /
--- more_headers
grpc-timeout: 20S
--- response_body_like: grpc-timeout: (20000|1\d{4})m\r?\n

=== TEST 13: a name that is none
--- config
- match: { path: "/*" }
  upstream: { targets: ["${DEAD}"], deadline_header: "X Deadline" }
--- must_die
--- error_log
is not a header's name
