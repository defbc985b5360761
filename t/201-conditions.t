# Methods, hosts, headers, query, priority: what else decides.

=== TEST 1: methods
--- config
- { match: { path: /a, methods: [GET, HEAD] }, respond: { body: "read\n" } }
- { match: { path: /a, methods: [POST] }, respond: { body: "write\n" } }
--- requests
GET /a
POST /a
--- response_body
read
---8<---
write

=== TEST 2: if only the method does not fit: 405, with Allow
--- config
- { match: { path: /a, methods: [GET] }, respond: { body: "read\n" } }
- { match: { path: /a, methods: [PUT] }, respond: { body: "write\n" } }
--- request
DELETE /a
--- error_code: 405
--- response_headers_like
Allow: (?=.*\bGET\b)(?=.*\bPUT\b)[A-Z, ]+
Content-Type: application/problem\+json

=== TEST 3: another path is 404, not 405
--- config
- { match: { path: /a, methods: [GET] }, respond: { body: "read\n" } }
--- request
DELETE /b
--- error_code: 404
--- response_headers
!Allow

=== TEST 4: a route of another kind takes the method that the first does not
--- config
- { match: { path: /a, methods: [GET] }, respond: { body: "exact\n" } }
- { match: { path: "/*" }, respond: { body: "any\n" } }
--- request
DELETE /a
--- response_body
any

=== TEST 5: methods are case-sensitive
--- config
- { match: { path: /a, methods: [GET] }, respond: { body: "read\n" } }
--- request
get /a
--- error_code: 405

=== TEST 6: a method that nobody knows
--- config
- { match: { path: /a, methods: [BREW] }, respond: { body: "coffee\n" } }
- { match: { path: /b }, respond: { body: "any\n" } }
--- requests
BREW /a
BREW /b
--- response_body
coffee
---8<---
any

=== TEST 7: exact host, then the longest wildcard, then none
--- config
- { match: { path: /a }, respond: { body: "none\n" } }
- { match: { path: /a, hosts: ["*.example.org"] }, respond: { body: "wildcard\n" } }
- { match: { path: /a, hosts: ["*.shop.example.org"] }, respond: { body: "longer\n" } }
- { match: { path: /a, hosts: [www.example.org] }, respond: { body: "exact\n" } }
--- requests
GET /a
---8<---
GET /a
---8<---
GET /a
---8<---
GET /a
---8<---
GET /a
--- more_headers
Host: www.example.org
---8<---
Host: api.example.org
---8<---
Host: a.b.shop.example.org
---8<---
Host: example.org
---8<---
Host: elsewhere
--- response_body
exact
---8<---
wildcard
---8<---
longer
---8<---
none
---8<---
none

=== TEST 8: hosts are compared without case, port and a dot at the end
--- config
- { match: { path: /a, hosts: [www.example.org] }, respond: { body: "in\n" } }
--- requests
GET /a
---8<---
GET /a
---8<---
GET /a
--- more_headers
Host: WWW.Example.ORG
---8<---
Host: www.example.org:8080
---8<---
Host: www.example.org.
--- response_body
in

=== TEST 9: no host fits
--- config
- { match: { path: /a, hosts: [www.example.org] }, respond: { body: "in\n" } }
--- request
GET /a
--- error_code: 404

=== TEST 10: the host goes before the path
--- config
- { match: { path: /a }, respond: { body: "exact path\n" } }
- { match: { path: "/*", hosts: [www.example.org] }, respond: { body: "exact host\n" } }
--- request
GET /a
--- more_headers
Host: www.example.org
--- response_body
exact host

=== TEST 11: a candidate whose conditions fail gives way across hosts
--- config
- { match: { path: /a }, respond: { body: "none\n" } }
- { match: { path: /a, hosts: [www.example.org], headers: { x-beta: "1" } }, respond: { body: "beta\n" } }
--- request
GET /a
--- more_headers
Host: www.example.org
--- response_body
none

=== TEST 12: conditions on headers: equal, present, absent, regular expression
--- config
- { match: { path: /a, headers: { x-kind: gold } }, respond: { body: "equal\n" } }
- { match: { path: /b, headers: { x-kind: { present: true } } }, respond: { body: "present\n" } }
- { match: { path: /c, headers: { x-kind: { present: false } } }, respond: { body: "absent\n" } }
- { match: { path: /d, headers: { x-kind: { regex: "^g.ld$" } } }, respond: { body: "regex\n" } }
--- requests
GET /a
GET /b
GET /c
GET /d
--- more_headers
X-Kind: gold
--- error_code: 200 200 404 200

