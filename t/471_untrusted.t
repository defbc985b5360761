# Policies with `trusted: false` run in a VM of their own.

=== TEST 1: phases keep their order across the two VMs
--- config
- match: { path: /t }
  policies:
  - lua: { access: "ngx.header.x_a = 'one'", header_filter: "ngx.header.x_b = (ngx.header.x_b or '') .. '1'" }
  - lua:
      trusted: false
      access: ngx.header.x_a = ngx.header.x_a .. ' two'
      header_filter: ngx.header.x_b = (ngx.header.x_b or '') .. '2'
  - lua:
      access: ngx.sleep(0.001) ngx.header.x_a = ngx.header.x_a .. ' three'
      header_filter: ngx.header.x_b = (ngx.header.x_b or '') .. '3'
  - lua:
      trusted: false
      access: ngx.sleep(0.001) ngx.header.x_a = ngx.header.x_a .. ' four'
  respond: { body: ok }
--- request
GET /t
--- response_headers
X-A: one two three four
X-B: 321

=== TEST 2: an answer ends the phase, whichever VM gives it
--- config
- match: { path: /t }
  policies:
  - lua: { trusted: false, access: "ngx.exit(403)" }
  - lua: { access: "ngx.exit(500)" }
  respond: { body: no }
- match: { path: /u }
  policies:
  - lua: { access: "ngx.sleep(0.001) ngx.exit(401)" }
  - lua: { trusted: false, access: "ngx.exit(500)" }
  respond: { body: no }
--- requests
GET /t
GET /u
--- error_code: 403 401

=== TEST 3: body filters hand each other what they let through
--- config
- match: { path: /t }
  policies:
  - lua: { body_filter: "if ngx.arg[1] ~= '' then ngx.arg[1] = '(' .. ngx.arg[1] .. ')' end" }
  - lua: { trusted: false, body_filter: "if ngx.arg[1] ~= '' then ngx.arg[1] = '[' .. ngx.arg[1] .. ']' end" }
  - lua: { body_filter: "if ngx.arg[1] ~= '' then ngx.arg[1] = '{' .. ngx.arg[1] .. '}' end" }
  respond: { body: x }
--- request
GET /t
--- response_body chomp
([{x}])

=== TEST 4: ngx.ctx and globals are apart, variables and dictionaries are the request's and the process'
--- gateway
lua: { shared_dicts: { d: 64KiB } }
--- config
- match: { path: /t }
  vars: { seen: none }
  policies:
  - lua: { access: "ngx.ctx.a = 1 ngx.var.seen = 'yes' ngx.shared.d:set('k', 7)" }
  - lua:
      trusted: false
      access: ngx.header.x_out = tostring(ngx.ctx.a) .. ngx.var.seen .. ngx.shared.d:get('k')
  respond: { body: ok }
--- request
GET /t
--- response_headers
X-Out: nilyes7

=== TEST 5: a script with modules and a configuration of its own
--- gateway
lua: { path: [lib] }
--- config
- match: { path: /t }
  policies: [ { script: { file: mine.lua, trusted: false, with: { name: x } } } ]
  respond: { body: ok }
--- user_files
>>> mine.lua
local greet = require "greet"
return {
  schema = { name = { type = "string", required = true } },
  access = function(conf) ngx.header.x_out = greet(conf.name) end,
}
>>> lib/greet.lua
return function(name) return "hello " .. name .. " " .. tostring(io) end
--- request
GET /t
--- response_headers
X-Out: hello x nil

=== TEST 6: a module that reaches for what is not there does not load
--- config
- match: { path: /t }
  policies: [ { script: { file: mine.lua, trusted: false } } ]
  respond: { body: ok }
--- user_files
>>> mine.lua
local ffi = require "ffi"
return { access = function() end }
--- must_die
--- error_log
mine.lua:1:1: module 'ffi' not found

=== TEST 7: a bundled policy is the gateway's own
--- config
- match: { path: /t }
  policies: [ { cors: { trusted: false } } ]
  respond: { body: ok }
--- must_die
--- error_log
"trusted" is for policies of your own: this one is part of the gateway

=== TEST 8: a policy of one's own takes the keys of all
--- gateway
lua: { path: [lib] }
--- config
- match: { path: /t }
  policies: [ { mine: { name: x, trusted: false, limits: { cpu: 20ms } } } ]
  respond: { body: ok }
--- user_files
>>> lib/mine.lua
return {
  schema = { name = { type = "string" } },
  access = function(conf) ngx.header.x_out = conf.name while ngx.var.arg_loop do end end,
}
--- requests
GET /t
GET /t?loop=1
--- error_code: 200 500
--- error_log
policy "mine" (access phase): lua entry thread aborted: runtime error: time limit of 20 ms exceeded at

=== TEST 9: timers, and their end
--- gateway
lua: { shared_dicts: { d: 64KiB } }
--- config
- match: { path: /t }
  policies:
  - lua: { access: "ngx.timer.at(0, function() ngx.shared.d:incr('n', 1, 0) end)" }
  - lua:
      trusted: false
      access: |
        ngx.timer.at(0, function() ngx.shared.d:incr('n', 10, 0) end)
        ngx.sleep(0.02)
        ngx.header.x_out = ngx.shared.d:get('n')
  respond: { body: ok }
--- request
GET /t
--- response_headers
X-Out: 11

=== TEST 10: a global is an error there, too
--- config
- match: { path: /t }
  policies: [ { lua: { trusted: false, access: "oops = 1" } } ]
  respond: { body: ok }
--- request
GET /t
--- error_code: 500
--- error_log
global 'oops' is written here: declare it local

=== TEST 11: a VM that was refused memory is replaced
--- gateway
lua: { limits: { growth: 8MiB, memory: 16MiB } }
--- config
- match: { path: /t }
  policies: [ { lua: { trusted: false, access: "local _ = string.rep('x', 1e9)" } } ]
  respond: { body: ok }
- match: { path: /ok }
  policies: [ { lua: { trusted: false, access: "ngx.header.x_out = 'fine'" } } ]
  respond: { body: ok }
--- requests
GET /t
GET /ok
--- error_code: 500 200
--- error_log
a Lua VM ran out of memory inside a library and is replaced
