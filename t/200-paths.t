# Which route wins by its path: exact, parameters, raw prefixes, regular expressions, prefixes.

=== TEST 1: an exact path matches only itself
--- config
- { match: { path: /a }, respond: { body: "a\n" } }
--- requests
GET /a
GET /a?x=1
GET /a/
GET /a/b
GET /A
--- error_code: 200 200 404 404 404

=== TEST 2: exact goes before all other kinds, wherever it stands
--- config
- { match: { path: "/a/*" }, respond: { body: "prefix\n" } }
- { match: { path: "~ ^/a/b" }, respond: { body: "regex\n" } }
- { match: { path: "/a/{x}" }, respond: { body: "parameter\n" } }
- { match: { path: "^~ /a/b" }, respond: { body: "raw\n" } }
- { match: { path: /a/b }, respond: { body: "exact\n" } }
--- request
GET /a/b
--- response_body
exact

=== TEST 3: then parameters
--- config
- { match: { path: "/a/*" }, respond: { body: "prefix\n" } }
- { match: { path: "~ ^/a/b" }, respond: { body: "regex\n" } }
- { match: { path: "^~ /a/b" }, respond: { body: "raw\n" } }
- { match: { path: "/a/{x}" }, respond: { body: "parameter\n" } }
--- request
GET /a/b
--- response_body
parameter

=== TEST 4: then raw prefixes
--- config
- { match: { path: "/a/*" }, respond: { body: "prefix\n" } }
- { match: { path: "~ ^/a/b" }, respond: { body: "regex\n" } }
- { match: { path: "^~ /a/b" }, respond: { body: "raw\n" } }
--- request
GET /a/bcd
--- response_body
raw

=== TEST 5: then regular expressions, and prefixes last
--- config
- { match: { path: "/a/*" }, respond: { body: "prefix\n" } }
- { match: { path: "~ ^/a/\\d+$" }, respond: { body: "regex\n" } }
--- requests
GET /a/12
GET /a/b
--- response_body
regex
---8<---
prefix

=== TEST 6: regular expressions in the order of the file
--- config
- { match: { path: "~ ^/a" }, respond: { body: "first\n" } }
- { match: { path: "~ ^/a/long" }, respond: { body: "second\n" } }
--- request
GET /a/long
--- response_body
first

=== TEST 7: a regular expression without case, and with
--- config
- { match: { path: "~* \\.JPG$" }, respond: { body: "any\n" } }
- { match: { path: "~ \\.PNG$" }, respond: { body: "capitals\n" } }
--- requests
GET /x.jpg
GET /x.PNG
GET /x.png
--- error_code: 200 200 404

=== TEST 8: named groups of a regular expression
--- config
- { match: { path: "~ ^/u/(?<user>[a-z]+)/(?<item>\\d+)$" }, respond: { body: "{path.user} {path.item}\n", template: true } }
--- request
GET /u/anna/17
--- response_body
anna 17

=== TEST 9: the longest prefix
--- config
- { match: { path: "/a/*" }, respond: { body: "short\n" } }
- { match: { path: "/a/b/*" }, respond: { body: "long\n" } }
- { match: { path: "/*" }, respond: { body: "root\n" } }
--- requests
GET /a/b/c
GET /a/bc
GET /x
--- response_body
long
---8<---
short
---8<---
root

=== TEST 10: a prefix matches its folder itself, and nothing that only begins so
--- config
- { match: { path: "/a/*" }, respond: { body: "[{path.rest}]\n", template: true } }
--- requests
GET /a
GET /a/
GET /a/b/c
GET /ab
--- error_code: 200 200 200 404
--- response_body_like
^\[\]
---8<---
^\[\]
---8<---
^\[b/c\]
---8<---
404

=== TEST 11: parameters of a path
--- config
- { match: { path: "/v1/{kind}/x/{id}" }, respond: { body: "{path.kind}-{path.id}\n", template: true } }
--- requests
GET /v1/car/x/7
GET /v1/car/y/7
GET /v1/car/x
GET /v1/car/x/7/8
--- error_code: 200 404 404 404
--- response_body_like
^car-7$
---8<---
.
---8<---
.
---8<---
.

