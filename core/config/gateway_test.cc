#include <gtest/gtest.h>

#include "config/load.h"
#include "config/test_support.h"

namespace mg::config::test {
namespace {

// The sections of a gateway: every error, at its place.
// clang-format off
const Case kGateway[] = {
    {"Unknown", R"(wacth: true
listeners: [":8080"]
)",
     R"(g.yaml:1:1: unknown key "wacth"; did you mean "watch"? (wacth)
)"},
    {"UnknownFar", R"(zzzzzzzz: 1
listeners: [":8080"]
)",
     R"(g.yaml:1:1: unknown key "zzzzzzzz" (zzzzzzzz)
)"},
    {"UnknownNested", R"(log: { levle: info }
listeners: [":8080"]
)",
     R"(g.yaml:1:8: unknown key "levle"; did you mean "level"? (log.levle)
)"},
    {"UnknownSmall", R"(status: { address: ":1", foo: 2 }
listeners: [":8080"]
)",
     R"(g.yaml:1:26: unknown key "foo"; known here: address and series (status.foo)
)"},
    {"NoListeners", R"(watch: true
listeners: []
)",
     R"(g.yaml:2:12: no listeners: add, for example, - address: "0.0.0.0:8080" (listeners)
)"},
    {"Version", R"(version: 2
listeners: [":8080"]
)",
     R"(g.yaml:1:10: must be at most 1 (version)
)"},
    {"VersionText", R"(version: one
listeners: [":8080"]
)",
     R"(g.yaml:1:10: expected an integer, found "one" (version)
)"},
    {"Workers0", R"(workers: 0
listeners: [":8080"]
)",
     R"(g.yaml:1:10: expected an integer from 1 to 1024 or auto, found "0" (workers)
)"},
    {"WorkersMany", R"(workers: 2000
listeners: [":8080"]
)",
     R"(g.yaml:1:10: expected an integer from 1 to 1024 or auto, found "2000" (workers)
)"},
    {"WorkersWord", R"(workers: many
listeners: [":8080"]
)",
     R"(g.yaml:1:10: expected an integer from 1 to 1024 or auto, found "many" (workers)
)"},
    {"WorkersNeg", R"(workers: -1
listeners: [":8080"]
)",
     R"(g.yaml:1:10: expected an integer from 1 to 1024 or auto, found "-1" (workers)
)"},
    {"WorkersQuoted", R"(workers: "4"
listeners: [":8080"]
)",
     R"(g.yaml:1:10: expected an integer from 1 to 1024 or auto, found "4" (workers)
)"},
    {"WorkersEnv", R"(workers: ${PORT}
listeners: [":8080"]
)",
     R"(g.yaml:1:10: must be at most 1024 (workers)
)"},
    {"EnvUnset", R"(user: ${UNSET}
listeners: [":8080"]
)",
     R"(g.yaml:1:7: the environment has no UNSET, and ${UNSET} gives no default: ${UNSET:-default} (user)
)"},
    {"EnvBad", R"(user: ${a b}
listeners: [":8080"]
)",
     R"(g.yaml:1:7: "${a b}" does not name an environment variable; "$${" stands for itself (user)
)"},
    {"EnvOpen", R"(user: "${SET"
listeners: [":8080"]
)",
     R"(g.yaml:1:7: "${" without "}"; "$${" stands for itself (user)
)"},
    {"EnvSecretHidden", R"(watch: "${SET}"
listeners: [":8080"]
)",
     R"(g.yaml:1:8: expected true or false, found *** (watch)
)"},
    {"BoolOn", R"(watch: on
listeners: [":8080"]
)",
     R"(g.yaml:1:8: expected true or false, found "on" (watch)
)"},
    {"BoolQuoted", R"(watch: "true"
listeners: [":8080"]
)",
     R"(g.yaml:1:8: expected true or false, found "true" (watch)
)"},
    {"BoolList", R"(watch: [true]
listeners: [":8080"]
)",
     R"(g.yaml:1:8: expected true or false, found a list (watch)
)"},
    {"LogLevel", R"(log: { level: wran }
listeners: [":8080"]
)",
     R"(g.yaml:1:15: expected debug, info, notice, warn or error, found "wran"; did you mean "warn"? (log.level)
)"},
    {"LogMap", R"(log: info
listeners: [":8080"]
)",
     R"(g.yaml:1:6: expected a map, found "info" (log)
)"},
    {"OutputList", R"(log: { output: [a] }
listeners: [":8080"]
)",
     R"(g.yaml:1:16: expected a text, found a list (log.output)
)"},
    {"AccessWord", R"(access_log: on
listeners: [":8080"]
)",
     R"(g.yaml:1:13: expected a map, off or a list, found "on" (access_log)
)"},
    {"AccessFormat", R"(access_log: { format: comined }
listeners: [":8080"]
)",
     R"(g.yaml:1:23: expected combined, json, or a template with {expressions}, found "comined" (access_log.format)
)"},
    {"AccessExpr", R"(access_log: { format: "{statsu}" }
listeners: [":8080"]
)",
     R"(g.yaml:1:23: unknown expression "statsu"; did you mean "status"?; "{{" stands for a brace (access_log.format)
)"},
    {"AccessOpen", R"(access_log: { format: "{status" }
listeners: [":8080"]
)",
     R"(g.yaml:1:23: "{" without "}"; "{{" stands for a brace (access_log.format)
)"},
    {"StatusSeries", R"(status: { address: "127.0.0.1:9900", series: 5000 }
listeners: [":80"]
routes: [{ respond: 204 }]
)",
     R"(g.yaml:1:46: must be at most 2000 (status.series)
)"},
    {"AccessOk", R"(access_log: { format: "{status} {bytes_sent} {{x}", output: off }
listeners: [":8080"]
)",
     ""},
    {"StatusNoAddress", R"(status: {}
listeners: [":8080"]
)",
     R"(g.yaml:1:9: required: an address (host:port or unix:PATH) (status.address)
)"},
    {"StatusPort", R"(status: { address: "127.0.0.1" }
listeners: [":8080"]
)",
     R"(g.yaml:1:20: "127.0.0.1": an address needs a port: host:port, or unix:PATH (status.address)
)"},
    {"StatusBadport", R"(status: { address: "127.0.0.1:99999" }
listeners: [":8080"]
)",
     R"(g.yaml:1:20: "127.0.0.1:99999": not a port: "99999" (status.address)
)"},
    {"StatusName", R"(status: { address: "localhost:80" }
listeners: [":8080"]
)",
     R"(g.yaml:1:20: "localhost:80": needs an IP address, such as 127.0.0.1 (status.address)
)"},
    {"StatusUrl", R"(status: "http://127.0.0.1:80"
listeners: [":8080"]
)",
     R"(g.yaml:1:9: "http://127.0.0.1:80": an address is host:port or unix:PATH, not a URL (status)
)"},
    {"AdminToken", R"(admin: { address: "127.0.0.1:9901" }
listeners: [":8080"]
)",
     R"(g.yaml:1:8: a token is required where the address is not a unix socket (admin)
)"},
    {"AdminShort", R"(admin: "127.0.0.1:9901"
listeners: [":8080"]
)",
     R"(g.yaml:1:8: a token is required where the address is not a unix socket (admin)
)"},
    {"AdminUnix", R"(admin: "unix:run/admin.sock"
listeners: [":8080"]
)",
     ""},
    {"AdminSecret", R"(admin: { address: "127.0.0.1:9901", token: "file:secret" }
listeners: [":8080"]
)",
     ""},
    {"AdminSecretMissing", R"(admin: { address: "127.0.0.1:9901", token: "file:nothing" }
listeners: [":8080"]
)",
     R"(g.yaml:1:8: a token is required where the address is not a unix socket (admin)
