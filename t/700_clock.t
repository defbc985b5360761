=== TEST 1: the clock stands where the test sets it
--- clock: 2026-01-01T00:00:00.250Z
--- config
- match: { path: /t }
  content: { lua: 'ngx.sleep(0.02) ngx.update_time() ngx.say(ngx.time(), " ", ngx.now(), " ", ngx.utctime())' }
--- request
GET /t
--- response_body
1767225600 1767225600.25 2026-01-01 00:00:00

=== TEST 2: each request has its time
--- clock
2026-01-01T00:00:00Z
+90s
+1d
--- config
- match: { path: /t }
  content: { lua: 'ngx.say(ngx.utctime())' }
--- requests
GET /t
GET /t
GET /t
--- response_body
2026-01-01 00:00:00
---8<---
2026-01-01 00:01:30
---8<---
2026-01-02 00:01:30

=== TEST 3: a token is good until it expires
exp is 2026-01-01T01:00:00Z.
--- clock
2026-01-01T00:59:59Z
+2m
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret-s3cret-s3cret-s3cret-s3cret, leeway: 0s }
  respond: { body: "in\n" }
--- requests
GET /t
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3NjcyMjkyMDB9.PBpFy_Ccok2zlzOkqBC6wctg8y0OQJTCmUaKL6yKOwI
--- error_code: 200 401

=== TEST 4: a bucket fills while an hour passes
--- clock
2026-01-01T00:00:00Z
+0s
+1h
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/h, burst: 1, key: remote_addr }
  respond: { body: "in\n" }
--- requests
GET /t
GET /t
GET /t
--- error_code: 200 429 200

=== TEST 5: what a shared dictionary holds expires
--- clock
2026-01-01T00:00:00Z
+59s
+2s
--- gateway
lua: { shared_dicts: { d: 100KiB } }
--- config
- match: { path: /t }
  content: { lua: 'ngx.say(ngx.shared.d:get("k")) if ngx.var.arg_set then ngx.shared.d:set("k", "v", 60) end' }
--- requests
GET /t?set=1
GET /t
GET /t
--- response_body
nil
---8<---
v
---8<---
nil

=== TEST 6: a breaker opens, and lets requests through again when its time is over
--- clock
2026-01-01T00:00:00Z
+1s
+1m
--- gateway
upstreams:
  clock-6:
    targets: ["${UPSTREAM}"]
    circuit_breaker: { consecutive: 1, open: 30s }
--- config
- match: { path: /t }
  upstream: clock-6
--- upstream
>>> GET /t
500
>>> GET /t
200 OK
--- requests
GET /t
GET /t
GET /t
--- error_code: 500 503 200
--- upstream_request_count: 2

=== TEST 7: sleeps, timers and timeouts go on by the machine's clock
--- clock
2026-01-01T00:00:00Z
+1h
--- config
- match: { path: /t }
  content:
    lua: |
      if ngx.var.arg_start then
        ngx.timer.at(600, function(premature) if not premature then ngx.log(ngx.ERR, "the timer fired") end end)
      end
      ngx.sleep(0.01)
      ngx.say("slept")
--- requests
GET /t?start=1
GET /t
--- response_body
slept
---8<---
slept
--- no_error_log
the timer fired

=== TEST 8: and the next block has the machine's clock again
--- config
- match: { path: /t }
  content: { lua: 'ngx.say(ngx.time() > 1767225600 + 3600 * 24 or ngx.time() < 1767225600)' }
--- request
GET /t
--- response_body
true

=== TEST 9: a name is looked up again later
--- gateway
upstreams:
  named: { targets: ["localhost:1"] }
--- config
- { match: { path: /t }, respond: { body: "ok" } }
- { match: { path: "/*" }, upstream: named }
--- request
GET /t
--- response_body chomp
ok

=== TEST 10: an hour passes
--- clock
2026-01-01T00:00:00Z
+1h
--- config
- { match: { path: /t }, respond: { body: "ok" } }
--- requests
GET /t
GET /t
--- error_code: 200 200

=== TEST 11: what a check had to wait for is not an hour away
--- gateway
upstreams:
  one:
    targets: ["${UPSTREAM_1}"]
    health: { active: { path: /healthz, interval: 10ms, initial: unhealthy } }
--- config
- match: { path: "/wait" }
  content: { lua: "ngx.sleep(0.3) ngx.say('waited')" }
- { match: { path: "/*" }, upstream: one }
--- upstream_1
200 OK
--- request
GET /wait
--- response_body
waited
--- error_log
[notice]
is healthy: it answers 200
