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
(content phase): lua entry thread aborted: runtime error: an error that is a table
(content phase): lua entry thread aborted: runtime error: an error that is a nil

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
falsebad argument #1 to 'exit' (number expected, got nil)

=== TEST 15: redirects of each status, to anywhere
--- config
- match: { path: "/r/{status}" }
  content: { lua: "return ngx.redirect('/foo?a=3&b=4', tonumber(ngx.var[1]))" }
- { match: { path: /external }, content: { lua: "return ngx.redirect('http://www.example.org', ngx.HTTP_MOVED_TEMPORARILY)" } }
- { match: { path: /text }, content: { lua: "return ngx.redirect('/foo', '301')" } }
- { match: { path: /relative }, content: { lua: "return ngx.redirect('foo')" } }
--- requests
GET /r/301
GET /r/302
GET /r/303
GET /r/307
GET /r/308
GET /external
GET /text
GET /relative
--- error_code: 301 302 303 307 308 302 301 302
--- response_headers
Location: /foo?a=3&b=4
---8<---
Location: /foo?a=3&b=4
---8<---
Location: /foo?a=3&b=4
---8<---
Location: /foo?a=3&b=4
---8<---
Location: /foo?a=3&b=4
---8<---
Location: http://www.example.org
---8<---
Location: /foo
---8<---
Location: foo

=== TEST 16: a redirect that would break the head
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.log(ngx.ERR, select(2, pcall(ngx.redirect, "/x\r\nSet-Cookie: a=1")))
      ngx.log(ngx.ERR, select(2, pcall(ngx.redirect, "/\127")))
      ngx.log(ngx.ERR, select(2, pcall(ngx.redirect)))
      ngx.log(ngx.ERR, select(2, pcall(ngx.redirect, "/x", 302, 1)))
      ngx.log(ngx.ERR, select(2, pcall(ngx.redirect, nil)))
      ngx.log(ngx.ERR, select(2, pcall(ngx.redirect, "/x", 304)))
      ngx.redirect("/tab\there")
--- request
GET /t
--- error_code: 302
--- error_log
unsafe byte "0x0d" in redirect uri "/x\x0D\x0ASet-Cookie: a=1"
unsafe byte "0x7f" in redirect uri "/\x7F"
expecting one or two arguments
bad argument #1 to 'redirect' (string expected, got nil)
only ngx.HTTP_MOVED_TEMPORARILY, ngx.HTTP_MOVED_PERMANENTLY

=== TEST 17: an own page, then the end of the request
--- config
- match: { path: /t }
  policies:
  - lua: { access: "ngx.status = ngx.HTTP_GONE ngx.say('This is our own content') ngx.exit(ngx.HTTP_OK)" }
  content: { lua: "ngx.say('never')" }
--- request
GET /t
--- error_code: 410
--- response_headers
Content-Type: text/plain
--- response_body
This is our own content
--- no_error_log
[error]

=== TEST 18: another status after the head is out
--- config
- match: { path: /t }
  content: { file: late.lua }
--- user_files
>>> late.lua
ngx.say("out")
ngx.exit(403)
--- request
GET /t
--- response_body
out
--- error_log regex
\[lua\] .*late\.lua:2: .*attempt to set status 403 via ngx.exit after sending out the response status 200

=== TEST 19: the same status, and the ones that only close, are no news
--- config
- { match: { path: /a }, content: { lua: "ngx.status = 404 ngx.say('a') ngx.exit(404)" } }
- { match: { path: /b }, content: { lua: "ngx.say('b') ngx.flush(true) ngx.exit(499)" } }
--- requests
GET /a
GET /b
--- error_code: 404 200
--- no_error_log
[error]

=== TEST 20: 200 and 204 without content
--- config
- { match: { path: /a }, policies: [ { lua: { access: "ngx.exit(200)" } } ], respond: { body: no } }
- { match: { path: /b }, policies: [ { lua: { access: "ngx.exit(ngx.HTTP_NO_CONTENT)" } } ], respond: { body: no } }
--- requests
GET /a
GET /b
--- error_code: 200 204
--- response_body
---8<---

