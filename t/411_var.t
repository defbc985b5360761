# The variables of the gateway, as nginx names them.

=== TEST 1: of the request
--- config
- match: { path: "/*" }
  content:
    lua: |
      local v = ngx.var
      local status = v.status
      ngx.say(v.request, "|", v.request_uri, "|", v.uri, "|", v.document_uri, "|", v.args, "|", v.query_string, "|", v.is_args)
      ngx.say(v.arg_a, "|", v.arg_none, "|", v.ARG_A, "|", v.http_x_a, "|", v.HTTP_X_A, "|", v.cookie_c, "|", v.cookie_none)
      ngx.say(v.scheme, "|", v.host, "|", v.http_host, "|", v.server_name, "|", v.server_protocol, "|", v.request_method)
      ngx.say(v.content_type, "|", v.content_length, "|", v.remote_user, "|", v.request_body, "|", v.https, "|", v.hostname ~= nil)
      ngx.say(v.remote_addr, "|", v.remote_port:match("^%d+$") ~= nil, "|", v.server_addr, "|", v.server_port:match("^%d+$") ~= nil, "|",
        #v.binary_remote_addr, "|", v.realip_remote_addr, "|", v.pid == tostring(ngx.worker.pid()), "|", v.nginx_version)
      ngx.say(v.connection:match("^%d+$") ~= nil, "|", v.connection_requests, "|", v.request_length, "|", #v.request_id, "|",
        v.request_time:match("^%d+%.%d%d%d$") ~= nil, "|", v.msec:match("^%d+%.%d%d%d$") ~= nil)
      ngx.say(v.time_iso8601:match("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d[+-]%d%d:%d%d$") ~= nil, "|",
        v.time_local:match("^%d%d/%a%a%a/%d%d%d%d:%d%d:%d%d:%d%d [+-]%d%d%d%d$") ~= nil)
      ngx.say(status, "|", v.status, "|", v.body_bytes_sent, "|", v.no_such_variable, "|", v.request_completion)
--- request
POST /a%20b//c/../d?a=1%20&b
body
--- more_headers
Host: Example.ORG:8080
Content-Type: text/plain
Authorization: Basic dXNlcjpwYXNz
X-A: yes
Cookie: b=1; c=2
--- response_body
POST /a%20b//c/../d?a=1%20&b HTTP/1.1|/a%20b//c/../d?a=1%20&b|/a b/d|/a b/d|a=1%20&b|a=1%20&b|?
1%20|nil|1%20|yes|yes|2|nil
http|example.org|Example.ORG:8080|example.org|HTTP/1.1|POST
text/plain|4|user|nil||true
127.0.0.1|true|127.0.0.1|true|4|127.0.0.1|true|1.27.1
true|1|192|32|true|true
true|true
000|200|0|nil|

=== TEST 2: of the response and the upstream
--- upstream
>>> GET /t
200 OK
Set-Cookie: id=7; Path=/
X-Up: a
X-Up: b

hello
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies:
  - lua:
      header_filter: ngx.header.x_mine = "1"
      log: |
        local v = ngx.var
        ngx.log(ngx.ERR, "seen ", v.status, " ", v.sent_http_x_mine, " ", v.upstream_http_x_up, " ", v.upstream_cookie_id, " ",
          v.upstream_status, " ", v.body_bytes_sent, " ", tonumber(v.bytes_sent) > 5, " ",
          v.upstream_addr:match("^127%.0%.0%.1:%d+$") ~= nil, " ", v.upstream_response_time:match("^%d+%.%d%d%d$") ~= nil, " ",
          v.upstream_connect_time ~= nil, " ", v.upstream_header_time ~= nil, " ", v.request_completion,
          " ", v.upstream_response_length)
  upstream: one
--- request
GET /t
--- error_log
seen 200 1 a, b 7 200 6 true true true true true OK 6

=== TEST 3: none of them before there is an upstream
--- config
- { match: { path: /t }, content: { lua: "ngx.say(ngx.var.upstream_addr, ngx.var.upstream_status, ngx.var.upstream_http_x, ngx.var.upstream_cookie_x)" } }
--- request
GET /t
--- response_body
nilnilnilnil

=== TEST 4: args can be set, and are what the upstream gets
--- upstream: echo
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- { match: { path: /a }, policies: [ { lua: { access: "ngx.var.args = 'x=1'" } } ], upstream: one }
- { match: { path: /b }, policies: [ { lua: { access: "ngx.var.args = nil" } } ], upstream: one }
--- requests
GET /a?old
GET /b?old
--- upstream_requests_like
GET /a\?x=1 HTTP
---8<---
GET /b HTTP

=== TEST 5: values: anything becomes text; nil takes the value away; an empty text stays
--- config
- match: { path: /t }
  vars: { a: one, b: two, c: three, d: "" }
  content:
    lua: |
      local v = ngx.var
      v.a = 12.5
      v.b = true
      v.c = nil
      ngx.say(v.a, type(v.a), " ", v.b, type(v.b), " ", v.c, type(v.c), " ", v.d, type(v.d))
      v.c = ""
      ngx.say(v.c, type(v.c))
      v.c = "back"
      ngx.say(v.c)
      v.a, v.b = {}, print
      ngx.say((v.a:gsub(": .*", "")), " ", (v.b:gsub(": .*", "")))
--- request
GET /t
--- response_body
12.5string truestring nilnil string
string
back
table function

=== TEST 6: what cannot be changed
--- config
- match: { path: /t }
  content:
    lua: |
      for _, name in ipairs { "uri", "request_uri", "host", "remote_addr", "status", "request_method", "scheme", "http_host" } do
        for _, value in ipairs { "x", false } do
          local ok, message = pcall(function() ngx.var[name] = value or nil end)
          assert(not ok and message:find('variable "' .. name .. '" not changeable', 1, true), name)
        end
      end
      ngx.say((select(2, pcall(function() ngx.var[1] = "x" end)):gsub("^.-:%d+: ", "")))
      ngx.say((select(2, pcall(function() return ngx.var[true] end)):gsub("^.-:%d+: ", "")))
--- request
GET /t
--- response_body
bad variable name
bad variable name

=== TEST 7: captures by number
--- config
- { match: { path: "~ ^/(?<kind>[a-z]+)/([0-9]+)$" }, content: { lua: "ngx.say(ngx.var[1], ' ', ngx.var[2], ' ', ngx.var['1'], ' ', ngx.var.kind, ' ', ngx.var[0], ' ', ngx.var[3])" } }
--- request
GET /item/7
--- response_body
item 7 item item nil nil

=== TEST 8: in every phase of a request
--- config
- match: { path: /t }
  policies:
  - lua:
      rewrite: ngx.ctx.s = ngx.var.uri
      access: ngx.ctx.s = ngx.ctx.s .. ngx.var.uri
      header_filter: ngx.ctx.s = ngx.ctx.s .. ngx.var.uri
      body_filter: ngx.ctx.s = ngx.ctx.s .. ngx.var.uri
      log: ngx.log(ngx.ERR, "all ", ngx.ctx.s, ngx.var.uri)
  content: { lua: "ngx.ctx.s = ngx.ctx.s .. ngx.var.uri ngx.print('x')" }
--- request
GET /t
--- error_log
all /t/t/t/t/t
