# ngx.shared: words of errors, limits, what each call answers.

=== TEST 1: methods on what is no dictionary
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      for _, name in ipairs { "get", "get_stale", "set", "add", "replace", "safe_set", "safe_add", "delete", "incr", "ttl",
        "expire", "lpush", "rpop", "llen", "flush_all", "flush_expired", "get_keys", "capacity", "free_space" } do
        local ok, message = pcall(d[name], "key", 1, 2)
        if ok or not message:find('bad "zone" argument', 1, true) then ngx.say(name, ": ", message) end
        ok, message = pcall(d[name])
        if ok or not message:find('bad "zone" argument', 1, true) then ngx.say(name, ": ", message) end
      end
      ngx.say("done")
--- request
GET /t
--- response_body
done

=== TEST 2: keys
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      local long = string.rep("k", 65536)
      local function show(...) local t = { ... } for i = 1, select("#", ...) do t[i] = tostring(t[i]) end ngx.say(table.concat(t, ",")) end
      for _, name in ipairs { "get", "get_stale", "set", "add", "safe_add", "incr", "ttl", "expire", "lpush", "lpop", "llen" } do
        show(name, d[name](d, nil, 1))
        show(name, d[name](d, "", 1))
        show(name, d[name](d, long, 1))
      end
      show(d:set(string.rep("k", 65535), 1))
      d:set(12, "number key")
      show(d:get("12"), d:get(12))
      d:set(true, "boolean key")
      show(d:get("true"))
--- request
GET /t
--- response_body
get,nil,nil key
get,nil,empty key
get,nil,key too long
get_stale,nil,nil key
get_stale,nil,empty key
get_stale,nil,key too long
set,nil,nil key
set,nil,empty key
set,nil,key too long
add,nil,nil key
add,nil,empty key
add,nil,key too long
safe_add,nil,nil key
safe_add,nil,empty key
safe_add,nil,key too long
incr,nil,nil key
incr,nil,empty key
incr,nil,key too long
ttl,nil,nil key
ttl,nil,empty key
ttl,nil,key too long
expire,nil,nil key
expire,nil,empty key
expire,nil,key too long
lpush,nil,nil key
lpush,nil,empty key
lpush,nil,key too long
lpop,nil,nil key
lpop,nil,empty key
lpop,nil,key too long
llen,nil,nil key
llen,nil,empty key
llen,nil,key too long
true,nil,false
number key,number key
boolean key

=== TEST 3: values
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      local function show(...) local t = { ... } for i = 1, select("#", ...) do t[i] = tostring(t[i]) end ngx.say(table.concat(t, ",")) end
      show(d:set("k", "v", 0, 255))
      show(d:get("k"))
      show(d:get_stale("k"))
      show(d:set("k", {}))
      show(d:set("k", print))
      show(d:add("new", nil))
      show(d:replace("k", nil))
      show(d:add("k", 1))
      show(d:replace("none", 1))
      show(d:set("k", nil))
      show(d:get("k"))
      show(d:get_stale("k"))
      show(d:delete("none"))
      show(d:set("empty", ""), d:get("empty") == "")
      show(d:set("bin", "a\0b"), #d:get("bin"))
      show(pcall(d.set, d, "k", 1, -1))
      show(d:incr("n", 1))
      show(d:incr("n", "2", "5"))
      show(d:incr("n", 1, 0))
      show(d:incr("n", 1))
      show(d:get("n"))
--- request
GET /t
--- response_body_like
^true,nil,false
v,255
v,255,false
nil,bad value type
nil,bad value type
false,attempt to add or replace nil values,false
false,attempt to add or replace nil values,false
false,exists,false
false,not found,false
true,nil,false
nil
nil
true,nil,false
true,true
true,3
false,.*bad "exptime" argument
nil,not found
7,nil,false
8,nil,false
9
9
$

=== TEST 4: incr's arguments, its time to live
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      for _, f in ipairs {
        function() d:incr("n", {}) end, function() d:incr("n", 1, {}) end, function() d:incr("n", 1, 0, {}) end,
        function() d:incr("n", 1, 0, -1) end, function() d:incr("n", 1, nil, 1) end,
      } do
        ngx.say((select(2, pcall(f))))
      end
      ngx.say((d:incr("t", 1, 0, 0.005)))
      ngx.say(d:ttl("t") <= 0.005)
      ngx.say((d:incr("t", 1, 0, 100)), " ", d:ttl("t") <= 0.005)
      ngx.sleep(0.01)
      ngx.say((d:incr("t", 1, 0, 100)), " ", d:ttl("t") > 50)
      d:set("text", "x")
      ngx.say(d:incr("text", 1))
      d:lpush("list", 1)
      ngx.say(d:incr("list", 1))
--- request
GET /t
--- response_body_like
^.*bad value arg: number expected, got table
.*bad init arg: number expected, got table
.*bad init_ttl arg: number expected, got table
.*bad "init_ttl" argument
.*must provide "init" when providing "init_ttl"
1
true
2 true
1 true
nilnot a number
nilnot a number
$

=== TEST 5: no memory, and what gives way for it
--- gateway
lua: { shared_dicts: { d: 16KiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      local function show(...) local t = { ... } for i = 1, select("#", ...) do t[i] = tostring(t[i]) end ngx.say(table.concat(t, ",")) end
      local text, n = string.rep("x", 1000), 0
      while d:safe_set("k" .. n, text) do n = n + 1 end
      show(n > 5, d:safe_set("more", text))
      show(d:safe_add("more", text))
      show(d:set("more", text))
      show(#d:get("more"))
      show(d:set("huge", string.rep("x", 100000)))
      show(d:get("huge"))
      local message
      repeat
        local _, err = d:rpush("list", text)
        message = err
      until err
      show(message)
--- request
GET /t
--- response_body
true,false,no memory,false
false,no memory,false
true,nil,true
1000
false,no memory,false
nil
no memory

=== TEST 6: expiry, and the expired value as long as nobody needs its room
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      local function show(...) local t = { ... } for i = 1, select("#", ...) do t[i] = tostring(t[i]) end ngx.say(table.concat(t, ",")) end
      d:flush_expired()
      d:set("k", "v", 0.002, 3)
      ngx.sleep(0.01)
      show(d:get("k"))
      show(d:get_stale("k"))
      show(d:ttl("k"))
      show(d:expire("k", 5))
      show(d:replace("k", 1))
      show(d:add("k", "new"))
      show(pcall(d.expire, d, "k"))
      show(d:expire("k", -1), d:ttl("k"))
      show(d:expire("k", 0), d:ttl("k"))
      show(d:expire("k", 10), d:ttl("k") > 9)
      for i = 1, 5 do d:set("e" .. i, i, 0.001) end
      ngx.sleep(0.005)
      show(d:flush_expired(2), d:flush_expired(), d:flush_expired())
      show(#d:get_keys(0), #d:get_keys())
      show(d:flush_all())
      show(#d:get_keys(), (d:get_stale("k")))
      show(pcall(d.get_keys, d, "x"))
      show(pcall(d.flush_expired, d, {}))
      show(#d:get_keys(-1), d:flush_expired(-1))
--- request
GET /t
--- response_body_like
^nil
v,3,true
nil,not found
nil,not found
false,not found,false
true,nil,false
false,.*bad "exptime" argument
true,0
true,0
true,true
2,3,0
1,1

0,new
false,bad argument #1 to 'get_keys' \(number expected, got string\)
false,bad argument #1 to 'flush_expired' \(number expected, got table\)
0,1
$

=== TEST 7: what a script writes into a dictionary's table does not make it another
--- gateway
lua: { shared_dicts: { d: 1MiB } }
--- config
- match: { path: /t }
  content:
    lua: |
      local d = ngx.shared.d
      d:set("k", "v")
      d.index = 99
      ngx.say(d:get("k"))
--- request
GET /t
--- response_body
v
