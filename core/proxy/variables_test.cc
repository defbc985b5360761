// What variables and expressions say of a real request.
#include "proxy/variables.h"

#include <gmock/gmock.h>

#include "proxy/pipeline_test_support.h"

namespace mg::proxy {
namespace {

using namespace test;

// The values of variables in the log phase of one request.
std::map<std::string, std::string> Ask(ProxyRig& rig, std::string_view request, const std::vector<std::string>& names) {
  rig.Go(Bit(Phase::kLog));
  std::map<std::string, std::string> values;
  rig.program->At(Phase::kLog) = [&](Exchange& x) {
    for (const std::string& name : names) values[name] = x.GetVariable(name).value_or("(none)");
    return HookStatus::kDone;
  };
  rig.Ask(request);
  EXPECT_TRUE(rig.AtRest());
  return values;
}

std::string Expression(ProxyRig& rig, std::string_view request, const std::string& text) {
  rig.Go(Bit(Phase::kAccess));
  std::string value;
  rig.program->At(Phase::kAccess) = [&](Exchange& x) {
    value = Evaluate(x, *config::ParseExpression(text));
    return HookStatus::kDone;
  };
  rig.Ask(request);
  return value;
}

TEST(Variables, OfTheRequest) {
  ProxyRig rig;
  rig.server.Answers("HTTP/1.1 201 Made\r\nX-Up: u\r\nContent-Length: 2\r\n\r\nok");
  rig.route().vars = {{"tier", "gold"}};
  auto values = Ask(rig,
                    "GET /a%20b/../c%20d?x=1&y=a%20b HTTP/1.1\r\nHost: Example.COM:80\r\nX-Two: 1\r\nX-Two: "
                    "2\r\nCookie: k=v; l=w\r\nConnection: close\r\n\r\n",
                    {"uri",         "args",       "is_args",         "arg_x",         "arg_y",
                     "host",        "http_x_two", "cookie_l",        "request",       "request_uri",
                     "status",      "tier",       "upstream_status", "upstream_addr", "sent_http_x_up",
                     "remote_addr", "scheme",     "body_bytes_sent", "route",         "nothing",
                     "generation"});
  EXPECT_EQ(values["uri"], "/c d");
  EXPECT_EQ(values["args"], "x=1&y=a%20b");
  EXPECT_EQ(values["is_args"], "?");
  EXPECT_EQ(values["arg_x"], "1");
  EXPECT_EQ(values["arg_y"], "a%20b");
  EXPECT_EQ(values["host"], "example.com");
  EXPECT_EQ(values["http_x_two"], "1, 2");
  EXPECT_EQ(values["cookie_l"], "w");
  EXPECT_EQ(values["request"], "GET /a%20b/../c%20d?x=1&y=a%20b HTTP/1.1");
  EXPECT_EQ(values["request_uri"], "/a%20b/../c%20d?x=1&y=a%20b");
  EXPECT_EQ(values["status"], "201");
  EXPECT_EQ(values["tier"], "gold");
  EXPECT_EQ(values["upstream_status"], "201");
  EXPECT_EQ(values["upstream_addr"], rig.server.address().ToString());
  EXPECT_EQ(values["sent_http_x_up"], "u");
  EXPECT_EQ(values["remote_addr"], "127.0.0.1");
  EXPECT_EQ(values["scheme"], "http");
  EXPECT_EQ(values["body_bytes_sent"], "2");
  EXPECT_EQ(values["route"], "all");
  EXPECT_EQ(values["nothing"], "(none)");
  EXPECT_EQ(values["generation"], "1");
}

TEST(Variables, OfSeveralAttempts) {
  ProxyRig rig;
  ScriptedServer dead(rig.context.loop);
  dead.Refuse();
  rig.upstream().targets.clear();
  rig.AddTarget(dead);
  rig.AddTarget(rig.server);
  rig.server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  auto values =
      Ask(rig, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", {"upstream_status", "upstream_addr"});
  EXPECT_EQ(values["upstream_status"], "502, 200");
  EXPECT_EQ(values["upstream_addr"], dead.address().ToString() + ", " + rig.server.address().ToString());
}

TEST(Variables, WhereTheClientConnectedTo) {
  ProxyRig rig;
  rig.server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(Expression(rig, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "var.server_addr"), "127.0.0.1");
  EXPECT_NE(Expression(rig, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "var.server_port"), "0");
}

TEST(Variables, TheClientBehindTrustedProxies) {
  ProxyRig rig;
  rig.server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  auto from = [&](std::string_view fields) {
    return Expression(rig, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + std::string(fields) + "\r\n",
                      "remote_addr");
  };
  EXPECT_EQ(from("X-Forwarded-For: 1.1.1.1\r\n"), "127.0.0.1") << "nobody is trusted";
  rig.conf->trusted_proxies = {"127.0.0.1", "10.0.0.0/8"};
  EXPECT_EQ(from(""), "127.0.0.1");
  EXPECT_EQ(from("X-Forwarded-For: 9.9.9.9, 1.1.1.1\r\n"), "1.1.1.1");
  EXPECT_EQ(from("X-Forwarded-For: 1.1.1.1, 10.0.0.5\r\n"), "1.1.1.1");
  EXPECT_EQ(from("X-Forwarded-For: 10.0.0.4, 10.0.0.5\r\n"), "10.0.0.4");
  // A proxy that adds a field of its own: the client's comes first and tells nothing.
  EXPECT_EQ(from("X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 1.1.1.1\r\n"), "1.1.1.1");
  EXPECT_EQ(from("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 10.0.0.5\r\n"), "1.1.1.1");
  EXPECT_EQ(from("X-Forwarded-For: 1.1.1.1, nonsense\r\n"), "127.0.0.1");
  EXPECT_EQ(from("X-Forwarded-For: nonsense, 10.0.0.5\r\n"), "10.0.0.5");
}

TEST(Variables, Expressions) {
  ProxyRig rig;
  rig.server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  rig.route().match.path = "/v1/{id}";
  constexpr std::string_view kRequest =
      "GET /v1/seven?q=a+b%21 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nCookie: c=d\r\nConnection: close\r\n\r\n";
  for (auto [text, value] : {std::pair("path.id", "seven"),
                             {"method", "GET"},
                             {"host", "h"},
                             {"path", "/v1/seven"},
                             {"header.x-a", "1"},
                             {"query.q", "a b!"},
                             {"cookie.c", "d"},
                             {"consumer", ""},
                             {"route", "all"},
                             {"header.none", ""}}) {
    EXPECT_EQ(Expression(rig, kRequest, text), value) << text;
  }
}

}  // namespace
}  // namespace mg::proxy