g.yaml:1:44: cannot read /conf/nothing: no such file (admin.token)
)"},
    {"UnixLong", R"(admin: "unix:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
listeners: [":8080"]
)",
     R"(g.yaml:1:8: "unix:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...": a unix socket's path has at most 107 bytes: /conf/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (admin)
)"},
    {"LimitSmall", R"(limits: { head: 10 }
listeners: [":8080"]
)",
     R"(g.yaml:1:17: must be at least 1KiB (limits.head)
)"},
    {"LimitUnit", R"(limits: { head_timeout: 10 }
listeners: [":8080"]
)",
     R"(g.yaml:1:25: "10": a duration needs a unit: 10s, 10ms, 10m or 10h (limits.head_timeout)
)"},
    {"LimitUnit2", R"(limits: { head_timeout: 10x }
listeners: [":8080"]
)",
     R"(g.yaml:1:25: "10x": not a duration: its units are ms, s, m, h and d (limits.head_timeout)
)"},
    {"LimitZero", R"(limits: { head_timeout: 0 }
listeners: [":8080"]
)",
     R"(g.yaml:1:25: must be at least 1ms (limits.head_timeout)
)"},
    {"LimitLong", R"(limits: { idle_timeout: 99999999h }
listeners: [":8080"]
)",
     R"(g.yaml:1:25: "99999999h": longer than a hundred years (limits.idle_timeout)
)"},
    {"SizeKb", R"(limits: { body: 10KB }
listeners: [":8080"]
)",
     R"(g.yaml:1:17: "10KB": "KB" is ambiguous: write KiB for 1024 (limits.body)
)"},
    {"SizeBad", R"(limits: { body: big }
listeners: [":8080"]
)",
     R"(g.yaml:1:17: "big": not a size such as 512, 16KiB, 10MiB or 1GiB (limits.body)
)"},
    {"SizeMbit", R"(limits: { body: 10Mbit }
listeners: [":8080"]
)",
     R"(g.yaml:1:17: "10Mbit": not a size: its units are KiB, MiB, GiB and k, m, g (limits.body)
)"},
    {"SizeFraction", R"(limits: { body: 1.3 }
listeners: [":8080"]
)",
     R"(g.yaml:1:17: "1.3": not a whole number of bytes (limits.body)
)"},
    {"SizeHuge", R"(limits: { body: 99999999999g }
listeners: [":8080"]
)",
     R"(g.yaml:1:17: "99999999999g": too large a size (limits.body)
)"},
    {"UriHead", R"(limits: { head: 8k, uri: 16k }
listeners: [":8080"]
)",
     R"(g.yaml:1:26: is larger than limits.head, which it is a part of (limits.uri)
)"},
    {"Cidr", R"(trusted_proxies: [10.0.0.0/33, "::1/129", foo, 10.0.0.1, "fe80::/10"]
listeners: [":8080"]
)",
     R"(g.yaml:1:19: "10.0.0.0/33": an IPv4 network's prefix has 0 to 32 bits (trusted_proxies[0])
