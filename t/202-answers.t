# What answers: respond, redirect, and what is rewritten on the way to an upstream.

=== TEST 1: respond with status, headers and body
--- config
- match: { path: /a }
  respond: { status: 418, headers: { content-type: text/plain, X-Pot: short }, body: "stout\n" }
--- request
GET /a
--- error_code: 418
--- response_headers
Content-Type: text/plain
X-Pot: short
--- response_body
stout

=== TEST 2: respond with a status alone
--- config
- { match: { path: /a }, respond: 204 }
--- request
GET /a
--- error_code: 204
--- response_body

=== TEST 3: a body is literal
--- config
- { match: { path: /a }, respond: { body: "{path} ${HOME}\n" } }
--- request
GET /a
--- response_body
{path} ${HOME}

=== TEST 4: unless it is a template
--- config
- match: { path: "/a/{id}" }
  respond:
    template: true
    body: "{method} {host} {path} {path.id} {query.q} {header.X-A} {cookie.c} {{x}\n"
--- request
GET /a/7?q=r
--- more_headers
Host: www.example.org
X-A: b
Cookie: z=1; c=2
--- response_body
GET www.example.org /a/7 7 r b 2 {x}

=== TEST 5: what a request does not have is empty in a template
--- config
- match: { path: /a }
  respond: { template: true, body: "[{query.q}{header.X-A}{cookie.c}{consumer}]\n" }
--- request
GET /a
--- response_body
[]

=== TEST 6: variables of the route
--- config
- match: { path: /a }
  vars: { tier: gold }
  respond: { template: true, body: "{var.tier}\n" }
--- request
GET /a
--- response_body
gold

=== TEST 7: several headers of one name
--- config
- match: { path: /a }
  respond: { headers: { Set-Cookie: ["a=1", "b=2"] } }
--- request
GET /a
--- raw_response_headers_like: (?i)Set-Cookie: a=1\r\n(.*\r\n)?Set-Cookie: b=2\r\n

=== TEST 8: a redirect
--- config
- { match: { path: /old }, redirect: /new }
--- request
GET /old
--- error_code: 302
--- response_headers
Location: /new

=== TEST 9: a redirect with its status, and what the path matched
--- config
- { match: { path: "/old/*" }, redirect: { status: 308, location: "/new/{path.rest}" } }
--- request
GET /old/a/b
--- error_code: 308
--- response_headers
Location: /new/a/b

=== TEST 10: a redirect cannot be split by what the client sends
--- config
- { match: { path: "/old/*" }, redirect: { location: "/new?{query.q}" } }
--- request
GET /old/a?q=x%0d%0aSet-Cookie:%20a=b
--- error_code_like: ^(302|400|500)$
--- response_headers
!Set-Cookie

=== TEST 11: neither can a header that is a template
--- config
- match: { path: /a }
  respond: { status: 204, template: true, headers: { X-Echo: "<{query.q}>", X-Literal: "a{{b" } }
--- request
GET /a?q=x%0d%0aSet-Cookie:%20a=b
--- error_code: 204
--- response_headers
X-Echo: <x  Set-Cookie: a=b>
X-Literal: a{b
!Set-Cookie

=== TEST 12: rewrite: a prefix taken off
--- config
- match: { path: "/v1/*" }
  rewrite: { strip_prefix: /v1 }
  upstream: "http://${UPSTREAM}"
--- upstream: echo
--- requests
GET /v1/items?x=1
GET /v1
GET /v1/
--- response_body_like
^GET /items\?x=1 HTTP
---8<---
^GET / HTTP
---8<---
^GET / HTTP

=== TEST 13: rewrite: a prefix is whole segments
--- config
- match: { path: "/*" }
  rewrite: { strip_prefix: /v1 }
  upstream: "http://${UPSTREAM}"
--- upstream: echo
--- request
GET /v10/items
--- response_body_like: ^GET /v10/items HTTP

=== TEST 14: rewrite: a path made of parameters
--- config
- match: { path: "/hardware/{id}" }
  rewrite: { path: "/internal/{path.id}/parts" }
  upstream: "http://${UPSTREAM}"
--- upstream: echo
--- request
GET /hardware/7?x=1
--- response_body_like: ^GET /internal/7/parts\?x=1 HTTP

=== TEST 15: rewrite: what a parameter holds cannot leave its segment
--- config
- match: { path: "/hardware/{id}" }
  rewrite: { path: "/internal/{path.id}/parts" }
  upstream: "http://${UPSTREAM}"
--- upstream: echo
--- requests
GET /hardware/a%2Fb
GET /hardware/a%3Fb
GET /hardware/a%20b
--- response_body_like
^GET /internal/a%2Fb/parts HTTP
---8<---
^GET /internal/a%3Fb/parts HTTP
---8<---
^GET /internal/a%20b/parts HTTP

=== TEST 16: rewrite: the host
--- config
- match: { path: "/*" }
  rewrite: { host: catalog.internal }
  upstream: "http://${UPSTREAM}"
--- upstream: echo
--- request
GET /a
--- more_headers
Host: www.example.org
--- response_body_like: (?m)^Host: catalog\.internal$.*^X-Forwarded-Host: www\.example\.org$

=== TEST 17: a template that names a parameter the path does not have is refused
--- config
- { match: { path: "/a/{id}" }, redirect: "/b/{path.idd}" }
--- must_die
--- error_log
did you mean {path.id}?

=== TEST 18: two answers for one route are refused
--- config
- { match: { path: /a }, respond: 200, redirect: /b }
--- must_die
--- error_log
202-answers.t:

=== TEST 19: an upstream that is not defined is refused
--- gateway
upstreams: { catalog: { targets: ["127.0.0.1:1"] } }
--- config
- { match: { path: /a }, upstream: catalogue }
--- must_die
--- error_log
did you mean "catalog"?

=== TEST 20: response headers of a route
--- config
- match: { path: /a }
  response_headers: { set: { X-A: new }, add: { X-B: more }, remove: [X-C] }
  upstream: "http://${UPSTREAM}"
--- upstream
200 OK
X-A: old
X-B: some
X-C: gone

hi
--- request
GET /a
--- response_headers
X-A: new
X-B: some, more
!X-C

=== TEST 21: response headers of the gateway, on its own errors too
--- gateway
response_headers: { set: { Strict-Transport-Security: max-age=1 } }
--- config
- { match: { path: /a }, respond: 200 }
--- requests
GET /a
GET /b
--- error_code: 200 404
--- response_headers
Strict-Transport-Security: max-age=1

=== TEST 22: an error page
--- config
- match: { path: /a }
  error_pages: { 502: /sorry }
  upstream: "http://${DEAD}"
- { match: { path: /sorry }, internal: true, respond: { body: "sorry\n" } }
--- request
GET /a
--- error_code: 502
--- response_body
sorry
