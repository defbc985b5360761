# The request body: read, discarded, replaced, in memory and in a file.

=== TEST 1: nothing before it is read, nothing when there is none
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.req.get_body_data(), " ", ngx.req.get_body_file(), " ", (pcall(ngx.req.get_post_args)))
      ngx.say(select(2, pcall(ngx.req.get_post_args)))
      ngx.req.read_body()
      ngx.say(ngx.req.get_body_data(), " ", ngx.req.get_body_file(), " ", next(ngx.req.get_post_args()))
      ngx.req.read_body()
--- request
GET /t
--- response_body
nil nil false
no request body found; maybe you should turn on lua_need_request_body?
nil nil nil

=== TEST 2: discarded
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.req.discard_body()
      ngx.req.read_body()
      ngx.say(ngx.req.get_body_data(), " ", next(ngx.req.get_post_args()))
      ngx.req.set_body_data("another")
      ngx.say(ngx.req.get_body_data())
--- request
POST /t
a=1
--- response_body
nil nil
another

=== TEST 3: discarding a body that was read does nothing
--- config
- match: { path: /t }
  content: { lua: "ngx.req.read_body() ngx.req.discard_body() ngx.say(ngx.req.get_body_data())" }
--- request
POST /t
kept
--- response_body
kept

=== TEST 4: post arguments
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.req.read_body()
      local args = ngx.req.get_post_args()
      ngx.say(args.foo, " ", table.concat(args.bar, ", "), " ", args["a b"], " ", tostring(args.flag), " [", args.empty, "]")
      local few, err = ngx.req.get_post_args(2)
      ngx.say(few.foo, few.bar, few.flag, " ", err)
--- request
POST /t
foo=bar&bar=baz&bar=blah&a%20b=1%61+2&flag&empty=&=hello
--- response_body
bar baz, blah 1a 2 true []
barbaznil truncated

=== TEST 5: what replaces it
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(select(2, pcall(ngx.req.set_body_data, "x")))
      ngx.say(select(2, pcall(ngx.req.set_body_file, "x")))
      ngx.req.read_body()
      ngx.req.set_body_data("hiya, dear")
      ngx.say(ngx.req.get_body_data(), " ", ngx.var.request_body, " ", ngx.var.content_length, " ", ngx.var.http_content_length)
      ngx.req.set_body_data(12)
      ngx.say(ngx.req.get_body_data(), " ", ngx.req.get_headers()["Content-Length"])
      ngx.req.set_body_data("")
      ngx.say(ngx.req.get_body_data(), " ", ngx.var.content_length)
      ngx.say(select(2, pcall(ngx.req.set_body_data, nil)))
--- request
POST /t
hello
--- response_body
request body not read yet
request body not read yet
hiya, dear hiya, dear 10 10
12 2
nil 0
bad argument #1 to 'set_body_data' (string expected, got nil)

=== TEST 6: init_body, append_body, finish_body
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(select(2, pcall(ngx.req.append_body, "x")))
      ngx.say(select(2, pcall(ngx.req.finish_body)))
      ngx.say(select(2, pcall(ngx.req.init_body)))
      ngx.say(select(2, pcall(ngx.req.init_body, -1)))
      ngx.say(select(2, pcall(ngx.req.init_body, 1, 2)))
      ngx.req.read_body()
      ngx.req.init_body(128)
      for i = 1, 4 do ngx.req.append_body("a" .. i) end
      ngx.req.append_body(5)
      ngx.say(select(2, pcall(ngx.req.append_body, {})))
      ngx.req.finish_body()
      ngx.say(ngx.req.get_body_data(), " ", ngx.var.content_length)
--- request
POST /t
hello
--- response_body
request_body not initialized
request_body not initialized
request body not read yet
bad size argument: -1
expecting 0 or 1 argument but seen 2
bad argument #1 to 'append_body' (string expected, got table)
a1a2a3a45 9

=== TEST 7: a larger body goes to a file, and is gone with the request
--- gateway
limits: { body_buffer: 4 }
lua: { init: init.lua }
--- user_files
>>> init.lua
_G.seen = {}
--- config
- match: { path: /large }
  content:
    lua: |
      ngx.req.read_body()
      local name = ngx.req.get_body_file()
      local file = assert(io.open(name, "rb"))
      ngx.say(ngx.req.get_body_data(), " ", file:read("*a"), " ", name == ngx.var.request_body_file, " ", ngx.var.request_body)
      file:close()
      local args, err = ngx.req.get_post_args()
      ngx.say(args, " ", err)
      _G.seen.name = name
- match: { path: /small }
  content: { lua: "ngx.req.read_body() ngx.say(ngx.req.get_body_data(), ' ', ngx.req.get_body_file(), ' ', (io.open(_G.seen.name)))" }