g.yaml:1:32: "::1/129": an IPv6 network's prefix has 0 to 128 bits (trusted_proxies[1])
g.yaml:1:43: "foo": not an IP address or a network such as 10.0.0.0/8 (trusted_proxies[2])
)"},
    {"Identity", R"(identity_headers: [X-User, "X *", "X-*-Y", "*"]
listeners: [":8080"]
)",
     R"(g.yaml:1:28: "X *" is not a header's name, or its beginning and * (identity_headers[1])
g.yaml:1:35: "X-*-Y" is not a header's name, or its beginning and * (identity_headers[2])
g.yaml:1:44: "*" is not a header's name, or its beginning and * (identity_headers[3])
)"},
    {"LuaDict", R"(lua: { shared_dicts: { a: 1k } }
listeners: [":8080"]
)",
     R"(g.yaml:1:27: must be at least 8KiB (lua.shared_dicts.a)
)"},
    {"LuaBoth", R"y(lua: { init: { file: a.lua, lua: "x()" } }
listeners: [":8080"]
)y",
     R"(g.yaml:1:29: exactly one of file or lua may be given: "file" is, at line 1 (lua.init.lua)
)"},
    {"LuaNone", R"(lua: { init: {} }
listeners: [":8080"]
)",
     R"(g.yaml:1:14: exactly one of file or lua is required (lua.init)
)"},
    {"LuaGrowth", R"(lua: { limits: { growth: 512m, memory: 256m } }
listeners: [":8080"]
)",
     R"(g.yaml:1:16: growth, of one run, is larger than memory, of the whole VM (lua.limits)
)"},
    {"LuaSocket", R"(lua: { socket: { read_timeout: 0s, buffer: 1m, pool_size: 0, ca: none.pem } }
listeners: [":8080"]
)",
     R"(g.yaml:1:32: must be at least 1ms (lua.socket.read_timeout)
