=== TEST 1: a good token lets the request in
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInJvbGVzIjpbImFkbWluIiwiZGV2Il0sImV4cCI6NDEwMjQ0NDgwMH0.O-tcTCVlwcjHfXnsM_zriCqfRhufZnXiMhWqX1q40zY
--- error_code: 200
--- response_body
in
--- no_error_log
[error]


=== TEST 2: without a token no error is named
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  respond: { body: "in\n" }
--- request
GET /t
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="moongate"
Content-Type: application/problem+json
--- response_body_like: "status":401


=== TEST 3: a token is refused: expired
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsImV4cCI6MX0.OatChJwnX1kQETeO6WF9IHV4xcgF4LPL9K6Ve3yFB6M
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*.*"
Content-Type: application/problem\+json


=== TEST 4: a token is refused: future
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsIm5iZiI6NDEwMjQ0NDgwMH0.8EhaeKxMSZnVFj8yb8MIF8Nm7xDYJV5FVyU_HciO01g
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*.*"
Content-Type: application/problem\+json


=== TEST 5: a token is refused: wrongkey
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsImV4cCI6NDEwMjQ0NDgwMH0.Zdh0d6wFBSA2Br5A6v6XWDHUgfWB-yapKs605F0Vn0M
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*.*"
Content-Type: application/problem\+json


=== TEST 6: a token is refused: none
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1MSJ9.
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*.*"
Content-Type: application/problem\+json


=== TEST 7: a token is refused: hs512
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsImV4cCI6NDEwMjQ0NDgwMH0.XG2Cr3Yhk43Fl0RRmfHB3AjOVjqY7SgkL__y5x6BgM2rc4Z4BDVxcctLbkQZQ7WgL8oCrW6i2JWp38t_hMQrjA
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*.*"
Content-Type: application/problem\+json


=== TEST 8: text that is no token is refused
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer abc.def
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*.*"
Content-Type: application/problem\+json


=== TEST 9: another scheme is no token
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Basic dTpw
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="moongate"


=== TEST 10: the scheme is read in any case
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
authorization: bEARER eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInJvbGVzIjpbImFkbWluIiwiZGV2Il0sImV4cCI6NDEwMjQ0NDgwMH0.O-tcTCVlwcjHfXnsM_zriCqfRhufZnXiMhWqX1q40zY
--- error_code: 200


=== TEST 11: issuer and audience fit
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, issuer: "https://idp.test", audience: shop }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsImlzcyI6Imh0dHBzOi8vaWRwLnRlc3QiLCJhdWQiOlsic2hvcCIsIndlYiJdLCJleHAiOjQxMDI0NDQ4MDB9.aQGXb9kf7qzUm5582PR7o5txtA1DjXs3b9YWdwWTGmQ
--- error_code: 200


=== TEST 12: another issuer
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, issuer: "https://idp.test", audience: shop }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsImlzcyI6Imh0dHBzOi8vZXZpbC50ZXN0IiwiYXVkIjoic2hvcCIsImV4cCI6NDEwMjQ0NDgwMH0.e3jhGPE6Ki9ZrRsb88vm76RFyV6-trdahW-zP8CAvXQ
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*.*"
Content-Type: application/problem\+json


=== TEST 13: another audience
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, issuer: "https://idp.test", audience: shop }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsImlzcyI6Imh0dHBzOi8vaWRwLnRlc3QiLCJhdWQiOiJvdGhlciIsImV4cCI6NDEwMjQ0NDgwMH0.ycvU2KW5qG3QsIqbTQb9v6KtEpvZSmooPcLz_QMfOZY
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*.*"
Content-Type: application/problem\+json


=== TEST 14: scopes that are there
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, scopes: ["orders:read"] }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInNjb3BlIjoib3JkZXJzOnJlYWQgb3JkZXJzOndyaXRlIiwiZXhwIjo0MTAyNDQ0ODAwfQ.0owqYSgnMIMn9OzBtvVNiDpB_CD5WjMzFNSatJAWV3k
--- error_code: 200


