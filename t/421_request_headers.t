# ngx.req.get_headers, set_header, add_header, clear_header, raw_header; the method; the URI and its arguments.

=== TEST 1: a hundred headers at most, all, or so many
--- config
- match: { path: /t }
  content:
    lua: |
      local function count(t)
        local n = 0
        for _, v in pairs(t) do n = n + (type(v) == "table" and #v or 1) end
        return n
      end
      local h, err = ngx.req.get_headers()
      local all, none = ngx.req.get_headers(0)
      local ten, cut = ngx.req.get_headers(10)
      ngx.say(count(h), " ", err, " ", count(all) > 100, " ", none, " ", count(ten), " ", cut)
--- gateway
limits: { headers: 200, head: 64KiB }
--- raw_request
GET /t HTTP/1.1\r
Host: x\r
Connection: close\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
A: 1\r
\r
--- response_body
100 truncated true nil 10 truncated

=== TEST 2: set_header with text, number, table, nil; clear_header
--- config
- match: { path: /t }
  content:
    lua: |
      local req = ngx.req
      req.set_header("X-A", "text")
      req.set_header("x-b", 12.5)
      req.set_header("X-C", { "a", "abc" })
      req.set_header("X-Gone", nil)
      req.clear_header("X-Cleared")
      req.set_header("X-Emptied", {})
      local h = req.get_headers()
      ngx.say(h.x_a, " ", h.x_b, " ", table.concat(h.x_c, "+"), " ", h.x_gone, " ", h.x_cleared, " ", h.x_emptied)
      ngx.say(ngx.var.http_x_a, " ", ngx.var.http_x_gone)
--- request
GET /t
--- more_headers
X-A: old
X-C: old
X-Gone: 1
X-Cleared: 1
X-Emptied: 1
--- response_body
text 12.5 a+abc nil nil nil
text nil

=== TEST 3: add_header, and what is refused
--- config
- match: { path: /t }
  content:
    lua: |
      local req = ngx.req
      req.add_header("Foo", "two")
      req.add_header("Foo", { "three", 4 })
      ngx.say(table.concat(req.get_headers().foo, " "))
      ngx.say(select(2, pcall(req.set_header, nil, "x")))
      ngx.say(select(2, pcall(req.add_header, "Foo", nil)))
      ngx.say(select(2, pcall(req.add_header, "Foo", {})))
--- request
GET /t
--- more_headers
Foo: one
--- response_body
one two three 4
bad 'name' argument: string expected, got nil
bad 'value' argument: string or table expected, got nil
bad 'value' argument: non-empty table expected

=== TEST 4: names and values are escaped
--- upstream: echo
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies:
  - lua:
      access: |
        ngx.req.set_header("X (a):", "1")
        ngx.req.set_header("X-B", "a\1b\tc\127")
  upstream: one
--- request
GET /t
--- upstream_requests_like: X%20%28a%29%3A: 1\r?\n(?s:.*)X-B: a%01b\tc%7F\r?\n

=== TEST 5: the host that was set is the host
--- config
- match: { path: /t }
  content: { lua: "ngx.req.set_header('Host', 'Other.example:81') ngx.say(ngx.var.host, ' ', ngx.var.http_host)" }
--- request
GET /t
--- response_body
other.example Other.example:81

=== TEST 6: methods
--- config
- match: { path: /t }
  content:
    lua: |
      for _, name in ipairs { "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "MKCOL", "COPY", "MOVE", "PROPFIND",
        "PROPPATCH", "LOCK", "UNLOCK", "PATCH", "TRACE" } do
        ngx.req.set_method(ngx["HTTP_" .. name])
        assert(ngx.req.get_method() == name and ngx.var.request_method == name)
      end
      ngx.req.set_method(ngx.HTTP_GET)
      ngx.say(select(2, pcall(ngx.req.set_method, "GET")))
      ngx.say(select(2, pcall(ngx.req.set_method)))
      ngx.say(select(2, pcall(ngx.req.set_method, 3)))
--- request
GET /t
--- response_body
bad method number
bad method number
unsupported HTTP method: 3

=== TEST 7: the head as it came
--- config
- match: { path: /t }
  content: { lua: "ngx.req.set_header('Foo', 'changed') ngx.print(ngx.req.raw_header(), '|', ngx.req.raw_header(true))" }
--- raw_request
GET /t?a HTTP/1.1\r
Host: localhost\r
Connection: close\r
foo:   bar\r
\r
--- response_body bytes chomp
GET /t?a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nfoo:   bar\r\n\r\n|Host: localhost\r\nConnection: close\r\nfoo:   bar\r\n\r\n

=== TEST 8: set_uri
--- config
- match: { path: /t }
  content:
    lua: |
      local set_uri = ngx.req.set_uri
      ngx.say(select(2, pcall(set_uri, "")))
      ngx.say(select(2, pcall(set_uri, nil)))
      ngx.say(select(2, pcall(set_uri, "/x", 1)))
      ngx.say(select(2, pcall(set_uri, "/x", true)))
      ngx.say(select(2, pcall(set_uri, "/x\0foo")))
      set_uri("/x\tfoo")
      ngx.say(ngx.var.uri, " ", ngx.var.request_uri)
      set_uri("/foo", false)
      ngx.say(ngx.var.uri)
      set_uri("/\1", false, true)
      ngx.say(#ngx.var.uri)
--- request
GET /t
--- response_body_like
^attempt to use zero-length uri
bad argument #1 to 'set_uri' \(string expected, got nil\)
bad argument #2 to 'set_uri' \(boolean expected, got number\)
API disabled in the context of content_by_lua\*
unsafe byte "0x00" in uri "/x\\x00foo" \(maybe you want to set the 'binary' argument\?\)
/x\tfoo /t
/foo
2
$

=== TEST 9: arguments are set as text, number and table
--- config
- match: { path: /t }
  content:
    lua: |
      local req = ngx.req
      req.set_uri_args("a=3&b=hello%20world")
      ngx.say(ngx.var.args, " ", req.get_uri_args().b)
      req.set_uri_args("a b\r\n\127c")
      ngx.say(ngx.var.args)
      req.set_uri_args({ a = { 5, "6 7", true } })
      ngx.say(ngx.var.args, " ", ngx.var.is_args)
      req.set_uri_args(42)
      ngx.say(ngx.var.args)
      req.set_uri_args("")
      ngx.say("[", ngx.var.args, ngx.var.is_args, "]")
      req.set_uri_args({})
      ngx.say("[", ngx.var.args, ngx.var.is_args, "]", next(req.get_uri_args()))
      ngx.say(select(2, pcall(req.set_uri_args)))
      ngx.say(select(2, pcall(req.set_uri_args, nil)))
      ngx.say(select(2, pcall(req.set_uri_args, true)))
--- request
GET /t?old
--- response_body
a=3&b=hello%20world hello world
a%20b%0D%0A%7Fc
a=5&a=6%207&a ?
42
[]
[]nil
expecting 1 argument but seen 0
bad argument #1 to 'set_uri_args' (string, number, or table expected, but got nil)
bad argument #1 to 'set_uri_args' (string, number, or table expected, but got boolean)

=== TEST 10: arguments are read
--- config
- match: { path: /t }
  content:
    lua: |
      local args = ngx.req.get_uri_args()
      ngx.say(args.foo, " ", table.concat(args.bar, ", "), " ", args["a b"], " ", tostring(args.flag), " [", args.empty, "]")
      local tab = { stale = 1 }
      local same = ngx.req.get_uri_args(0, tab)
      ngx.say(same == tab, " ", tab.stale, " ", tab.foo)
      ngx.var.args = "a=3&b=42"
      args = ngx.req.get_uri_args()
      ngx.say(args.a, " ", args.b, " ", args.foo)
      ngx.var.args = nil
      ngx.say(next(ngx.req.get_uri_args()), " ", next(ngx.req.get_uri_args(1, { 1 })))
      local many = {}
      for i = 1, 120 do many[i] = "x=" .. i end
      ngx.var.args = table.concat(many, "&")
      local some, err = ngx.req.get_uri_args()
      local all, none = ngx.req.get_uri_args(0)
      local minus, cut = ngx.req.get_uri_args(-1)
      ngx.say(#some.x, " ", err, " ", #all.x, " ", none, " ", #minus.x, " ", cut)
--- request
GET /t?foo=bar&bar=baz&bar=blah&a%20b=1%61+2&flag&empty=&=hello&=world
--- response_body
bar baz, blah 1a 2 true []
true nil bar
3 42 nil
nil nil
100 truncated 120 nil 100 truncated

=== TEST 11: version, start, internal
--- config
- match: { path: /t }
  content: { lua: "ngx.say(ngx.req.http_version(), ' ', type(ngx.req.start_time()), ' ', ngx.req.is_internal(), ' ', ngx.var.server_protocol)" }
--- requests
GET /t
GET /t HTTP/1.0
--- response_body
1.1 number false HTTP/1.1
---8<---
1 number false HTTP/1.0

=== TEST 12: the extension of the path
--- config
- match: { path: "/*" }
  content: { lua: "local r = require 'ngx.req' ngx.say(r.get_uri_ext(), ' ', r.get_uri_ext(2))" }
--- requests
GET /test.m3u8
GET /a.b/c
GET /x.tar.gz?y.z
--- response_body
m3u8 m3
---8<---
 
---8<---
gz gz