g.yaml:1:44: must be at most 60KiB (lua.socket.buffer)
g.yaml:1:59: must be at least 1 (lua.socket.pool_size)
g.yaml:1:66: cannot read /conf/none.pem: no such file (lua.socket.ca)
)"},
    {"LuaMemory", R"(lua: { limits: { memory: 1m } }
listeners: [":8080"]
)",
     R"(g.yaml:1:26: must be at least 8MiB (lua.limits.memory)
)"},
    {"LuaRegex", R"(lua: { regex: { cache: 3, match_limit: 5 } }
listeners: [":8080"]
)",
     R"(g.yaml:1:24: must be at least 16 (lua.regex.cache)
g.yaml:1:40: must be at least 1000 (lua.regex.match_limit)
)"},
    {"LuaBlock", R"(lua: { path: "" }
listeners: [":8080"]
)",
     R"(g.yaml:1:14: is empty: expected a file's path (lua.path)
)"},
    {"LuaInitBlock", R"(lua:
  init: |
    x()
    y()
listeners: [":8080"]
)",
     R"(g.yaml:2:9: expected a file's path, found a text of several lines (lua.init)
)"},
    {"RedisNone", R"(redis: { main: {} }
listeners: [":8080"]
)",
     R"(g.yaml:1:16: exactly one of address, cluster or sentinel is required (redis.main)
)"},
    {"RedisTwo", R"(redis: { main: { address: "a:1", cluster: ["b:2"] } }
listeners: [":8080"]
)",
     R"(g.yaml:1:34: exactly one of address, cluster or sentinel may be given: "address" is, at line 1 (redis.main.cluster)
)"},
    {"RedisDb", R"(redis: { main: { cluster: ["b:2"], database: 3 } }
listeners: [":8080"]
)",
     R"(g.yaml:1:16: a cluster has database 0 only (redis.main)
)"},
    {"RedisName", R"(redis: { "a b": { address: "a:1" } }
listeners: [":8080"]
)",
     R"(g.yaml:1:10: "a b" is not a name: letters, digits and _-./:@ (redis)
)"},
    {"RedisSentinel", R"(redis: { main: { sentinel: { addresses: [] } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:28: required: a text (redis.main.sentinel.master)
g.yaml:1:41: needs at least 1 item (redis.main.sentinel.addresses)
)"},
    {"ListenerName", R"(listeners: ["localhost:80"]
)",
     R"(g.yaml:1:13: "localhost:80": needs an IP address, such as 0.0.0.0 or 127.0.0.1 (listeners[0].address)
)"},
    {"ListenerDup", R"(listeners:
  - ":80"
  - address: "0.0.0.0:80"
)",
     R"(g.yaml:3:14: the address "0.0.0.0:80" is given twice: first at g.yaml:2:5 (listeners[1].address)
)"},
    {"ListenerDupName", R"(listeners: [{ address: ":80", name: a }, { address: ":81", name: a }]
)",
     R"(g.yaml:1:53: the listener "a" is defined twice: first at g.yaml:1:24 (listeners[1].name)
)"},
    {"ListenerStatus", R"(status: ":80"
listeners: ["*:80"]
)",
     R"(g.yaml:2:13: the address "*:80" is that of "status" (listeners[0].address)
)"},
    {"ListenerV6", R"(listeners: ["::1:80"]
)",
     R"(g.yaml:1:13: "::1:80": an IPv6 address stands in brackets: [::1:80]:port (listeners[0])
)"},
    {"ListenerV6b", R"(listeners: ["[::1]:80", "[0::0:1]:80"]
)",
     R"(g.yaml:1:25: the address "[0::0:1]:80" is given twice: first at g.yaml:1:13 (listeners[1].address)
)"},
    {"ListenerOverlap", R"(status: "127.0.0.1:81"
listeners: ["127.0.0.1:80", ":80", "[::]:80", "[::1]:80", "0.0.0.0:81", "0.0.0.0:0", "127.0.0.1:0"]
)",
     R"(g.yaml:2:29: ":80" and "127.0.0.1:80" (g.yaml:2:13) cannot both be listened on: one of them is every address of the machine (listeners[1].address)
