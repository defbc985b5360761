# ngx.exit, redirect, exec; what ends what.

=== TEST 1: exit with a status, from each phase
--- config
- { match: { path: /rewrite }, policies: [ { lua: { rewrite: "ngx.exit(410)" } } ], respond: { body: no } }
- { match: { path: /access }, policies: [ { lua: { access: "return ngx.exit(ngx.HTTP_FORBIDDEN)" } } ], respond: { body: no } }
- { match: { path: /content }, content: { lua: "ngx.exit(503)" } }
--- requests
GET /rewrite
GET /access
GET /content
--- error_code: 410 403 503

=== TEST 2: OK and DECLINED end that policy's function alone
--- config
- match: { path: /t }
  policies:
  - lua: { access: "ngx.ctx.seen = 'a' ngx.exit(ngx.OK) ngx.exit(500)" }
  - lua: { access: "ngx.ctx.seen = ngx.ctx.seen .. 'b' ngx.exit(ngx.DECLINED) ngx.exit(500)" }
  - lua: { access: "ngx.ctx.seen = ngx.ctx.seen .. 'c' return" }
  content: { lua: "ngx.say(ngx.ctx.seen)" }
--- request
GET /t
--- response_body
abc

=== TEST 3: exit passes through pcall and coroutines
--- config
- match: { path: /t }
  policies:
  - lua:
      access: |
        pcall(function()
          coroutine.wrap(function() pcall(ngx.exit, 402) end)()
        end)
        ngx.exit(500)
  respond: { body: no }
--- request
GET /t
--- error_code: 402

=== TEST 4: an exit from a light thread ends the phase
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.thread.spawn(function() ngx.sleep(0.001) ngx.exit(418) end)
      ngx.sleep(10)
--- request
GET /t
--- error_code: 418

=== TEST 5: the log phase sees the status
--- config
- match: { path: /t }
  policies: [ { lua: { log: "ngx.log(ngx.ERR, 'status ', ngx.status)", access: "ngx.exit(404)" } } ]
  respond: { body: no }
--- request
GET /t
--- error_code: 404
--- error_log
status 404

=== TEST 6: redirects
--- config
- { match: { path: /a }, content: { lua: "ngx.redirect('/x?y=1')" } }
- { match: { path: /b }, policies: [ { lua: { access: "return ngx.redirect('https://example.org/', 308)" } } ], respond: { body: no } }
--- requests
GET /a
GET /b
--- error_code: 302 308
--- response_headers
Location: /x?y=1
---8<---
Location: https://example.org/

=== TEST 7: a redirect with another status, and after output
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(pcall(ngx.redirect, "/x", 200))
      ngx.say(pcall(ngx.redirect, "/x"))
--- request
GET /t
--- response_body_like
falseonly ngx.HTTP_MOVED_TEMPORARILY, ngx.HTTP_MOVED_PERMANENTLY, ngx.HTTP_PERMANENT_REDIRECT, ngx.HTTP_SEE_OTHER, and ngx.HTTP_TEMPORARY_REDIRECT are allowed
falseattempt to call ngx.redirect after sending out the headers

=== TEST 8: exec matches again, with new arguments
--- config
- { match: { path: /a }, content: { lua: "ngx.exec('/b', { x = 1 })" } }
- { match: { path: /c }, policies: [ { lua: { access: "ngx.exec('/b?y=2', 'z=3')" } } ], respond: { body: no } }
- { match: { path: /b }, internal: true, content: { lua: "ngx.say(ngx.var.uri, ' ', ngx.var.args, ' ', ngx.req.is_internal())" } }
--- requests
GET /a
GET /c
GET /b
--- error_code: 200 200 404

=== TEST 9: exec in a circle ends
--- config
- { match: { path: /t }, content: { lua: "ngx.exec('/t')" } }
--- request
GET /t
--- error_code: 500

=== TEST 10: set_uri with jump
--- config
- { match: { path: /a }, policies: [ { lua: { rewrite: "ngx.req.set_uri('/b', true)" } } ], respond: { body: no } }
- { match: { path: /b }, respond: { body: "b\n" } }
--- request
GET /a
--- response_body
b

=== TEST 11: an error fails closed, and tells the log where
--- config
- match: { path: /t }
  policies:
  - lua:
      access: |
        local function inner() error("on purpose") end
        inner()
  respond: { body: no }
--- request
GET /t
--- error_code: 500
--- response_headers
Content-Type: application/problem+json
--- error_log regex
^\[error\].*policy "lua" \(access phase\): .*:\d+: on purpose

=== TEST 12: an error that is not a text
--- config
- { match: { path: /t }, content: { lua: "error({})" } }
- { match: { path: /u }, content: { lua: "error(nil)" } }
--- requests
GET /t
GET /u
--- error_code: 500 500
--- error_log
(content phase): an error that is a table
(content phase): an error that is a nil

=== TEST 13: an error in the log phase costs no other policy its line
--- config
- match: { path: /t }
  policies:
  - lua: { log: "error('first')" }
  - lua: { log: "ngx.log(ngx.ERR, 'second has logged')" }
  respond: { body: ok }
--- request
GET /t
--- error_log
first
second has logged

=== TEST 14: exit without a number
--- config
- { match: { path: /t }, content: { lua: "ngx.say(pcall(ngx.exit))" } }
--- request
GET /t
--- response_body
falsebad argument #1 to 'exit' (number expected, got no value)