=== TEST 15: a scope that is missing is 403
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, scopes: ["orders:delete"] }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInNjb3BlIjoib3JkZXJzOnJlYWQgb3JkZXJzOndyaXRlIiwiZXhwIjo0MTAyNDQ0ODAwfQ.0owqYSgnMIMn9OzBtvVNiDpB_CD5WjMzFNSatJAWV3k
--- error_code: 403
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="insufficient_scope".*scope="orders:delete"


=== TEST 16: a required claim that is missing
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, required_claims: [tenant] }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInJvbGVzIjpbImFkbWluIiwiZGV2Il0sImV4cCI6NDEwMjQ0NDgwMH0.O-tcTCVlwcjHfXnsM_zriCqfRhufZnXiMhWqX1q40zY
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*.*"
Content-Type: application/problem\+json


=== TEST 17: a required claim that is there
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, required_claims: [tenant] }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInRlbmFudCI6ImFjbWUiLCJleHAiOjQxMDI0NDQ4MDB9.d2gvmkZaeWgjevsMNAl3CJuUJUD94YEOMI87yoOFJHk
--- error_code: 200


=== TEST 18: the upstream learns who it is, and not the token
--- upstream
>>>
echo
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInJvbGVzIjpbImFkbWluIiwiZGV2Il0sImV4cCI6NDEwMjQ0NDgwMH0.O-tcTCVlwcjHfXnsM_zriCqfRhufZnXiMhWqX1q40zY
X-User-ID: root
x_user_roles: root
--- response_body_like: (?i)x-user-id: u1\n(.*\n)*x-user-roles: admin,dev
--- response_body_unlike: (?i)(authorization|root)


=== TEST 19: a header whose claim is missing is removed all the same
--- upstream
>>>
echo
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MiIsImV4cCI6NDEwMjQ0NDgwMH0.SsjFMvcj6dFAbpQUmb3oQj2Xana39dGXxDKFX7iIiv0
X-User-Roles: admin
--- response_body_like: (?i)x-user-id: u2
--- response_body_unlike: (?i)x-user-roles


=== TEST 20: other headers carry other claims
--- upstream
>>>
echo
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, headers: { X-Tenant: tenant } }
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInRlbmFudCI6ImFjbWUiLCJleHAiOjQxMDI0NDQ4MDB9.d2gvmkZaeWgjevsMNAl3CJuUJUD94YEOMI87yoOFJHk
X-Tenant: evil
--- response_body_like: (?i)x-tenant: acme
--- response_body_unlike: evil


=== TEST 21: the token may be forwarded
--- upstream
>>>
echo
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, forward_token: true }
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInJvbGVzIjpbImFkbWluIiwiZGV2Il0sImV4cCI6NDEwMjQ0NDgwMH0.O-tcTCVlwcjHfXnsM_zriCqfRhufZnXiMhWqX1q40zY
--- response_body_like: (?i)authorization: Bearer ey


=== TEST 22: a claim that would break the head is refused
--- upstream
>>>
echo
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MVxyXG5YLUFkbWluOiAxIiwiZXhwIjo0MTAyNDQ0ODAwfQ.XuzONsoEgBlYTySaE7L0h-2rRdyn_OxowAOKLUJg1BU
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*header.*"
Content-Type: application/problem\+json


=== TEST 23: a role with a comma would be two
--- upstream
>>>
echo
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInJvbGVzIjpbImEsYWRtaW4iXSwiZXhwIjo0MTAyNDQ0ODAwfQ.f4tkLNR3lna0B-G8OPucIW3eTXPAXFyr0F6D0xfNvwE
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*header.*"
Content-Type: application/problem\+json


=== TEST 24: a cookie carries the token, the others stay
--- upstream
>>>
echo
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, cookie: session }
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- more_headers
Cookie: a=1; session=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInJvbGVzIjpbImFkbWluIiwiZGV2Il0sImV4cCI6NDEwMjQ0NDgwMH0.O-tcTCVlwcjHfXnsM_zriCqfRhufZnXiMhWqX1q40zY; b=2
--- response_body_like: (?i)cookie: a=1; b=2
--- response_body_unlike: session