g.yaml:2:47: "[::1]:80" and "[::]:80" (g.yaml:2:36) cannot both be listened on: one of them is every address of the machine (listeners[3].address)
g.yaml:2:59: "0.0.0.0:81" and "127.0.0.1:81" (status) cannot both be listened on: one of them is every address of the machine (listeners[4].address)
)"},
    {"ListenerProxyProtocol", R"(listeners: [{ address: ":80", proxy_protocol: true }, { address: "unix:a.sock", proxy_protocol: true }]
)",
     R"(g.yaml:1:24: nobody's PROXY header would be believed: name the proxies in trusted_proxies (listeners[0].proxy_protocol)
)"},
    {"TicketRotation", R"(tls: { ticket_rotation: 5s }
listeners: [":8080"]
)",
     R"(g.yaml:1:25: must be at least 1m (tls.ticket_rotation)
)"},
    {"RequestHeaders", R"(request_headers: { set: { "a b": x, Upgrade: x, X-A: "{nope}" }, add: { X-B: ["{method}", "{"] }, remove: [Host, "c d"] }
listeners: [":8080"]
)",
     R"(g.yaml:1:27: "a b" is not a header's name (request_headers.set)
g.yaml:1:37: "Upgrade" is the gateway's own to write (request_headers.set)
g.yaml:1:54: unknown expression "nope"; "{{" stands for a brace (request_headers.set.X-A)
g.yaml:1:91: "{" without "}"; "{{" stands for a brace (request_headers.add.X-B)
g.yaml:1:108: "Host" is what rewrite.host and preserve_host say (request_headers.remove)
g.yaml:1:114: "c d" is not a header's name (request_headers.remove[1])
)"},
    {"ListenerNoaddr", R"(listeners: [{ name: a }]
)",
     R"(g.yaml:1:13: required: an address (host:port or unix:PATH) (listeners[0].address)
)"},
    {"ListenerNull", R"(listeners:
  -
)",
     R"(g.yaml:2:4: an empty item: expected a map or an address (host:port or unix:PATH) (listeners[0])
)"},
    {"TlsNone", R"(listeners: [{ address: ":443", tls: {} }]
)",
     R"(g.yaml:1:37: required: a list (listeners[0].tls.certificates)
)"},
    {"TlsEmpty", R"(listeners: [{ address: ":443", tls: { certificates: [] } }]
)",
     R"(g.yaml:1:53: needs at least 1 item (listeners[0].tls.certificates)
)"},
    {"TlsMissing", R"(listeners: [{ address: ":443", tls: { certificates: [{ cert: no.crt, key: a.key }] } }]
)",
     R"(g.yaml:1:62: cannot read /conf/no.crt: no such file (listeners[0].tls.certificates[0].cert)
)"},
    {"TlsNokey", R"(listeners: [{ address: ":443", tls: { certificates: [{ cert: a.crt }] } }]
)",
     R"(g.yaml:1:54: required: a file's path (listeners[0].tls.certificates[0].key)
)"},
    {"TlsCa", R"(listeners: [{ address: ":443", tls: { certificates: [{ cert: a.crt, key: a.key }], client_auth: { mode: required } } }]
)",
     R"(g.yaml:1:97: required: the authorities that sign clients' certificates (listeners[0].tls.client_auth.ca)
)"},
    {"TlsMode", R"(listeners: [{ address: ":443", tls: { certificates: [{ cert: a.crt, key: a.key }], client_auth: { mode: require } } }]
)",
     R"(g.yaml:1:105: expected none, optional or required, found "require"; did you mean "required"? (listeners[0].tls.client_auth.mode)
)"},
    {"TlsVersion", R"(listeners: [{ address: ":443", tls: { certificates: [{ cert: a.crt, key: a.key }], min_version: 1.1 } }]
)",
     R"(g.yaml:1:97: expected 1.2 or 1.3, found "1.1"; did you mean "1.2"? (listeners[0].tls.min_version)
)"},
    {"TlsOk", R"(listeners: [{ address: ":443", tls: { certificates: [{ cert: a.crt, key: a.key }], min_version: 1.3 } }]
)",
     ""},
    {"UpNone", R"(upstreams: { u: {} }
listeners: [":8080"]
)",
     R"(g.yaml:1:17: required: a list (upstreams.u.targets)
)"},
    {"UpEmpty", R"(upstreams: { u: { targets: [] } }
listeners: [":8080"]
)",
     R"(g.yaml:1:28: needs at least 1 item (upstreams.u.targets)
)"},
    {"UpText", R"(upstreams: { u: "a:1" }
listeners: [":8080"]
)",
     R"(g.yaml:1:17: expected a map, found "a:1" (upstreams.u)
)"},
    {"UpUrl", R"(upstreams: { u: { targets: ["http://a:1"] } }
listeners: [":8080"]
)",
     R"(g.yaml:1:29: "http://a:1": an address is host:port or unix:PATH, not a URL (upstreams.u.targets[0])
)"},
    {"UpPort", R"(upstreams: { u: { targets: [a.example.com] } }
listeners: [":8080"]
)",
     R"(g.yaml:1:29: "a.example.com": an address needs a port: host:port, or unix:PATH (upstreams.u.targets[0])
)"},
    {"UpPort0", R"(upstreams: { u: { targets: ["a:0"] } }
listeners: [":8080"]
)",
     R"(g.yaml:1:29: "a:0": not a port: "0" (upstreams.u.targets[0])
)"},
    {"UpWeight", R"(upstreams: { u: { targets: [{ address: "a:1", weight: 0 }] } }
listeners: [":8080"]
)",
     R"(g.yaml:1:55: must be at least 1 (upstreams.u.targets[0].weight)
)"},
    {"UpIp", R"(upstreams: { u: { targets: ["256.1.1.1:80"] } }
listeners: [":8080"]
)",
     R"(g.yaml:1:29: "256.1.1.1:80": not a host name or an IP address: "256.1.1.1" (upstreams.u.targets[0])
)"},
    {"UpHostchars", R"(upstreams: { u: { targets: ["a_b$:80"] } }
listeners: [":8080"]
)",
     R"(g.yaml:1:29: "a_b$:80": not a host name or an IP address: "a_b$" (upstreams.u.targets[0])
)"},
    {"UpName", R"(upstreams: { "a b": { targets: ["a:1"] } }
listeners: [":8080"]
)",
     R"(g.yaml:1:14: "a b" is not a name: letters, digits and _-./:@ (upstreams)
)"},
    {"UpBalance", R"(upstreams: { u: { targets: ["a:1"], balance: leastconn } }
listeners: [":8080"]
)",
     R"(g.yaml:1:46: expected round_robin, least_conn, random or ewma or a map, found "leastconn"; did you mean "least_conn"? (upstreams.u.balance)
)"},
    {"UpHash", R"(upstreams: { u: { targets: ["a:1"], balance: { hash: { key: [consumer, heder.x] } } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:72: unknown expression "heder.x"; did you mean "header"? (upstreams.u.balance.hash.key)
)"},
    {"UpHash2", R"(upstreams: { u: { targets: ["a:1"], balance: { hash: header } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:54: "header" needs a name: header.NAME (upstreams.u.balance.hash.key)
)"},
    {"UpHash3", R"(upstreams: { u: { targets: ["a:1"], balance: { hash: {} } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:54: required: a list or a text (upstreams.u.balance.hash.key)
)"},
    {"UpHashLog", R"(upstreams: { u: { targets: ["a:1"], balance: { hash: status } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:54: "status" is known in access logs only (upstreams.u.balance.hash.key)
)"},
    {"RetryWhen", R"(upstreams: { u: { targets: ["a:1"], retries: { when: [conect, 700, 502-500, 5xx] } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:55: "conect" is not one of connect, reset, timeout, or a status (upstreams.u.retries.when[0])
g.yaml:1:63: "700" is not a status from 100 to 599, or a range such as 200-299 (upstreams.u.retries.when[1])
g.yaml:1:68: "502-500" is not a status from 100 to 599, or a range such as 200-299 (upstreams.u.retries.when[2])
g.yaml:1:77: "5xx" is not a status from 100 to 599, or a range such as 200-299 (upstreams.u.retries.when[3])
)"},
    {"RetryAttempts", R"(upstreams: { u: { targets: ["a:1"], retries: { attempts: 100 } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:58: must be at most 7 (upstreams.u.retries.attempts)
)"},
    {"RetryBudget", R"(upstreams: { u: { targets: ["a:1"], retries: { budget: 0.2 } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:56: "0.2": not a share such as 20% (upstreams.u.retries.budget)
)"},
    {"RetryBudget2", R"(upstreams: { u: { targets: ["a:1"], retries: { budget: 120% } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:56: "120%": a share is at most 100% (upstreams.u.retries.budget)
)"},
    {"RetryMethod", R"(upstreams: { u: { targets: ["a:1"], retries: { methods: ["P OST"] } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:58: "P OST" is not a method (upstreams.u.retries.methods[0])
)"},
    {"Health", R"(upstreams: { u: { targets: ["a:1"], health: { active: { path: healthz, interval: 0, statuses: [200-299, 99] } } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:63: a path begins with / and holds no spaces (upstreams.u.health.active.path)
g.yaml:1:82: must be at least 1ms (upstreams.u.health.active.interval)
g.yaml:1:105: "99" is not a status from 100 to 599, or a range such as 200-299 (upstreams.u.health.active.statuses[1])
)"},
    {"TargetBoth", R"(upstreams: { u: { targets: [{ address: "a:1", srv: a }, { weight: 2 }, { address: "a:1", priority: 1, backup: true }] } }
listeners: [":8080"]
)",
     R"(g.yaml:1:47: exactly one of address or srv may be given: "address" is, at line 1 (upstreams.u.targets[0].srv)
