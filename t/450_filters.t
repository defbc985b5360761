# header_filter and body_filter.

=== TEST 1: over an upstream's response
--- upstream
>>> GET /t
200 OK
X-From: upstream
Content-Length: 5

hello
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies:
  - lua:
      header_filter: ngx.header.x_seen = ngx.header.x_from .. ngx.status ngx.header.x_from = nil
      body_filter: ngx.arg[1] = ngx.arg[1]:upper() .. (ngx.arg[2] and "!" or "")
  upstream: one
--- request
GET /t
--- response_headers
X-Seen: upstream200
!X-From
--- response_body chomp
HELLO!

=== TEST 2: in reverse order, each sees what the one before it left
--- config
- match: { path: /t }
  policies:
  - lua: { body_filter: "if ngx.arg[1] ~= '' then ngx.arg[1] = '1' .. ngx.arg[1] end" }
  - lua: { body_filter: "if ngx.arg[1] ~= '' then ngx.arg[1] = { '2', ngx.arg[1] } end" }
  respond: { body: "x" }
--- request
GET /t
--- response_body chomp
12x

=== TEST 3: a body dropped
--- config
- match: { path: /t }
  policies: [ { lua: { body_filter: "ngx.arg[1] = nil" } } ]
  respond: { body: "secret" }
--- request
GET /t
--- response_body

=== TEST 4: ended early
--- config
- match: { path: /t }
  policies: [ { lua: { body_filter: "ngx.arg[2] = true" } } ]
  content: { lua: "ngx.print('a') ngx.flush(true) ngx.print('b') ngx.flush(true)" }
--- request
GET /t
--- response_body chomp
a

=== TEST 5: filters that wait
--- config
- match: { path: /t }
  policies:
  - lua:
      header_filter: ngx.sleep(0.002) ngx.header.x_slept = "yes"
      body_filter: ngx.sleep(0.002)
  content: { lua: "for i = 1, 3 do ngx.say(i) end" }
--- request
GET /t
--- response_headers
X-Slept: yes
--- response_body
1
2
3

=== TEST 6: they run over answers of the access phase and over errors
--- config
- match: { path: /a }
  policies: [ { lua: { access: "ngx.exit(403)", header_filter: "ngx.header.x_seen = ngx.status" } } ]
  respond: { body: no }
- match: { path: /b }
  policies: [ { lua: { header_filter: "ngx.header.x_seen = ngx.status" } } ]
  content: { lua: "error('x')" }
--- requests
GET /a
GET /b
--- error_code: 403 500
--- response_headers
X-Seen: 403
---8<---
X-Seen: 500

=== TEST 7: an error in a header filter fails closed
--- config
- match: { path: /t }
  policies: [ { lua: { header_filter: "error('filter')" } } ]
  respond: { body: "secret" }
--- request
GET /t
--- error_code: 500
--- response_body_unlike: secret

=== TEST 8: arg is for body filters
--- config
- { match: { path: /t }, content: { lua: "ngx.say(pcall(function() return ngx.arg[1] end))" } }
--- request
GET /t
--- response_body_like: false.*API disabled in the current context
