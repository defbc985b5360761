# ngx.location.capture and capture_multi: subrequests.

=== TEST 1: status, headers and body of a subrequest
--- config
- match: { path: /t }
  content:
    lua: |
      local res = ngx.location.capture("/sub")
      ngx.say(res.status, " ", res.truncated, " ", res.header["X-A"], " ", res.header.x_a, " ", res.header["x-a"])
      ngx.say(type(res.header["Set-Cookie"]), " ", table.concat(res.header["Set-Cookie"], "|"), " ", res.header.none)
      ngx.print(res.body)
- match: { path: /sub }
  internal: true
  content:
    lua: |
      ngx.status = 201
      ngx.header["X-A"] = "yes"
      ngx.header["Set-Cookie"] = { "a=1", "b=2" }
      ngx.say("from ", ngx.var.uri, " ", ngx.req.get_method(), " ", ngx.req.is_internal())
--- request
GET /t
--- response_body
201 false yes yes yes
table a=1|b=2 nil
from /sub GET true

=== TEST 2: what respond and redirect routes answer, and what no route does
--- config
- match: { path: /t }
  content:
    lua: |
      local a, b, c = ngx.location.capture_multi { { "/respond" }, { "/redirect" }, { "/nowhere" } }
      ngx.say(a.status, " ", a.body, " ", a.header["Content-Length"])
      ngx.say(b.status, " ", b.header.location)
      ngx.say(c.status, " [", c.body, "] ", c.header.content_type)
- { match: { path: /respond }, respond: { status: 203, body: "fixed" } }
- { match: { path: /redirect }, redirect: /elsewhere }
--- request
GET /t
--- response_body
203 fixed 5
302 /elsewhere
404 [] nil

=== TEST 3: method, body and arguments
--- config
- match: { path: /t }
  content:
    lua: |
      local capture = ngx.location.capture
      local function show(...) ngx.print(capture(...).body) end
      show("/echo?a=1", { args = { b = "x y" } })
      show("/echo", { args = "c=3", method = ngx.HTTP_PUT, body = "hello" })
      show("/echo", { method = ngx.HTTP_DELETE })
      show("/echo", { body = 123 })
- match: { path: /echo }
  internal: true
  content:
    lua: |
      ngx.req.read_body()
      ngx.say(ngx.req.get_method(), " ", ngx.var.args, " ", ngx.req.get_body_data(), " ", ngx.var.http_content_length)
--- request
GET /t
--- response_body
GET a=1&b=x%20y nil nil
PUT c=3 hello 5
DELETE nil nil nil
GET nil 123 3

=== TEST 4: whose body: PUT and POST have the parent's, others when it is asked for
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.req.read_body()
      local capture = ngx.location.capture
      ngx.print(capture("/echo").body)
      ngx.print(capture("/echo", { method = ngx.HTTP_POST }).body)
      ngx.print(capture("/echo", { method = ngx.HTTP_POST, body = "own" }).body)
      ngx.print(capture("/echo", { always_forward_body = true }).body)
      ngx.say(ngx.req.get_body_data())
- match: { path: /echo }
  internal: true
  content: { lua: 'ngx.say(ngx.req.get_method(), " ", ngx.req.get_body_data(), " ", ngx.var.http_content_type)' }
--- request
POST /t
parent
--- more_headers
Content-Type: text/x
--- response_body
GET nil text/x
POST parent text/x
POST own text/x
GET parent text/x
parent

=== TEST 5: an upstream gets the parent's headers and the subrequest's own line
--- config
- match: { path: /t }
  content:
    lua: |
      local res = ngx.location.capture("/up/x?q=1", { method = ngx.HTTP_POST, body = "data" })
      ngx.say(res.status, " ", res.header["x-from"])
      ngx.print(res.body)
- { match: { path: "/up/*" }, internal: true, upstream: "http://${UPSTREAM}" }
--- upstream
>>> POST /up/x?q=1
202 Accepted
X-From: upstream