g.yaml:1:57: exactly one of address or srv is required (upstreams.u.targets[1])
g.yaml:1:72: a backup comes after every priority: give one of the two (upstreams.u.targets[2])
)"},
    {"Srv", R"(upstreams: { u: { targets: [{ srv: "a b" }, { srv: _h._tcp.x }], tls: true } }
listeners: [":8080"]
)",
     R"(g.yaml:1:29: SRV targets over TLS need tls.server_name: the name to verify must not come from DNS (upstreams.u.targets[0])
g.yaml:1:36: "a b" is not a name, such as _http._tcp.example.com (upstreams.u.targets[0].srv)
g.yaml:1:45: SRV targets over TLS need tls.server_name: the name to verify must not come from DNS (upstreams.u.targets[1])
)"},
    {"TlsCheck", R"(upstreams: { u: { targets: ["unix:a"], health: { active: { type: tls, port: 1, host: "a b" } } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:17: a tls check needs the upstream's tls (upstreams.u.health.active.type)
g.yaml:1:29: a unix socket has no port: health.active.port cannot be for it (upstreams.u.targets[0])
g.yaml:1:86: a host holds no spaces or control characters (upstreams.u.health.active.host)
)"},
    {"Resolver", R"(resolver: { nameservers: [dns.test, "1.2.3.4:0"], search: "a b", min_ttl: 2m, max_ttl: 1m }
listeners: [":8080"]
)",
     R"(g.yaml:1:11: max_ttl is shorter than min_ttl (resolver)
