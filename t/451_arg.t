# ngx.arg in body filters.

=== TEST 1: text, number, table, empty and nil
--- config
- match: { path: /t }
  policies:
  - lua:
      body_filter: |
        local piece = ngx.arg[1]
        if piece == "text" then ngx.arg[1] = "TEXT,"
        elseif piece == "number" then ngx.arg[1] = 12
        elseif piece == "table" then ngx.arg[1] = { "a", { 1, "b" } }
        elseif piece == "empty" then ngx.arg[1] = ""
        elseif piece == "nil" then ngx.arg[1] = nil
        end
  content: { lua: "for _, s in ipairs { 'text', 'number', 'table', 'empty', 'nil', 'rest' } do ngx.print(s) ngx.flush(true) end" }
--- request
GET /t
--- response_body chomp
TEXT,12a1brest

=== TEST 2: what was set is what is read
--- config
- match: { path: /t }
  policies:
  - lua:
      body_filter: |
        ngx.arg[1] = { "a", 1 }
        ngx.log(ngx.ERR, "read ", ngx.arg[1], " ", ngx.arg[2], " ", ngx.arg[3])
  respond: { body: "x" }
--- request
GET /t
--- error_log
read a1 true nil

=== TEST 3: what is refused
--- config
- match: { path: /t }
  policies:
  - lua:
      body_filter: |
        local function try(index, value) return (select(2, pcall(function() ngx.arg[index] = value end)):gsub("^.-:%d+: ", "")) end
        ngx.log(ngx.ERR, "one: ", try(1, true))
        ngx.log(ngx.ERR, "two: ", try(1, { "a", true }))
        ngx.log(ngx.ERR, "three: ", try(1, { a = 1 }))
        ngx.log(ngx.ERR, "four: ", try(3, "x"))
  respond: { body: "x" }
--- request
GET /t
--- response_body chomp
x
--- error_log
one: bad chunk data type: boolean
two: bad argument #3 to '__newindex' (bad data type boolean found)
three: bad argument #3 to '__newindex' (non-array table found)
four: bad index: 3

=== TEST 4: the end is the last piece's
--- config
- match: { path: /t }
  policies: [ { lua: { body_filter: "ngx.ctx.n = (ngx.ctx.n or 0) + 1 ngx.log(ngx.ERR, 'piece ', ngx.ctx.n, ' [', ngx.arg[1], '] ', ngx.arg[2])" } } ]
  content: { lua: "ngx.print('a') ngx.flush(true) ngx.print('b') ngx.flush(true)" }
--- request
GET /t
--- response_body chomp
ab
--- grep_error_log regex: piece \d+ \[.*?\] \w+
--- grep_error_log_out
piece 1 [a] false
piece 2 [b] false
piece 3 [] true

=== TEST 5: all that follows an end set early is dropped, for the filters after it too
--- config
- match: { path: /t }
  policies:
  - lua: { body_filter: "ngx.log(ngx.ERR, 'outer [', ngx.arg[1], '] ', ngx.arg[2])" }
  - lua: { body_filter: "if ngx.arg[1] == 'b' then ngx.arg[2] = true end" }
  content: { lua: "for _, s in ipairs { 'a', 'b', 'c' } do ngx.print(s) ngx.flush(true) end" }
--- request
GET /t
--- response_body chomp
ab
--- grep_error_log regex: outer \[.*?\] \w+
--- error_log
outer [a] false
outer [b] true

=== TEST 6: the length goes when there is a body filter
--- upstream
>>> GET /t
200 OK
Content-Length: 5

hello
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies: [ { lua: { body_filter: "if ngx.arg[2] then ngx.arg[1] = ngx.arg[1] .. '!' end" } } ]
  upstream: one
--- request
GET /t
--- response_headers
!Content-Length
--- response_body chomp
hello!

=== TEST 7: phases have their names
--- config
- match: { path: /t }
  policies: [ { lua: { body_filter: "ngx.log(ngx.ERR, 'phase ', ngx.get_phase())", log: "ngx.log(ngx.ERR, 'arg ', select(2, pcall(function() return ngx.arg[1] end)))" } } ]
  respond: { body: x }
--- request
GET /t
--- error_log
phase body_filter
API disabled in the current context
