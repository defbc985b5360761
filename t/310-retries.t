# Attempts at upstreams: what is tried again and what is not, the budget, the wait between, hedging, the variables.

=== TEST 1: a status that is tried again on a connection that had waited counts as an attempt
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 1, when: [503] } }
--- upstream
>>> /1
200 OK

fine
>>> /2
503 Busy

busy
--- requests
GET /1
GET /2
--- error_code: 200 503
--- upstream_request_count: 3

=== TEST 2: no budget, no retry
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 3, budget: { share: 0%, floor: 0 } } }
--- upstream: close
--- request
GET /
--- error_code: 502
--- upstream_request_count: 1
--- error_log
the retry budget is spent

=== TEST 3: a connection that closed while it waited costs nothing of it
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 0, budget: { share: 0%, floor: 0 } } }
--- upstream
>>> /1
200 OK

one
>>> /2
close
>>> /2
200 OK

two
--- requests
GET /1
GET /2
--- response_body
one
---8<---
two
--- upstream_request_count: 3

=== TEST 4: the answer held back is the client's when its retry is not allowed
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 3, when: [503], budget: { share: 0%, floor: 0 } } }
--- upstream
503 Busy

busy
--- request
GET /
--- error_code: 503
--- response_body
busy
--- upstream_request_count: 1

=== TEST 5: a wait between attempts
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 3, backoff: { base: 5ms, max: 10ms } } }
--- upstream
>>>
close
>>>
reset
>>>
close
>>>
200 OK

fourth
--- request
GET /
--- response_body
fourth
--- upstream_request_count: 4

=== TEST 6: a client that goes away during the wait ends it
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 7, backoff: { base: 1h, max: 1h } } }
--- upstream: close
--- request
GET /
--- timeout: 100ms
--- abort
--- ignore_response
--- upstream_request_count: 1

=== TEST 7: the total time ends the wait, too
--- config
- match: { path: "/*" }
  upstream:
    targets: ["${UPSTREAM}"]
    timeouts: { total: 50ms }
    retries: { attempts: 7, backoff: { base: 1h, max: 1h } }
--- upstream: close
--- request
GET /
--- error_code: 504
--- upstream_request_count: 1

=== TEST 8: a body that has begun to stream is not sent again
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 3, methods: [POST] } }
--- upstream: reset
--- request
POST /
streamed
--- error_code: 502
--- upstream_request_count: 1

=== TEST 9: one that a policy has read is
--- config
- match: { path: "/*" }
  policies: [{ lua: { access: ngx.req.read_body() } }]
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 3, methods: [POST] } }
--- upstream
>>>
reset
>>>
echo
--- request
POST /
buffered
--- response_body_like: buffered$
--- upstream_request_count: 2

=== TEST 10: an answer that is cut in its head is tried again
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"] }
--- upstream
>>> cut=20
200 OK

cut
>>>
200 OK

whole
--- request
GET /
--- response_body
whole

=== TEST 11: one that is cut in its body is not
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 3 } }
--- upstream
>>> close
raw
HTTP/1.1 200 OK\r
Transfer-Encoding: chunked\r
\r
5\r
first\r
5\r
se\

--- request
GET /
--- response_cut
--- response_body_like: ^first
--- upstream_request_count: 1

=== TEST 12: a timeout is a reason where it is said
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], timeouts: { first_byte: 30ms }, retries: { when: [timeout] } }
--- upstream
>>>
stall
>>>
200 OK

in time
--- request
GET /
--- response_body
in time

