=== TEST 1: a preflight is answered at the gateway, before authentication
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s }
    - cors: { origins: ["https://app.example.com"] }
  upstream: "http://${DEAD}"
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
Access-Control-Request-Method: PUT
Access-Control-Request-Headers: X-One, Content-Type
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE
Access-Control-Allow-Headers: X-One, Content-Type
Access-Control-Max-Age: 600
Vary: Origin

=== TEST 2: another origin's preflight gets no CORS headers
--- config
- match: { path: /t }
  policies: [{ cors: { origins: ["https://app.example.com"] } }]
  respond: { body: "x\n" }
--- request
OPTIONS /t
--- more_headers
Origin: https://evil.test
Access-Control-Request-Method: PUT
--- error_code: 204
--- raw_response_headers_unlike: (?i)access-control

=== TEST 3: an OPTIONS request that is no preflight goes on
--- config
- match: { path: /t }
  policies: [{ cors: { origins: ["https://app.example.com"] } }]
  respond: { body: "x\n" }
--- request
OPTIONS /t
--- more_headers
Origin: https://app.example.com
--- error_code: 200
--- response_body
x

=== TEST 4: an answer may be read by the named origin
--- config
- match: { path: /t }
  policies: [{ cors: { origins: ["https://app.example.com"], expose: [X-One, X-Two], credentials: true } }]
  respond: { body: "x\n" }
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Credentials: true
Access-Control-Expose-Headers: X-One, X-Two
Vary: Origin

=== TEST 5: and by no other; caches are told that it depends
--- config
- match: { path: /t }
  policies: [{ cors: { origins: ["https://app.example.com"] } }]
  respond: { body: "x\n" }
--- request
GET /t
--- more_headers
Origin: https://app.example.com.evil.test
--- response_headers
Vary: Origin
--- raw_response_headers_unlike: (?i)access-control

=== TEST 6: what the upstream says of origins does not count
--- upstream
200 OK
Access-Control-Allow-Origin: *
Vary: Accept-Encoding

body
--- config
- match: { path: /t }
  policies: [{ cors: { origins: ["https://app.example.com"] } }]
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- more_headers
Origin: https://evil.test
--- response_headers
Vary: Accept-Encoding, Origin
--- raw_response_headers_unlike: (?i)access-control

=== TEST 7: a wildcard
--- config
- match: { path: /t }
  policies: [{ cors: { origins: ["https://*.example.com"] } }]
  respond: { body: "x\n" }
--- requests
GET /t
---8<---
GET /t
--- more_headers
Origin: https://a.b.example.com
---8<---
Origin: https://evilexample.com
--- error_code: 200 200

=== TEST 8: every origin
--- config
- match: { path: /t }
  policies: [{ cors: { origins: ["*"] } }]
  respond: { body: "x\n" }
--- request
GET /t
--- more_headers
Origin: https://any.test
--- response_headers
Access-Control-Allow-Origin: *
--- raw_response_headers_unlike: (?i)vary

=== TEST 9: errors can be read too
--- config
- match: { path: /t }
  policies:
    - cors: { origins: ["https://app.example.com"] }
    - jwt: { algorithms: [HS256], secret: s }
  respond: { body: "x\n" }
--- request
GET /t
--- more_headers
Origin: https://app.example.com
--- error_code: 401
--- response_headers
Access-Control-Allow-Origin: https://app.example.com

=== TEST 10: every origin with credentials is refused
--- config
- match: { path: /t }
  policies: [{ cors: { origins: ["*"], credentials: true } }]
  respond: { body: "x\n" }
--- must_die
--- error_log
origins must be named

=== TEST 11: what is no origin is refused
--- config
- match: { path: /t }
  policies: [{ cors: { origins: ["https://app.example.com/path"] } }]
  respond: { body: "x\n" }
--- must_die
--- error_log
origins
