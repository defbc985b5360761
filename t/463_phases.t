# Chunks per phase: at the gateway, at a listener, at a route; in place and from files; variables.

=== TEST 1: the gateway's run first, then the listener's, then the route's; filters in reverse
--- gateway
listeners:
  - address: "127.0.0.1:0"
    policies:
      - lua:
          server_rewrite: ngx.ctx.seen = ngx.ctx.seen .. "l"
          rewrite: ngx.ctx.seen = ngx.ctx.seen .. " rl"
          access: ngx.ctx.seen = ngx.ctx.seen .. " al"
          header_filter: ngx.ctx.seen = ngx.ctx.seen .. " hl"
policies:
  - lua:
      server_rewrite: ngx.ctx.seen = ngx.get_phase() .. ":g"
      rewrite: ngx.ctx.seen = ngx.ctx.seen .. " rg"
      access: ngx.ctx.seen = ngx.ctx.seen .. " ag"
      header_filter: ngx.header.x_seen = ngx.ctx.seen .. " hg"
--- config
- match: { path: /t }
  policies:
    - lua:
        rewrite: ngx.ctx.seen = ngx.ctx.seen .. " rr"
        access: ngx.ctx.seen = ngx.ctx.seen .. " ar"
        header_filter: ngx.ctx.seen = ngx.ctx.seen .. " hr"
  respond: 200
--- request
GET /t
--- response_headers
X-Seen: server_rewrite:gl rg rl rr ag al ar hr hl hg

=== TEST 2: server_rewrite sees no route, and decides which it will be
--- gateway
policies:
  - lua:
      server_rewrite: |
        if ngx.var.http_x_old then
          ngx.req.set_uri("/new")
        elseif ngx.var.arg_out then
          ngx.exit(410)
        elseif ngx.var.arg_say then
          ngx.say("from server_rewrite")
        end
--- config
- { match: { path: /t }, respond: { body: "old\n" } }
- { match: { path: /new }, respond: { body: "new\n" } }
--- requests
GET /t
GET /t
GET /t?out=1
GET /t?say=1
--- more_headers
X-None: 1
---8<---
X-Old: 1
---8<---
X-None: 1
---8<---
X-None: 1
--- error_code: 200 200 410 200
--- response_body_like
^old
---8<---
^new
---8<---
410
---8<---
^from server_rewrite

=== TEST 3: it may wait, and its error fails closed
--- gateway
policies:
  - lua:
      server_rewrite: |
        ngx.sleep(0.001)
        if ngx.var.arg_bad then error("on purpose") end
--- config
- { match: { path: /t }, respond: { body: "ok\n" } }
--- requests
GET /t
GET /t?bad=1
--- error_code: 200 500
--- error_log regex
policy "lua" \(server_rewrite phase\): .*on purpose

=== TEST 4: a route has no server_rewrite
--- config
- match: { path: /t }
  policies: [ { lua: { server_rewrite: "return" } } ]
  respond: 200
--- must_die
--- error_log
server_rewrite runs before the route is known

=== TEST 5: chunks from files
--- config
- match: { path: /t }
  policies:
    - lua:
        access: { file: access.lua }
        header_filter: ngx.header.x_filter = ngx.ctx.who
  content: content.lua
--- user_files
>>> access.lua
ngx.ctx.who = "file"
>>> content.lua
ngx.say("content of a file")
--- request
GET /t
--- response_headers
X-Filter: file
--- response_body
content of a file

=== TEST 6: an error in a file of a phase names the file
--- config
- match: { path: /t }
  policies: [ { lua: { access: { file: broken.lua } } } ]
  respond: 200
--- user_files
>>> broken.lua
local x = 1
local y = = 2
--- must_die
--- error_log
broken.lua:2:1

=== TEST 7: vars are templates; the gateway's stand on every route, a route's go before them
--- gateway
vars: { tier: basic, who: "{remote_addr}" }
--- config
- { match: { path: /a }, respond: { template: true, body: "{var.tier} {var.who}\n" } }
- { match: { path: "/b/{id}" }, vars: { tier: "gold-{path.id}", twice: "{var.tier}{var.tier}" }, respond: { template: true, body: "{var.tier} {var.twice}\n" } }
--- requests
GET /a
GET /b/7
--- response_body
basic 127.0.0.1
---8<---
gold-7 gold-7gold-7

=== TEST 8: set: chunks whose results are variables, in their order, before rewrite
--- gateway
set:
  first: { lua: "return ngx.get_phase() .. '1'" }
--- config
- match: { path: /t }
  vars: { base: b }
  set:
    second: { lua: "return ngx.var.base .. ngx.var.first .. '2'" }
    third: third.lua
    fourth: { lua: "return 4.5" }
    none: { lua: "local x = 1" }
  policies: [ { lua: { rewrite: "ngx.ctx.seen = ngx.var.second" } } ]
  content: { lua: 'ngx.say(ngx.var.third, " ", ngx.var.fourth, " [", ngx.var.none, "] ", ngx.ctx.seen)' }
- { match: { path: /u }, content: { lua: 'ngx.say(ngx.var.first, "[", ngx.var.second, "]")' } }
--- user_files
>>> third.lua
return ngx.var.second .. "3"
--- requests
GET /t
GET /u
--- response_body
bset123 4.5 [] bset12
---8<---
set1[]

=== TEST 9: set may wait, has no output, and its error fails closed
--- config
- match: { path: /a }
  set: { x: { lua: "ngx.sleep(0.001) return 'waited'" } }
  respond: { template: true, body: "{var.x}\n" }
- match: { path: /b }
  set:
    y: { lua: "local _, m = pcall(ngx.say, 'x') return (m:gsub('^.-:%d+: ', ''))" }
    z: { lua: "error('on purpose')" }
  respond: 200
- match: { path: /c }
  set: { y: { lua: "local _, m = pcall(ngx.exit, 403) return (m:gsub('^.-:%d+: ', ''))" } }
  respond: { template: true, body: "{var.y}\n" }
--- requests
GET /a
GET /b
GET /c
--- error_code: 200 500 200
--- response_body_like
^waited
---8<---
.
---8<---
^API disabled in the context of set_by_lua\*
--- error_log regex
policy "set z" \(set phase\): .*on purpose

=== TEST 10: names of variables
--- config
- match: { path: /t }
  vars: { "a-b": x }
  set: { "1c": { lua: "return 1" } }
  respond: 200
--- must_die
--- error_log
"a-b" is not a variable's name
"1c" is not a variable's name

=== TEST 11: package.path names the roots, in which modules are found
--- gateway
lua: { path: [lib] }
--- config
- match: { path: /t }
  content: { lua: 'ngx.say(require("own.thing").name, " ", package.path:match("lib/%?.lua") ~= nil, " ", type(package.cpath))' }
--- user_files
>>> lib/own/thing.lua
return { name = "thing" }
--- request
GET /t
--- response_body
thing true string

=== TEST 12: listeners' policies run on that listener alone
--- gateway
listeners:
  - "127.0.0.1:0"
  - { address: "unix:second.sock", policies: [ { lua: { access: "ngx.exit(403)" } } ] }
--- config
- { match: { path: /t }, respond: { body: "open\n" } }
--- request
GET /t
--- response_body
open