=== TEST 25: a header of its own carries the bare token
--- upstream
>>>
echo
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, header: X-Token }
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- more_headers
X-Token: eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInJvbGVzIjpbImFkbWluIiwiZGV2Il0sImV4cCI6NDEwMjQ0NDgwMH0.O-tcTCVlwcjHfXnsM_zriCqfRhufZnXiMhWqX1q40zY
--- response_body_like: (?i)x-user-id: u1
--- response_body_unlike: (?i)x-token


=== TEST 26: without a token, where it is optional, nobody is anybody
--- upstream
>>>
echo
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, optional: true }
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- more_headers
X-User-ID: root
--- error_code: 200
--- response_body_unlike: (?i)x-user-id


=== TEST 27: a bad token is refused also where it is optional
--- upstream
>>>
echo
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret, optional: true }
  upstream: "http://${UPSTREAM}"
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsImV4cCI6MX0.OatChJwnX1kQETeO6WF9IHV4xcgF4LPL9K6Ve3yFB6M
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*.*"
Content-Type: application/problem\+json


=== TEST 28: a key set in place
--- config
- match: { path: /t }
  policies:
    - jwt:
        algorithms: [HS256]
        jwks: { keys: [{ kty: oct, kid: two, k: "a2V5LXR3by1zZWNyZXQ" }] }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InR3byJ9.eyJzdWIiOiJ1NyIsImV4cCI6NDEwMjQ0NDgwMH0.e6xwnjp4ZYODe6IDX6uQ7mn70GbLWNkhCU6VBfzKSsw
--- error_code: 200


=== TEST 29: a key set without the key
--- config
- match: { path: /t }
  policies:
    - jwt:
        algorithms: [HS256]
        jwks: { keys: [{ kty: oct, kid: two, k: "a2V5LXR3by1zZWNyZXQ" }] }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInJvbGVzIjpbImFkbWluIiwiZGV2Il0sImV4cCI6NDEwMjQ0NDgwMH0.O-tcTCVlwcjHfXnsM_zriCqfRhufZnXiMhWqX1q40zY
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer realm="moongate", error="invalid_token", error_description=".*.*"
Content-Type: application/problem\+json


=== TEST 30: keys are fetched once
--- upstream
>>> GET /keys
200 OK
Content-Type: application/json

{"keys":[{"kty":"oct","kid":"two","k":"a2V5LXR3by1zZWNyZXQ"}]}
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], jwks_url: "http://${UPSTREAM}/keys" }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InR3byJ9.eyJzdWIiOiJ1NyIsImV4cCI6NDEwMjQ0NDgwMH0.e6xwnjp4ZYODe6IDX6uQ7mn70GbLWNkhCU6VBfzKSsw
--- error_code: 200
--- upstream_request_count: 1


=== TEST 31: keys that cannot be had are 503, not an entry
--- upstream
500 Oops

no
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], jwks_url: "http://${UPSTREAM}/keys" }
  respond: { body: "in\n" }
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InR3byJ9.eyJzdWIiOiJ1NyIsImV4cCI6NDEwMjQ0NDgwMH0.e6xwnjp4ZYODe6IDX6uQ7mn70GbLWNkhCU6VBfzKSsw
--- error_code: 503
--- error_log
jwt: keys from


=== TEST 32: scripts read the claims
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
  content:
    lua: |
      local claims = ngx.ctx.jwt_claims
      ngx.say(claims.sub, " ", claims.roles[2], " ", require("moongate.identity").consumer())
--- request
GET /t
--- more_headers
Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1MSIsInJvbGVzIjpbImFkbWluIiwiZGV2Il0sImV4cCI6NDEwMjQ0NDgwMH0.O-tcTCVlwcjHfXnsM_zriCqfRhufZnXiMhWqX1q40zY
--- response_body
u1 dev u1


=== TEST 33: two kinds of key are refused
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: a, public_key: b }
  respond: { body: x }
--- must_die
--- error_log
exactly one of


=== TEST 34: a key that serves none of the algorithms is refused
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [RS256], secret: a }
  respond: { body: x }
--- must_die
--- error_log
no key serves the algorithm RS256


=== TEST 35: an unknown algorithm is refused
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [none], secret: a }
  respond: { body: x }
--- must_die
--- error_log
algorithms


=== TEST 36: a misspelt key is refused
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: a, isuer: b }
  respond: { body: x }
--- must_die
--- error_log
issuer

