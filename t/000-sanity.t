# The smallest gateways, and the test runner itself.

=== TEST 1: a route that responds
--- config
- { match: { path: /hello }, respond: { body: "hello\n" } }
--- request
GET /hello
--- response_body
hello
--- error_code: 200
--- no_error_log
[error]

=== TEST 2: no route matches: 404, a problem document with the request's id
--- config
- { match: { path: /hello }, respond: { body: "hello\n" } }
--- request
GET /other
--- error_code: 404
--- response_headers
Content-Type: application/problem+json
--- response_body_like: "status":404.*"request_id":"[0-9a-f]{32}"

=== TEST 3: a whole configuration, with the routes apart
--- gateway
limits: { uri: 128 }
--- config
- { match: { path: /a }, respond: { status: 202 } }
--- request
GET /a
--- error_code: 202
--- response_body

=== TEST 4: a listener of the configuration's own
--- gateway
listeners: [{ address: "127.0.0.1:0" }]
routes:
  - { match: { path: /a }, respond: { body: a } }
--- request
GET /a
--- response_body chomp
a

=== TEST 5: content by a Lua chunk in place
--- config
- match: { path: /lua }
  content: { lua: "ngx.say('from ', ngx.var.request_method)" }
--- request
GET /lua
--- response_body
from GET
--- no_error_log
[error]

=== TEST 6: content by a file of the block's own, which requires another
--- config
- { match: { path: /file }, content: scripts/hello.lua }
--- user_files
>>> scripts/hello.lua
ngx.say(require("words").greeting)
>>> words.lua
return { greeting = "hello" }
--- request
GET /file
--- response_body
hello
--- no_error_log
[error]

=== TEST 7: what a script logs
--- config
- match: { path: /log }
  content: { lua: "ngx.log(ngx.WARN, 'look here') ngx.say('done')" }
--- request
GET /log
--- error_log
look here
[warn]
--- no_error_log
[error]

=== TEST 8: matches in the log, in order
--- config
- match: { path: /log }
  content: { lua: "for i = 1, 3 do ngx.log(ngx.NOTICE, 'item ', i) end" }
--- request
GET /log
--- grep_error_log regex
item \d
--- grep_error_log_out
item 1
item 2
item 3

=== TEST 9: a configuration that must be refused, at its line
--- config
- match: { path: /a }
  respnd: { body: a }
--- must_die
--- error_log
000-sanity.t:98:3:
did you mean

=== TEST 10: two requests on one connection, one after the other
--- config
- { match: { path: /1 }, respond: { body: "one\n" } }
- { match: { path: /2 }, respond: { body: "two\n" } }
--- requests
GET /1
GET /2
--- response_body
one
---8<---
two

=== TEST 11: an environment variable in the configuration
--- config
- { match: { path: /env }, respond: { status: 204, headers: { X-Env: "${GREETING}" } } }
--- env
GREETING=good day
--- request
GET /env
--- error_code: 204
--- response_headers
X-Env: good day

=== TEST 12: a mock upstream, and what it received
--- config
- { match: { path: "/api/*" }, upstream: "http://${UPSTREAM}" }
--- upstream
>>> GET /api/items
200 OK
Content-Type: text/plain

two items
--- request
GET /api/items?limit=2
--- more_headers
X-Trace: 7
--- response_body
two items
--- response_headers
Content-Type: text/plain
--- upstream_requests_like
(?m)^GET /api/items\?limit=2 HTTP/1\.1$.*^X-Trace: 7$
--- upstream_request_count: 1
--- no_error_log
[error]

=== TEST 13: two mock upstreams
--- config
- { match: { path: /a }, upstream: "http://${UPSTREAM_1}" }
- { match: { path: /b }, upstream: "http://${UPSTREAM_2}" }
--- upstream_1
200 OK

first
--- upstream_2
200 OK

second
--- requests
GET /a
GET /b
--- response_body
first
---8<---
second
--- upstream_request_count: 1 1

=== TEST 14: bytes are sent as written
--- config
- { match: { path: /raw }, respond: { body: "raw\n" } }
--- raw_request
GET /raw HTTP/1.1\r
Host: localhost\r
Connection: close\r
\r
--- response_body
raw
--- connection_closed

=== TEST 15: a body of bytes goes through as it is
--- config
- match: { path: /bytes }
  content: { lua: "ngx.req.read_body() ngx.print(ngx.req.get_body_data())" }
--- request bytes chomp
POST /bytes
\x00\x01\r\n\xfe\xff
--- response_body bytes chomp
\x00\x01\r\n\xfe\xff

=== TEST 16: nothing of an earlier block is left
--- gateway
lua: { shared_dicts: { seen: 64KiB } }
--- config
- match: { path: /count }
  content: { lua: "ngx.say((ngx.shared.seen:incr('n', 1, 0)))" }
--- requests
GET /count
GET /count
--- response_body
1
---8<---
2

=== TEST 17: the same again
--- gateway
lua: { shared_dicts: { seen: 64KiB } }
--- config
- match: { path: /count }
  content: { lua: "ngx.say((ngx.shared.seen:incr('n', 1, 0)))" }
--- request
GET /count
--- response_body
1
