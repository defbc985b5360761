# What a script may use.

=== TEST 1: a loop without an end
--- gateway
lua: { limits: { cpu: 30ms } }
--- config
- match: { path: /t }
  policies: [ { lua: { access: "while true do end" } } ]
  respond: { body: no }
- { match: { path: /ok }, respond: { body: ok } }
--- requests
GET /t
GET /ok
--- error_code: 500 200
--- error_log
policy "lua" (access phase): lua entry thread aborted: runtime error: time limit of 30 ms exceeded at

=== TEST 2: it cannot be swallowed
--- gateway
lua: { limits: { cpu: 30ms } }
--- config
- { match: { path: /t }, content: { lua: "while true do pcall(function() while true do end end) end" } }
--- request
GET /t
--- error_code: 500
--- error_log
(content phase): lua entry thread aborted: runtime error: time limit of 30 ms exceeded

=== TEST 3: waiting costs nothing
--- gateway
lua: { limits: { cpu: 30ms } }
--- config
- { match: { path: /t }, content: { lua: "ngx.sleep(0.1) ngx.say('ok')" } }
--- request
GET /t
--- response_body
ok

=== TEST 4: memory
--- gateway
lua: { limits: { growth: 8MiB } }
--- config
- { match: { path: /t }, content: { lua: "local t = {} for i = 1, 1e8 do t[i] = { i } end" } }
- { match: { path: /ok }, content: { lua: "ngx.say('ok')" } }
--- requests
GET /t
GET /ok
--- error_code: 500 200
--- error_log
memory growth limit of 8192 KiB exceeded

=== TEST 5: a global written by a script
--- config
- { match: { path: /t }, content: { lua: "oops = 1" } }
--- request
GET /t
--- error_code: 500
--- error_log
global 'oops' is written here: declare it local

=== TEST 6: libraries may
--- gateway
lua: { path: [lib] }
--- config
- { match: { path: /t }, content: { lua: "ngx.say(require('old').get())" } }
--- user_files
>>> lib/old.lua
counter = 5
return { get = function() return counter end }
--- request
GET /t
--- response_body
5

=== TEST 7: an endless init is refused
--- gateway
lua: { init: init.lua }
--- config
- { match: { path: /t }, respond: { body: no } }
--- user_files
>>> init.lua
error("not today")
--- must_die
--- error_log
init.lua:1:1: not today

=== TEST 8: what cannot be called where
--- config
- match: { path: /t }
  policies:
  - lua:
      header_filter: ngx.header.x_a = select(2, pcall(ngx.say, "x"))
      log: ngx.log(ngx.ERR, select(2, pcall(ngx.exec, "/x")))
  respond: { body: ok }
--- request
GET /t
--- response_headers_like
X-A: API disabled in the context of header_filter_by_lua\*
--- error_log
API disabled in the context of log_by_lua*

=== TEST 9: log lines say where they come from
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.log(ngx.WARN, "a ", 1, nil, true, ngx.null)
      print("printed ", 2)
      ngx.log(ngx.ERR, setmetatable({}, { __tostring = function() return "meta" end }))
      ngx.say(pcall(ngx.log, ngx.ERR, {}), " ", pcall(ngx.log, 99, "x"))
--- request
GET /t
--- log_level: notice
--- error_log
a 1niltruenull
printed 2
meta