=== TEST 21: ERROR ends the request with 500
--- config
- { match: { path: /a }, policies: [ { lua: { access: "ngx.exit(ngx.ERROR)" } } ], respond: { body: no } }
- { match: { path: /b }, content: { lua: "ngx.exit(ngx.ERROR)" } }
--- requests
GET /a
GET /b
--- error_code: 500 500

=== TEST 22: in a header filter: OK ends the function alone, a status is answered instead
--- config
- match: { path: /ok }
  policies:
  - lua: { header_filter: "ngx.header.x_second = 'yes'" }
  - lua: { header_filter: "ngx.header.x_first = 'yes' ngx.exit(ngx.OK) ngx.header.x_never = 'no'" }
  respond: { body: "in\n" }
- match: { path: /refused }
  policies: [ { lua: { header_filter: "if ngx.status == 200 then return ngx.exit(403) end ngx.header.x_seen = ngx.status" } } ]
  respond: { body: "secret\n" }
- match: { path: /always }
  policies: [ { lua: { header_filter: "ngx.exit(409)" } } ]
  respond: { body: "secret\n" }
--- requests
GET /ok
GET /refused
GET /always
--- error_code: 200 403 409
--- response_headers
X-First: yes
X-Second: yes
!X-Never
---8<---
X-Seen: 403
---8<---
Content-Type: application/problem+json

=== TEST 23: exit is not for body filters and the log
--- config
- match: { path: /t }
  policies:
  - lua:
      body_filter: ngx.log(ngx.ERR, select(2, pcall(ngx.exit, 0)))
      log: ngx.log(ngx.ERR, select(2, pcall(ngx.exit, 200)))
  respond: { body: ok }
--- request
GET /t
--- error_log
API disabled in the context of body_filter_by_lua*
API disabled in the context of log_by_lua*

=== TEST 24: a timer ends with exit
--- config
- { match: { path: /t }, content: { lua: "ngx.timer.at(0, function() ngx.log(ngx.ERR, 'before') ngx.exit(0) ngx.log(ngx.ERR, 'after') end) ngx.say('ok')" } }
--- request
GET /t
--- wait: 0.05
--- error_log
before
--- no_error_log
after

=== TEST 25: 444 closes without an answer
--- config
- { match: { path: /t }, content: { lua: "ngx.exit(ngx.HTTP_CLOSE)" } }
--- request
GET /t
--- no_response

=== TEST 26: ctx is its own after exec
--- config
- { match: { path: /orig }, content: { lua: "ngx.ctx.foo = 'hello' ngx.exec('/new')" } }
- { match: { path: /new }, content: { lua: "ngx.say(ngx.ctx.foo)" } }
--- request
GET /orig
--- response_body
nil

=== TEST 27: ctx is its own in an error page
--- config
- { match: { path: /orig }, error_pages: { 404: /page }, policies: [ { lua: { access: "ngx.ctx.foo = 'hello' ngx.exit(404)" } } ], respond: { body: no } }
- { match: { path: /page }, internal: true, content: { lua: "ngx.say(ngx.ctx.foo, ' ', ngx.status, ' ', ngx.var.status, ' ', ngx.req.is_internal())" } }
--- request
GET /orig
--- error_code: 404
--- response_body
nil 404 404 true

=== TEST 28: ctx stays when a URI is matched again in rewrite
--- config
- { match: { path: /a }, policies: [ { lua: { rewrite: "ngx.ctx.foo = 'kept' ngx.req.set_uri('/b', true)" } } ], respond: { body: no } }
- { match: { path: /b }, content: { lua: "ngx.say(ngx.ctx.foo, ' ', ngx.req.is_internal())" } }
--- request
GET /a
--- response_body
kept true

=== TEST 29: is_subrequest
--- config
- { match: { path: /t }, content: { lua: "ngx.say(ngx.is_subrequest)" } }
--- request
GET /t
--- response_body
false
