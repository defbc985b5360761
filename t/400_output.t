# ngx.say, print, flush, eof, send_headers, status, header.

=== TEST 1: say and print take what nginx's take
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.print("a", 1, 1.5, true, false, nil, ngx.null)
      ngx.say()
      ngx.say({ "x", { "y", 2, { true } }, "z" })
      ngx.say(1e15, " ", -0.25, " ", 12345678901234)
--- request
GET /t
--- response_body
a11.5truefalsenilnull
xy2truez
1e+15 -0.25 12345678901234
--- response_headers
Content-Type: text/plain
--- no_error_log
[error]

=== TEST 2: what they refuse
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(select(2, pcall(ngx.say, function() end)))
      ngx.say(select(2, pcall(ngx.print, "a", print)))
      ngx.say(select(2, pcall(ngx.say, { a = 1 })))
--- request
GET /t
--- response_body_like
bad argument #1 to '.*' \(string, number, boolean, nil, ngx.null, or array table expected, got function\)
bad argument #2 to '.*' \(string, number, boolean, nil, ngx.null, or array table expected, got function\)
bad argument #1 to '.*' \(non-array table found\)

=== TEST 3: they answer 1
--- config
- { match: { path: /t }, content: { lua: "local a = ngx.print('') local b = ngx.print('x ') ngx.say(a, b, ngx.flush(), ngx.flush(true), ngx.send_headers())" } }
--- request
GET /t
--- response_body
x 11111

=== TEST 4: after eof nothing comes
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say("one")
      local ok = ngx.eof()
      local a, b = ngx.say("two")
      local c, d = ngx.eof()
      ngx.log(ngx.ERR, ok, " ", a, " ", b, " ", c, " ", d)
--- request
GET /t
--- response_body
one
--- error_log
1 nil seen eof nil seen eof

=== TEST 5: nothing to flush yet
--- config
- { match: { path: /t }, content: { lua: "local a, b = ngx.flush(true) ngx.say(a, ' ', b)" } }
--- request
GET /t
--- response_body
nil nothing to flush

=== TEST 6: status and fields, before and after the head
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.status = 201
      ngx.header.x_one = "1"
      ngx.header["X-Two"] = { "a", "b" }
      ngx.header.x_three = "gone"
      ngx.header.x_three = nil
      ngx.header.x_four = 4
      local before = ngx.headers_sent
      ngx.say(before, " ", ngx.header.X_One, " ", table.concat(ngx.header["x-two"], "+"), " ", ngx.header.x_three)
      ngx.say(ngx.headers_sent, " ", ngx.status)
      ngx.header.late = "1"
      ngx.status = 500
--- request
GET /t
--- error_code: 201
--- response_headers
X-One: 1
X-Four: 4
!X-Three
!Late
--- response_body
false 1 a+b nil
true 201
--- error_log
attempt to set ngx.header.late after sending out response headers
attempt to set ngx.status after sending out response headers

=== TEST 7: a script cannot break a head in two
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.header["X-A"] = "1\r\nX-Evil: 2"
      ngx.header["X-B\r\nX-Evil"] = "3"
      ngx.say("ok")
--- request
GET /t
--- response_headers
X-A: 1%0D%0AX-Evil: 2
!X-Evil

=== TEST 8: resp.get_headers
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.header["X-One"] = "1"
      ngx.header["X-Many"] = { "a", "b" }
      local h = ngx.resp.get_headers()
      ngx.say(h["x-one"], " ", h.x_one, " ", h["X-ONE"], " ", table.concat(h["x-many"], ","))
      local raw = ngx.resp.get_headers(0, true)
      ngx.say(raw["X-One"], " ", raw["x-one"])
      local few, message = ngx.resp.get_headers(1)
      ngx.say(message)
--- request
GET /t
--- response_body
1 1 1 a,b
1 nil
truncated

=== TEST 9: HEAD has the head alone
--- config
- { match: { path: /t }, content: { lua: "ngx.header.x_a = 'yes' ngx.say('body')" } }
--- request
HEAD /t
--- response_headers
X-A: yes
--- response_body

=== TEST 10: output in access is the answer
--- config
- match: { path: /t }
  policies: [ { lua: { access: "ngx.status = 403 ngx.say('stop') ngx.exit(403)" } } ]
  respond: { body: "never" }
--- request
GET /t
--- error_code: 403
--- response_body
stop

=== TEST 11: large output comes whole
--- config
- match: { path: /t }
  content:
    lua: |
      for i = 1, 64 do ngx.print(string.rep("0123456789abcdef", 1024), i, "\n") end
--- request
GET /t
--- response_body_like: \A(?:(?:0123456789abcdef)++\d+\n){64}\z

=== TEST 12: output in pieces, with waits between them
--- config
- match: { path: /t }
  content:
    lua: |
      for i = 1, 3 do ngx.print(i) ngx.flush(true) ngx.sleep(0.001) end
--- request
GET /t
--- response_body chomp
123
