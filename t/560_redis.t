=== TEST 1: commands and their replies
--- redis
--- gateway
redis: { main: { address: "${REDIS}", timeout: 2s } }
--- config
- match: { path: /t }
  content:
    lua: |
      local r = assert(require("moongate.redis").get("main"))
      ngx.say(r:command("SET", "k", "v"), " ", r:get("k"), " ", r:incr("n"), " ", r:get("none") == ngx.null)
      r:rpush("l", "a", 1, true)
      ngx.say(table.concat(r:lrange("l", 0, -1), ","))
--- request
GET /t
--- response_body
OK v 1 true
a,1,true

=== TEST 2: an error reply is nil and its text
--- redis
SET k text
--- gateway
redis: { main: { address: "${REDIS}", timeout: 2s } }
--- config
- match: { path: /t }
  content:
    lua: |
      local value, err = require("moongate.redis").get("main"):incr("k")
      ngx.say(tostring(value), " ", err)
--- request
GET /t
--- response_body
nil ERR value is not an integer or out of range

=== TEST 3: a pipeline
--- redis
SET k text
--- gateway
redis: { main: { address: "${REDIS}", timeout: 2s } }
--- config
- match: { path: /t }
  content:
    lua: |
      local r = require("moongate.redis").get("main")
      local replies = r:pipeline { { "GET", "k" }, { "INCR", "k" }, { "GET", "none" } }
      ngx.say(replies[1], " ", tostring(replies[2][1]), " ", replies[2][2]:sub(1, 3), " ", replies[3] == ngx.null)
--- request
GET /t
--- response_body
text false ERR true

=== TEST 4: a script, which the server does not know at first
--- redis
--- gateway
redis: { main: { address: "${REDIS}", timeout: 2s } }
--- config
- match: { path: /t }
  content:
    lua: |
      local r = require("moongate.redis").get("main")
      local script = "return { KEYS[1], ARGV[1], #ARGV }"
      for _ = 1, 2 do
        local reply = assert(r:eval(script, { "key" }, { "one", 2 }))
        ngx.say(reply[1], " ", reply[2], " ", reply[3])
      end
      r:command("SCRIPT", "FLUSH")
      ngx.say(r:eval(script, { "key" }, { "again" })[2])
--- request
GET /t
--- response_body
key one 2
key one 2
again

=== TEST 5: bytes of every kind
--- redis
--- gateway
redis: { main: { address: "${REDIS}", timeout: 2s } }
--- config
- match: { path: /t }
  content:
    lua: |
      local r = require("moongate.redis").get("main")
      local all = {}
      for i = 0, 255 do all[#all + 1] = string.char(i) end
      local text = table.concat(all)
      r:set("k", text)
      ngx.say(r:get("k") == text)
--- request
GET /t
--- response_body
true

=== TEST 6: a connection that is not configured
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(select(2, require("moongate.redis").get("none")))
--- request
GET /t
--- response_body
no redis connection "none" is configured

=== TEST 7: a server that is away
--- gateway
redis: { main: { address: "${DEAD}", timeout: 300ms } }
--- config
- match: { path: /t }
  content:
    lua: |
      local value, err = require("moongate.redis").get("main"):get("k")
      ngx.say(tostring(value), " ", type(err))
--- request
GET /t
--- response_body
nil string

=== TEST 8: what is no argument is an error
--- redis
--- gateway
redis: { main: { address: "${REDIS}", timeout: 2s } }
--- config
- match: { path: /t }
  content:
    lua: |
      local r = require("moongate.redis").get("main")
      ngx.say((select(2, pcall(r.command, r, "GET", {}))))
--- request
GET /t
--- response_body_like: bad redis argument
