# ngx.var, ngx.ctx, ngx.get_phase.

=== TEST 1: request variables
--- config
- match: { path: /t }
  content:
    lua: |
      local v = ngx.var
      ngx.say(v.request_method, " ", v.uri, " ", v.args, " ", v.arg_a, " ", v.host, " ", v.http_x_a, " ", v.remote_addr, " ", v.scheme)
      ngx.say(v.cookie_c, " ", v.no_such_thing, " ", v.http_no_such)
--- request
GET /t?a=1&b=2
--- more_headers
X-A: yes
Cookie: b=1; c=2
--- response_body
GET /t a=1&b=2 1 localhost yes 127.0.0.1 http
2 nil nil

=== TEST 2: captures by name and by number, decoded
--- config
- { match: { path: "/u/{user}/{id}" }, content: { lua: "ngx.say(ngx.var.user, ' ', ngx.var.id, ' ', ngx.var[1], ' ', ngx.var[2], ' ', ngx.var[3])" } }
--- request
GET /u/a%20b/7
--- response_body
a b 7 a b 7 nil

=== TEST 3: variables of the route and of scripts
--- config
- match: { path: /t }
  vars: { tier: gold, mine: "" }
  policies: [ { lua: { rewrite: "ngx.var.tier = ngx.var.tier .. '+' ngx.var.mine = 7" } } ]
  content: { lua: "ngx.say(ngx.var.tier, ' ', ngx.var.mine, ' ', type(ngx.var.mine))" }
--- request
GET /t
--- response_body
gold+ 7 string

=== TEST 4: what cannot be changed
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(pcall(function() ngx.var.uri = "/x" end))
      ngx.say(pcall(function() return ngx.var[{}] end))
      ngx.var.args = "z=1"
      ngx.say(ngx.var.arg_z, ngx.var.args)
--- request
GET /t
--- response_body_like
false.*variable "uri" not changeable
false.*bad variable name
1z=1

=== TEST 5a: a variable that nothing defines cannot be written
--- config
- { match: { path: /other }, vars: { elsewhere: x }, respond: { body: no } }
- match: { path: /t }
  content:
    lua: |
      local _, message = pcall(function() ngx.var.nowhere = "x" end)
      ngx.say(string.match(message, ":%d+: (.*)"))
      ngx.say(ngx.var.nowhere, " ", #ngx.var.elsewhere)
      ngx.var.elsewhere = 1
      ngx.say(ngx.var.elsewhere)
--- request
GET /t
--- response_body
variable "nowhere" not found for writing; maybe it is a built-in variable that is not changeable or you forgot to use "set $nowhere '';" in the config file to define it first
nil 0
1

=== TEST 5: ctx lives through the phases of one request
--- config
- match: { path: /t }
  policies:
  - lua:
      rewrite: 'ngx.ctx.list = { "rewrite" }'
      access: 'table.insert(ngx.ctx.list, "access")'
      header_filter: 'ngx.header.x_list = table.concat(ngx.ctx.list, ",") .. "," .. tostring(ngx.ctx.other)'
      log: 'ngx.log(ngx.ERR, "log sees ", #ngx.ctx.list)'
  respond: { body: ok }
--- request
GET /t
--- response_headers
X-List: rewrite,access,nil
--- error_log
log sees 2

=== TEST 6: ctx can be replaced, by a table
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.ctx = { a = 1 }
      ngx.say(ngx.ctx.a, " ", pcall(function() ngx.ctx = 1 end))
--- request
GET /t
--- response_body_like: ^1 false.*ctx should be a table while getting a number

=== TEST 7: requests on one connection share nothing
--- config
- { match: { path: /t }, content: { lua: "ngx.say(ngx.ctx.n) ngx.ctx.n = 1" } }
--- requests
GET /t
GET /t
--- response_body
nil
---8<---
nil

=== TEST 8: get_phase
--- config
- match: { path: /t }
  policies:
  - lua:
      rewrite: ngx.ctx.p = ngx.get_phase()
      access: ngx.ctx.p = ngx.ctx.p .. " " .. ngx.get_phase()
      header_filter: ngx.header.x_phases = ngx.ctx.p .. " " .. ngx.get_phase()
      body_filter: ngx.ctx.p = ngx.get_phase()
      log: ngx.log(ngx.ERR, "phases ", ngx.ctx.p, " ", ngx.get_phase())
  content: { lua: "ngx.ctx.p = ngx.ctx.p .. ' ' .. ngx.get_phase() ngx.say('x')" }
--- request
GET /t
--- response_headers
X-Phases: rewrite access content header_filter
--- error_log
phases body_filter log

=== TEST 9: init, init_worker and timer
--- gateway
lua: { init: init.lua, init_worker: worker.lua }
--- config
- { match: { path: /t }, content: { lua: "ngx.say(_G.a, ' ', _G.b) ngx.timer.at(0, function() ngx.log(ngx.ERR, 'phase ', ngx.get_phase()) end)" } }
--- user_files
>>> init.lua
_G.a = ngx.get_phase()
>>> worker.lua
_G.b = ngx.get_phase() .. ngx.worker.id()
--- request
GET /t
--- response_body
init init_worker0
--- wait: 0.05
--- error_log
phase timer
