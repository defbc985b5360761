# Limits at the door: connections in all and by address, requests on a connection, a loop that is late.

=== TEST 1: after limits.requests the connection is closed
--- gateway
limits: { requests: 2 }
--- config
- { match: { path: "/*" }, respond: { body: "{var.connection_requests}\n", template: true } }
--- pipelined_requests
GET /
GET /
--- more_headers
Connection: keep-alive
---8<---
Connection: keep-alive
--- response_headers
!Connection
---8<---
Connection: close
--- connection_closed
--- response_body
1
---8<---
2

=== TEST 2: an idle connection is closed after idle_timeout
--- gateway
limits: { idle_timeout: 50ms }
--- config
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- request
GET /
--- more_headers
Connection: keep-alive
--- response_headers
!Connection
--- connection_closed
--- response_body
in

=== TEST 3: a loop that is late refuses what has not begun
--- gateway
limits: { lag: 10ms }
--- config
- match: { path: /slow }
  content:
    lua: |
      local till = os.clock() + 0.05
      while os.clock() < till do end
      ngx.say("done")
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- pipelined_requests
GET /slow
GET /fast
--- more_headers
Connection: keep-alive
---8<---
Connection: keep-alive
--- error_code: 200 503
--- response_headers
!Retry-After
---8<---
Retry-After: 1
Connection: close
--- response_body_like
^done\n$
---8<---
the gateway is overloaded

=== TEST 4: without limits.lag nothing is refused
--- config
- match: { path: /slow }
  content:
    lua: |
      local till = os.clock() + 0.05
      while os.clock() < till do end
      ngx.say("done")
- { match: { path: "/*" }, respond: { body: "in\n" } }
--- pipelined_requests
GET /slow
GET /fast
--- response_body
done
---8<---
in

=== TEST 5: a listener for every address and one for a single one
--- gateway
listeners: [{ address: "0.0.0.0:18080" }, { address: "127.0.0.1:18080" }, { address: "[::]:18080" }]
--- config
- { match: { path: "/*" }, respond: 200 }
--- must_die
--- error_log
"127.0.0.1:18080" and "0.0.0.0:18080"
cannot both be listened on: one of them is every address of the machine (listeners[1].address)
--- no_error_log
(listeners[2].address)

=== TEST 6: nor beside the status endpoint
--- gateway
listeners: [{ address: "[::]:18080" }]
status: "[::1]:18080"
--- config
- { match: { path: "/*" }, respond: 200 }
--- must_die
--- error_log
"[::]:18080" and "[::1]:18080" (status) cannot both be listened on
