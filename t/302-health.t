# Active health checks.

=== TEST 1: a target whose check fails is taken out before any request meets it
--- gateway
upstreams:
  pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    health: { active: { path: /healthz, host: checks.test, interval: 10ms, unhealthy: 1, initial: unhealthy } }
lua:
  shared_dicts: { d: 64KiB }
--- config
- match: { path: "/wait" }
  content: { lua: "ngx.sleep(0.3) ngx.say('waited')" }
- { match: { path: "/*" }, upstream: pair }
--- upstream_1
>>> GET /healthz
200 OK

>>> GET /
200 OK

one
--- upstream_2
>>> GET /healthz
503 Down

>>> GET /
200 OK

two
--- requests
GET /wait
GET /
GET /
GET /
--- response_body
waited
---8<---
one
---8<---
one
---8<---
one
--- upstream_requests_like: ^GET /(healthz HTTP/1.1\nHost: checks.test\nUser-Agent: moongate-health-check\n| HTTP)
--- error_log
[notice]
is healthy: it answers 200

=== TEST 2: one that fails later is taken out, and says why
--- gateway
upstreams:
  pair:
    targets: ["${UPSTREAM_1}", "${DEAD}"]
    health: { active: { type: tcp, interval: 10ms, unhealthy: 2 } }
--- config
- match: { path: "/wait" }
  content: { lua: "ngx.sleep(0.3) ngx.say('waited')" }
- { match: { path: "/*" }, upstream: pair }
--- upstream_1
200 OK

one
--- requests
GET /wait
GET /
GET /
--- error_log
[warn]
is unhealthy: 
--- no_error_log
trying again

=== TEST 3: a tls check needs TLS
--- gateway
upstreams:
  u: { targets: ["127.0.0.1:1"], health: { active: { type: tls } } }
--- config
- { match: { path: "/*" }, upstream: u }
--- must_die
--- error_log
a tls check needs the upstream's tls
