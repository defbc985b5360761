# The PROXY protocol, in. What the parser refuses is in core/net/proxy_header_test.cc.

=== TEST 1: version 1: the address it carries is the client's
--- gateway
listeners: [{ address: "127.0.0.1:0", proxy_protocol: true }]
trusted_proxies: 127.0.0.1
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr} {var.remote_port}\n", template: true } }
--- raw_request
PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r
GET / HTTP/1.1\r
Host: a\r
Connection: close\r
\r
--- response_body
192.0.2.1 56324

=== TEST 2: version 2, with TLVs
--- gateway
listeners: [{ address: "127.0.0.1:0", proxy_protocol: true }]
trusted_proxies: 127.0.0.1
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr} {var.remote_port}\n", template: true } }
--- raw_request
\r
\r
\0\r
QUIT
\x21\x11\x00\x10\xc0\x00\x02\x07\xc6\x33\x64\x01\x10\x00\x01\xbb\x04\x00\x01xGET / HTTP/1.1\r
Host: a\r
Connection: close\r
\r
--- response_body
192.0.2.7 4096

=== TEST 3: in pieces
--- gateway
listeners: [{ address: "127.0.0.1:0", proxy_protocol: true }]
trusted_proxies: 127.0.0.1
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr}\n", template: true } }
--- raw_request_middle_delay: 5ms
--- raw_request
PROXY TCP6 2001:db8\
---8<---
::1 2001:db8::2 56324 443\r\
---8<---

GET / HTTP/1.1\r
Host: a\r
Connection: close\r
\r
--- response_body
2001:db8::1

=== TEST 4: LOCAL: a health check of the proxy itself
--- gateway
listeners: [{ address: "127.0.0.1:0", proxy_protocol: true }]
trusted_proxies: 127.0.0.1
--- config
- { match: { path: "/*" }, respond: { body: "{remote_addr}\n", template: true } }
--- raw_request
\r
\r
\0\r
QUIT
\x20\x00\x00\x00GET / HTTP/1.1\r
Host: a\r
Connection: close\r
\r
--- response_body
127.0.0.1

=== TEST 5: from nobody but trusted proxies
--- gateway
listeners: [{ address: "127.0.0.1:0", proxy_protocol: true }]
trusted_proxies: 10.0.0.0/8
--- config
- { match: { path: "/*" }, respond: 200 }
--- raw_request
PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r
GET / HTTP/1.1\r
Host: a\r
\r
--- no_response
--- error_log
proxy 127.0.0.1: closed: its PROXY header would not count, it is not in trusted_proxies

=== TEST 6: without a header nothing is answered
--- gateway
listeners: [{ address: "127.0.0.1:0", proxy_protocol: true }]
trusted_proxies: 127.0.0.1
--- config
- { match: { path: "/*" }, respond: 200 }
--- request
GET /
--- no_response
--- error_log
proxy 127.0.0.1: PROXY header: the connection does not begin with a PROXY header

=== TEST 7: a header that does not come ends the connection
--- gateway
listeners: [{ address: "127.0.0.1:0", proxy_protocol: true }]
trusted_proxies: 127.0.0.1
limits: { head_timeout: 50ms }
--- config
- { match: { path: "/*" }, respond: 200 }
--- raw_request
PROXY TCP4 192\
--- no_response
--- error_log
PROXY header: it has not come in time

=== TEST 8: a header that ends in its middle
--- gateway
listeners: [{ address: "127.0.0.1:0", proxy_protocol: true }]
trusted_proxies: 127.0.0.1
--- config
- { match: { path: "/*" }, respond: 200 }
--- raw_request
PROXY TCP4 192\
--- shutdown
--- no_response
--- error_log
PROXY header: the connection ended before its PROXY header did

=== TEST 9: the address it carries is no trusted proxy's: its X-Forwarded-For is not believed
--- gateway
listeners: [{ address: "127.0.0.1:0", proxy_protocol: true }]
trusted_proxies: 127.0.0.1
--- config
- { match: { path: "/*" }, upstream: "http://${UPSTREAM}" }
--- upstream: echo
--- raw_request
PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r
GET / HTTP/1.1\r
Host: a\r
X-Forwarded-For: 203.0.113.9\r
Connection: close\r
\r
--- response_body_like: (?m)^X-Forwarded-For: 192\.0\.2\.1$

=== TEST 10: on a listener without proxy_protocol a header is no request
--- config
- { match: { path: "/*" }, respond: 200 }
--- raw_request
PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r
GET / HTTP/1.1\r
Host: a\r
\r
--- error_code: 400

=== TEST 11: a listener nobody could use is refused
--- gateway
listeners: [{ address: "127.0.0.1:0", proxy_protocol: true }]
--- config
- { match: { path: "/*" }, respond: 200 }
--- must_die
--- error_log
nobody's PROXY header would be believed: name the proxies in trusted_proxies (listeners[0].proxy_protocol)

=== TEST 12: a unix address
--- gateway
listeners: [{ address: "127.0.0.1:0", proxy_protocol: true }]
trusted_proxies: 127.0.0.1
--- config
- match: { path: "/*" }
  content:
    lua: |
      ngx.say(ngx.var.remote_addr)
--- raw_request
\r
\r
\0\r
QUIT
\x21\x31\x00\xd8/run/a.sock\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0GET / HTTP/1.1\r
Host: a\r
Connection: close\r
\r
--- response_body
unix:
