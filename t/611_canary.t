# A new script for a share of the requests, beside the old one.

=== TEST 1: all or none
--- config
- match: { path: /all }
  policies: [ { script: { file: old.lua, canary: { file: new.lua, share: 100% } } } ]
  respond: { body: ok }
- match: { path: /none }
  policies: [ { script: { file: old.lua, canary: { file: new.lua, share: 0% } } } ]
  respond: { body: ok }
--- user_files
>>> old.lua
return { access = function() ngx.header.x_script = "old" end }
>>> new.lua
return {
  access = function() ngx.header.x_script = "new" end,
  header_filter = function() ngx.header.x_filter = "new" end,
}
--- requests
GET /all
GET /none
--- response_headers
X-Script: new
X-Filter: new
---8<---
X-Script: old
!X-Filter

=== TEST 2: it is given up when too many of its requests fail
--- config
- match: { path: /t }
  policies:
  - script: { file: old.lua, canary: { file: new.lua, share: 100%, error_ratio: 10%, minimum: 3 } }
  respond: { body: ok }
--- user_files
>>> old.lua
return { access = function() ngx.header.x_script = "old" end }
>>> new.lua
return { access = function() error("not yet") end }
--- requests
GET /t
GET /t
GET /t
GET /t
--- error_code: 500 500 500 200
--- error_log
new.lua is given up: 3 of 3 requests failed

=== TEST 3: its file and its configuration are checked as the old one's are
--- config
- match: { path: /t }
  policies: [ { script: { file: old.lua, with: { a: 1 }, canary: { file: new.lua, share: 5% } } } ]
  respond: { body: ok }
--- user_files
>>> old.lua
return { access = function() end }
>>> new.lua
return { schema = { b = { type = "string" } }, access = function() end }
--- must_die
--- error_log
unknown key "a"

=== TEST 4: the metrics tell the two scripts apart
--- gateway
status: { address: "unix:status.sock" }
--- config
- match: { path: /metrics }
  upstream: { targets: ["unix:status.sock"] }
- match: { path: /t }
  policies:
  - script: { file: old.lua, canary: { file: measured.lua, share: 100%, error_ratio: 10%, minimum: 2 } }
  respond: { body: ok }
--- user_files
>>> old.lua
return { access = function() end }
>>> measured.lua
return { access = function() error("not yet") end }
--- requests
GET /t
GET /t
GET /t
GET /metrics
--- error_code: 500 500 200 200
--- response_body_like
.
---8<---
.
---8<---
ok
---8<---
(?s)canary_errors_total\{canary="measured\.lua",script="new"\} 2\n.*?canary_errors_total\{canary="measured\.lua",script="old"\} 0\n.*?canary_given_up_total\{canary="measured\.lua"\} 1\n.*?canary_request_seconds_total\{canary="measured\.lua",script="new"\} [0-9.e-]*[1-9].*?canary_requests_total\{canary="measured\.lua",script="new"\} 2\n.*?canary_requests_total\{canary="measured\.lua",script="old"\} 1\n
