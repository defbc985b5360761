# ngx.exec, ngx.req.set_uri, named routes, error pages: from one route to another.

=== TEST 1: exec to a named route: the URI and its arguments stay
--- config
- match: { path: /a }
  content: { lua: 'ngx.ctx.x = 1 ngx.exec("@target", "ignored=1")' }
- name: target
  internal: true
  match: { path: /never }
  content: { lua: 'ngx.say(ngx.var.uri, " ", ngx.var.args, " ", ngx.req.is_internal(), " ", ngx.ctx.x, " ", ngx.var.route)' }
--- requests
GET /a?y=2
GET /never
--- error_code: 200 404
--- response_body_like
^/a y=2 true nil target
---8<---
.

=== TEST 2: a route of that name is not there
--- config
- { match: { path: /a }, content: { lua: 'ngx.exec("@nowhere")' } }
--- request
GET /a
--- error_code: 500
--- error_log
could not find named location "@nowhere"

=== TEST 3: the method and the body go along
--- config
- { match: { path: /a }, policies: [ { lua: { access: 'ngx.req.read_body() ngx.exec("@target")' } } ], respond: 200 }
- name: target
  internal: true
  match: { path: /never }
  content: { lua: 'ngx.req.read_body() ngx.say(ngx.req.get_method(), " ", ngx.req.get_body_data())' }
--- request
POST /a
hello
--- response_body
POST hello

=== TEST 4: exec loses ctx, set_uri with jump keeps it
--- config
- { match: { path: /a }, policies: [ { lua: { rewrite: 'ngx.ctx.x = "kept" ngx.req.set_uri("/b", true)' } } ], respond: 200 }
- { match: { path: /c }, policies: [ { lua: { rewrite: 'ngx.ctx.x = "kept" ngx.exec("/b")' } } ], respond: 200 }
- { match: { path: /b }, internal: true, content: { lua: 'ngx.say(ngx.ctx.x, " ", ngx.req.is_internal())' } }
--- requests
GET /a
GET /c
--- response_body
kept true
---8<---
nil true

=== TEST 5: set_uri without jump changes the URI, and what the upstream is asked for
--- config
- match: { path: /a }
  policies:
    - lua:
        access: |
          ngx.req.set_uri("/new path/é", false)
          ngx.ctx.seen = ngx.var.uri
        header_filter: ngx.header.x_seen = ngx.ctx.seen
  upstream: "http://${UPSTREAM}"
--- upstream
>>> GET /new%20path/%C3%A9?q=1
200 OK

ok
--- request
GET /a?q=1
--- response_headers
X-Seen: /new path/é

=== TEST 6: jump only in rewrite
--- config
- { match: { path: /a }, content: { lua: 'ngx.say(pcall(ngx.req.set_uri, "/b", true))' } }
--- request
GET /a
--- response_body_like: API disabled in the context of content_by_lua\*

=== TEST 7: jumps in a circle end
--- config
- { match: { path: /a }, policies: [ { lua: { rewrite: 'ngx.req.set_uri("/a", true)' } } ], respond: 200 }
--- request
GET /a
--- error_code: 500
--- error_log
rewrite or internal redirection cycle while internally redirecting to "/a"

=== TEST 8: bytes that may not stand in a URI
--- config
- match: { path: /a }
  content:
    lua: |
      local _, message = pcall(ngx.req.set_uri, "/b\0c")
      ngx.say((string.gsub(message, "^.-:%d+: ", "")))
      ngx.req.set_uri("/b\1c", false, true)
      ngx.say((string.gsub(ngx.var.uri, "%c", "?")))
--- request
GET /a
--- response_body
unsafe byte "0x00" in uri "/b\x00c" (maybe you want to set the 'binary' argument?)
/b?c

=== TEST 9: an error page: its scripts read the status, which is what is sent
--- config
- match: { path: /a }
  error_pages: { 403: /page, 404: "@named" }
  policies: [ { lua: { access: "ngx.exit(tonumber(ngx.var.arg_s))" } } ]
  respond: 200
- { match: { path: /page }, internal: true, content: { lua: 'ngx.say("page ", ngx.status, " ", ngx.var.uri, " ", ngx.req.get_method())' } }
- { name: named, match: { path: /x }, internal: true, content: { lua: 'ngx.say("named ", ngx.status, " ", ngx.var.uri, " ", ngx.req.get_method())' } }
--- requests
POST /a?s=403
POST /a?s=404
--- error_code: 403 404
--- response_body
page 403 /page GET
---8<---
named 404 /a POST

=== TEST 10: an error page may say otherwise
--- config
- match: { path: /a }
  error_pages: { 404: /page }
  policies: [ { lua: { access: "ngx.exit(404)" } } ]
  respond: 200
- { match: { path: /page }, internal: true, content: { lua: 'ngx.status = 200 ngx.say("fine")' } }
--- request
GET /a
--- error_code: 200
--- response_body
fine

=== TEST 11: an error page that names a route which is not there
--- config
- { match: { path: /a }, error_pages: { 404: "@gone" }, respond: 200 }
--- must_die
--- error_log
there is no route "gone"

=== TEST 12: exec in rewrite, access and content, and never after output
--- config
- { match: { path: /r }, policies: [ { lua: { rewrite: 'ngx.exec("/b")' } } ], respond: 200 }
- { match: { path: /a }, policies: [ { lua: { access: 'ngx.exec("/b")' } } ], respond: 200 }
- { match: { path: /c }, content: { lua: 'ngx.exec("/b")' } }
- { match: { path: /late }, content: { lua: 'ngx.say("x") ngx.say(pcall(ngx.exec, "/b"))' } }
- { match: { path: /b }, internal: true, respond: { body: "b\n" } }
--- requests
GET /r
GET /a
GET /c
GET /late
--- response_body_like
^b
---8<---
^b
---8<---
^b
---8<---
attempt to call ngx.exec after sending out response headers

=== TEST 13: an error page of a name, after the body has gone to an upstream
--- config
- { match: { path: /a }, error_pages: { 502: "@page" }, upstream: "http://${UPSTREAM_1}" }
- { name: page, match: { path: /never }, internal: true, upstream: "http://${UPSTREAM_2}" }
--- upstream_1
>>> POST /a
close
--- upstream_2
>>> POST /a
200 OK

from the other
--- request
POST /a
some body
--- error_code: 502
--- response_body
from the other

=== TEST 14: a named route of another listener is not there
--- gateway
listeners:
  - { address: "127.0.0.1:0", name: first }
  - { address: "unix:second.sock", name: second }
--- config
- { match: { path: /t }, content: { lua: 'ngx.exec("@hidden")' } }
- { name: hidden, listeners: second, match: { path: /hidden }, respond: { body: "seen\n" } }
--- request
GET /t
--- error_code: 500
--- response_body_unlike: seen
--- error_log
could not find named location "@hidden"