got it
--- request
GET /t
--- more_headers
X-Own: mine
--- upstream_requests_like: X-Own: mine(.|\n)*Content-Length: 4(.|\n)*data
--- response_body
202 upstream
got it

=== TEST 6: several at once, in order, and they run side by side
--- config
- match: { path: /t }
  content:
    lua: |
      local list = {}
      for i = 1, 20 do list[i] = { "/slow", { args = { n = i } } } end
      local begun = ngx.now()
      local answers = { ngx.location.capture_multi(list) }
      ngx.update_time()
      local out = {}
      for i, res in ipairs(answers) do out[i] = res.body end
      ngx.say(#answers, " ", table.concat(out, ","))
- match: { path: /slow }
  internal: true
  content: { lua: 'ngx.sleep((21 - ngx.var.arg_n) / 2000) ngx.print(ngx.var.arg_n)' }
--- request
GET /t
--- response_body
20 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20

=== TEST 7: ctx: one of its own, or the one that is given
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.ctx.mine = "parent"
      ngx.print(ngx.location.capture("/sub").body)
      local ctx = { mine = "given" }
      ngx.print(ngx.location.capture("/sub", { ctx = ctx }).body)
      ngx.say(ngx.ctx.mine, " ", ctx.mine)
      ngx.print(ngx.location.capture("/sub", { ctx = ngx.ctx }).body)
      ngx.say(ngx.ctx.mine)
- match: { path: /sub }
  internal: true
  policies: [ { lua: { rewrite: "ngx.ctx.phase = ngx.get_phase()" } } ]
  content: { lua: 'ngx.say(ngx.ctx.mine, " ", ngx.ctx.phase) ngx.ctx.mine = "changed"' }
--- request
GET /t
--- response_body
nil rewrite
given rewrite
parent changed
parent rewrite
changed

=== TEST 8: variables: none, given, copied, shared
--- gateway
vars: { dog: "none" }
--- config
- match: { path: /t }
  vars: { cat: "" }
  content:
    lua: |
      local capture = ngx.location.capture
      ngx.var.dog = "rex"
      ngx.print(capture("/sub").body)
      ngx.print(capture("/sub", { vars = { dog = "hello", cat = 32 } }).body)
      ngx.print(capture("/sub", { copy_all_vars = true }).body)
      ngx.say(ngx.var.dog)
      ngx.print(capture("/sub", { share_all_vars = true, vars = { cat = "tom" } }).body)
      ngx.say(ngx.var.dog, " ", ngx.var.cat)
      ngx.print(capture("/world", { copy_all_vars = true }).body)
- match: { path: /sub }
  internal: true
  content: { lua: 'ngx.say("[", ngx.var.dog, "] [", ngx.var.cat, "]") ngx.var.dog = "changed"' }
- { match: { path: /world }, internal: true, vars: { dog: "{var.dog} world" }, respond: { template: true, body: "{var.dog}\n" } }
--- request
GET /t
--- response_body
[none] []
[hello] [32]
[rex] []
rex
[rex] [tom]
changed tom
changed world

=== TEST 9: without access and log phases, through its own filters
--- config
- match: { path: /t }
  policies: [ { lua: { access: "ngx.header.x_parent = 'access'", log: "ngx.log(ngx.ERR, 'log of ', ngx.var.uri)" } } ]
  content:
    lua: |
      local res = ngx.location.capture("/sub")
      ngx.say(res.header.x_filter, " ", res.header.x_access, " ", res.body)
- match: { path: /sub }
  policies:
    - lua:
        rewrite: ngx.sleep(0.001)
        access: ngx.exit(403)
        header_filter: ngx.header.x_filter = "filtered"
        body_filter: ngx.arg[1] = string.upper(ngx.arg[1])
        log: ngx.log(ngx.ERR, 'log of ', ngx.var.uri)
  respond: { body: "quiet" }
--- request
GET /t
--- response_body
filtered nil QUIET
--- error_log
log of /t
--- no_error_log
log of /sub

=== TEST 10: within each other, as deep as they may
--- config
- match: { path: /t }
  content:
    lua: |
      local n = tonumber(ngx.var.arg_n)
      if n == 0 then return ngx.print("end") end
      local ok, res = pcall(ngx.location.capture, "/t", { args = { n = n - 1 } })
      if not ok then return ngx.print(string.match(res, "failed to issue.*"), " at ", n) end
      ngx.print(res.body)
--- requests
GET /t?n=50
GET /t?n=60
--- response_body_like
^end$
---8<---
^failed to issue subrequest: -1 at 10$
--- error_log
subrequests cycle while processing "/t"

=== TEST 11: in every phase
--- config
- match: { path: /t }
  set: { early: { lua: "return ngx.location.capture('/sub').body" } }
  policies:
    - lua:
        rewrite: ngx.ctx.seen = ngx.var.early .. ngx.location.capture("/sub", { args = "p=rewrite" }).body
        access: ngx.ctx.seen = ngx.ctx.seen .. ngx.location.capture("/sub", { args = "p=access" }).body
        header_filter: ngx.header.x_seen = ngx.ctx.seen .. ngx.location.capture("/sub", { args = "p=header" }).body
        body_filter: |
          if ngx.arg[1] ~= "" then
            ngx.arg[1] = ngx.arg[1] .. ngx.location.capture("/sub", { args = "p=body" }).body .. "\n"
          end
        log: |
          ngx.log(ngx.ERR, "in log: ", ngx.location.capture("/sub", { args = "p=log" }).body)
  respond: { body: "answer" }
- match: { path: /sub }
  internal: true
  content: { lua: 'ngx.print("<", ngx.var.arg_p, ">")' }
--- request
GET /t
--- response_headers
X-Seen: <nil><rewrite><access><header>
--- response_body
answer<body>
--- error_log
in log: <log>

=== TEST 12: from light threads
--- config
- match: { path: /t }
  content:
    lua: |
      local threads = {}
      for i = 1, 5 do threads[i] = ngx.thread.spawn(ngx.location.capture, "/sub", { args = { i = i } }) end
      for i = 1, 5 do
        local ok, res = ngx.thread.wait(threads[i])
        ngx.print(res.body, " ")
      end
      ngx.say()
- { match: { path: /sub }, internal: true, content: { lua: 'ngx.sleep(0.001) ngx.print(ngx.var.arg_i)' } }
--- request
GET /t
--- response_body_like: ^1 2 3 4 5 \n$

=== TEST 13: a thread that is killed ends its subrequest
--- gateway
lua: { shared_dicts: { seen: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local thread = ngx.thread.spawn(ngx.location.capture, "/sub")
      ngx.sleep(0.01)
      ngx.say(ngx.thread.kill(thread), " ", ngx.shared.seen:get("begun"))
      ngx.sleep(0.05)
      ngx.say(ngx.shared.seen:get("ended"))
- match: { path: /sub }
  internal: true
  content: { lua: 'ngx.shared.seen:set("begun", 1) ngx.sleep(0.03) ngx.shared.seen:set("ended", 1)' }
--- request
GET /t
--- response_body
1 1
nil

=== TEST 14: wrong arguments
--- config
- match: { path: /t }
  content:
    lua: |
      local capture, multi = ngx.location.capture, ngx.location.capture_multi
      local function try(...)
        local _, message = pcall(...)
        ngx.say((string.gsub(message, "^.-:%d+: ", "")))
      end
      try(capture)
      try(capture, "sub")
      try(capture, "/a/../../b")
      try(capture, "/a\nb")
      try(capture, "/sub", 1)
      try(capture, "/sub", { method = "GET" })
      try(capture, "/sub", { method = 77 })
      try(capture, "/sub", { body = {} })
      try(capture, "/sub", { ctx = 1 })
      try(capture, "/sub", { vars = { nothing = 1 } })
      try(capture, "/sub", { vars = 1 })
      try(capture, "/sub", { share_all_vars = 1 })
      try(capture, "/sub", { copy_all_vars = "x" })
      try(capture, "/a/../sub")
      try(capture, nil)
      try(multi)
      try(multi, {})
      try(multi, { "/sub" })
      try(multi, { {} })
      try(multi, { { "/sub", {}, 1 } })
      try(multi, { { "/sub" }, nil, { "/sub" } })
- { match: { path: /sub }, respond: 200 }
--- request
GET /t
--- response_body
expecting one or two arguments
unsafe uri in argument #1: sub
unsafe uri in argument #1: /a/../../b
unsafe uri in argument #1: /a\x0Ab
expecting table as the 2nd argument for subrequest 0, but got number
Bad http request method
failed to adjust the subrequest: -1
Bad http request body
Bad ctx option value type number, expected a Lua table
failed to adjust the subrequest: -1
Bad vars option value
Bad share_all_vars option value
Bad copy_all_vars option value
unsafe uri in argument #1: /a/../sub
query argument 0 expecting one or two arguments
only one argument is expected, but got 0
at least one subrequest should be specified
the query argument 0 is not a table, but a string
query argument 0 expecting one or two arguments
query argument 0 expecting one or two arguments
only array-like tables are allowed

=== TEST 15: not where there is no request
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.timer.at(0, function()
        local _, message = pcall(ngx.location.capture, "/t")
        ngx.log(ngx.ERR, message)
      end)
--- request
GET /t
--- wait: 0.05
--- error_log
API disabled in the context of ngx.timer

=== TEST 16: an upstream that cuts its answer
--- config
- match: { path: /t }
  content:
    lua: |
      local res = ngx.location.capture("/up")
      ngx.say(res.status, " ", res.truncated, " ", #res.body)
- { match: { path: /up }, internal: true, upstream: "http://${UPSTREAM}" }
--- upstream
>>> GET /up cut=45
raw
HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart of it
--- request
GET /t
--- response_body_like: ^200 true 5

=== TEST 17: HEAD has the length and no body
--- config
- match: { path: /t }
  content:
    lua: |
      local res = ngx.location.capture("/sub", { method = ngx.HTTP_HEAD })
      ngx.say(res.status, " ", res.header["Content-Length"], " [", res.body, "]")
- { match: { path: /sub }, internal: true, respond: { body: "twelve bytes" } }
--- request
GET /t
--- response_body
200 12 []

=== TEST 18: a subrequest that goes on to another route
--- config
- { match: { path: /t }, content: { lua: "ngx.print(ngx.location.capture('/a').body)" } }
- { match: { path: /a }, internal: true, content: { lua: "ngx.exec('/b', 'x=1')" } }
- { match: { path: /b }, internal: true, content: { lua: "ngx.say(ngx.var.uri, ngx.var.is_args, ngx.var.args)" } }
--- request
GET /t
--- response_body
/b?x=1

=== TEST 19: the identity and the id of the parent
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.location.capture("/sub").body == ngx.var.request_id)
- { match: { path: /sub }, internal: true, content: { lua: "ngx.print(ngx.var.request_id)" } }
--- request
GET /t
--- response_body
true

=== TEST 20: one after the other, after output has begun
--- config
- match: { path: /t }
  content:
    lua: |
      for i = 1, 3 do
        ngx.print(i, " ")
        ngx.flush(true)
        ngx.print(ngx.location.capture("/sub").body, " ")
      end
- { match: { path: /sub }, internal: true, respond: { body: "sub" } }
--- request
GET /t
--- response_body_like: ^1 sub 2 sub 3 sub $

=== TEST 21: the client goes away: its subrequests end
--- config
- match: { path: /t }
  content: { lua: 'ngx.location.capture_multi { { "/slow" }, { "/up" } }' }
- match: { path: /slow }
  internal: true
  content: { lua: 'ngx.log(ngx.ERR, "begun") ngx.sleep(0.3) ngx.log(ngx.ERR, "went on")' }
- { match: { path: /up }, internal: true, upstream: "http://${UPSTREAM}" }
--- upstream: stall
--- request
GET /t
--- timeout: 0.1
--- abort
--- ignore_response
--- wait: 0.5
--- error_log
begun
--- no_error_log
went on
