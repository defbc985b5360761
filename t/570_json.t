=== TEST 1: what goes in comes out
--- config
- match: { path: /t }
  content:
    lua: |
      local cjson = require "cjson"
      local v = cjson.decode '{"a":[1,2.5,"x\\u00e9",null,true],"b":{}}'
      ngx.say(v.a[1], v.a[2], v.a[3], v.a[4] == ngx.null, v.a[5])
      ngx.say(cjson.encode { 1, "two", cjson.null, cjson.empty_array })
--- request
GET /t
--- response_body
12.5xétruetrue
[1,"two",null,[]]

=== TEST 2: empty arrays stay arrays where that is wished
--- config
- match: { path: /t }
  content:
    lua: |
      local cjson = require("cjson").new()
      ngx.say(cjson.encode(cjson.decode "[]"))
      cjson.decode_array_with_array_mt(true)
      ngx.say(cjson.encode(cjson.decode "[]"), cjson.encode(setmetatable({}, cjson.empty_array_mt)))
--- request
GET /t
--- response_body
{}
[][]

=== TEST 3: cjson.safe answers with errors
--- config
- match: { path: /t }
  content:
    lua: |
      local json = require "cjson.safe"
      ngx.say(json.decode "{")
      ngx.say(select(2, json.encode(print)))
--- request
GET /t
--- response_body
nilExpected object key string but found T_END at character 2
Cannot serialise function: type not supported

=== TEST 4: a problem of a script's own
--- config
- match: { path: /t }
  policies:
    - lua:
        access: |
          return require("moongate.problem").exit(409, 'it is "locked"', "Locked order")
  respond: { body: "x\n" }
--- request
GET /t
--- error_code: 409
--- response_headers
Content-Type: application/problem+json
--- response_body_like: "title":"Locked order","status":409,"detail":"it is \\"locked\\""

=== TEST 5: an authenticating policy of a script's own
--- config
- match: { path: /t }
  policies:
    - lua:
        rewrite: |
          require("moongate.identity").set("k-7", { plan = "gold" })
    - rate_limit: { rate: 1/h, burst: 1, key: [consumer, claim.plan] }
  content:
    lua: |
      local identity = require "moongate.identity"
      ngx.say(identity.consumer(), " ", identity.claims().plan)
--- request
GET /t
--- response_body
k-7 gold

=== TEST 6: nobody is nobody
--- config
- match: { path: /t }
  content:
    lua: |
      local identity = require "moongate.identity"
      ngx.say(tostring(identity.consumer()), " ", tostring(identity.claims()), " ", tostring(ngx.ctx.jwt_claims))
--- request
GET /t
--- response_body
nil nil nil
