# How targets are chosen: balancers, priorities, what is unfit.

=== TEST 1: one position of round robin for all event loops
--- gateway
upstreams:
  four: { targets: ["${UPSTREAM_1}", "${UPSTREAM_2}", "${UPSTREAM_3}", "${UPSTREAM_4}"] }
--- config
- { match: { path: "/*" }, upstream: four }
--- upstream_1: echo
--- upstream_2: echo
--- upstream_3: echo
--- upstream_4: echo
--- requests
GET /
GET /
GET /
GET /
GET /
GET /
GET /
GET /
--- upstream_request_count: 2 2 2 2

=== TEST 2: ewma, and a hash with a bound, are served
--- gateway
upstreams:
  fast: { targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"], balance: ewma, slow_start: 1s }
  own: { targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"], balance: { hash: { key: [header.X-User, query.q], balance_factor: 125 } } }
--- config
- { match: { path: "/fast" }, upstream: fast }
- { match: { path: "/own" }, upstream: own }
--- upstream_1
200 OK

ok
--- upstream_2
200 OK

ok
--- requests
GET /fast
GET /own?q=1
GET /fast
GET /own
--- response_body
ok

=== TEST 3: priorities: the next group is used while the higher is unfit
--- gateway
upstreams:
  tiers:
    targets: [{ address: "${UPSTREAM_2}", priority: 5 }, { address: "${DEAD}" }, { address: "${UPSTREAM_1}", backup: true }]
    health: { passive: { failures: 1, max_ejected: 100% } }
--- config
- { match: { path: "/*" }, upstream: tiers }
--- upstream_1
200 OK

backup
--- upstream_2
200 OK

second
--- requests
GET /
GET /
GET /
--- response_body
second
--- upstream_request_count: 0 3
--- error_log
[warn]
is ejected for 30000 ms: 1 failures in a row

=== TEST 4: a retry goes to a lower group when the first has no other
--- gateway
upstreams:
  tiers: { targets: ["${DEAD}", { address: "${UPSTREAM}", backup: true }] }
--- config
- { match: { path: "/*" }, upstream: tiers }
--- upstream
200 OK

backup
--- requests
GET /
GET /
--- response_body
backup

=== TEST 5: answers that count as failures eject
--- gateway
upstreams:
  pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    health: { passive: { failures: 2, statuses: [500-599] } }
--- config
- { match: { path: "/*" }, upstream: pair }
--- upstream_1
500 Oops

--- upstream_2
200 OK

--- requests
GET /
GET /
GET /
GET /
GET /
GET /
--- error_code_like: ^(200|500)$
--- upstream_request_count: 2 4

=== TEST 6: not more of them than allowed
--- gateway
upstreams:
  pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    health: { passive: { failures: 1, max_ejected: 50% } }
--- config
- { match: { path: "/*" }, upstream: pair }
--- upstream_1
503 Busy

--- upstream_2
503 Busy

--- requests
GET /
GET /
GET /
GET /
--- error_code: 503 503 503 503
--- upstream_request_count: 1 3

=== TEST 7: with panic off and nobody fit, 503 from the gateway
--- gateway
upstreams:
  one:
    targets: ["${UPSTREAM}"]
    health: { panic: 0%, passive: { failures: 1, max_ejected: 100% } }
--- config
- { match: { path: "/*" }, upstream: one }
--- upstream
504 Slow

--- requests
GET /
GET /
--- error_code: 504 503
--- upstream_request_count: 1
--- error_log
upstream one has no target that is fit

=== TEST 8: without it, an unfit one beats none
--- gateway
upstreams:
  one:
    targets: ["${UPSTREAM}"]
    health: { passive: { failures: 1, max_ejected: 100% } }
--- config
- { match: { path: "/*" }, upstream: one }
--- upstream
504 Slow

--- requests
GET /
GET /
--- error_code: 504 504
--- upstream_request_count: 2

=== TEST 9: a name that DNS does not know: 503
--- gateway
resolver: { nameservers: "${DEAD}", timeout: 50ms, attempts: 1 }
upstreams:
  named: { targets: ["no-such-name.invalid:80"] }
--- config
- { match: { path: "/*" }, upstream: named }
--- request
GET /
--- error_code: 503
--- response_body_unlike: no-such-name
--- error_log
upstream named has no target

=== TEST 10: a name of this machine
--- gateway
resolver: { family: ipv4 }
upstreams:
  named: { targets: ["localhost:${DEAD_PORT}", { address: "${UPSTREAM}", backup: true }] }
--- config
- { match: { path: "/*" }, upstream: named, response_headers: { add: { X: "1" } } }
--- env
DEAD_PORT=1
--- upstream: echo
--- request
GET /
--- error_log
at 127.0.0.1:1:
