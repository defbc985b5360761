# ngx.shared.

=== TEST 1: set, get, types and flags
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      ngx.say((d:set("s", "text", 0, 7)), " ", (d:set("n", 1.5)), " ", (d:set("b", false)))
      ngx.say(d:get("s"))
      ngx.say(d:get("n"), " ", d:get("b"), " ", d:get("none"))
      ngx.say((d:set("n", nil)), " ", d:get("n"))
      ngx.say(d:set("t", {}))
      ngx.say(d:set(nil, 1))
      ngx.say(d:set("", 1))
--- request
GET /t
--- response_body
true true true
text7
1.5 false nil
true nil
nilbad value type
nilnil key
nilempty key

=== TEST 2: add, replace, delete
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      local function two(a, b) return tostring(a) .. " " .. tostring(b) end
      ngx.say(two(d:add("a", 1)), ", ", two(d:add("a", 2)), ", ", d:get("a"))
      ngx.say(two(d:replace("a", 3)), ", ", two(d:replace("x", 1)), ", ", d:get("a"))
      d:delete("a")
      ngx.say(d:get("a"), " ", two(d:safe_set("b", 1)), ", ", two(d:safe_add("b", 1)))
--- request
GET /t
--- response_body
true nil, false exists, 1
true nil, false not found, 3
nil true nil, false exists

=== TEST 3: incr
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      ngx.say(d:incr("n", 1))
      ngx.say((d:incr("n", 1, 10)), " ", (d:incr("n", -0.5)), " ", (d:incr("t", 1, 0, 0.02)), " ", d:ttl("t") > 0)
      d:set("s", "x")
      ngx.say(d:incr("s", 1))
      ngx.sleep(0.05)
      ngx.say(d:get("t"))
--- request
GET /t
--- response_body
nilnot found
11 10.5 1 true
nilnot a number
nil

=== TEST 4: ttl and expire
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      d:set("a", 1)
      ngx.say(d:ttl("a"), " ", d:ttl("none"))
      ngx.say(d:expire("a", 0.01), " ", d:expire("none", 1))
      ngx.sleep(0.03)
      ngx.say(d:get("a"), " ", (d:get_stale("a")), " ", select(3, d:get_stale("a")))
      ngx.say(d:flush_expired() >= 1, " ", (d:get_stale("a")))
--- request
GET /t
--- response_body
0 nilnot found
true nilnot found
nil 1 true
true nil

=== TEST 5: lists
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      ngx.say(d:rpush("l", "a"), d:rpush("l", 2), d:lpush("l", "z"), " ", d:llen("l"))
      ngx.say(d:lpop("l"), d:rpop("l"), d:lpop("l"), " ", d:lpop("l"), " ", d:llen("l"))
      d:set("s", 1)
      ngx.say(d:lpush("s", 1))
      ngx.say(d:lpop("s"))
      ngx.say(d:lpush("l", {}))
--- request
GET /t
--- response_body
123 3
z2a nil 0
nilvalue not a list
nilvalue not a list
nilbad value type

=== TEST 6: keys, capacity, flush_all
--- gateway
lua: { shared_dicts: { d: 1MiB, other: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      for i = 1, 5 do d:set("k" .. i, i) end
      local keys = d:get_keys()
      table.sort(keys)
      ngx.say(table.concat(keys, " "), " ", #d:get_keys(2), " ", d:capacity(), " ", d:free_space() > 0)
      d:flush_all()
      ngx.say(#d:get_keys(), " ", ngx.shared.other:get("k1"), " ", tostring(ngx.shared.none))
--- request
GET /t
--- response_body
k1 k2 k3 k4 k5 2 1048576 true
0 nil nil

=== TEST 7: every loop sees the same
--- gateway
workers: 2
lua: { shared_dicts: { d: 1MiB } }
--- config
- { match: { path: /t }, content: { lua: "ngx.say((ngx.shared.d:incr('n', 1, 0)))" } }
--- requests
GET /t
GET /t
GET /t
--- response_body
1
---8<---
2
---8<---
3

=== TEST 8: init may fill one
--- gateway
lua: { shared_dicts: { d: 1MiB }, init: init.lua }
--- config
- { match: { path: /t }, content: { lua: "ngx.say(ngx.shared.d:get('from'))" } }
--- user_files
>>> init.lua
ngx.shared.d:set("from", "init")
--- request
GET /t
--- response_body
init
