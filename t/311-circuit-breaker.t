# Circuit breakers: what opens one, what an open one answers, how it closes.

=== TEST 1: an open breaker answers at once, with a problem and Retry-After
--- gateway
upstreams:
  breaker-1-one:
    targets: ["${UPSTREAM}"]
    retries: { attempts: 0 }
    circuit_breaker: { minimum: 2, open: 60s }
--- config
- { match: { path: "/*" }, upstream: breaker-1-one }
--- upstream: close
--- requests
GET /
GET /
GET /
--- error_code: 502 502 503
--- response_body_like
502
---8<---
502
---8<---
"title":"Service Unavailable".*circuit breaker
--- upstream_request_count: 2
--- error_log
circuit breaker of upstream breaker-1-one: open, 2 of 2 requests failed within 10000 ms

=== TEST 2: Retry-After says when
--- gateway
upstreams:
  breaker-2-one:
    targets: ["${DEAD}"]
    retries: { attempts: 0 }
    circuit_breaker: { consecutive: 1, open: 60s }
--- config
- { match: { path: "/*" }, upstream: breaker-2-one }
--- requests
GET /
GET /
--- error_code: 502 503
--- raw_response_headers_like
502
---8<---
Retry-After: 60\r

=== TEST 3: statuses, and only those that are named
--- gateway
upstreams:
  breaker-3-one:
    targets: ["${UPSTREAM}"]
    circuit_breaker: { consecutive: 2, open: 60s, statuses: [500-599, 429] }
--- config
- { match: { path: "/*" }, upstream: breaker-3-one }
--- upstream
>>> /404
404 Not Found

none
>>> /429
429 Too Many

slowly
--- requests
GET /404
GET /404
GET /429
GET /429
GET /404
--- error_code: 404 404 429 429 503
--- upstream_request_count: 4

=== TEST 4: slow answers count as failures where asked
--- gateway
upstreams:
  breaker-4-one:
    targets: ["${UPSTREAM}"]
    circuit_breaker: { consecutive: 1, open: 60s, slow: 20ms }
--- config
- { match: { path: "/*" }, upstream: breaker-4-one }
--- upstream
>>> delay=40ms
200 OK

late
--- requests
GET /
GET /
--- error_code: 200 503
--- upstream_request_count: 1

=== TEST 5: a fixed answer
--- gateway
upstreams:
  breaker-5-one:
    targets: ["${DEAD}"]
    retries: { attempts: 0 }
    circuit_breaker:
      consecutive: 1
      open: 60s
      fallback: { status: 200, body: '{"items":[]}', headers: { Content-Type: application/json, X-Kind: fallback } }
--- config
- { match: { path: "/*" }, upstream: breaker-5-one }
--- requests
GET /
GET /
--- error_code: 502 200
--- response_body_like
502
---8<---
^\{"items":\[\]\}$
--- raw_response_headers_like
502
---8<---
X-Kind: fallback

=== TEST 6: another upstream
--- gateway
upstreams:
  breaker-6-one:
    targets: ["${DEAD}"]
    retries: { attempts: 0 }
    circuit_breaker: { consecutive: 1, open: 60s, fallback: { upstream: breaker-6-two } }
  breaker-6-two: { targets: ["${UPSTREAM}"], preserve_host: false }
--- config
- { match: { path: "/*" }, upstream: breaker-6-one }
--- upstream: echo
--- requests
GET /a
GET /b
--- error_code: 502 200
--- response_body_like
502
---8<---
^GET /b
--- upstream_request_count: 1

=== TEST 7: which may be open itself
--- gateway
upstreams:
  breaker-7-one:
    targets: ["${DEAD}"]
    retries: { attempts: 0 }
    circuit_breaker: { consecutive: 1, open: 60s, fallback: { upstream: breaker-7-two } }
  breaker-7-two:
    targets: ["${DEAD}"]
    retries: { attempts: 0 }
    circuit_breaker: { consecutive: 1, open: 60s, fallback: { upstream: breaker-7-one } }
--- config
- { match: { path: "/*" }, upstream: breaker-7-one }
--- requests
GET /
GET /
GET /
--- error_code: 502 502 503

=== TEST 8: a script
--- gateway
upstreams:
  breaker-8-one:
    targets: ["${DEAD}"]
    retries: { attempts: 0 }
    circuit_breaker:
      consecutive: 1
      open: 60s
      fallback:
        lua: |
          ngx.req.read_body()
          ngx.sleep(0.001)
          ngx.status = 206
          ngx.header["X-From"] = "script"
          ngx.say("in place of it: ", ngx.req.get_body_data())
