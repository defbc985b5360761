# The status listener: /healthz, /readyz, /metrics. The gateway's own routes reach it as an upstream.

=== TEST 1: it lives, and it is ready once a generation is live
--- user_files
>>> none
--- gateway
status: { address: "unix:status.sock" }
routes:
- { match: { path: /* }, upstream: { targets: ["unix:status.sock"] } }
--- requests
GET /healthz
GET /readyz
HEAD /readyz
GET /readyz?a=b
--- response_body
ok
---8<---
ready
---8<---
---8<---
ready

=== TEST 2: it only tells: other methods, and other paths
--- user_files
>>> none
--- gateway
status: { address: "unix:status.sock" }
routes:
- { match: { path: /* }, upstream: { targets: ["unix:status.sock"] } }
--- requests
POST /metrics
DELETE /healthz
GET /
GET /metrics/x
--- error_code: 405 405 404 404
--- response_headers
Allow: GET, HEAD
---8<---
Allow: GET, HEAD
---8<---
!Allow
---8<---
!Allow

=== TEST 3: the page's type and form
--- user_files
>>> none
--- gateway
status: { address: "unix:status.sock" }
routes:
- { match: { path: /* }, upstream: { targets: ["unix:status.sock"] } }
--- request
GET /metrics
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
Cache-Control: no-store
--- response_body_like: \A(# HELP [a-z_]+ [^\n]+\n# TYPE [a-z_]+ (counter|gauge|histogram)\n([a-z_]+(\{[^\n]*\})? [0-9.e+-]+\n)+)+\z

=== TEST 4: requests by route and class, with bytes and time
--- user_files
>>> none
--- gateway
status: { address: "unix:status.sock" }
routes:
- { name: metrics, match: { path: /metrics }, upstream: { targets: ["unix:status.sock"] } }
- { name: counted, match: { path: /counted }, respond: { body: "0123456789" } }
- { name: broken, match: { path: /broken }, respond: { status: 503 } }
--- requests
GET /counted
GET /counted
GET /broken
GET /nothing
GET /metrics
--- error_code: 200 200 503 404 200
--- response_body_like
.*
---8<---
.*
---8<---
.*
---8<---
.*
---8<---
moongate_requests_total\{route="_none",class="4xx"\} [1-9].*moongate_requests_total\{route="broken",class="5xx"\} [1-9]\d*\n.*moongate_requests_total\{route="counted",class="2xx"\} [1-9]\d*\nmoongate_requests_total\{route="counted",class="3xx"\} 0\n

=== TEST 5: bytes, durations, and what is in flight
--- user_files
>>> none
--- gateway
status: { address: "unix:status.sock" }
routes:
- { name: metrics, match: { path: /metrics }, upstream: { targets: ["unix:status.sock"] } }
- { name: timed, match: { path: /timed }, respond: { body: "0123456789" } }
--- requests
GET /timed
GET /metrics
--- response_body_like
.*
---8<---
moongate_requests_in_flight [1-9]\d*\n.*moongate_request_bytes_total\{route="timed"\} [1-9]\d*\n.*moongate_request_duration_seconds_bucket\{route="timed",class="2xx",le="\+Inf"\} [1-9]\d*\nmoongate_request_duration_seconds_sum\{route="timed",class="2xx"\} [0-9.e-]+\nmoongate_request_duration_seconds_count\{route="timed",class="2xx"\} [1-9]\d*\n.*moongate_response_bytes_total\{route="timed"\} [1-9]\d*\n

=== TEST 6: attempts at upstreams: requests, failures by reason, retries
--- user_files
>>> none
--- upstream
>>> GET /fine
200 OK

--- gateway
status: { address: "unix:status.sock" }
upstreams:
  flaky: { targets: ["${DEAD}", { address: "${UPSTREAM}", backup: true }], retries: { attempts: 1 } }
routes:
- { name: metrics, match: { path: /metrics }, upstream: { targets: ["unix:status.sock"] } }
- { match: { path: /fine }, upstream: flaky }
--- requests
GET /fine
GET /metrics
--- response_body_like
.*
---8<---
moongate_upstream_failures_total\{upstream="flaky",target="127\.0\.0\.1:\d+",reason="connect"\} [1-9]\d*\n.*moongate_upstream_request_duration_seconds_count\{upstream="flaky"\} [1-9]\d*\n.*moongate_upstream_requests_total\{upstream="flaky",target="[0-9.:]+"\} [1-9]\d*\nmoongate_upstream_requests_total\{upstream="flaky",target="[0-9.:]+"\} [1-9]\d*\n.*moongate_upstream_retries_total\{upstream="flaky"\} [1-9]\d*\n

=== TEST 7: policies: runs, CPU and errors, by phase; scripts by their file
--- user_files
>>> burn.lua
return { access = function() local n = 0 for i = 1, 3e6 do n = n + i % 7 end end }
--- gateway
status: { address: "unix:status.sock" }
routes:
- { name: metrics, match: { path: /metrics }, upstream: { targets: ["unix:status.sock"] } }
- match: { path: /policies }
  policies:
  - script: burn.lua
  - lua: { access: "ngx.ctx.x = 1", log: "error('on purpose')" }
  respond: { body: in }
--- requests
GET /policies
GET /policies
GET /metrics
--- response_body_like
in
---8<---
in
---8<---
moongate_policy_cpu_seconds_total\{policy="script:burn\.lua",phase="access"\} (?!0\n)[0-9.e-]+\n.*moongate_policy_errors_total\{policy="lua",phase="log"\} [1-9]\d*\n.*moongate_policy_runs_total\{policy="lua",phase="access"\} [1-9]\d*\nmoongate_policy_runs_total\{policy="lua",phase="log"\} [1-9]\d*\nmoongate_policy_runs_total\{policy="script:burn\.lua",phase="access"\} [1-9]\d*\n

=== TEST 8: routes beyond the bound share a series
--- user_files
>>> none
--- gateway
status: { address: "unix:status.sock", series: 1 }
routes:
- { name: bounded-metrics, match: { path: /metrics }, upstream: { targets: ["unix:status.sock"] } }
- { name: bounded-a, match: { path: /a }, respond: { body: a } }
- { name: bounded-b, match: { path: /b }, respond: { body: b } }
--- requests
GET /a
GET /b
GET /metrics
--- response_body_unlike
x
---8<---
x
---8<---
bounded-a
--- response_body_like
a
---8<---
b
---8<---
moongate_requests_total\{route="_other",class="2xx"\} [2-9]

=== TEST 9: without a status listener nothing is listened on
--- gateway
routes:
- { match: { path: /* }, upstream: { targets: ["unix:no-status.sock"] } }
--- request
GET /healthz
--- error_code: 502

=== TEST 10: an address that a listener has
--- gateway
listeners: [ "127.0.0.1:18080" ]
status: "127.0.0.1:18080"
routes: [ { respond: { status: 204 } } ]
--- must_die
--- error_log
the address "127.0.0.1:18080" is that of "status" (listeners[0].address)

=== TEST 11: an address that a listener's contains
--- gateway
listeners: [ "0.0.0.0:18080" ]
status: "127.0.0.1:18080"
routes: [ { respond: { status: 204 } } ]
--- must_die
--- error_log
"0.0.0.0:18080" and "127.0.0.1:18080" (status) cannot both be listened on

=== TEST 12: a port that nobody could find
--- gateway
status: "127.0.0.1:0"
routes: [ { respond: { status: 204 } } ]
--- must_die
--- error_log
needs a port: nobody could find one that is picked (status)
