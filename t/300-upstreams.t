# Upstreams: choice of targets, connections that are kept, retries, timeouts, answers that are cut or wrong.

=== TEST 1: round robin
--- gateway
upstreams:
  pair: { targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"] }
--- config
- { match: { path: "/*" }, upstream: pair }
--- upstream_1
200 OK

one
--- upstream_2
200 OK

two
--- requests
GET /
GET /
GET /
GET /
--- upstream_request_count: 2 2

=== TEST 2: weights
--- gateway
upstreams:
  pair: { targets: [{ address: "${UPSTREAM_1}", weight: 3 }, "${UPSTREAM_2}"] }
--- config
- { match: { path: "/*" }, upstream: pair }
--- upstream_1: echo
--- upstream_2: echo
--- requests
GET /
GET /
GET /
GET /
GET /
GET /
GET /
GET /
--- upstream_request_count: 6 2

=== TEST 3: a backup is used when no other is fit
--- gateway
upstreams:
  pair: { targets: ["${DEAD}", { address: "${UPSTREAM}", backup: true }] }
--- config
- { match: { path: "/*" }, upstream: pair }
--- upstream
200 OK

backup
--- request
GET /
--- response_body
backup

=== TEST 4: and not otherwise
--- gateway
upstreams:
  pair: { targets: ["${UPSTREAM_1}", { address: "${UPSTREAM_2}", backup: true }] }
--- config
- { match: { path: "/*" }, upstream: pair }
--- upstream_1: echo
--- upstream_2: echo
--- requests
GET /
GET /
GET /
--- upstream_request_count: 3 0

=== TEST 5: connections are kept and used again
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- requests
GET /1
GET /2
POST /3
--- upstream_request_count: 3
--- upstream_connection_count: 1

=== TEST 6: none is kept when told so
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], keepalive: { per_worker: 0 } }
--- upstream: echo
--- requests
GET /1
GET /2
--- upstream_connection_count: 2

=== TEST 7: a connection is closed after its number of requests
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], keepalive: { requests: 2 } }
--- upstream: echo
--- requests
GET /1
GET /2
GET /3
--- upstream_connection_count: 2

=== TEST 8: an upstream that closes is connected to again
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
>>>
200 OK
Connection: close

bye
--- requests
GET /1
GET /2
--- response_body
bye
--- upstream_connection_count: 2

=== TEST 9: nobody listens: 502, without the address
--- config
- { match: { path: "/*" }, upstream: "http://${DEAD}" }
--- request
GET /
--- error_code: 502
--- response_headers
Content-Type: application/problem+json
--- response_body_unlike: 127\.0\.0\.1

=== TEST 10: a failed connect is tried on another target
--- gateway
upstreams:
  pair: { targets: ["${DEAD}", "${UPSTREAM}"] }
--- config
- { match: { path: "/*" }, upstream: pair }
--- upstream
200 OK

alive
--- requests
GET /
GET /
GET /
GET /
--- response_body
alive

=== TEST 11: not a POST, unless it was not sent: a connect that failed is
--- gateway
upstreams:
  pair: { targets: ["${DEAD}", "${UPSTREAM}"], retries: { methods: [GET, POST] } }
--- config
- { match: { path: "/*" }, upstream: pair }
--- upstream: echo
--- requests
POST /
abc
---8<---
POST /
def
--- response_body_like: (abc|def)$

=== TEST 12: an upstream that closes without an answer: 502 after one retry
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: close
--- request
GET /
--- error_code: 502
--- upstream_request_count: 2

=== TEST 13: the retry succeeds
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
>>>
reset
>>>
200 OK

second
--- request
GET /
--- response_body
second

=== TEST 14: a POST is not sent twice
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: close
--- request
POST /
order
--- error_code: 502
--- upstream_request_count: 1

=== TEST 15: a status may be a reason
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 2, when: [503], budget: 100% } }
--- upstream
>>>
503 Busy

busy
>>>
200 OK

fine
--- request
GET /
--- response_body
fine

=== TEST 16: the last attempt's answer is passed on
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 1, when: [503], budget: 100% } }
--- upstream
503 Busy

busy
--- request
GET /
--- error_code: 503
--- response_body
busy
--- upstream_request_count: 2

=== TEST 17: no retries when told so
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 0 } }
--- upstream: close
--- request
GET /
--- error_code: 502
--- upstream_request_count: 1

=== TEST 18: no answer in time: 504
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], timeouts: { first_byte: 30ms } }
--- upstream: stall
--- request
GET /
--- error_code: 504
--- response_headers
Content-Type: application/problem+json
--- upstream_request_count: 1

=== TEST 19: an answer that stalls in the middle is cut off
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], timeouts: { between: 30ms } }
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

=== TEST 20: the limit of the whole exchange: 504
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], timeouts: { total: 30ms } }
--- upstream: stall
--- request
GET /
--- error_code: 504

