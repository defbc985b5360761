# The balance phase: ngx.balancer and moongate.balancer.

=== TEST 1: set_current_peer
--- config
- match: { path: "/*" }
  policies:
    - lua:
        balance: |
          local balancer = require "ngx.balancer"
          local port = tonumber(string.match(os.getenv "UPSTREAM_2", ":(%d+)$"))
          assert(balancer.set_current_peer("127.0.0.1", port))
  upstream: { targets: ["${UPSTREAM_1}"] }
--- upstream_1: echo
--- upstream_2
200 OK

two
--- requests
GET /
GET /
--- response_body
two
--- upstream_request_count: 0 2
--- upstream_connection_count: 0 1

=== TEST 2: a port in the address, and one as a text
--- config
- match: { path: "/*" }
  policies:
    - lua:
        balance: |
          local balancer = require "ngx.balancer"
          local port = string.match(os.getenv "UPSTREAM", ":(%d+)$")
          assert(balancer.set_current_peer(ngx.var.arg_form == "1" and "127.0.0.1:" .. port or "127.0.0.1", port))
  upstream: { targets: ["${DEAD}"] }
--- upstream: echo
--- requests
GET /?form=1
GET /?form=2
--- upstream_request_count: 2

=== TEST 3: names, ports and types that will not do
--- config
- match: { path: "/*" }
  policies:
    - lua:
        balance: |
          local balancer = require "ngx.balancer"
          local function show(...)
            ngx.log(ngx.WARN, "got: ", ...)
          end
          show(select(2, balancer.set_current_peer("example.com", 80)))
          show(select(2, balancer.set_current_peer("127.0.0.1", 65536)))
          show(select(2, balancer.set_current_peer("127.0.0.1:x", 80)))
          show(select(2, balancer.set_current_peer("127.0.0.1")))
          show(select(2, pcall(balancer.set_current_peer, nil, 80)))
          show(select(2, pcall(balancer.set_timeouts, 0)))
          show(select(2, pcall(balancer.set_timeouts, 1, "x")))
          show(select(2, pcall(balancer.set_timeouts, 1, 1, -1)))
          show(select(2, pcall(balancer.set_more_tries)))
          show(select(2, pcall(balancer.enable_keepalive, "x")))
          show(select(2, balancer.set_upstream_tls(true)))
          show(tostring(balancer.set_upstream_tls(false)), tostring(balancer.recreate_request()))
  upstream: { targets: ["${UPSTREAM}"] }
--- upstream: echo
--- request
GET /
--- error_log
got: no host allowed
got: invalid port
got: no port given
bad argument #1 to 'set_current_peer' (string expected, got nil)
bad connect timeout
bad send timeout
bad read timeout
bad argument #1 to 'set_more_tries' (number expected, got nil)
bad argument #1 to 'enable_keepalive' (number expected, got string)
got: the upstream has no TLS
got: truetrue

=== TEST 4: in other phases it is an error
--- config
- match: { path: "/*" }
  content:
    lua: |
      local balancer = require "ngx.balancer"
      ngx.say(select(2, balancer.set_current_peer("127.0.0.1", 80)))
      ngx.say(select(2, balancer.set_more_tries(1)))
      ngx.say(select(3, balancer.get_last_failure()))
      ngx.say(select(2, balancer.set_timeouts(1, 1, 1)))
      ngx.say(select(2, balancer.enable_keepalive()))
      ngx.say(select(2, require("moongate.balancer").targets()))
--- request
GET /
--- response_body
API disabled in the current context
API disabled in the current context
API disabled in the current context
API disabled in the current context
API disabled in the current context
API disabled in the current context

=== TEST 5: each try enters the phase again, and hears of the one before
--- config
- match: { path: "/*" }
  policies:
    - lua:
        balance: |
          local balancer = require "ngx.balancer"
          local ctx = ngx.ctx
          ctx.try = (ctx.try or 0) + 1
          local state, status = balancer.get_last_failure()
          ngx.log(ngx.WARN, "try ", ctx.try, ": ", tostring(state), " ", tostring(status), ".")
          if ctx.try == 1 then
            assert(balancer.set_more_tries(2))
          end
          local name = ctx.try == 1 and "DEAD" or ctx.try == 2 and "UPSTREAM_1" or "UPSTREAM_2"
          assert(balancer.set_current_peer(os.getenv(name)))
  upstream: { targets: ["${DEAD}"], retries: { attempts: 0, when: [connect, 503] } }
--- upstream_1
503 Busy

busy
--- upstream_2
200 OK

third
--- request
GET /
--- response_body
third
--- error_log
try 1: nil nil.
try 2: failed 502.
try 3: next 503.

