=== TEST 1: the tester plays a Redis
--- gateway
redis: { main: { address: "${REDIS}" } }
--- config
- match: { path: /t }
  content:
    lua: |
      local redis = require("moongate.redis").get "main"
      ngx.say((redis:get("plan:7")))
      ngx.say((redis:incr("n")), " ", (redis:incr("n")))
      local none, err = redis:lpush("plan:7", "x")
      ngx.say(none, " ", err)
      local list = redis:lrange("l", 0, -1)
      ngx.say(#list, " ", list[1], " ", list[2])
      ngx.say(redis:get("none") == ngx.null)
--- redis
>>> GET plan:7
"gold"
>>> INCR n
(integer) 1
>>> INCR n
(integer) 2
>>> LPUSH *
(error) WRONGTYPE Operation against a key holding the wrong kind of value
>>> LRANGE l 0 -1
1) "a"
2) (integer) 5
>>> GET none
(nil)
--- request
GET /t
--- response_body
gold
1 2
nil WRONGTYPE Operation against a key holding the wrong kind of value
2 a 5
true
--- redis_commands
GET plan:7
INCR n
INCR n
LPUSH plan:7 *
LRANGE l 0 -1
GET none

=== TEST 2: a Redis that goes away
--- gateway
redis: { main: { address: "${REDIS}" } }
--- config
- match: { path: /t }
  content:
    lua: |
      local redis = require("moongate.redis").get "main"
      local value, err = redis:get("a")
      ngx.say(value, " ", err ~= nil)
--- redis
>>> GET a
close
--- request
GET /t
--- response_body
nil true
--- redis_commands
GET a

=== TEST 3: a Redis that does not answer
--- gateway
redis: { main: { address: "${REDIS}", timeout: 50ms } }
--- config
- match: { path: /t }
  content:
    lua: |
      local redis = require("moongate.redis").get "main"
      local value, err = redis:get("a")
      ngx.say(value, " ", err)
--- redis
>>> GET a
stall
--- request
GET /t
--- response_body_like: ^nil .*time

=== TEST 4: a rate limit whose Redis refuses, closed
--- gateway
redis: { main: { address: "${REDIS}" } }
--- config
- match: { path: /t }
  policies:
    - rate_limit: { rate: 1/m, burst: 1, key: remote_addr, store: main, on_error: closed }
  respond: { body: "in\n" }
--- redis
>>> *
(error) ERR what an unkind server says
--- request
GET /t
--- error_code: 503
--- error_log
what an unkind server says
