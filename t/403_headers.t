# ngx.header, ngx.resp.get_headers, ngx.resp.add_header.

=== TEST 1: names in any case, with underscores
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.header.content_type = "text/css"
      ngx.header["X-My-Header"] = "blah blah"
      ngx.header.x_number = 12
      ngx.header.x_boolean = true
      ngx.say(ngx.header["Content-Type"], " ", ngx.header["CONTENT-type"], " ", ngx.header.X_MY_HEADER, " ",
        ngx.header.x_number, " ", ngx.header.none)
--- request
GET /t
--- response_headers
Content-Type: text/css
X-My-Header: blah blah
X-Number: 12
X-Boolean: true
--- response_body
text/css text/css blah blah 12 nil

=== TEST 2: several values
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.header["Set-Cookie"] = { "a=32; path=/", "b=4; path=/" }
      ngx.header["Cache-Control"] = { "private", "no-store" }
      ngx.header.content_type = { "a", "text/b" }
      ngx.header.location = { "/1", "/2" }
      local cookies = ngx.header.set_cookie
      ngx.say(type(cookies), " ", cookies[1], " ", cookies[2], " ", #ngx.header.cache_control, " ", ngx.header.content_type)
--- request
GET /t
--- raw_response_headers_like: Set-Cookie: a=32; path=/\r\n(?s:.*)Set-Cookie: b=4; path=/\r\n
--- response_headers
Content-Type: text/b
Location: /2
--- response_body
table a=32; path=/ b=4; path=/ 2 text/b

=== TEST 3: nil and an empty table remove
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.header.x_a, ngx.header.x_b = "1", { "1", "2" }
      ngx.header.x_c = "1"
      ngx.header.x_a = nil
      ngx.header.x_b = {}
      ngx.header.X_C = "2"
      ngx.say(ngx.header.x_a, " ", ngx.header.x_b, " ", ngx.header.x_c)
--- request
GET /t
--- response_headers
!X-A
!X-B
X-C: 2
--- response_body
nil nil 2

=== TEST 4: too late
--- config
- match: { path: /t }
  policies: [ { lua: { body_filter: "ngx.header.x_body = '1'", log: "ngx.header.x_log = '1'" } } ]
  content:
    lua: |
      ngx.say("x")
      ngx.header.x_content = "1"
--- request
GET /t
--- response_headers
!X-Content
!X-Body
--- error_log
attempt to set ngx.header.HEADER after sending out response headers: x-content
attempt to set ngx.header.HEADER after sending out response headers: x-body
attempt to set ngx.header.HEADER after sending out response headers: x-log

=== TEST 5: what would break the head is escaped
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.header["X-A"] = { "1\r\nX-Evil: 2", "tab\tstays", "\0\1\127", "\195\188" }
      ngx.header["X B\n"] = "1"
      ngx.say("ok")
--- request
GET /t
--- raw_response_headers_like: X-A: 1%0D%0AX-Evil: 2\r\nX-A: tab\tstays\r\nX-A: %00%01%7F\r\nX-A: \xc3\xbc\r\nX%20B%0A: 1\r\n
--- response_headers
!X-Evil

=== TEST 6: the length
--- config
- { match: { path: /right }, content: { lua: "ngx.header.content_length = 5 ngx.say('hell')" } }
- { match: { path: /none }, content: { lua: "ngx.print('hello') ngx.flush(true) ngx.say('hello')" } }
--- requests
GET /right
GET /none
--- response_headers
Content-Length: 5
---8<---
!Content-Length
--- response_body
hell
---8<---
hellohello

=== TEST 7: a header filter sees and changes what an upstream sent
--- upstream
>>> GET /t
200 OK
Foo: bar
Foo: baz
Last-Modified: Thu, 18 Nov 2010 11:27:35 GMT
Content-Type: text/html
Content-Length: 5

hello
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies:
  - lua:
      header_filter: |
        ngx.header.x_foo = table.concat(ngx.header.Foo, "+")
        ngx.header.x_type = ngx.header.content_type .. " " .. ngx.header.content_length .. " " .. ngx.header.last_modified
        ngx.header.foo = nil
        ngx.header.content_length = nil
        ngx.header.last_modified = "Fri, 19 Nov 2010 11:27:35 GMT"
      body_filter: ngx.arg[1] = ngx.arg[1] .. (ngx.arg[2] and " world" or "")
  upstream: one
--- request
GET /t
--- response_headers
X-Foo: bar+baz
X-Type: text/html 5 Thu, 18 Nov 2010 11:27:35 GMT
!Foo
Last-Modified: Fri, 19 Nov 2010 11:27:35 GMT
--- response_body chomp
hello world

=== TEST 8: more than a hundred values
--- config
- match: { path: /t }
  content:
    lua: |
      local many = {}
      for i = 1, 120 do many[i] = "v" .. i end
      ngx.header.x_many = many
      local got = ngx.header.x_many
      local first, why = ngx.resp.get_headers()
      local all, none = ngx.resp.get_headers(0)
      ngx.say(#got, " ", got[120], " ", #first["x-many"], " ", why, " ", #all["x-many"], " ", none)
--- request
GET /t
--- response_body
120 v120 100 truncated 120 nil

=== TEST 9: get_headers, raw and not
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.header["X-Foo-Bar"] = "1"
      local h = ngx.resp.get_headers()
      local raw = ngx.resp.get_headers(nil, true)
      ngx.say(h.x_foo_bar, h["X-Foo-Bar"], h["x-foo-bar"], " ", raw["X-Foo-Bar"], " ", raw["x-foo-bar"], " ", getmetatable(raw))
      ngx.say(ngx.resp.get_headers(-1)["x-foo-bar"])
--- request
GET /t
--- response_body
111 1 nil nil
1

=== TEST 10: add_header
--- config
- match: { path: /t }
  content:
    lua: |
      local resp = require "ngx.resp"
      resp.add_header("Foo", "bar")
      resp.add_header("Foo", { "baz", 1 })
      resp.add_header("Content-Type", "text/x")
      resp.add_header("Content-Type", "text/y")
      ngx.say(table.concat(ngx.header.foo, " "), " ", ngx.header.content_type)
      ngx.say((tostring(select(2, pcall(resp.add_header, "Foo", nil)))))
      ngx.say((tostring(select(2, pcall(resp.add_header, "Foo", {})))))
      resp.add_header("Late", 1)
--- request
GET /t
--- response_body
bar baz 1 text/y
invalid header value
invalid header value
--- error_log
attempt to set ngx.header.HEADER after sending out response headers: Late

=== TEST 11: not in a timer
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.timer.at(0, function()
        for _, f in ipairs {
          function() return ngx.header.a end, function() ngx.header.a = 1 end, function() return ngx.status end,
          function() ngx.status = 200 end, ngx.resp.get_headers, ngx.req.get_headers, ngx.req.get_uri_args,
          ngx.req.get_method, function() return ngx.var.uri end, function() ngx.var.args = "" end, ngx.req.read_body,
          function() return ngx.headers_sent end, function() return ngx.is_subrequest end,
        } do
          ngx.log(ngx.ERR, "call: ", select(2, pcall(f)))
        end
      end)
      ngx.say("ok")
--- request
GET /t
--- wait: 0.05
--- grep_error_log regex: API disabled in the (current context|context of ngx.timer)
--- grep_error_log_out
API disabled in the current context
API disabled in the current context
API disabled in the current context
API disabled in the current context
API disabled in the current context
API disabled in the current context
API disabled in the current context
API disabled in the current context
API disabled in the current context
API disabled in the current context
API disabled in the context of ngx.timer
API disabled in the current context
API disabled in the current context
