# Access logs: formats, expressions, escapes, per route.

=== TEST 1: combined
--- gateway
access_log: { format: combined }
routes: [ { respond: { body: "hello\n" } } ]
--- request
GET /path?q=1
--- more_headers
User-Agent: agent/1.0
Referer: https://example.com/
--- access_log_like
127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /path\?q=1 HTTP/1\.1" 200 \d+ "https://example\.com/" "agent/1\.0"

=== TEST 2: hostile bytes stay within their line and quotes
--- gateway
access_log: { format: '"{header.x-evil}" "{query.q}" {user_agent}' }
routes: [ { respond: { status: 204 } } ]
--- raw_request
GET /?q=%0A%22%1b%5b31m HTTP/1.1\r
Host: localhost\r
X-Evil: a"b\\\xc2\x9b\xff\r
Connection: close\r
\r
--- error_code: 204
--- access_log
"a\x22b\x5C\xC2\x9B\xFF" "\x0A\x22\x1B[31m" -

=== TEST 3: JSON is JSON, whatever a client sends
--- gateway
access_log: { format: json, fields: [method, status, header.x-evil, query.none, upstream, attempts] }
routes: [ { respond: { status: 204 } } ]
--- raw_request
GET / HTTP/1.1\r
Host: localhost\r
X-Evil: a"b\\\xff\tc\r
Connection: close\r
\r
--- error_code: 204
--- access_log bytes
{"method":"GET","status":204,"header.x-evil":"a\\"b\\\\\xef\xbf\xbd\\tc","query.none":"","upstream":"","attempts":0}

=== TEST 4: the fields of JSON where none are named
--- gateway
access_log: { format: json }
routes: [ { name: all, respond: { status: 204 } } ]
--- request
GET /x
--- error_code: 204
--- access_log_like
\{"time_iso8601":"[^"]+","remote_addr":"127\.0\.0\.1","method":"GET","scheme":"http","host":"localhost","request_target":"/x","protocol":"HTTP/1\.1","status":204,"completion":"complete","request_time":\d+\.\d{3},"bytes_received":\d+,"bytes_sent":\d+,"body_bytes_sent":0,"route":"all","consumer":"","request_id":"[0-9a-f]{32}","upstream":"","upstream_addr":"","upstream_status":"","upstream_connect_time":"","upstream_header_time":"","upstream_response_time":"","attempts":0,"error":"","referer":"","user_agent":"","tls_version":"","generation":\d+,"connection":\d+,"connection_requests":1\}

=== TEST 5: a route's own log, and none
--- gateway
access_log: { format: "gateway {path}" }
routes:
- { match: { path: /own }, access_log: { format: "own {path} {status}" }, respond: { status: 204 } }
- { match: { path: /off }, access_log: off, respond: { status: 204 } }
- { match: { path: /two }, access_log: [ { format: "one {path}" }, { format: "two {path}" } ], respond: { status: 204 } }
- { match: { path: /usual }, respond: { status: 204 } }
--- requests
GET /own
GET /off
GET /two
GET /usual
GET /unknown
--- error_code: 204 204 204 204 404
--- access_log
own /own 204
one /two
two /two
gateway /usual
gateway /unknown

=== TEST 6: an attempt that fails, and one that does not
--- upstream
>>> GET /t
201 Created
X-From: mock

ok
--- config
- match: { path: /t }
  access_log: { format: "{upstream} {attempts} {upstream_status} | {upstream_connect_time} | {upstream_header_time} | {upstream_response_time} | {response_header.x-from} {upstream_header.x-from} {body_bytes_sent}" }
  response_headers: { set: { X-From: gateway } }
  upstream: { targets: ["${DEAD}", { address: "${UPSTREAM}", backup: true }], retries: { attempts: 1 } }
--- request
GET /t
--- error_code: 201
--- access_log_like
@route-0 2 502, 201 \| -, 0\.\d{3} \| -, \d\.\d{3} \| \d\.\d{3}, \d\.\d{3} \| gateway mock 3

=== TEST 7: what the gateway itself says of a failure
--- config
- match: { path: /t }
  access_log: { format: "{status} {completion} {error}" }
  upstream: { targets: ["${DEAD}"], retries: { attempts: 0 } }
--- request
GET /t
--- error_code: 502
--- access_log
502 complete the upstream could not be reached

=== TEST 8: a client that does not wait
--- config
- match: { path: /t }
  access_log: { format: "{status} {completion}" }
  policies: [ { lua: { access: "ngx.sleep(2)" } } ]
  respond: { body: late }
--- request
GET /t
--- timeout: 100ms
--- abort
--- wait: 50ms
--- access_log
499 client_closed

=== TEST 9: a response that is cut
--- upstream
>>> GET /t close
200 OK
Content-Length: 100

short
--- config
- match: { path: /t }
  access_log: { format: "{status} {completion}" }
  upstream: { targets: ["${UPSTREAM}"] }
--- request
GET /t
--- response_cut
--- access_log
200 cut

=== TEST 10: how long phases took, a wait in one included
--- config
- match: { path: /t }
  access_log: { format: "{phase_time.rewrite} {phase_time.access} {phase_time.content} {phase_time.header_filter} {phase_time.body_filter} {phase_time.balance}" }
  policies: [ { lua: { access: "ngx.sleep(0.02)", body_filter: "ngx.ctx.x = 1" } } ]
  content: { lua: "ngx.say('x')" }
--- request
GET /t
--- access_log_like
0\.000000 \d\.\d[1-9]\d{4} 0\.\d{6} 0\.000000 0\.\d{6} 0\.000000

=== TEST 11: the connection, known when its answer has gone
--- config
- match: { path: /t }
  access_log: { format: "{scheme} {connection_requests} {remote_port} {server_addr} {server_port} {peer_addr} {loop} {pid} {tls_version}" }
  respond: { status: 204 }
--- requests
GET /t
GET /t
--- error_code: 204
--- access_log_like
http 1 \d{4,5} 127\.0\.0\.1 \d{4,5} 127\.0\.0\.1 \d+ \d+ -
http 2 \d{4,5} 127\.0\.0\.1 \d{4,5} 127\.0\.0\.1 \d+ \d+ -

=== TEST 12: a request that is refused is logged too
--- gateway
access_log: { format: "{status} {completion} {method} {error}" }
routes: [ { respond: { status: 204 } } ]
--- raw_request
GET / HTTP/1.1\r
Host: a\r
Host: b\r
\r
--- error_code: 400
--- access_log_like
400 complete \S+ .+

=== TEST 13: what is wrong in a route's log
--- config
- match: { path: /t }
  access_log: [ { format: "{statsu}" }, { format: json, fields: [status, status, nothing] }, { format: "{phase_time.x}" }, { format: combined, fields: [status] } ]
  respond: { status: 204 }
--- must_die
--- error_log
unknown expression "statsu"; did you mean "status"?; "{{" stands for a brace (routes[0].access_log[0].format)
"status" is given twice (routes[0].access_log[1].fields[1])
unknown expression "nothing" (routes[0].access_log[1].fields[2])
the phases are rewrite, access, content, balance, header_filter and body_filter
only the format json has fields (routes[0].access_log[3].fields)
