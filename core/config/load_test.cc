#include "config/load.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/test_support.h"

namespace mg::config::test {
namespace {

using std::chrono::milliseconds;

class Files : public testing::Test {
 protected:
  void Add(const std::string& path, const std::string& text) { list_.emplace_back(path, text); }
  std::string Load(const std::string& path = "/etc/mg/main.yaml") {
    MemoryFiles files(list_);
    diagnostics_ = Diagnostics();
    config_ = config::Load(path, files, diagnostics_);
    return diagnostics_.ToString();
  }
  std::vector<std::string> RouteNames() const {
    std::vector<std::string> names;
    for (const Route& route : config_->routes) names.push_back(route.name);
    return names;
  }

  FileList list_;
  Diagnostics diagnostics_;
  std::unique_ptr<Config> config_;
};

using Names = std::vector<std::string>;

TEST_F(Files, IncludesAppendInByteOrder) {
  Add("/etc/mg/main.yaml",
      "version: 1\ninclude: [conf.d/*.yaml, last.yaml]\nlisteners: [\":80\"]\nroutes:\n  - { name: own, respond: 200 "
      "}\n");
  Add("/etc/mg/conf.d/b.yaml", "routes: [{ name: b, respond: 200 }]\n");
  Add("/etc/mg/conf.d/a.yaml",
      "version: 1\ninclude: sub/a2.yaml\nroutes: [{ name: a, upstream: u }]\nlisteners: [\":81\"]\n");
  Add("/etc/mg/conf.d/B.yaml", "routes: [{ name: B, respond: 200 }]\n");
  Add("/etc/mg/conf.d/.hidden.yaml", "nonsense");
  Add("/etc/mg/conf.d/c.txt", "nonsense");
  Add("/etc/mg/conf.d/sub/a2.yaml",
      "routes: [{ name: a2, content: x.lua }]\nupstreams: { u: { targets: [\"a:1\"] } }\nlua: { shared_dicts: { d2: 1m "
      "} }\n");
  Add("/etc/mg/last.yaml",
      "routes: [{ name: last, respond: 200 }]\nlua: { shared_dicts: { d1: 1m }, strict_globals: false, timers: { "
      "pending: 5, running: 6 }, worker_threads: { w: 3 }, "
      "capture_error_log: 8KiB }\n");
  ASSERT_EQ(Load(), "");
  EXPECT_EQ(RouteNames(), (Names{"own", "B", "a", "a2", "b", "last"}));
  EXPECT_EQ(config_->listeners.size(), 2u);
  EXPECT_EQ(config_->lua.shared_dicts.size(), 2u);
  EXPECT_FALSE(config_->lua.strict_globals);
  EXPECT_EQ(config_->lua.timers.pending, 5);
  EXPECT_EQ(config_->lua.timers.running, 6);
  EXPECT_EQ(config_->lua.worker_threads, (std::map<std::string, int>{{"w", 3}}));
  EXPECT_EQ(config_->lua.capture_error_log, 8192u);
  EXPECT_EQ(config_->routes[3].content.file, "/etc/mg/conf.d/sub/x.lua");
  EXPECT_EQ(config_->files, (Names{"/etc/mg/main.yaml", "/etc/mg/conf.d/B.yaml", "/etc/mg/conf.d/a.yaml",
                                   "/etc/mg/conf.d/sub/a2.yaml", "/etc/mg/conf.d/b.yaml", "/etc/mg/last.yaml"}));
  EXPECT_EQ(config_->directories[3], "/etc/mg/conf.d/sub");
  EXPECT_EQ(config_->routes[3].position.file, 3u);
}

TEST_F(Files, NamesDefinedTwiceCiteBothPlaces) {
  Add("/etc/mg/main.yaml",
      "include: [b.yaml]\nlisteners: [\":80\"]\nwatch: true\nupstreams:\n  u: { targets: [\"a:1\"] }\nlog: { level: "
      "info }\nroutes: [{ name: r, respond: 200 }]\npolicies: [a]\n");
  Add("/etc/mg/b.yaml",
      "watch: true\nupstreams:\n  u: { targets: [\"b:1\"] }\nlog: { level: warn, output: stderr }\nroutes: [{ name: r, "
      "respond: 200 }]\npolicies: [b]\n");
  EXPECT_EQ(Load(),
            "/etc/mg/b.yaml:1:1: \"watch\" is defined twice: first at /etc/mg/main.yaml:3:1 (watch)\n"
            "/etc/mg/b.yaml:3:3: \"u\" is defined twice: first at /etc/mg/main.yaml:5:3 (upstreams.u)\n"
            "/etc/mg/b.yaml:4:8: \"level\" is defined twice: first at /etc/mg/main.yaml:6:8 (log.level)\n"
            "/etc/mg/b.yaml:5:18: the route \"r\" is defined twice: first at /etc/mg/main.yaml:7:18 (routes[1].name)\n"
            "/etc/mg/b.yaml:6:1: policies for every route stand in the main file only (policies)\n");
}

TEST_F(Files, CyclesAndDoubles) {
  Add("/etc/mg/main.yaml", "include: [b.yaml]\nlisteners: [\":80\"]\n");
  Add("/etc/mg/b.yaml", "include: [c.yaml]\n");
  Add("/etc/mg/c.yaml", "include:\n  - ./sub/../b.yaml\n  - main.yaml\n");
  EXPECT_EQ(Load(),
            "/etc/mg/c.yaml:2:5: the files include each other in a cycle: /etc/mg/b.yaml -> /etc/mg/c.yaml -> "
            "/etc/mg/b.yaml (include[0])\n"
            "/etc/mg/c.yaml:3:5: the files include each other in a cycle: /etc/mg/main.yaml -> /etc/mg/b.yaml -> "
            "/etc/mg/c.yaml -> /etc/mg/main.yaml (include[1])\n");
  list_.clear();
  Add("/etc/mg/main.yaml", "include: [b.yaml, \"*.yaml\"]\nlisteners: [\":80\"]\n");
  Add("/etc/mg/b.yaml", "user: x\n");
  EXPECT_EQ(Load(),
            "/etc/mg/main.yaml:1:19: /etc/mg/b.yaml is included already, at /etc/mg/main.yaml:1:11 (include[1])\n");
}

TEST_F(Files, WhatCannotBeRead) {
  EXPECT_EQ(Load("/etc/mg/none.yaml"), "/etc/mg/none.yaml: cannot read it: no such file\n");
  Add("/etc/mg/main.yaml",
      "include: [none.yaml, \"none/*.yaml\", \"\", [a], broken.yaml, list.yaml, empty.yaml, \"${UNSET}\"]\nlisteners: "
      "[\":80\"]\n");
  Add("/etc/mg/broken.yaml", "a: [\n");
  Add("/etc/mg/list.yaml", "- a\n");
  Add("/etc/mg/empty.yaml", "# nothing\n");
  ::unsetenv("UNSET");
  EXPECT_EQ(Load(),
            "/etc/mg/main.yaml:1:11: cannot read /etc/mg/none.yaml: no such file (include[0])\n"
            "/etc/mg/main.yaml:1:37: an empty path (include[2])\n"
            "/etc/mg/main.yaml:1:41: expected a path or a pattern (include[3])\n"
            "/etc/mg/main.yaml:1:82: the environment has no UNSET, and ${UNSET} gives no default: ${UNSET:-default} "
            "(include[7])\n"
            "/etc/mg/broken.yaml:1:4: the \"[\" opened here is not closed before line 2, column 1 (a)\n"
            "/etc/mg/list.yaml:1:1: expected a map of keys such as listeners, upstreams and routes\n"
            "/etc/mg/empty.yaml:1:1: the file is empty\n");
  list_.clear();
  Add("/etc/mg/main.yaml", "include: { a: b }\n");
  EXPECT_EQ(Load(), "/etc/mg/main.yaml:1:10: expected a list of paths, found a map (include)\n");
}

TEST_F(Files, FoldersWithPatternCharactersStandForThemselves) {
  Add("/etc/[mg]*/main.yaml", "include: [\"*.inc\"]\nlisteners: [\":80\"]\n");
  Add("/etc/[mg]*/a.inc", "user: x\n");
  Add("/etc/m/b.inc", "nonsense");
  ASSERT_EQ(Load("/etc/[mg]*/main.yaml"), "");
  EXPECT_EQ(config_->user, "x");
}

TEST_F(Files, NamesAreShownAsTheyWereGiven) {
  std::string here = std::filesystem::current_path().string();
  Add(here + "/conf/g.yaml", "include: [d/a.yaml, ../b.yaml]\nlisteners: [\":80\"]\n");
  Add(here + "/conf/d/a.yaml", "x: 1\n");
  Add(here + "/b.yaml", "y: 1\n");
  EXPECT_EQ(Load("conf/g.yaml"), "conf/d/a.yaml:1:1: unknown key \"x\" (x)\nb.yaml:1:1: unknown key \"y\" (y)\n");
}

TEST_F(Files, NoListeners) {
  Add("/etc/mg/main.yaml", "user: x\n");
  EXPECT_EQ(Load(),
            "/etc/mg/main.yaml:1:1: no listeners: add, for example, listeners: [{ address: \"0.0.0.0:8080\" }] "
            "(listeners)\n");
}

TEST(Defaults, AreThoseOfTheStructs) {
  Loaded loaded = LoadFrom("listeners: [\":80\"]\n");
  ASSERT_TRUE(loaded.config) << loaded.errors();
  const Config& config = *loaded.config;
  EXPECT_GE(config.workers, 1u);
  EXPECT_EQ(config.log_level, LogLevel::kInfo);
  EXPECT_EQ(config.log_output.kind, Output::Kind::kStderr);
  EXPECT_EQ(config.access_logs.size(), 0u);
  EXPECT_EQ(config.limits.head, 32u * 1024);
  EXPECT_EQ(config.limits.idle_timeout, milliseconds(75'000));
  EXPECT_FALSE(config.status);
  EXPECT_FALSE(config.listeners[0].tls);
  EXPECT_EQ(config.listeners[0].address.host, "0.0.0.0");
  EXPECT_EQ(config.directories, Names{"/conf"});
}

TEST(Values, LogsAndEndpoints) {
  Loaded loaded = LoadFrom(
      "listeners: [\":80\"]\nlog: { output: off, level: debug }\naccess_log: { format: json, output: logs/a.log "
      "}\nstatus: \"[::1]:1\"\nadmin: { address: \"127.0.0.1:2\", token: file:secret }\nworkers: 3\nlimits: { head: 4k "
      "}\n");
  ASSERT_TRUE(loaded.config) << loaded.errors();
  EXPECT_EQ(loaded.config->log_output.kind, Output::Kind::kOff);
  EXPECT_EQ(loaded.config->log_level, LogLevel::kDebug);
  ASSERT_EQ(loaded.config->access_logs.size(), 1u);
  EXPECT_EQ(loaded.config->access_logs[0].format, "json");
  EXPECT_EQ(loaded.config->access_logs[0].output.kind, Output::Kind::kFile);
  EXPECT_EQ(loaded.config->access_logs[0].output.file, "/conf/logs/a.log");
  EXPECT_EQ(loaded.config->status->host, "::1");
  EXPECT_EQ(loaded.config->admin_token, "s3cret");
  EXPECT_EQ(loaded.config->workers, 3u);
  EXPECT_EQ(loaded.config->limits.uri, 4096u);
}

TEST(Values, Upstreams) {
  Loaded loaded = LoadFrom(R"(
- name: a
  upstream: https://api.example.com
- name: b
  upstream: { targets: ["unix:b.sock"], balance: { hash: { key: [consumer, header.X] } }, tls: true }
- upstream:
    targets: [{ address: "h:1", weight: 3, backup: true }]
    retries: { when: [timeout, 502, 520-522], attempts: 4, budget: 5%, methods: [POST] }
    timeouts: { total: 1m }
    health: { active: { type: tcp, statuses: 200 }, passive: {} }
    circuit_breaker: { failure_ratio: 25% }
    preserve_host: false
)",
                           TextKind::kRoutes);
  ASSERT_TRUE(loaded.config) << loaded.errors();
  const auto& upstreams = loaded.config->upstreams;
  ASSERT_EQ(upstreams.size(), 3u);
  EXPECT_EQ(upstreams[0].name, "@a");
  EXPECT_TRUE(upstreams[0].anonymous);
  EXPECT_TRUE(upstreams[0].tls.enabled);
  EXPECT_EQ(upstreams[0].targets[0].address.port, 443);
  EXPECT_EQ(loaded.config->routes[1].upstream, "@b");
  EXPECT_EQ(upstreams[1].balance, Upstream::Balance::kHash);
  EXPECT_EQ(upstreams[1].hash_key, (Names{"consumer", "header.X"}));
  EXPECT_EQ(upstreams[1].targets[0].address.host, "/conf/b.sock");
  const Upstream& third = upstreams[2];
  EXPECT_EQ(third.name, "@route-2");
  EXPECT_EQ(third.targets[0].weight, 3u);
  EXPECT_EQ(third.targets[0].priority, Target::kBackup);
  EXPECT_FALSE(third.retries.on_connect);
  EXPECT_TRUE(third.retries.on_timeout);
  EXPECT_EQ(third.retries.statuses, (std::vector<uint16_t>{502, 520, 521, 522}));
  EXPECT_EQ(third.retries.budget_percent, 5u);
  EXPECT_EQ(third.timeouts.total, milliseconds(60'000));
  EXPECT_EQ(third.active->kind, ActiveHealth::Kind::kTcp);
  EXPECT_EQ(third.active->statuses, std::vector<uint16_t>{200});
  EXPECT_EQ(third.passive->failures, 5u);
  EXPECT_EQ(third.breaker->failure_percent, 25u);
  EXPECT_FALSE(third.preserve_host);
}

TEST(Values, BalancingHealthAndNames) {
  Loaded loaded = LoadFrom(R"(
resolver: { nameservers: [10.0.0.2, "10.0.0.3:5353", "::1", "[::2]:54"], search: a.test, timeout: 200ms, min_ttl: 5s, max_ttl: 1m, family: ipv6 }
listeners: [":8080"]
upstreams:
  u:
    targets: [{ srv: _HTTP._tcp.Example.com, weight: 2 }, { address: "h:1", priority: 3 }]
    balance: { hash: { key: header.x, balance_factor: 150 } }
    slow_start: 30s
    health:
      panic: 0%
      active: { type: tls, port: 99, initial: unhealthy, jitter: 25% }
      passive: { failure_ratio: 40%, minimum: 7, statuses: [] }
    tls: { server_name: example.com }
)");
  ASSERT_TRUE(loaded.config) << loaded.errors();
  const Resolver& resolver = loaded.config->resolver;
  EXPECT_EQ(resolver.nameservers, (Names{"10.0.0.2:53", "10.0.0.3:5353", "[::1]:53", "[::2]:54"}));
  EXPECT_EQ(resolver.search, Names{"a.test"});
  EXPECT_EQ(resolver.timeout, milliseconds(200));
  EXPECT_EQ(resolver.min_ttl, milliseconds(5'000));
  EXPECT_EQ(resolver.family, Resolver::Family::kIpv6);
  const Upstream& u = loaded.config->upstreams[0];
  EXPECT_TRUE(u.targets[0].srv);
  EXPECT_EQ(u.targets[0].address.host, "_http._tcp.example.com");
  EXPECT_EQ(u.targets[0].weight, 2u);
  EXPECT_EQ(u.targets[1].priority, 3u);
  EXPECT_EQ(u.balance_factor, 150u);
  EXPECT_EQ(u.slow_start, milliseconds(30'000));
  EXPECT_EQ(u.panic_percent, 0u);
  EXPECT_EQ(u.active->kind, ActiveHealth::Kind::kTls);
  EXPECT_EQ(u.active->port, 99);
  EXPECT_TRUE(u.active->starts_unhealthy);
  EXPECT_EQ(u.active->jitter_percent, 25u);
  EXPECT_EQ(u.passive->failure_percent, 40u);
  EXPECT_EQ(u.passive->minimum, 7u);
  EXPECT_TRUE(u.passive->statuses.empty());
}

TEST(Values, AttemptsAndBreakers) {
  Loaded loaded = LoadFrom(R"(
- upstream:
    targets: ["h:1"]
    deadline_header: X-Deadline
    retries: { budget: { share: 10%, floor: 7 }, backoff: { base: 1s, max: 2s }, hedge: { after: 50ms, max: 2 } }
    circuit_breaker:
      { consecutive: 3, slow: 2s, statuses: [429, 500-501], per: [target, upstream], fallback: { status: 200, body: "b", headers: { A: [x, y] } } }
- upstream: { targets: ["h:1"], retries: { budget: 30% }, circuit_breaker: { per: target, fallback: { file: f.lua } } }
- upstream:
    targets: ["h:1"]
    circuit_breaker:
      fallback:
        lua: |
          ngx.say("${x}")
)",
                           TextKind::kRoutes);
  ASSERT_TRUE(loaded.config) << loaded.errors();
  const Upstream& first = loaded.config->upstreams[0];
  EXPECT_EQ(first.deadline_header, "X-Deadline");
  EXPECT_EQ(first.retries.budget_percent, 10u);
  EXPECT_EQ(first.retries.budget_floor, 7u);
  EXPECT_EQ(first.retries.backoff_base, milliseconds(1000));
  EXPECT_EQ(first.retries.backoff_max, milliseconds(2000));
  EXPECT_EQ(first.retries.hedge.after, milliseconds(50));
  EXPECT_EQ(first.retries.hedge.max, 2u);
  EXPECT_EQ(first.breaker->consecutive, 3u);
  EXPECT_EQ(first.breaker->slow, milliseconds(2000));
  EXPECT_EQ(first.breaker->statuses, (std::vector<uint16_t>{429, 500, 501}));
  EXPECT_TRUE(first.breaker->per_upstream && first.breaker->per_target);
  EXPECT_EQ(first.breaker->fallback.status, 200);
  EXPECT_EQ(first.breaker->fallback.body, "b");
  EXPECT_EQ(first.breaker->fallback.headers.size(), 2u);
  const Upstream& second = loaded.config->upstreams[1];
  EXPECT_EQ(second.retries.budget_percent, 30u);
  EXPECT_EQ(second.retries.budget_floor, 3u);
  EXPECT_TRUE(second.breaker->per_target && !second.breaker->per_upstream);
  EXPECT_EQ(second.breaker->fallback.lua.file, "/conf/f.lua");
  EXPECT_EQ(loaded.config->upstreams[2].breaker->fallback.lua.chunk, "ngx.say(\"${x}\")\n");
}

TEST(Values, RoutesAndPolicies) {
  Loaded loaded = LoadFrom(R"yaml(
- match: { hosts: API.example.com, path: "/a/{id}", methods: GET, headers: { X-A: 1, x-b: { present: false }, x-c: { regex: "^${x}" } }, query: { q: { present: true } } }
  priority: -2
  internal: true
  vars: { tier: gold }
  rewrite: { strip_prefix: /a, path: "/{path.id}", host: "{host}" }
  response_headers: { set: { A: "1" }, add: { B: ["2", "3"] }, remove: C }
  error_pages: { 404: /e }
  body_limit: 0
  body_buffer: 4KiB
  client_abort: ignore
  policies:
    - request_id
    - jwt:
        secret: x
    - lua:
        access: |
          ngx.exit(1)
  respond: { status: 201, headers: { content-type: text/plain, x: [a, b] }, body: "{", template: false }
- content:
    lua: |
      ngx.say(1)
- content: { lua: "ngx.say(2)" }
- content: a.lua
- redirect: /x
- respond: 204
)yaml",
                           TextKind::kRoutes);
  ASSERT_TRUE(loaded.config) << loaded.errors();
  const Route& route = loaded.config->routes[0];
  EXPECT_EQ(route.name, "route-0");
  EXPECT_EQ(route.path, "routes[0]");
  EXPECT_EQ(route.match.hosts, Names{"api.example.com"});
  EXPECT_EQ(route.match.methods, Names{"GET"});
  ASSERT_EQ(route.match.headers.size(), 3u);
  EXPECT_EQ(route.match.headers[0].name, "x-a");
  EXPECT_EQ(route.match.headers[0].value, "1");
  EXPECT_EQ(route.match.headers[1].kind, Condition::Kind::kAbsent);
  EXPECT_EQ(route.match.headers[2].kind, Condition::Kind::kRegex);
  EXPECT_EQ(route.match.headers[2].value, "^${x}");
  EXPECT_EQ(route.match.query[0].kind, Condition::Kind::kPresent);
  EXPECT_EQ(route.priority, -2);
  EXPECT_TRUE(route.internal);
  EXPECT_EQ(route.rewrite.path, "/{path.id}");
  EXPECT_EQ(route.response_headers.add.size(), 2u);
  EXPECT_EQ(route.response_headers.remove, Names{"C"});
  EXPECT_EQ(route.error_pages.at(404), "/e");
  EXPECT_EQ(route.body_limit, 0u);
  EXPECT_EQ(route.body_buffer, 4096u);
  EXPECT_EQ(route.client_abort, ClientAbort::kIgnore);
  ASSERT_EQ(route.policies.size(), 3u);
  EXPECT_EQ(route.policies[0].name, "request_id");
  EXPECT_EQ(route.policies[0].conf, nullptr);
  EXPECT_EQ(route.policies[1].path, "routes[0].policies[1].jwt");
  EXPECT_EQ(route.policies[1].conf->Find("secret")->scalar, "x");
  EXPECT_EQ(route.policies[2].conf->Find("access")->text_line, 18u);
  EXPECT_EQ(route.respond->status, 201);
  EXPECT_EQ(route.respond->headers.size(), 3u);
  EXPECT_EQ(route.respond->body, "{");
  const auto& routes = loaded.config->routes;
  EXPECT_EQ(routes[1].content.chunk, "ngx.say(1)\n");
  EXPECT_EQ(routes[1].content.first_line, 22u);
  EXPECT_EQ(routes[1].content.name, "@g.yaml");
  EXPECT_EQ(routes[2].content.first_line, 23u);
  EXPECT_EQ(routes[3].content.file, "/conf/a.lua");
  EXPECT_EQ(routes[3].content.name, "@/conf/a.lua");
  EXPECT_EQ(routes[4].redirect->status, 302);
  EXPECT_EQ(routes[5].respond->status, 204);
  EXPECT_EQ(routes[5].match.path, "/*");
}

TEST(Values, TlsAndRedis) {
  Loaded loaded = LoadFrom(
      "trusted_proxies: [\"unix:\", 10.0.0.0/8]\ntls: { ticket_rotation: 1h }\nlimits: { lag: 20ms }\nlisteners:\n  - "
      "{ address: \":443\", name: public, proxy_protocol: true, backlog: 16, tls: { certificates: [{ "
      "cert: a.crt, key: a.key, ocsp: secret }], client_auth: { mode: optional, ca: a.crt }, min_version: 1.3 } "
      "}\nredis:\n  a: { "
      "address: \"unix:r.sock\", password: file:secret, timeout: 5ms, database: 3, tls: true, username: u }\n  b: { "
      "sentinel: { master: m, addresses: [\"s:1\"] } }\n  c: { cluster: [\"c:1\", \"c:2\"] }\nclient_abort: "
      "ignore\nroutes: [{ listeners: public, respond: 200 }]\n");
  ASSERT_TRUE(loaded.config) << loaded.errors();
  const Listener& listener = loaded.config->listeners[0];
  EXPECT_EQ(listener.tls->certificates[0].cert, "/conf/a.crt");
  EXPECT_EQ(listener.tls->certificates[0].cert_pem, "CERT");
  EXPECT_EQ(listener.tls->certificates[0].key_pem, "KEY");
  EXPECT_EQ(listener.tls->certificates[0].ocsp, "/conf/secret");
  EXPECT_EQ(listener.tls->certificates[0].ocsp_der, "s3cret\n");
  EXPECT_EQ(loaded.config->ticket_rotation, std::chrono::hours(1));
  EXPECT_EQ(loaded.config->limits.lag, milliseconds(20));
  EXPECT_EQ(loaded.config->trusted_proxies, (Names{"unix:", "10.0.0.0/8"}));
  EXPECT_EQ(listener.tls->client_auth, ListenerTls::ClientAuth::kOptional);
  EXPECT_EQ(listener.tls->client_ca_pem, "CERT");
  EXPECT_EQ(listener.tls->min_version, 0x0304);
  EXPECT_TRUE(listener.proxy_protocol);
  EXPECT_EQ(listener.backlog, 16);
  const auto& redis = loaded.config->redis;
  EXPECT_EQ(redis[0].address->host, "/conf/r.sock");
  EXPECT_EQ(redis[0].password, "s3cret");
  EXPECT_EQ(redis[0].timeout, milliseconds(5));
  EXPECT_EQ(redis[1].sentinel_master, "m");
  EXPECT_EQ(redis[1].sentinels.size(), 1u);
  EXPECT_EQ(redis[2].cluster.size(), 2u);
  EXPECT_EQ(loaded.config->routes[0].listeners, Names{"public"});
  EXPECT_EQ(loaded.config->routes[0].client_abort, ClientAbort::kIgnore);
}

// The complete example of the documentation is loaded from there, so that it stays true.
TEST(Documentation, ItsExampleLoads) {
  std::ifstream file("docs/configuration.md");
  ASSERT_TRUE(file) << "run from the top of the source tree";
  std::stringstream text;
  text << file.rdbuf();
  const std::string mark = "<!-- complete example -->\n```yaml\n";
  size_t begin = text.str().find(mark);
  ASSERT_NE(begin, std::string::npos);
  begin += mark.size();
  std::string example = text.str().substr(begin, text.str().find("\n```", begin) + 1 - begin);
  FileList list;
  for (const char* name : {"tls/server.crt", "tls/server.key", "tls/server.ocsp", "tls/clients.pem",
                           "tls/upstream-ca.pem", "secrets/redis", "secrets/admin"}) {
    list.emplace_back(std::string("/etc/moongate/") + name, "content\n");
  }
  MemoryFiles files(list);
  Diagnostics diagnostics;
  auto config = LoadText("gateway.yaml", example, "/etc/moongate", TextKind::kGateway, files, diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "");
  ASSERT_TRUE(config);
  EXPECT_GE(config->routes.size(), 8u);
}

// Every key of the tables stands in the documentation.
TEST(Documentation, NamesEveryKey) {
  std::ifstream file("docs/configuration.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string documentation = text.str();
  const std::string schema = JsonSchema();
  size_t keys = 0;
  for (size_t at = schema.find("\"properties\": {"); at != std::string::npos;
       at = schema.find("\"properties\": {", at + 1)) {
    size_t line = schema.find('\n', at) + 1;
    size_t indent = schema.find_first_not_of(' ', line) - line;
    const std::string prefix = "\n" + std::string(indent, ' ') + "\"";
    for (size_t key = line - 1; schema.compare(key, prefix.size(), prefix) == 0; keys++) {
      size_t begin = key + prefix.size();
      std::string name = schema.substr(begin, schema.find('"', begin) - begin);
      bool named = false;  // `key`, `section.key` or `key: value`
      for (const std::string& form : {"`" + name + "`", "." + name + "`", "`" + name + ":"}) {
        named = named || documentation.find(form) != std::string::npos;
      }
      EXPECT_TRUE(named) << name;
      key = schema.find("\n" + std::string(indent, ' ') + "}", begin);
      key = schema.find('\n', key + 1);
    }
  }
  EXPECT_GT(keys, 100u);
}

TEST(DiskFiles, ReadsOnceAndRemembers) {
  namespace fs = std::filesystem;
  fs::path folder = fs::temp_directory_path() / ("mg_config_files_" + std::to_string(::getpid()));
  fs::create_directories(folder / "d.yaml");
  std::ofstream(folder / "b.yaml") << "b";
  std::ofstream(folder / "a.yaml") << "a";
  DiskFiles files;
  std::string content, error;
  EXPECT_TRUE(files.Read((folder / "a.yaml").string(), content, error));
  EXPECT_EQ(content, "a");
  std::ofstream(folder / "a.yaml") << "changed";
  EXPECT_TRUE(files.Read((folder / "a.yaml").string(), content, error));
  EXPECT_EQ(content, "a");
  EXPECT_EQ(files.files().size(), 1u);
  EXPECT_FALSE(files.Read((folder / "none").string(), content, error));
  EXPECT_EQ(error, "no such file");
  EXPECT_FALSE(files.Read((folder / "d.yaml").string(), content, error));
  EXPECT_EQ(error, "it is a directory");
  EXPECT_FALSE(files.Read("/dev/zero", content, error));
  EXPECT_EQ(error, "it is not a regular file");
  EXPECT_EQ(files.Glob((folder / "*.yaml").string()),
            (Names{(folder / "a.yaml").string(), (folder / "b.yaml").string()}));
  EXPECT_EQ(files.patterns().size(), 1u);
  fs::resize_file(folder / "b.yaml", DiskFiles::kMaxSize + 1);
  EXPECT_FALSE(files.Read((folder / "b.yaml").string(), content, error));
  EXPECT_EQ(error, "it is larger than 16 MiB");
  fs::remove_all(folder);
}

}  // namespace
}  // namespace mg::config::test