=== TEST 6: no more tries than it says
--- config
- match: { path: "/*" }
  policies: [{ lua: { balance: 'require("ngx.balancer").set_more_tries(ngx.ctx.tries or 2); ngx.ctx.tries = 0' } }]
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 5 } }
--- upstream: close
--- request
GET /
--- error_code: 502
--- upstream_request_count: 2

=== TEST 7: there is a limit
--- config
- match: { path: "/*" }
  policies:
    - lua:
        balance: |
          local ok, err = require("ngx.balancer").set_more_tries(100)
          ngx.log(ngx.WARN, "got: ", tostring(ok), " ", err)
  upstream: { targets: ["${UPSTREAM}"], retries: { backoff: { base: 0s } } }
--- upstream: close
--- request
GET /
--- error_code: 502
--- upstream_request_count: 8
--- error_log
got: true reduced tries due to limit

=== TEST 8: set_timeouts
--- config
- match: { path: "/*" }
  policies: [{ lua: { balance: 'assert(require("ngx.balancer").set_timeouts(1, nil, 0.03))' } }]
  upstream: { targets: ["${UPSTREAM}"], retries: { attempts: 0 } }
--- upstream: stall
--- request
GET /
--- error_code: 504

=== TEST 9: a wait, then a choice
--- config
- match: { path: "/*" }
  policies:
    - lua:
        balance: |
          ngx.sleep(0.002)
          assert(require("ngx.balancer").set_current_peer(os.getenv "UPSTREAM"))
  upstream: { targets: ["${DEAD}"] }
--- upstream: echo
--- request
GET /
--- upstream_request_count: 1

=== TEST 10: it may change the request of a try, and end it
--- config
- match: { path: /t }
  policies:
    - lua:
        balance: |
          ngx.req.set_header("X-Try", tostring(ngx.ctx.n or 1))
          ngx.ctx.n = (ngx.ctx.n or 1) + 1
          assert(require("ngx.balancer").recreate_request())
  upstream: { targets: ["${UPSTREAM}"] }
- match: { path: /exit }
  policies: [{ lua: { balance: "ngx.exit(429)" } }]
  upstream: { targets: ["${UPSTREAM}"] }
--- upstream
>>> /t
close
>>> /t
echo
--- requests
GET /t
GET /exit
--- error_code: 200 429
--- response_body_like
X-Try: 2
---8<---
429
--- upstream_request_count: 2

=== TEST 11: enable_keepalive: so many requests, then another connection
--- config
- match: { path: "/*" }
  policies:
    - lua:
        balance: |
          local balancer = require "ngx.balancer"
          assert(balancer.set_current_peer(os.getenv "UPSTREAM"))
          assert(balancer.enable_keepalive(60, 2))
  upstream: { targets: ["${DEAD}"] }
--- upstream: echo
--- requests
GET /
GET /
GET /
--- upstream_connection_count: 2

=== TEST 12: a choice among the upstream's own targets
--- gateway
upstreams:
  pair: { targets: ["${UPSTREAM_1}", { address: "${UPSTREAM_2}", weight: 3, backup: true }] }
--- config
- match: { path: "/*" }
  policies:
    - lua:
        balance: |
          local balancer = require "moongate.balancer"
          for i, target in ipairs(balancer.targets()) do
            if target.backup and target.weight == 3 and target.healthy and target.active == 0 then
              assert(balancer.choose(i))
            end
          end
          ngx.log(ngx.WARN, "got: ", select(2, balancer.choose(3)))
  upstream: pair
--- upstream_1: echo
--- upstream_2: echo
--- requests
GET /
GET /
--- upstream_request_count: 0 2
--- error_log
got: no such target

=== TEST 13: an address that is a target's counts as that target
--- gateway
upstreams:
  balance-13:
    targets: ["${UPSTREAM_1}", "${UPSTREAM_2}"]
    retries: { attempts: 0 }
    circuit_breaker: { consecutive: 1, per: target, open: 60s }
--- config
- match: { path: "/*" }
  policies: [{ lua: { balance: 'require("ngx.balancer").set_current_peer(os.getenv "UPSTREAM_1")' } }]
  upstream: balance-13
--- upstream_1: close
--- upstream_2: echo
--- requests
GET /
GET /
--- error_code: 502 503
--- upstream_request_count: 1 0

=== TEST 14: a hook that fails: 500, and nothing is sent
--- config
- match: { path: "/*" }
  policies: [{ lua: { balance: 'error("no")' } }]
  upstream: { targets: ["${UPSTREAM}"] }
--- upstream: echo
--- request
GET /
--- error_code: 500
--- upstream_request_count: 0