=== TEST 12: a literal segment goes before a parameter, segment by segment
--- config
- { match: { path: "/{a}/list" }, respond: { body: "parameter first\n" } }
- { match: { path: "/users/{b}" }, respond: { body: "literal first\n" } }
--- requests
GET /users/list
GET /other/list
--- response_body
literal first
---8<---
parameter first

=== TEST 13: a parameter is not empty
--- config
- { match: { path: "/a/{x}" }, respond: { body: "in\n" } }
--- request
GET /a/
--- error_code: 404

=== TEST 14: a literal that leads nowhere gives way to the parameter
--- config
- { match: { path: "/a/b/c" }, respond: { body: "literal\n" } }
- { match: { path: "/a/{x}/d" }, respond: { body: "parameter\n" } }
--- request
GET /a/b/d
--- response_body
parameter

=== TEST 15: paths are compared normalised
--- config
- { match: { path: /a/b }, respond: { body: "in\n" } }
--- requests
GET /a//b
GET /a/./b
GET /x/../a/b
GET /%61/b
--- response_body
in

=== TEST 16: what is forbidden under its own name is so under every name
--- config
- { match: { path: "/admin/*" }, respond: 403 }
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- requests
GET /admin/x
GET //admin/x
GET /a/../admin/x
GET /%61dmin/x
GET /./admin/x
--- error_code: 403

=== TEST 17: an encoded slash does not separate segments
--- config
- { match: { path: "/a/{x}" }, respond: { body: "one\n" } }
- { match: { path: "/a/{x}/{y}" }, respond: { body: "two\n" } }
--- request
GET /a/b%2Fc
--- response_body
one

=== TEST 18: the query is no part of the path
--- config
- { match: { path: "~ secret" }, respond: { body: "in\n" } }
--- request
GET /a?secret
--- error_code: 404

=== TEST 19: a path that would never match is refused
--- config
- { match: { path: "/a//b" }, respond: { body: "in\n" } }
--- must_die
--- error_log
200-paths.t:

=== TEST 20: a regular expression that is none is refused
--- config
- { match: { path: "~ ^/(a" }, respond: { body: "in\n" } }
--- must_die
--- error_log
200-paths.t:

=== TEST 21: OPTIONS * has no path and no route
--- config
- { match: { path: /a }, respond: { body: "in\n" } }
--- request
OPTIONS *
--- error_code_like: ^(404|405|204|200)$

=== TEST 22: the groups of a regular expression in templates
--- config
- match: { path: '~ ^/(?<lang>[a-z]{2})/v(\d+)/(.*)$' }
  respond: { template: true, headers: { x-lang: "{path.lang} {path.1}" }, body: "{path.2} {path.3}\n" }
--- request
GET /en/v12/a/b
--- response_headers
X-Lang: en en
--- response_body
12 a/b

=== TEST 23: a rewrite with the groups of a regular expression
--- config
- match: { path: '~ ^/old/([^/]+)\.html$' }
  rewrite: { path: "/pages/{path.1}", host: "{path.1}.internal" }
  upstream: "http://${UPSTREAM}"
--- upstream: echo
--- request
GET /old/about.html?x=1
--- response_body_like: (?s)^GET /pages/about\?x=1 HTTP.*\nHost: about\.internal\r?\n

=== TEST 24: a redirect with the groups of a regular expression
--- config
- { match: { path: '~* ^/u/(\w+)/(\d+)$' }, redirect: { status: 301, location: "/users/{path.2}?name={path.1}" } }
--- request
GET /U/Ann/7
--- error_code: 301
--- response_headers
Location: /users/7?name=Ann

=== TEST 25: a group that the regular expression does not have is refused
--- config
- { match: { path: '~ ^/(a)/(b)$' }, redirect: "/x/{path.3}" }
--- must_die
--- error_log
has no group {3} (routes[0].redirect.location)