--- config
- match: { path: "/*" }
  policies: [{ lua: { header_filter: 'ngx.header["X-Filtered"] = "yes"' } }]
  upstream: breaker-8-one
--- requests
GET /
---8<---
POST /
second
--- error_code: 502 206
--- response_body_like
502
---8<---
^in place of it: second
--- raw_response_headers_like
502
---8<---
X-From: script\r.*X-Filtered: yes

=== TEST 9: a script from a file
--- gateway
upstreams:
  breaker-9-one:
    targets: ["${DEAD}"]
    retries: { attempts: 0 }
    circuit_breaker: { consecutive: 1, open: 60s, fallback: { file: fallback.lua } }
--- config
- { match: { path: "/*" }, upstream: breaker-9-one }
--- user_files
>>> fallback.lua
ngx.say("from a file")
--- requests
GET /
GET /
--- error_code: 502 200
--- response_body_like
502
---8<---
^from a file$

=== TEST 10: a breaker for each target: the others go on
--- gateway
upstreams:
  breaker-10-pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { attempts: 0 }
    circuit_breaker: { consecutive: 1, open: 60s, per: target }
--- config
- { match: { path: "/*" }, upstream: breaker-10-pair }
--- upstream_1: close
--- upstream_2: echo
--- requests
GET /
GET /
GET /
GET /
GET /
--- error_code: 502 200 200 200 200
--- upstream_request_count: 1 4
--- error_log regex
circuit breaker of upstream breaker-10-pair, target 127\.0\.0\.1:\d+: open

=== TEST 11: all of them open
--- gateway
upstreams:
  breaker-11-pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { attempts: 0 }
    circuit_breaker: { consecutive: 1, open: 60s, per: [upstream, target], minimum: 100 }
--- config
- { match: { path: "/*" }, upstream: breaker-11-pair }
--- upstream_1: close
--- upstream_2: close
--- requests
GET /
GET /
GET /
--- error_code_like: ^50[23]$
--- error_log
open, 1 requests in a row failed

=== TEST 12: it closes when its trials succeed
--- gateway
upstreams:
  breaker-12-one:
    targets: ["${UPSTREAM}"]
    retries: { attempts: 0 }
    circuit_breaker: { consecutive: 1, open: 1ms, half_open: 2 }
--- config
- match: { path: "/*" }
  policies: [{ lua: { access: "ngx.sleep(0.01)" } }]
  upstream: breaker-12-one
--- upstream
>>> /bad
close
>>> /good
200 OK

good
--- requests
GET /bad
GET /good
GET /good
GET /good
--- error_code: 502 200 200 200
--- error_log
half-open, 2 trial requests
circuit breaker of upstream breaker-12-one: closed

=== TEST 13: a trial that fails opens it again
--- gateway
upstreams:
  breaker-13-one:
    targets: ["${UPSTREAM}"]
    retries: { attempts: 0 }
    circuit_breaker: { consecutive: 1, open: 1ms, half_open: 2 }
--- config
- match: { path: "/*" }
  policies: [{ lua: { access: "ngx.sleep(0.01)" } }]
  upstream: breaker-13-one
--- upstream: close
--- requests
GET /
GET /
--- error_code: 502 502
--- error_log
open, a trial request failed

=== TEST 14: fetches of scripts are refused, too, and count
--- gateway
upstreams:
  breaker-14-one:
    targets: ["${DEAD}"]
    circuit_breaker: { consecutive: 1, open: 60s }
--- config
- match: { path: /t }
  content:
    lua: |
      local http = require "moongate.http"
      http.fetch { upstream = "breaker-14-one" }
      ngx.say(select(2, http.fetch { upstream = "breaker-14-one" }))
--- request
GET /t
--- response_body
the circuit breaker of upstream breaker-14-one is open

=== TEST 15: an unknown upstream as a fallback is an error of the file
--- gateway
upstreams:
  breaker-15-one:
    targets: ["${DEAD}"]
    circuit_breaker: { fallback: { upstream: tow } }
  two: { targets: ["${DEAD}"] }
--- config
- { match: { path: "/*" }, upstream: breaker-15-one }
--- must_die
--- error_log
there is no upstream "tow"; did you mean "two"?

=== TEST 16: a fallback is one thing
--- gateway
upstreams:
  breaker-16-one:
    targets: ["${DEAD}"]
    circuit_breaker: { fallback: { status: 503, lua: "ngx.say(1)" } }
--- config
- { match: { path: "/*" }, upstream: breaker-16-one }
--- must_die
--- error_log
a fallback is one of
