# ngx.req: method, headers, URI, arguments, body.

=== TEST 1: method
--- config
- match: { path: /t }
  content:
    lua: |
      local before = ngx.req.get_method()
      ngx.req.set_method(ngx.HTTP_PUT)
      ngx.say(before, " ", ngx.req.get_method(), " ", ngx.var.request_method)
--- request
POST /t

x
--- response_body
POST PUT PUT

=== TEST 2: headers
--- config
- match: { path: /t }
  content:
    lua: |
      local h = ngx.req.get_headers()
      ngx.say(h["x-one"], " ", h.x_one, " ", h["X-ONE"], " ", table.concat(h.x_two, "+"), " ", h.none)
      local raw = ngx.req.get_headers(0, true)
      ngx.say(raw["X-One"], " ", raw["x-one"])
--- request
GET /t
--- more_headers
X-One: 1
X-Two: a
X-Two: b
--- response_body
1 1 1 a+b nil
1 nil

=== TEST 3: at most a hundred headers, or as many as asked for
--- config
- match: { path: /t }
  content:
    lua: |
      local few, message = ngx.req.get_headers(1)
      local count = 0
      for _ in pairs(few) do count = count + 1 end
      ngx.say(count, " ", message)
--- request
GET /t
--- more_headers
X-One: 1
--- response_body
1 truncated

=== TEST 4: set, add and clear, as the upstream sees it
--- upstream: echo
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies:
  - lua:
      access: |
        ngx.req.set_header("X-Set", "new")
        ngx.req.set_header("X-Many", { "a", "b" })
        ngx.req.clear_header("x-gone")
        ngx.req.set_header("X-Also-Gone", nil)
        ngx.req.set_header("X-Split", "a\r\nX-Evil: 1")
  upstream: one
--- request
GET /t
--- more_headers
X-Set: old
X-Gone: 1
X-Also-Gone: 1
--- upstream_requests_like: X-Set: new\r?\n(.*\n)*X-Many: a\r?\nX-Many: b\r?\nX-Split: a%0D%0AX-Evil: 1
--- no_error_log
[error]

=== TEST 5: arguments
--- config
- match: { path: /t }
  content:
    lua: |
      local a = ngx.req.get_uri_args()
      ngx.say(a.a, " ", a.b, " ", tostring(a.c), " ", table.concat(a.d, "+"), " ", a["e f"], " ", a.g)
      local few, message = ngx.req.get_uri_args(2)
      local count = 0
      for _ in pairs(few) do count = count + 1 end
      ngx.say(count, " ", message)
--- request
GET /t?a=1&b=&c&d=x&d=y&e+f=%41&&=q
--- response_body
1  true x+y A nil
2 truncated

=== TEST 6: set_uri and set_uri_args, as the upstream sees it
--- upstream: echo
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies:
  - lua: { access: "ngx.req.set_uri('/new path/é') ngx.req.set_uri_args({ a = 'b c' })" }
  upstream: one
--- request
GET /t?old=1
--- upstream_requests_like: ^GET /new%20path/%C3%A9\?a=b%20c HTTP/1\.1

=== TEST 7: a URI that cannot be
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(pcall(ngx.req.set_uri, ""))
      ngx.say(pcall(ngx.req.set_uri, "/../../etc"))
      ngx.say(pcall(ngx.req.set_uri, "/x", true))
--- request
GET /t
--- response_body_like
false.*attempt to use zero-length uri
false.*unsafe uri: /../../etc
false.*API disabled in the context of content_by_lua\*

=== TEST 8: the body
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.req.get_body_data())
      ngx.req.read_body()
      ngx.say(ngx.req.get_body_data(), " ", ngx.req.get_body_data(3), " ", ngx.req.get_body_file())
--- request
POST /t
a body
--- response_body
nil
a body a b nil

=== TEST 9: a body in chunks
--- config
- { match: { path: /t }, content: { lua: "ngx.req.read_body() ngx.say(ngx.req.get_body_data())" } }
--- raw_request
POST /t HTTP/1.1\r
Host: x\r
Transfer-Encoding: chunked\r
\r
3\r
abc\r
4\r
defg\r
0\r
\r
--- response_body
abcdefg

=== TEST 10: post arguments
--- config
- { match: { path: /t }, content: { lua: "ngx.req.read_body() local a = ngx.req.get_post_args() ngx.say(a.x, a.y[2])" } }
--- request
POST /t
x=1&y=2&y=%20z
--- response_body
1 z

=== TEST 11: another body for the upstream
--- upstream: echo
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies: [ { lua: { access: "ngx.req.read_body() ngx.req.set_body_data('<' .. ngx.req.get_body_data() .. '>')" } } ]
  upstream: one
- match: { path: /pieces }
  policies: [ { lua: { access: "ngx.req.read_body() ngx.req.init_body() ngx.req.append_body('a') ngx.req.append_body('b') ngx.req.finish_body()" } } ]
  upstream: one
--- requests
POST /t
old
---8<---
POST /pieces
old
--- error_code: 200 200
--- upstream_requests_like
Content-Length: 5.*<old>
---8<---
Content-Length: 2.*ab

=== TEST 12: a body past the limit
--- config
- { match: { path: /t }, body_limit: 4, content: { lua: "ngx.req.read_body() ngx.say('never')" } }
--- raw_request
POST /t HTTP/1.1\r
Host: x\r
Transfer-Encoding: chunked\r
\r
6\r
abcdef\r
0\r
\r
--- error_code: 413

=== TEST 13: the raw head, version, time
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.print(ngx.req.raw_header(true):match("X%-One: %d+"), " ", ngx.req.raw_header():match("^[^\r\n]+"))
      ngx.say(" ", ngx.req.http_version(), " ", ngx.now() - ngx.req.start_time() < 5, " ", ngx.req.is_internal())
--- request
GET /t HTTP/1.0
--- more_headers
X-One: 1
--- response_body
X-One: 1 GET /t HTTP/1.0 1 true false

=== TEST 14: discarded, the body does not reach the upstream
--- upstream: echo
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies: [ { lua: { access: "ngx.req.discard_body()" } } ]
  upstream: one
--- requests
POST /t
secret
---8<---
GET /t
--- error_code: 200 200