- match: { path: /own }
  body_buffer: 0
  content: { lua: "ngx.req.read_body() ngx.say(ngx.req.get_body_data(), ' ', ngx.req.get_body_file())" }
--- requests
POST /large
five5
---8<---
POST /small
four
---8<---
POST /own
five5
--- response_body
nil five5 true nil
nil request body in temp file not supported
---8<---
four nil nil
---8<---
five5 nil

=== TEST 8: from the file to the upstream, as many bytes as there are
--- upstream: echo
--- gateway
limits: { body_buffer: 1KiB }
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies:
  - lua:
      access: |
        ngx.req.read_body()
        if not ngx.req.get_body_file() then ngx.req.init_body() for i = 1, 20000 do ngx.req.append_body(("%05d\n"):format(i)) end ngx.req.finish_body() end
        ngx.req.set_header("X-File", ngx.req.get_body_file() and "yes" or "no")
  upstream: one
--- request
POST /t
x
--- upstream_requests_like: X-File: yes(?s:.*)Content-Length: 120000\r?\n\r?\n00001\n00002\n(?s:.*)19999\n20000\n
--- response_body_like: 20000\n$

=== TEST 9: a file that a script names
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.req.read_body()
      local name = os.tmpname()
      local function write(text) local f = assert(io.open(name, "wb")) f:write(text) f:close() end
      write("from a file")
      ngx.req.set_body_file(name)
      ngx.say(ngx.req.get_body_file() == name, " ", ngx.req.get_body_data(), " ", ngx.var.content_length)
      ngx.req.set_body_data("other")
      local f = io.open(name)
      ngx.say(f ~= nil, " ", ngx.req.get_body_file(), " ", ngx.req.get_body_data())
      f:close()
      ngx.req.set_body_file(name, true)
      ngx.req.set_body_data("other")
      ngx.say((io.open(name)))
      ngx.say((select(2, pcall(ngx.req.set_body_file, "/no/such/file"))))
      ngx.say((select(2, pcall(ngx.req.set_body_file, "/dev"))))
--- request
POST /t
x
--- response_body
true nil 11
true nil other
nil
stat() "/no/such/file" failed
"/dev" is not a regular file

=== TEST 10: such a file goes to the upstream, again when that fails
--- upstream
>>> PUT /t
reset
>>> PUT /t
echo
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"], retries: { attempts: 1 } } }
--- config
- match: { path: /t }
  policies:
  - lua:
      access: |
        ngx.req.read_body()
        local name = os.tmpname()
        local f = assert(io.open(name, "wb"))
        f:write(("0123456789"):rep(20000))
        f:close()
        ngx.req.set_body_file(name, true)
  upstream: one
--- request
PUT /t
x
--- upstream_request_count: 2
--- upstream_requests_like: Content-Length: 200000\r?\n\r?\n(0123456789)++\r?\n?$
--- response_body_like: \n\r?\n(0123456789)++\r?\n?$

=== TEST 11: part of it
--- config
- { match: { path: /t }, content: { lua: "ngx.req.read_body() ngx.say(ngx.req.get_body_data(4), ' ', ngx.req.get_body_data(100), ' ', ngx.req.get_body_data(0))" } }
--- request
POST /t
a body
--- response_body
a bo a body a body

=== TEST 12: a file that is cut short before it is sent
--- upstream: echo
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies:
  - lua:
      access: |
        ngx.req.read_body()
        local name = os.tmpname()
        local function write(text) local f = assert(io.open(name, "wb")) f:write(text) f:close() end
        write("twelve bytes")
        ngx.req.set_body_file(name, true)
        write("")
  upstream: one
--- requests
POST /t
x
---8<---
POST /t
x
--- error_code: 500 500
--- error_log regex
a request body could not be sent: ".*" has become shorter

=== TEST 13: a body beyond the limit, while it goes to a file
--- gateway
limits: { body_buffer: 4, body: 16 }
--- config
- { match: { path: /t }, content: { lua: "ngx.req.read_body() ngx.say('never')" } }
--- raw_request
POST /t HTTP/1.1\r
Host: x\r
Transfer-Encoding: chunked\r
\r
8\r
12345678\r
c\r
123456789012\r
0\r
\r
--- error_code: 413

=== TEST 14: a subrequest gets the body that is in a file
--- gateway
limits: { body_buffer: 4 }
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.req.read_body()
      local sub = ngx.location.capture("/sub", { method = ngx.HTTP_POST })
      ngx.say(ngx.req.get_body_data(), " ", sub.body)
- { match: { path: /sub }, internal: true, content: { lua: "ngx.print(ngx.req.get_body_data(), ' ', ngx.var.content_length, ' ', ngx.is_subrequest, ' ', ngx.req.is_internal())" } }
--- request
POST /t
longer than four
--- response_body
nil longer than four 16 true true