=== TEST 13: the same without the header
--- config
- { match: { path: /a, headers: { x-kind: gold } }, respond: { body: "equal\n" } }
- { match: { path: /b, headers: { x-kind: { present: true } } }, respond: { body: "present\n" } }
- { match: { path: /c, headers: { x-kind: { present: false } } }, respond: { body: "absent\n" } }
- { match: { path: /d, headers: { x-kind: { regex: "^g.ld$" } } }, respond: { body: "regex\n" } }
--- requests
GET /a
GET /b
GET /c
GET /d
--- error_code: 404 404 200 404

=== TEST 14: conditions on the query, decoded
--- config
- { match: { path: /a, query: { beta: "1" } }, respond: { body: "beta\n" } }
- { match: { path: /a, query: { name: "a b" } }, respond: { body: "name\n" } }
- { match: { path: /a, query: { flag: { present: true } } }, respond: { body: "flag\n" } }
- { match: { path: /a }, respond: { body: "none\n" } }
--- requests
GET /a?x=2&beta=1
GET /a?name=a%20b
GET /a?name=a+b
GET /a?flag
GET /a?beta=2
GET /a
--- response_body
beta
---8<---
name
---8<---
name
---8<---
flag
---8<---
none
---8<---
none

=== TEST 15: more conditions go before fewer
--- config
- { match: { path: /a, headers: { x-a: "1" } }, respond: { body: "one\n" } }
- { match: { path: /a, headers: { x-a: "1", x-b: "2" } }, respond: { body: "two\n" } }
--- request
GET /a
--- more_headers
X-A: 1
X-B: 2
--- response_body
two

=== TEST 16: as many conditions: the order of the file
--- config
- { match: { path: /a, headers: { x-a: "1" } }, respond: { body: "first\n" } }
- { match: { path: /a, headers: { x-b: "2" } }, respond: { body: "second\n" } }
--- request
GET /a
--- more_headers
X-A: 1
X-B: 2
--- response_body
first

=== TEST 17: priority goes before everything
--- config
- { match: { path: /a, hosts: [localhost] }, respond: { body: "exact\n" } }
- { match: { path: "/*" }, priority: 1, respond: { body: "urgent\n" } }
--- request
GET /a
--- response_body
urgent

=== TEST 18: a negative priority comes last
--- config
- { match: { path: /a }, priority: -1, respond: { body: "exact\n" } }
- { match: { path: "/*" }, respond: { body: "any\n" } }
--- request
GET /a
--- response_body
any

=== TEST 19: an internal route does not answer clients
--- config
- { match: { path: /a }, internal: true, respond: { body: "inside\n" } }
- { match: { path: "/*" }, respond: { body: "outside\n" } }
--- request
GET /a
--- response_body
outside

=== TEST 20: an internal route answers exec
--- config
- { match: { path: /inside }, internal: true, respond: { body: "inside\n" } }
- match: { path: /a }
  content: { lua: "ngx.exec('/inside')" }
--- request
GET /a
--- response_body
inside

=== TEST 21: of several fields of one name any may fulfil the condition
--- config
- { match: { path: /a, headers: { x-a: "2" } }, respond: { body: "in\n" } }
--- request
GET /a
--- more_headers
X-A: 1
X-A: 2
--- response_body
in

=== TEST 22: two routes of one name are refused, with both places
--- config
- { name: same, match: { path: /a }, respond: 200 }
- { name: same, match: { path: /b }, respond: 200 }
--- must_die
--- error_log
defined twice

=== TEST 23: one path under patterns of three kinds: each condition gives way to the next, and 405 names what all take
--- config
- { match: { path: "~ ^/m/", methods: [GET] }, respond: { body: "get\n" } }
- { match: { path: "/m/*", methods: [PUT], headers: { x: { regex: "^[0-9]+$" } } }, respond: { body: "put\n" } }
- { match: { path: "^~ /m", methods: [POST], query: { k: { present: false } } }, respond: { body: "post\n" } }
--- requests
GET /m/1
---8<---
PUT /m/1
---8<---
POST /m/1
---8<---
PATCH /m/1
--- more_headers
X: 12
--- error_code: 200 200 200 405
--- response_body_like
^get$
---8<---
^put$
---8<---
^post$
---8<---
.
--- response_headers_like
Content-Length: 4
---8<---
Content-Length: 4
---8<---
Content-Length: 5
---8<---
Allow: (?=.*\bGET\b)(?=.*\bPUT\b)(?=.*\bPOST\b)[A-Z, ]+

=== TEST 24: a wildcard stands for one label or more, never for none
--- config
- { match: { hosts: ["*.example.org"], path: "/a" }, respond: { body: "below\n" } }
- { match: { path: "/a" }, respond: { body: "any\n" } }
--- requests
GET /a
---8<---
GET /a
---8<---
GET /a
--- more_headers
Host: x.example.org
---8<---
Host: x.y.EXAMPLE.org:8080
---8<---
Host: example.org
--- response_body
below
---8<---
below
---8<---
any