g.yaml:1:27: "dns.test" is not an IP address, with a port or without (resolver.nameservers[0])
g.yaml:1:37: "1.2.3.4:0" is not an IP address, with a port or without (resolver.nameservers[1])
g.yaml:1:59: "a b" is not a domain (resolver.search[0])
)"},
    {"Passive", R"(upstreams: { u: { targets: ["a:1"], health: { passive: { failures: 0, max_ejected: half } } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:68: must be at least 1 (upstreams.u.health.passive.failures)
g.yaml:1:84: "half": not a share such as 20% (upstreams.u.health.passive.max_ejected)
)"},
    {"Breaker", R"(upstreams: { u: { targets: ["a:1"], circuit_breaker: { failure_ratio: 0%, fallback: { status: 99 } } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:71: must be at least 1% (upstreams.u.circuit_breaker.failure_ratio)
g.yaml:1:95: must be at least 200 (upstreams.u.circuit_breaker.fallback.status)
)"},
    {"Fallback",
     R"(upstreams: { u: { targets: ["a:1"], circuit_breaker: { per: loop, fallback: { upstream: x, file: f.lua } } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:61: expected a list or upstream or target, found "loop" (upstreams.u.circuit_breaker.per)
g.yaml:1:77: a fallback is one of: a status (with body and headers), upstream, lua, file (upstreams.u.circuit_breaker.fallback)
g.yaml:1:89: there is no upstream "x"; did you mean "u"? (upstreams.u.circuit_breaker.fallback.upstream)
)"},
    {"Hedge", R"(upstreams: { u: { targets: ["a:1"], retries: { backoff: { base: 2s }, hedge: { max: 4 } } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:57: max is shorter than base (upstreams.u.retries.backoff)
g.yaml:1:78: required: a duration such as 30s (upstreams.u.retries.hedge.after)
g.yaml:1:85: must be at most 3 (upstreams.u.retries.hedge.max)
)"},
    {"Uptls", R"(upstreams: { u: { targets: ["a:1"], tls: { key: a.key, ca: nope.pem, server_name: "a b" } } }
listeners: [":8080"]
)",
     R"(g.yaml:1:42: key is given without cert (upstreams.u.tls)
