#include "server/explain_verb.h"

#include <gtest/gtest.h>

#include "config/load.h"
#include "net/test_certificates.h"
#include "server/gateway.h"

namespace mg::server {
namespace {

constexpr const char* kGateway = R"yaml(listeners:
  - { name: public, address: "127.0.0.1:0" }
identity_headers: [X-User-ID]
upstreams:
  catalog: { targets: ["127.0.0.1:9001", "127.0.0.1:9002"] }
policies:
  - request_id
routes:
  - name: item
    match: { path: "/v1/items/{id}", methods: [GET] }
    policies:
      - lua: { access: "local a", header_filter: "local b" }
      - script: tier.lua
    upstream: catalog
  - name: canary
    match: { path: "/v1/items/{id}", methods: [GET], headers: { x-canary: "1" } }
    upstream: catalog
  - { name: own, match: { path: /own, headers: { x-user-id: { present: true } } }, respond: { body: hello } }
  - { name: script, match: { path: /script }, content: { lua: "ngx.say(1)" } }
  - { name: old, match: { hosts: a.example, path: /old }, redirect: /new }
)yaml";

class ExplainVerb : public testing::Test {
 protected:
  void Load(const std::string& text, config::FileList more = {}) {
    more.push_back({"/t/tier.lua", "return { header_filter = function() end, log = function() end }"});
    more.push_back({"/t/tls.lua", "local a"});
    config::MemoryFiles files(std::move(more));
    config::Diagnostics diagnostics;
    auto conf = config::LoadText("g.yaml", text, "/t", config::TextKind::kGateway, files, diagnostics);
    ASSERT_NE(conf, nullptr) << diagnostics.ToString();
    snapshot_ = gateway_.Build(std::move(conf), files, diagnostics);
    ASSERT_NE(snapshot_, nullptr) << diagnostics.ToString();
  }
  Explanation Ask(const std::vector<std::string>& arguments) {
    Result<ExplainRequest> request = ReadExplainArguments(arguments);
    if (!request) return {false, "usage: " + request.error().message};
    Result<Explanation> explanation = Explain(*snapshot_, *request);
    return explanation ? *explanation : Explanation{false, "error: " + explanation.error().message};
  }

