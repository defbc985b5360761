=== TEST 1: one is made, for the upstream and the client
--- upstream
echo
--- config
- match: { path: /t }
  policies: [request_id]
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- response_headers_like
X-Request-ID: [0-9a-f]{32}
--- response_body_like: (?i)x-request-id: [0-9a-f]{32}

=== TEST 2: a stranger's is not believed
--- config
- match: { path: /t }
  policies: [request_id]
  respond: { body: "x\n" }
--- request
GET /t
--- more_headers
X-Request-ID: mine
--- response_headers_like
X-Request-ID: [0-9a-f]{32}

=== TEST 3: a trusted proxy's is kept
--- gateway
trusted_proxies: [127.0.0.0/8]
--- config
- match: { path: /t }
  policies: [request_id]
  respond: { body: "x\n" }
--- request
GET /t
--- more_headers
X-Request-ID: from-the-proxy-1
--- response_headers
X-Request-ID: from-the-proxy-1

=== TEST 4: anyone's is kept, if that is wished
--- config
- match: { path: /t }
  policies: [{ request_id: { trust: always, header: X-Trace } }]
  respond: { body: "x\n" }
--- request
GET /t
--- more_headers
X-Trace: abc
--- response_headers
X-Trace: abc

=== TEST 5: but not one that does not belong in a log
--- config
- match: { path: /t }
  policies: [{ request_id: { trust: always } }]
  respond: { body: "x\n" }
--- request
GET /t
--- more_headers
X-Request-ID: a"b c
--- response_headers_like
X-Request-ID: [0-9a-f]{32}

=== TEST 6: problems carry it
--- config
- match: { path: /t }
  policies:
    - request_id: { trust: always }
    - jwt: { algorithms: [HS256], secret: s }
  respond: { body: "x\n" }
--- request
GET /t
--- more_headers
X-Request-ID: id-7
--- error_code: 401
--- response_headers
X-Request-ID: id-7
--- response_body_like: "request_id":"id-7"

=== TEST 7: the client need not see it
--- config
- match: { path: /t }
  policies: [{ request_id: { respond: false } }]
  respond: { body: "x\n" }
--- request
GET /t
--- raw_response_headers_unlike: (?i)x-request-id
