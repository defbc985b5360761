# TLS with clients: real handshakes. ${TLS} holds the certificates (docs/testing.md).

=== TEST 1: a request over TLS
--- gateway
listeners: [{ address: "127.0.0.1:0", tls: { certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }] } }]
--- config
- match: { path: "/*" }
  respond: { body: "{scheme} {tls.version} {tls.cipher} {tls.server_name} {tls.resumed} {tls.client.verify}\n", template: true }
--- tls
--- request
GET /
--- response_body
https TLSv1.3 TLS_AES_128_GCM_SHA256 localhost . NONE

=== TEST 2: several requests on one connection, one of them with a body
--- gateway
listeners: [{ address: "127.0.0.1:0", tls: { certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }] } }]
--- config
- match: { path: "/*" }
  upstream: "http://${UPSTREAM}"
--- upstream: echo
--- tls
--- requests
GET /a
---8<---
POST /b
hello
---8<---
GET /c
--- response_body_like
^GET /a HTTP/1\.1\n.*X-Forwarded-Proto: https\n
---8<---
^POST /b HTTP/1\.1\n.*hello$
---8<---
^GET /c HTTP/1\.1\n

=== TEST 3: the certificate is picked by name
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates:
        - { cert: "${TLS}/server.crt", key: "${TLS}/server.key" }
        - { cert: "${TLS}/example.crt", key: "${TLS}/example.key" }
--- config
- { match: { path: "/*" }, respond: { body: "{tls.server_name}\n", template: true } }
--- tls
server_name: api.example.org
--- request
GET /
--- response_body
api.example.org

=== TEST 4: TLS 1.2
--- gateway
listeners: [{ address: "127.0.0.1:0", tls: { certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }] } }]
--- config
- { match: { path: "/*" }, respond: { body: "{tls.version} {tls.cipher} {tls.alpn}\n", template: true } }
--- tls
version: 1.2
alpn: http/1.1
--- request
GET /
--- response_body
TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 http/1.1

=== TEST 5: an older version than min_version is refused
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls: { min_version: "1.3", certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }] }
--- config
- { match: { path: "/*" }, respond: 200 }
--- tls
version: 1.2
--- request
GET /
--- no_response
--- error_log
TLS handshake: unsupported protocol

=== TEST 6: plain HTTP on a TLS listener is refused
--- gateway
listeners: [{ address: "127.0.0.1:0", tls: { certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }] } }]
--- config
- { match: { path: "/*" }, respond: 200 }
--- tls: plain
--- request
GET /
--- ignore_response
--- error_log
TLS handshake: http request

=== TEST 7: a client certificate is described, to the upstream and to scripts
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      client_auth: { mode: required, ca: "${TLS}/ca.pem" }
request_headers:
  set:
    X-Client-Verify: "{tls.client.verify}"
    X-Client-DN: "{tls.client.subject}"
    X-Client-SAN: "{tls.client.san}"