g.yaml:1:60: cannot read /conf/nope.pem: no such file (upstreams.u.tls.ca)
g.yaml:1:83: "a b" is not a host name (upstreams.u.tls.server_name)
)"},
    {"Uptls2", R"(upstreams: { u: { targets: ["a:1"], tls: on } }
listeners: [":8080"]
)",
     R"(g.yaml:1:42: expected true or false, found "on" (upstreams.u.tls)
)"},
    {"ErrorPages", R"(error_pages: { 200: /x, 404: x, abc: /y, 500: /e }
listeners: [":8080"]
)",
     R"(g.yaml:1:16: "200" is not a status from 400 to 599 (error_pages)
g.yaml:1:30: a path begins with /, and a route's name is written "@name" (error_pages.404)
g.yaml:1:33: "abc" is not a status from 400 to 599 (error_pages)
)"},
    {"RespHeaders", R"(response_headers: { set: { "a b": x }, add: { X: ["a", "b\nc"] }, remove: ["x y"] }
listeners: [":8080"]
)",
     R"(g.yaml:1:28: "a b" is not a header's name (response_headers.set)
g.yaml:1:56: a header's value holds no control characters and no line ends (response_headers.add.X)
g.yaml:1:76: "x y" is not a header's name (response_headers.remove[0])
)"},
    {"ClientAbort", R"(client_abort: ignor
listeners: [":8080"]
)",
     R"(g.yaml:1:15: expected cancel or ignore, found "ignor"; did you mean "ignore"? (client_abort)
)"},
    {"Policies", R"(policies:
  - request_id
  - jwt:
    algorithms: [HS256]
  - 12
  - []
  - {}
  - "a b": 1
listeners: [":8080"]
)",
     R"(g.yaml:4:5: a policy is one key: indent "algorithms" deeper if it belongs to "jwt", or write "- algorithms" for another policy (policies[1])
g.yaml:6:5: expected a policy: its name, or a map of one key (its name) to its configuration (policies[3])
g.yaml:7:5: expected a policy: its name, or a map of one key (its name) to its configuration (policies[4])
g.yaml:8:5: "a b" is not a policy's name (policies[5])
)"},
    {"Many", R"(watch: maybe
log: { level: x }
workers: none
foo: 1
routes:
  - respond: 9
  - {}
listeners: [":8080"]
)",
     R"(g.yaml:1:8: expected true or false, found "maybe" (watch)
g.yaml:2:15: expected debug, info, notice, warn or error, found "x" (log.level)
g.yaml:3:10: expected an integer from 1 to 1024 or auto, found "none" (workers)
g.yaml:4:1: unknown key "foo" (foo)
g.yaml:6:14: must be at least 200 (routes[0].respond)
g.yaml:7:5: exactly one of upstream, respond, redirect or content is required (routes[1])
)"},
    {"NullOk", R"(log:
limits: { head: ~ }
policies:
listeners: [":8080"]
)",
     ""},
};
// clang-format on

class GatewayErrors : public testing::TestWithParam<Case> {};

TEST_P(GatewayErrors, Reports) {
  Loaded loaded = LoadFrom(GetParam().yaml);
  EXPECT_EQ(loaded.errors(), GetParam().expected);
  EXPECT_TRUE(loaded.config != nullptr || !loaded.errors().empty());
}

INSTANTIATE_TEST_SUITE_P(Table, GatewayErrors, testing::ValuesIn(kGateway),
                         [](const auto& row) { return CaseName(row.param); });

}  // namespace
}  // namespace mg::config::test