=== TEST 21: a body of fixed length that is cut
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> close
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

=== TEST 22: a chunked body that is cut is not completed
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> close
raw
HTTP/1.1 200 OK\r
Transfer-Encoding: chunked\r
\r
5\r
first\r
5\r
sec\

--- request
GET /
--- response_cut
--- response_body_like: ^first

=== TEST 23: a chunked body that breaks its form is not completed
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
raw
HTTP/1.1 200 OK\r
Transfer-Encoding: chunked\r
\r
5\r
first\r
zz\r
0\r
\r
--- request
GET /
--- response_cut
--- response_body_like: ^first

=== TEST 24: an upstream that closes in the middle of the head: 502
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 0 } }
--- upstream
>>> cut=20
200 OK

hi
--- request
GET /
--- error_code: 502

=== TEST 25: an upstream that does not speak HTTP: 502
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 0 } }
--- upstream
raw
SSH-2.0-OpenSSH_9.2\r
\r
--- request
GET /
--- error_code: 502
--- response_body_unlike: SSH

=== TEST 26: an answer with two lengths: 502
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 0 } }
--- upstream
raw
HTTP/1.1 200 OK\r
Content-Length: 2\r
Content-Length: 3\r
\r
abc\

--- request
GET /
--- error_code: 502

=== TEST 27: an answer with a length and chunks: 502
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 0 } }
--- upstream
raw
HTTP/1.1 200 OK\r
Content-Length: 2\r
Transfer-Encoding: chunked\r
\r
0\r
\r
--- request
GET /
--- error_code: 502

=== TEST 28: an answer with a folded line: 502
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 0 } }
--- upstream
raw
HTTP/1.1 200 OK\r
X-A: b\r
 c\r
Content-Length: 0\r
\r
--- request
GET /
--- error_code: 502


=== TEST 29: bytes behind an answer are not the next one's
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> /1
raw
HTTP/1.1 200 OK\r
Content-Length: 3\r
\r
hi
HTTP/1.1 200 OK\r
Content-Length: 8\r
\r
smuggled\

>>> /2
200 OK

second
--- requests
GET /1
GET /2
--- response_body
hi
---8<---
second

=== TEST 30: a 5xx of the upstream is passed on as it is
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
500 Broken
X-Kind: own

my own page
--- request
GET /
--- error_code: 500
--- response_headers
X-Kind: own
--- response_body
my own page

=== TEST 31: an upstream's 101 that nobody asked for: 502
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 0 } }
--- upstream
raw
HTTP/1.1 101 Switching Protocols\r
Upgrade: x\r
Connection: Upgrade\r
\r
--- request
GET /
--- error_code: 502

=== TEST 32: passive health: a target that fails is left alone
--- gateway
upstreams:
  pair:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { attempts: 0 }
    health: { passive: { failures: 1, eject: 60s } }
--- config
- { match: { path: "/*" }, upstream: pair }
--- upstream_1: close
--- upstream_2: echo
--- requests
GET /
GET /
GET /
GET /
GET /
GET /
--- error_code_like: ^(200|502)$
--- upstream_request_count: 1 5

=== TEST 33: an open circuit answers at once
--- gateway
upstreams:
  circuit:
    targets: ["${UPSTREAM}"]
    retries: { attempts: 0 }
    circuit_breaker: { minimum: 2, failure_ratio: 50%, open: 60s, fallback: { status: 503, body: "later\n" } }
--- config
- { match: { path: "/*" }, upstream: circuit }
--- upstream: close
--- requests
GET /
GET /
GET /
GET /
--- error_code: 502 502 503 503
--- response_body_like
502
---8<---
502
---8<---
^later$
---8<---
^later$
--- upstream_request_count: 2

=== TEST 34: a consistent hash sends one key to one target
--- gateway
upstreams:
  pair: { targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"], balance: { hash: { key: header.X-User } } }
--- config
- { match: { path: "/*" }, upstream: pair }
--- upstream_1: echo
--- upstream_2: echo
--- requests
GET /
GET /
GET /
GET /
--- more_headers
X-User: anna
--- upstream_requests_like: X-User: anna

=== TEST 35: a large body both ways
--- config
- match: { path: /echo }
  upstream: "http://${UPSTREAM}"
- match: { path: /large }
  content: { lua: "for i = 1, 4096 do ngx.print(string.rep('x', 255), '\\n') end" }
--- upstream: echo
--- request
GET /large
--- response_body_like: ^(x{255}\n){4096}$

=== TEST 36: no limit of requests on a connection
--- config
- match: { path: "/*" }
  upstream: { targets: ["${UPSTREAM}"], keepalive: { requests: 0 } }
--- upstream: echo
--- requests
GET /1
GET /2
GET /3
--- upstream_connection_count: 1
