# lua.strict_globals: who assigns a global is told where, and the request ends; libraries may.

=== TEST 1: a policy by its name
--- gateway
lua: { path: [.] }
--- config
- match: { path: /t }
  policies: [{ counting: {} }]
  respond: 200
--- user_files
>>> policies/counting.lua
return {
  access = function()
    count = (count or 0) + 1
  end,
}
--- request
GET /t
--- error_code: 500
--- error_log
policies/counting.lua:3: global 'count' is written here: declare it local (lua.strict_globals)

=== TEST 2: a policy's script, in a function within
--- config
- match: { path: /t }
  policies: [{ script: own.lua }]
  respond: 200
--- user_files
>>> own.lua
local function set()
  seen = true
end
return { rewrite = function() set() end }
--- request
GET /t
--- error_code: 500
--- error_log
own.lua:2: global 'seen' is written here

=== TEST 3: a policy's script while it is loaded: the configuration is refused
--- config
- match: { path: /t }
  policies: [{ script: own.lua }]
  respond: 200
--- user_files
>>> own.lua
local a = 1
shared_by_all = a
return { rewrite = function() end }
--- must_die
--- error_log
own.lua:2:1: global 'shared_by_all' is written here

=== TEST 4: a script for content
--- config
- { match: { path: /t }, content: { file: content.lua } }
--- user_files
>>> content.lua

function helper() return 1 end
ngx.say(helper())
--- request
GET /t
--- error_code: 500
--- error_log
content.lua:2: global 'helper' is written here

=== TEST 5: chunks in place: the line is the YAML's
--- config
- match: { path: /t }
  policies:
    - lua:
        access: |
          local fine = 1
          oops = fine
  respond: 200
--- request
GET /t
--- error_code: 500
--- error_log
472_strict_globals.t:75: global 'oops' is written here

=== TEST 6: libraries may, and scripts read what they have set
--- gateway
lua: { path: [.] }
--- config
- match: { path: /t }
  content: { lua: "require 'old' ngx.say(of_a_library, ' ', _G.of_a_library)" }
--- user_files
>>> old.lua
of_a_library = "set"
return {}
--- request
GET /t
--- response_body
set set
--- no_error_log
[error]

=== TEST 7: whoever means it says so
--- config
- match: { path: /t }
  content: { lua: "_G.meant = 1 ngx.say(meant)" }
--- request
GET /t
--- response_body
1

=== TEST 8: a policy that is not trusted
--- config
- match: { path: /t }
  policies: [{ script: { file: own.lua, trusted: false } }]
  respond: 200
--- user_files
>>> own.lua
return { access = function()
  oops = 1
end }
--- request
GET /t
--- error_code: 500
--- error_log
own.lua:2: global 'oops' is written here