--- config
- match: { path: "/*" }
  policies:
    - lua:
        access: |
          ngx.req.set_header("X-Issuer", ngx.var.ssl_client_i_dn)
          ngx.req.set_header("X-Serial", ngx.var.ssl_client_serial)
          ngx.req.set_header("X-Sha1", #ngx.var.ssl_client_fingerprint)
          ngx.req.set_header("X-Pem", ngx.var.ssl_client_raw_cert:match("^%-+BEGIN CERTIFICATE") and "yes")
          ngx.req.set_header("X-Escaped", ngx.unescape_uri(ngx.var.ssl_client_escaped_cert) == ngx.var.ssl_client_raw_cert)
  request_headers: { set: { X-Client-Fingerprint: "{tls.client.fingerprint}" } }
  upstream: "http://${UPSTREAM}"
--- upstream: echo
--- tls
certificate: client
--- request
GET /
--- more_headers
X-Client-DN: CN=root
--- response_body_like: (?m)^X-Issuer: CN=Test Authority$.*^X-Serial: 10[0-9A-F]{2}$.*^X-Sha1: 40$.*^X-Pem: yes$.*^X-Escaped: true$.*^X-Client-Verify: SUCCESS$.*^X-Client-DN: O=Moongate,CN=alice$.*^X-Client-SAN: email:alice@example\.com,URI:spiffe://example/alice$.*^X-Client-Fingerprint: [0-9a-f]{64}$
--- upstream_requests_unlike: root

=== TEST 8: required: nobody without a certificate
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      client_auth: { mode: required, ca: "${TLS}/ca.pem" }
--- config
- { match: { path: "/*" }, respond: 200 }
--- tls
--- request
GET /
--- no_response
--- error_log
peer did not return a certificate

=== TEST 9: required: nobody with a stranger's
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      client_auth: { mode: required, ca: "${TLS}/ca.pem" }
--- config
- { match: { path: "/*" }, respond: 200 }
--- tls
certificate: stranger
--- request
GET /
--- no_response
--- error_log
certificate verification failed: unable to get local issuer certificate

=== TEST 10: optional: none is told
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      client_auth: { mode: optional, ca: "${TLS}/ca.pem" }
--- config
- match: { path: "/*" }
  respond: { body: "{tls.client.verify} {tls.client.subject} {tls.client.fingerprint}\n", template: true }
--- tls
--- request
GET /
--- response_body_like: ^NONE  \n$

=== TEST 11: optional: a stranger's is told, and what it claims is not
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      client_auth: { mode: optional, ca: "${TLS}/ca.pem" }
--- config
- match: { path: "/*" }
  respond: { body: "{tls.client.verify}|{tls.client.subject}|{tls.client.issuer}|{tls.client.serial}|{tls.client.fingerprint}\n", template: true }
--- tls
certificate: stranger
--- request
GET /
--- response_body_like: ^FAILED:unable to get local issuer certificate\|\|\|\|[0-9a-f]{64}\n$

=== TEST 12: optional: a good one is told
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      client_auth: { mode: optional, ca: "${TLS}/ca.pem" }
--- config
- match: { path: "/*" }
  respond: { body: "{tls.client.verify} {tls.client.subject}\n", template: true }
--- tls
certificate: client
--- request
GET /
--- response_body
SUCCESS O=Moongate,CN=alice

=== TEST 13: the upstream is verified against its own authority, by name, and shown a client certificate
--- gateway
listeners:
  - { address: "127.0.0.1:0", name: front }
  - address: "unix:${TLS}/up.sock"
    name: back
    tls:
      certificates:
        - { cert: "${TLS}/server.crt", key: "${TLS}/server.key" }
        - { cert: "${TLS}/example.crt", key: "${TLS}/example.key" }
      client_auth: { mode: required, ca: "${TLS}/ca.pem" }
upstreams:
  secure:
    targets: ["unix:${TLS}/up.sock"]
    tls: { ca: "${TLS}/ca.pem", server_name: example.com, cert: "${TLS}/client.crt", key: "${TLS}/client.key" }
--- config
- { match: { path: "/*" }, listeners: front, upstream: secure }
- match: { path: "/*" }
  listeners: back
  respond: { body: "{tls.server_name} {tls.client.subject}\n", template: true }
--- tls: plain
--- request
GET /
--- response_body
example.com O=Moongate,CN=alice

=== TEST 14: an upstream of another name is not asked
--- gateway
listeners:
  - { address: "127.0.0.1:0", name: front }
  - address: "unix:${TLS}/up.sock"
    name: back
    tls: { certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }] }
upstreams:
  secure:
    targets: ["unix:${TLS}/up.sock"]
    tls: { ca: "${TLS}/ca.pem", server_name: example.com }
    retries: { attempts: 0 }
--- config
- { match: { path: "/*" }, listeners: front, upstream: secure }
- { match: { path: "/*" }, listeners: back, respond: { body: "secret\n" } }
--- tls: plain
--- request
GET /
--- error_code: 502
--- response_body_unlike: secret
--- error_log
hostname mismatch

=== TEST 15: what there is no expression for is said
--- gateway
listeners: [{ address: "127.0.0.1:0" }]
request_headers: { set: { X-A: "{tls.client.subjet}", Host: x, Content-Length: "1" } }
--- config
- match: { path: "/{id}" }
  request_headers: { add: { X-B: "{path.name}" }, remove: [Connection] }
  upstream: "http://${UPSTREAM}"
--- upstream: echo
--- must_die
--- error_log
unknown expression "tls.client.subjet"; did you mean "tls.client.subject"?
"Host" is what rewrite.host and preserve_host say (request_headers.set)
"Content-Length" is the gateway's own to write (request_headers.set)
has no {name}
"Connection" is the gateway's own to write (routes[0].request_headers.remove)

=== TEST 16: an OCSP response that is none is refused when it is read
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls: { certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key", ocsp: "${TLS}/ca.pem" }] }
--- config
- { match: { path: "/*" }, respond: 200 }
--- tls: plain
--- must_die
--- error_log
ca.pem: not an OCSP response in DER (listeners[0].tls)

=== TEST 17: what TLS was is known when it is logged, after the connection has gone
--- gateway
listeners:
  - address: "127.0.0.1:0"
    tls:
      certificates: [{ cert: "${TLS}/server.crt", key: "${TLS}/server.key" }]
      client_auth: { mode: required, ca: "${TLS}/ca.pem" }
--- config
- match: { path: "/*" }
  policies:
    - lua:
        log: |
          ngx.sleep(0.02)
          local v = ngx.var
          ngx.log(ngx.NOTICE, "was ", v.scheme, " ", v.ssl_protocol, " ", v.ssl_client_s_dn, " ", v.remote_addr, " ",
            tonumber(v.remote_port) > 0, " ", v.connection_requests)
  respond: { body: "in\n" }
--- tls
certificate: client
--- request
GET /
--- response_body
in
--- error_log
was https TLSv1.3 O=Moongate,CN=alice 127.0.0.1 true 1
