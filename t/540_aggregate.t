=== TEST 1: parts are put together byte for byte
--- upstream
>>> GET /a/7
200 OK

{"n": 9007199254740993, "s":"\u00e9" , "e":1.50}
>>> GET /b?q=x%26y
200 OK

[ ]
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: "/t/{id}" }
  policies:
    - aggregate:
        parts:
          a: { upstream: one, path: "/a/{path.id}" }
          b: { upstream: one, path: "/b?q={query.q}" }
--- request
GET /t/7?q=x%26y
--- response_headers
Content-Type: application/json
--- response_body
{"a":{"n": 9007199254740993, "s":"\u00e9" , "e":1.50},"b":[ ]}

=== TEST 2: a required part that fails is 502, and named
--- upstream
>>> GET /a
200 OK

1
>>> GET /b
500 Oops

{}
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies: [{ aggregate: { parts: { a: { upstream: one, path: /a }, b: { upstream: one, path: /b } } } }]
--- request
GET /t
--- error_code: 502
--- response_headers
Content-Type: application/problem+json
--- response_body_like: part \\"b\\": status 500

=== TEST 3: a default stands in, and is marked
--- upstream
>>> GET /a
200 OK

1
>>> GET /b
500 Oops

{}
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies: [{ aggregate: { parts: { a: { upstream: one, path: /a }, b: { upstream: one, path: /b, default: [] } } } }]
--- request
GET /t
--- error_code: 200
--- response_body
{"a":1,"b":[],"partial":["b"]}

=== TEST 4: an optional part without a default is null
--- upstream
>>> GET /a
200 OK

1
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] }, gone: { targets: ["${DEAD}"], retries: { attempts: 0 } } }
--- config
- match: { path: /t }
  policies: [{ aggregate: { parts: { a: { upstream: one, path: /a }, b: { upstream: gone, path: /b, required: false } } } }]
--- request
GET /t
--- response_body
{"a":1,"b":null,"partial":["b"]}

=== TEST 5: what is not JSON is no part
--- upstream
>>> GET /a
200 OK

{"a":1
>>> GET /b
200 OK

{"x":1}}
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies:
    - aggregate:
        parts:
          a: { upstream: one, path: /a, default: { none: true } }
          b: { upstream: one, path: /b, default: "-" }
--- request
GET /t
--- response_body
{"a":{"none":true},"b":"-","partial":["a","b"]}

=== TEST 6: a part has its own patience
--- upstream
>>> GET /a
200 OK

1
>>> GET /b delay=3s
200 OK

2
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies: [{ aggregate: { parts: { a: { upstream: one, path: /a }, b: { upstream: one, path: /b, timeout: 100ms, required: false } } } }]
--- request
GET /t
--- response_body
{"a":1,"b":null,"partial":["b"]}

=== TEST 7: policies before it count, and parts learn who asks
--- upstream
echo
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies:
    - jwt: { algorithms: [HS256], secret: s3cret }
    - aggregate: { parts: { a: { upstream: one, path: /a } } }
--- request
GET /t
--- error_code: 401

=== TEST 8: the request's own query and headers go along where that is wished
--- upstream
>>> GET /a?fixed=1&x=2
200 OK

true
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies: [{ aggregate: { query: true, headers: [X-One], parts: { a: { upstream: one, path: "/a?fixed=1" } } } }]
--- request
GET /t?x=2
--- more_headers
X-One: 11
X-Two: 22
--- response_body
{"a":true}
--- upstream_requests_like: (?i)x-one: 11
--- upstream_requests_unlike: (?i)x-two

=== TEST 9: an unknown upstream is refused, and the nearest is named
--- gateway
upstreams: { users: { targets: ["127.0.0.1:1"] } }
--- config
- match: { path: /t }
  policies: [{ aggregate: { parts: { a: { upstream: user } } } }]
--- must_die
--- error_log
did you mean "users"?

=== TEST 10: a part named partial is refused
--- gateway
upstreams: { users: { targets: ["127.0.0.1:1"] } }
--- config
- match: { path: /t }
  policies: [{ aggregate: { parts: { partial: { upstream: users } } } }]
--- must_die
--- error_log
partial

=== TEST 11: a route needs an answer, or a policy that gives one
--- config
- match: { path: /t }
  policies: [request_id]
--- must_die
--- error_log
exactly one of upstream, respond, redirect or content is required

=== TEST 12: chunks in place are no answer by themselves
--- config
- match: { path: /t }
  policies: [{ lua: { access: "local x = 1" } }]
--- must_die
--- error_log
exactly one of upstream, respond, redirect or content is required

=== TEST 13: a script that says so may answer
--- user_files
>>> own.lua
return { answers = true, access = function() ngx.say("mine") end }
--- config
- match: { path: /t }
  policies: [{ script: own.lua }]
--- request
GET /t
--- response_body
mine
