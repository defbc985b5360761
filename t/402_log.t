# ngx.log, print, log levels, constants.

=== TEST 1: arguments are joined; nil, booleans and null by name
--- config
- { match: { path: /t }, content: { lua: "ngx.log(ngx.ERR, 'a', 1, 1.5, nil, true, false, ngx.null, 'z', nil) ngx.say('ok')" } }
--- request
GET /t
--- error_log
a11.5niltruefalsenullznil

=== TEST 2: the line names file, line and function
--- config
- { match: { path: /t }, content: { file: where.lua } }
--- user_files
>>> where.lua
local function inner()
  ngx.log(ngx.WARN, "from a function")
end
inner()
ngx.log(ngx.WARN, "from the chunk")
ngx.say("ok")
--- request
GET /t
--- error_log regex
^\[warn\].*\[lua\] .*where\.lua:2: inner\(\): from a function
^\[warn\].*\[lua\] .*where\.lua:5: from the chunk

=== TEST 3: a table needs __tostring
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.log(ngx.ERR, "it is ", setmetatable({}, { __tostring = function() return "a table" end }))
      ngx.say(select(2, pcall(ngx.log, ngx.ERR, "a", {})))
      ngx.say(select(2, pcall(ngx.log, ngx.ERR, print)))
      ngx.say(select(2, pcall(ngx.log, ngx.ERR, "a", coroutine.create(print))))
--- request
GET /t
--- response_body
bad argument #2 to 'log' (expected table to have __tostring metamethod)
bad argument #1 to 'log' (string, number, boolean, or nil expected, got function)
bad argument #2 to 'log' (string, number, boolean, or nil expected, got thread)
--- error_log
it is a table

=== TEST 4: levels
--- config
- match: { path: /t }
  content:
    lua: |
      for _, name in ipairs { "STDERR", "EMERG", "ALERT", "CRIT", "ERR", "WARN", "NOTICE", "INFO", "DEBUG" } do
        ngx.print(ngx[name], " ")
        ngx.log(ngx[name], "at ", name, ".")
      end
      ngx.say()
      ngx.say(select(2, pcall(ngx.log, 9, "x")))
      ngx.say(select(2, pcall(ngx.log, -1, "x")))
      ngx.say(select(2, pcall(ngx.log, "x", "x")))
--- log_level: info
--- request
GET /t
--- response_body
0 1 2 3 4 5 6 7 8 
bad argument #1 to 'log' (bad log level: 9)
bad argument #1 to 'log' (bad log level: -1)
bad argument #1 to 'log' (number expected, got string)
--- error_log regex
^\[emerg\].*at EMERG\.
^\[alert\].*at ALERT\.
^\[crit\].*at CRIT\.
^\[error\].*at ERR\.
^\[warn\].*at WARN\.
^\[notice\].*at NOTICE\.
^\[info\].*at INFO\.
--- no_error_log
at DEBUG.

=== TEST 5: print is a notice
--- config
- { match: { path: /t }, content: { lua: "print('printed ', 1, nil, true, ngx.null) ngx.say(select(2, pcall(print, {})))" } }
--- log_level: notice
--- request
GET /t
--- response_body
bad argument #1 to 'print' (expected table to have __tostring metamethod)
--- error_log regex
^\[notice\].*printed 1niltruenull

=== TEST 6: below the level nothing is looked at
--- config
- { match: { path: /t }, content: { lua: "ngx.say(pcall(ngx.log, ngx.DEBUG, {}))" } }
--- log_level: error
--- request
GET /t
--- response_body
true

=== TEST 7: in every phase
--- gateway
lua: { init: init.lua, init_worker: worker.lua }
--- user_files
>>> init.lua
ngx.log(ngx.ERR, "in init")
>>> worker.lua
ngx.log(ngx.ERR, "in init_worker")
--- config
- match: { path: /t }
  policies:
  - lua:
      rewrite: ngx.log(ngx.ERR, "in rewrite")
      access: ngx.log(ngx.ERR, "in access")
      header_filter: ngx.log(ngx.ERR, "in header_filter")
      body_filter: ngx.log(ngx.ERR, "in body_filter")
      log: ngx.log(ngx.ERR, "in log") ngx.timer.at(0, function() ngx.log(ngx.ERR, "in timer") end)
  content: { lua: "ngx.log(ngx.ERR, 'in content') ngx.say('x')" }
--- request
GET /t
--- error_log
in init_worker
in rewrite
in access
in content
in header_filter
in body_filter
in log
in timer

=== TEST 8: constants
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(ngx.OK, " ", ngx.ERROR, " ", ngx.AGAIN, " ", ngx.DONE, " ", ngx.DECLINED)
      local methods = {}
      for _, name in ipairs { "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "MKCOL", "COPY", "MOVE", "PROPFIND",
        "PROPPATCH", "LOCK", "UNLOCK", "PATCH", "TRACE" } do
        methods[#methods + 1] = ngx["HTTP_" .. name]
      end
      ngx.say(table.concat(methods, " "))
      local statuses = {}
      for _, name in ipairs { "CONTINUE", "SWITCHING_PROTOCOLS", "OK", "CREATED", "ACCEPTED", "NO_CONTENT", "PARTIAL_CONTENT",
        "SPECIAL_RESPONSE", "MOVED_PERMANENTLY", "MOVED_TEMPORARILY", "SEE_OTHER", "NOT_MODIFIED", "TEMPORARY_REDIRECT",
        "PERMANENT_REDIRECT", "BAD_REQUEST", "UNAUTHORIZED", "PAYMENT_REQUIRED", "FORBIDDEN", "NOT_FOUND", "NOT_ALLOWED",
        "NOT_ACCEPTABLE", "REQUEST_TIMEOUT", "CONFLICT", "GONE", "UPGRADE_REQUIRED", "TOO_MANY_REQUESTS", "CLOSE",
        "ILLEGAL", "INTERNAL_SERVER_ERROR", "NOT_IMPLEMENTED", "METHOD_NOT_IMPLEMENTED", "BAD_GATEWAY",
        "SERVICE_UNAVAILABLE", "GATEWAY_TIMEOUT", "VERSION_NOT_SUPPORTED", "INSUFFICIENT_STORAGE" } do
        statuses[#statuses + 1] = ngx["HTTP_" .. name]
      end
      ngx.say(table.concat(statuses, " "))
      ngx.say(type(ngx.null), " ", tostring(ngx.null), " ", ngx.null == require("cjson").null)
--- request
GET /t
--- response_body
0 -1 -2 -4 -5
2 4 16 8 32 512 64 128 256 1024 2048 4096 8192 16384 32768
100 101 200 201 202 204 206 300 301 302 303 304 307 308 400 401 402 403 404 405 406 408 409 410 426 429 444 451 500 501 501 502 503 504 505 507
userdata userdata: NULL true