=== TEST 13: the variables list all attempts
--- gateway
upstreams:
  retry-13-pair:
    targets: ["${DEAD}", "${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { attempts: 2, when: [connect, 503] }
--- config
- match: { path: "/*" }
  policies:
    - lua:
        log: |
          ngx.log(ngx.WARN, "attempts: ", ngx.var.upstream_status, " | ", ngx.var.upstream_addr, " | ",
                  ngx.var.upstream_response_time, " | ", ngx.var.upstream_connect_time, ".")
  upstream: retry-13-pair
--- upstream_1
503 Busy

busy
--- upstream_2
200 OK

fine
--- request
GET /
--- response_body
fine
--- error_log regex
attempts: 502, 503, 200 \| 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ \| \d+\.\d{3}, \d+\.\d{3}, \d+\.\d{3} \| -, \d+\.\d{3}, \d+\.\d{3}\.

=== TEST 14: a second attempt when the first has not answered: the first answer wins
--- gateway
upstreams:
  retry-14-pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { hedge: { after: 20ms } }
--- config
- match: { path: "/*" }
  policies: [{ lua: { log: 'ngx.log(ngx.WARN, "statuses: ", ngx.var.upstream_status, ".")' } }]
  upstream: retry-14-pair
--- upstream_1: stall
--- upstream_2
200 OK

two
--- request
GET /
--- response_body
two
--- upstream_request_count: 1 1
--- error_log
statuses: -, 200.

=== TEST 15: and the first may still be it
--- gateway
upstreams:
  retry-15-pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { hedge: { after: 20ms } }
--- config
- { match: { path: "/*" }, upstream: retry-15-pair }
--- upstream_1
>>> delay=80ms
200 OK

one
--- upstream_2: stall
--- request
GET /
--- response_body
one
--- upstream_request_count: 1 1

=== TEST 16: an attempt that fails leaves the answer to the one that still runs
--- gateway
upstreams:
  retry-16-pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { attempts: 0, when: [503], hedge: { after: 20ms } }
--- config
- { match: { path: "/*" }, upstream: retry-16-pair }
--- upstream_1
>>> delay=60ms
503 Busy

busy
--- upstream_2
>>> delay=120ms
200 OK

two
--- request
GET /
--- response_body
two
--- upstream_request_count: 1 1

=== TEST 17: so does a hedge that fails
--- gateway
upstreams:
  retry-17-pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { attempts: 0, hedge: { after: 20ms } }
--- config
- { match: { path: "/*" }, upstream: retry-17-pair }
--- upstream_1
>>> delay=120ms
200 OK

one
--- upstream_2: reset
--- request
GET /
--- response_body
one
--- upstream_request_count: 1 1

=== TEST 18: an answer in time needs none
--- gateway
upstreams:
  retry-18-pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { hedge: { after: 5s } }
--- config
- { match: { path: "/*" }, upstream: retry-18-pair }
--- upstream_1: echo
--- upstream_2: echo
--- request
GET /
--- upstream_request_count: 1 0

=== TEST 19: what has a body, or must not be made twice, is not hedged
--- gateway
upstreams:
  retry-19-pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { hedge: { after: 10ms } }
    timeouts: { first_byte: 80ms }
--- config
- { match: { path: "/*" }, upstream: retry-19-pair }
--- upstream_1: stall
--- upstream_2: stall
--- requests
POST /
body
---8<---
PUT /
body
--- error_code: 504
--- upstream_request_count: 1 1

=== TEST 20: hedges count against the budget
--- gateway
upstreams:
  retry-20-pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { budget: { share: 0%, floor: 0 }, hedge: { after: 10ms } }
    timeouts: { first_byte: 80ms }
--- config
- { match: { path: "/*" }, upstream: retry-20-pair }
--- upstream_1: stall
--- upstream_2: stall
--- request
GET /
--- error_code: 504
--- upstream_request_count: 1 0

=== TEST 21: all attempts time out
--- gateway
upstreams:
  retry-21-three:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}", "${UPSTREAM_3}"]
    retries: { attempts: 0, hedge: { after: 10ms, max: 2 } }
    timeouts: { first_byte: 80ms }
--- config
- { match: { path: "/*" }, upstream: retry-21-three }
--- upstream_1: stall
--- upstream_2: stall
--- upstream_3: stall
--- request
GET /
--- error_code: 504
--- upstream_request_count: 1 1 1
