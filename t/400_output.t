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
bad argument #1 to '.*' \(string, number, boolean, nil, ngx.null, or array table expected, but got function\)
bad argument #2 to '.*' \(string, number, boolean, nil, ngx.null, or array table expected, but got function\)
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
attempt to set ngx.header.HEADER after sending out response headers: late
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

=== TEST 13: arrays with holes, nested
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.print({ "hello, ", { "world: ", true, " or ", false, { ": ", ngx.null } } }, "\n")
      ngx.say({ "a", nil, "c" })
      ngx.say({})
      ngx.say(select(2, pcall(ngx.say, { "a", print })))
      ngx.say(select(2, pcall(ngx.say, { [1.5] = 1 })))
      ngx.say(select(2, pcall(ngx.say, { [0] = 1 })))
--- request
GET /t
--- response_body_like
^hello, world: true or false: null
anilc

bad argument #1 to '.*' \(bad data type function found\)
bad argument #1 to '.*' \(non-array table found\)
bad argument #1 to '.*' \(non-array table found\)
$

=== TEST 14: after the first output of a HEAD request nothing more is taken
--- config
- match: { path: /t }
  content:
    lua: |
      local a = ngx.say("one")
      local b, why = ngx.say("two")
      local c, flush = ngx.flush(true)
      ngx.log(ngx.ERR, a, " ", b, " ", why, " ", c, " ", flush)
--- request
HEAD /t
--- error_log
1 nil header only nil header only

=== TEST 15: wrong arguments
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(select(2, pcall(ngx.flush, 1)))
      ngx.say(select(2, pcall(ngx.flush, true, 2)))
      ngx.say(select(2, pcall(ngx.eof, 1)))
--- request
GET /t
--- response_body
bad argument #1 to 'flush' (boolean expected, got number)
attempt to pass 2 arguments, but accepted 0 or 1
no argument is expected

=== TEST 16: send_headers sends no body; flush without output has nothing to do unless it waits
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.header.x_early = "1"
      local sent = ngx.send_headers()
      local again = ngx.send_headers()
      local a, b = ngx.flush()
      local c = ngx.flush(true)
      ngx.say(sent, again, " ", a, " ", b, " ", c, " ", ngx.headers_sent)
--- request
GET /t
--- response_headers
X-Early: 1
--- response_body
11 nil nothing to flush 1 true

=== TEST 17: a filter that fails
--- config
- match: { path: /t }
  policies: [ { lua: { body_filter: "error('on purpose')" } } ]
  content:
    lua: |
      local a, b = ngx.say("x")
      ngx.log(ngx.ERR, "said: ", a, " ", b)
--- request
GET /t
--- response_cut
--- error_log
said: nil nginx output filter error

=== TEST 18: no output outside of rewrite, access and content
--- config
- match: { path: /t }
  policies:
  - lua:
      header_filter: for _, name in ipairs { "say", "print", "flush", "eof", "send_headers", "redirect" } do ngx.log(ngx.ERR, name, select(2, pcall(ngx[name], "/x"))) end
      log: ngx.log(ngx.ERR, select(2, pcall(ngx.say, "x")), " ", select(2, pcall(ngx.exit, 0)))
  respond: { body: ok }
--- request
GET /t
--- error_log
sayAPI disabled in the context of header_filter_by_lua*
printAPI disabled in the context of header_filter_by_lua*
flushAPI disabled in the context of header_filter_by_lua*
eofAPI disabled in the context of header_filter_by_lua*
send_headersAPI disabled in the context of header_filter_by_lua*
redirectAPI disabled in the context of header_filter_by_lua*
API disabled in the context of log_by_lua* API disabled in the context of log_by_lua*

=== TEST 19: the status before anything is decided, and of each kind
--- config
- match: { path: /t }
  content:
    lua: |
      local before, variable = ngx.status, ngx.var.status
      ngx.status = "201"
      ngx.say(before, " ", variable, " ", ngx.status, " ", ngx.var.status)
      ngx.say(select(2, pcall(function() ngx.status = 99 end)))
      ngx.say((tostring(select(2, pcall(function() ngx.status = {} end))):gsub("^.-:%d+: ", "")))
--- request
GET /t
--- error_code: 201
--- response_body_like
^0 000 201 201

bad status: number expected, got table
$
--- error_log
attempt to set ngx.status after sending out response headers
