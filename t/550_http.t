=== TEST 1: from an upstream, with what came
--- upstream
>>> POST /p?x=1
201 Created
X-One: 1
Set-Cookie: a=1
Set-Cookie: b=2

made
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  content:
    lua: |
      local http = require "moongate.http"
      local r = assert(http.fetch {
        upstream = "one", path = "/p?x=1", method = "POST", body = "hello", headers = { ["X-Sent"] = { "a", "b" } },
      })
      ngx.print(r.status, " ", r.headers.x_one, " ", r.headers["X-One"], " ", #r.headers["set-cookie"], " ", r.body)
--- request
GET /t
--- response_body_like: ^201 1 1 2 made
--- upstream_requests_like: (?i)x-sent: a\nx-sent: b(.*\n)*.*hello

=== TEST 2: from a URL
--- upstream
200 OK

there
--- config
- match: { path: /t }
  content:
    lua: |
      local r = assert(require("moongate.http").fetch { url = "http://" .. os.getenv "UPSTREAM" .. "/x" })
      ngx.print(r.body)
--- request
GET /t
--- response_body
there

=== TEST 3: several at once, each with its own outcome
--- upstream
>>> GET /a delay=100ms
200 OK

A
>>> GET /b
404 Not Found

B
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] }, gone: { targets: ["${DEAD}"], retries: { attempts: 0 } } }
--- config
- match: { path: /t }
  content:
    lua: |
      local list = require("moongate.http").fetch_all {
        { upstream = "one", path = "/a" }, { upstream = "one", path = "/b" }, { upstream = "gone", path = "/c" },
      }
      ngx.say(list[1].status, list[2].status, type(list[3].err), list[3].status)
--- request
GET /t
--- response_body
200404stringnil

=== TEST 4: a failure is nil and its text
--- gateway
upstreams: { gone: { targets: ["${DEAD}"], retries: { attempts: 0 } } }
--- config
- match: { path: /t }
  content:
    lua: |
      local r, err = require("moongate.http").fetch { upstream = "gone" }
      ngx.say(tostring(r), " ", type(err), " ", #err > 0)
--- request
GET /t
--- response_body
nil string true

=== TEST 5: patience ends
--- upstream
stall
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  content:
    lua: |
      local r, err = require("moongate.http").fetch { upstream = "one", timeout = 0.05 }
      ngx.say(tostring(r), " ", err)
--- request
GET /t
--- response_body_like: ^nil no answer within 50 ms

=== TEST 6: an unknown upstream
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say(select(2, require("moongate.http").fetch { upstream = "none" }))
--- request
GET /t
--- response_body
no upstream "none"

=== TEST 7: a misspelt key is an error
--- config
- match: { path: /t }
  content:
    lua: |
      ngx.say((select(2, pcall(require("moongate.http").fetch, { uri = "http://x/" }))))
--- request
GET /t
--- response_body_like: unknown key "uri"

=== TEST 8: waits in header_filter and in log too
--- upstream
200 OK

ok
--- gateway
upstreams: { one: { targets: ["${UPSTREAM}"] } }
--- config
- match: { path: /t }
  policies:
    - lua:
        header_filter: |
          local r = assert(require("moongate.http").fetch { upstream = "one" })
          ngx.header["X-Seen"] = r.status
        log: |
          local r = assert(require("moongate.http").fetch { upstream = "one" })
          ngx.log(ngx.WARN, "logged with ", r.status)
  respond: { body: "x\n" }
--- request
GET /t
--- response_headers
X-Seen: 200
--- error_log
logged with 200

=== TEST 9: nothing asked is nothing answered
--- config
- match: { path: /t }
  content: { lua: 'ngx.say(#require("moongate.http").fetch_all {})' }
--- request
GET /t
--- response_body
0