  OwnSockets sockets_;
  Gateway gateway_{GatewayOptions{.loops = 1, .sockets = &sockets_}};
  std::shared_ptr<proxy::Snapshot> snapshot_;
};

TEST_F(ExplainVerb, TellsTheRouteItsRivalsAndItsPoliciesInOrder) {
  Load(kGateway);
  Explanation got = Ask({"GET", "/v1/x/../items/7?a=1"});
  EXPECT_TRUE(got.answered);
  EXPECT_EQ(got.text, R"(route "item"
  1. "canary" (host any, path /v1/items/{id}): header x-canary is not "1"
  2. "item" (host any, path /v1/items/{id}): wins, id = "7"
     3 other route(s): another host or path
it stands at g.yaml:9
its answer: upstream catalog, at 127.0.0.1:9001, 127.0.0.1:9002
it runs, by phase
  rewrite        request_id (g.yaml:7)
  access         lua (g.yaml:12)
  header_filter  script /t/tier.lua (g.yaml:13)
                 lua (g.yaml:12)
  log            script /t/tier.lua (g.yaml:13)
)");
  EXPECT_TRUE(Ask({"GET", "/v1/items/7", "-H", "X-Canary: 1"}).text.starts_with("route \"canary\"\n"));
}

TEST_F(ExplainVerb, ReadsUrlsAndHeadersAsTheGatewayDoes) {
  Load(kGateway);
  EXPECT_FALSE(Ask({"GET", "/old"}).answered);
  EXPECT_TRUE(Ask({"GET", "/old", "-H", "Host: a.example"}).answered);
  Explanation old = Ask({"GET", "https://a.example:8443/old"});
  EXPECT_NE(old.text.find("its answer: redirect, status 302, to /new\n"), std::string::npos) << old.text;
  // A client cannot say who it is.
  Explanation own = Ask({"GET", "/own", "-H", "X-User-ID: 7"});
  EXPECT_FALSE(own.answered);
  EXPECT_NE(own.text.find("header x-user-id is missing"), std::string::npos) << own.text;
  EXPECT_NE(Ask({"GET", "/script"}).text.find("its answer: content, Lua in place at g.yaml:"), std::string::npos);
}

TEST_F(ExplainVerb, TellsWhyThereIsNoRoute) {
  Load(kGateway);
  EXPECT_TRUE(Ask({"GET", "/nowhere"}).text.starts_with("no route (404)\n"));
  EXPECT_TRUE(Ask({"POST", "/v1/items/7"}).text.starts_with("no route: the method is not allowed (405)\n"));
  Explanation refused = Ask({"GET", "/../a"});
  EXPECT_FALSE(refused.answered);
  EXPECT_TRUE(refused.text.starts_with("refused before any route is looked at: ")) << refused.text;
  EXPECT_TRUE(refused.text.ends_with(" (400)\n")) << refused.text;
}

TEST_F(ExplainVerb, TellsListenersApart) {
  Load(R"(identity_headers: [X-User-ID]
listeners: [{ name: a, address: "127.0.0.1:0" }, { name: b, address: "127.0.0.1:1", keep_identity: true }]
routes:
  - { name: both, match: { path: /both }, respond: 200 }
  - { name: user, match: { path: /user, headers: { x-user-id: "7" } }, respond: 200 }
  - { name: only, match: { path: /only }, listeners: b, respond: 200 }
)");
  EXPECT_TRUE(Ask({"GET", "/both"}).answered);
  Explanation only = Ask({"GET", "/only"});
  EXPECT_FALSE(only.answered);
  EXPECT_TRUE(only.text.starts_with("on a:\nno route (404)\n")) << only.text;
  EXPECT_NE(only.text.find("on b:\nroute \"only\"\n"), std::string::npos) << only.text;
  EXPECT_NE(only.text.find("it runs no policies\n"), std::string::npos) << only.text;
  Explanation user = Ask({"GET", "/user", "-H", "X-User-ID: 7"});
  EXPECT_NE(user.text.find("on b:\nroute \"user\"\n"), std::string::npos) << user.text;
  EXPECT_TRUE(user.text.starts_with("on a:\nno route (404)\n")) << user.text;
}

TEST_F(ExplainVerb, TellsPoliciesOfListenersAndVariables) {
  Load(R"yaml(listeners:
  - { name: a, address: "127.0.0.1:0" }
  - name: b
    address: "127.0.0.1:1"
    policies: [{ lua: { server_rewrite: "local a", access: "local b" } }]
routes:
  - { name: r, match: { path: /r }, set: { x: { lua: "return 1" } }, respond: 200 }
)yaml");
  Explanation got = Ask({"GET", "/r"});
  size_t second = got.text.find("on b:\n");
  ASSERT_NE(second, std::string::npos) << got.text;
  EXPECT_TRUE(got.text.substr(0, second).ends_with("it runs, by phase\n  set            the variables of `set`\n"))
      << got.text;
  EXPECT_TRUE(got.text.ends_with(R"(it runs, by phase
  server_rewrite lua (g.yaml:5)
  set            the variables of `set`
  access         lua (g.yaml:5)
)")) << got.text;
}

TEST_F(ExplainVerb, TellsOfAFallback) {
  Load(R"yaml(listeners: ["127.0.0.1:0"]
upstreams:
  a: { targets: ["127.0.0.1:9"], circuit_breaker: { fallback: { lua: "ngx.say(1)" } } }
routes: [{ upstream: a }]
)yaml");
  Explanation got = Ask({"GET", "/"});
  EXPECT_NE(got.text.find("its answer: upstream a, at 127.0.0.1:9\n"), std::string::npos) << got.text;
  EXPECT_NE(got.text.find("  content        its upstream's fallback"), std::string::npos) << got.text;
}

TEST_F(ExplainVerb, NamesTheChunksOfHandshakes) {
  net::test::Authority authority;
  net::test::Identity own = authority.Issue("a.test", "DNS:a.test");
  Load(R"yaml(listeners:
  - { name: plain, address: "127.0.0.1:0" }
  - { name: also, address: "unix:also.sock" }
  - name: secure
    address: "unix:secure.sock"
    tls:
      certificates: [{ cert: own.crt, key: own.key }]
      ssl_client_hello: { lua: "local a" }
      ssl_certificate: { file: tls.lua }
routes: [{ respond: 200 }]
)yaml",
       {{"/t/own.crt", own.cert_pem}, {"/t/own.key", own.key_pem}});
  Explanation got = Ask({"GET", "/"});
  EXPECT_TRUE(got.text.starts_with("on plain, also:\nroute ")) << got.text;
  EXPECT_NE(got.text.find("on secure:\nits TLS handshakes run\n"
                          "  ssl_client_hello Lua in place at g.yaml:8\n"
                          "  ssl_certificate  /t/tls.lua\nroute "),
            std::string::npos)
      << got.text;
}

TEST_F(ExplainVerb, ARequestToBeTracedIsSentAsItWouldBe) {
  auto read = [](std::vector<std::string> arguments) { return ReadExplainArguments(arguments).value(); };
  ExplainRequest request = read({"POST", "https://a.test:8443/x?y=1", "-H", "X-A: 1", "--trace", "-d", "a\nb"});
  EXPECT_EQ(TracedRequest(request, "t").value(),
            "POST /x?y=1 HTTP/1.1\r\nMoongate-Trace: t\r\nConnection: close\r\nContent-Length: 3\r\nX-A: 1\r\n"
            "Host: a.test:8443\r\n\r\na\nb");
  request = read({"PUT", "/", "-H", "host: b", "-H", "connection: keep-alive", "-H", "content-length: 1", "--trace",
                  "--data", "a"});
  EXPECT_EQ(TracedRequest(request, "t").value(),
            "PUT / HTTP/1.1\r\nMoongate-Trace: t\r\nhost: b\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\na");
  config::Config conf;
  EXPECT_EQ(ListenerFor(conf, request), nullptr);
  for (uint16_t port : {80, 81, 443, 8443}) {
    config::Listener& listener = conf.listeners.emplace_back();
    listener.address.port = port;
    if (port % 10 == 3) listener.tls.emplace();
  }
  EXPECT_EQ(ListenerFor(conf, request)->address.port, 80);
  EXPECT_EQ(ListenerFor(conf, read({"GET", "http://a:81/"}))->address.port, 81);
  EXPECT_EQ(ListenerFor(conf, read({"GET", "http://a:9000/"}))->address.port, 80);
  EXPECT_EQ(ListenerFor(conf, read({"GET", "https://a:8443/"}))->address.port, 8443);
  EXPECT_EQ(ListenerFor(conf, read({"GET", "https://a/"}))->address.port, 443);
}

TEST_F(ExplainVerb, RefusesWhatCannotBeSent) {
  Load(kGateway);
  EXPECT_TRUE(Ask({"GET"}).text.starts_with("usage: a method and a URL"));
  EXPECT_TRUE(Ask({"GET", "/a", "-H"}).text.starts_with("usage: -H wants a value"));
  EXPECT_TRUE(Ask({"GET", "/a", "-x"}).text.starts_with("usage: unknown argument"));
  EXPECT_TRUE(Ask({"GET", "/a\r\nX: y"}).text.starts_with("usage: an argument has a line end"));
  EXPECT_TRUE(Ask({"GET", "/a", "-H", "X: y\n"}).text.starts_with("usage: -H: its value has a control character"));
  EXPECT_TRUE(Ask({"GET", "/a", "--trace", "-d"}).text.starts_with("usage: -d wants a value"));
  EXPECT_TRUE(Ask({"GET", "/a", "-d", "x"}).text.starts_with("usage: -d goes with --trace"));
  EXPECT_EQ(Ask({"GET", "/a", "-H", "X"}).text, "error: -H wants \"NAME: VALUE\"");
  EXPECT_EQ(Ask({"GET", "ftp://a/"}).text, "error: the URL is a path, or begins with http:// or https://");
}

}  // namespace
}  // namespace mg::server
