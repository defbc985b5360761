// `moongate explain --trace` against a gateway as users run it.
#include <gmock/gmock.h>

#include "net/test_certificates.h"
#include "server/control_socket.h"
#include "server/process_test_support.h"

namespace mg::server::test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kConfig = R"yaml(
listeners: ["127.0.0.1:{0}", {{ address: "127.0.0.1:{1}", tls: {{ certificates: [{{ cert: own.crt, key: own.key }}] }} }}]
routes:
  - name: open
    match: {{ path: "/open" }}
    policies:
      - script: first.lua
      - script: second.lua
    upstream: "http://127.0.0.1:{0}"
  - name: seen
    match: {{ path: "/open", headers: {{ x-inner: "1" }} }}
    content: {{ lua: "ngx.header.x_seen = tostring(ngx.req.get_headers()['moongate-trace'])" }}
)yaml";

class TraceVerb : public testing::Test {
 protected:
  void SetUp() override {
    net::test::Authority authority;
    net::test::Identity own = authority.Issue("a.test", "DNS:a.test");
    gateway.Write("own.crt", own.cert_pem);
    gateway.Write("own.key", own.key_pem);
    gateway.Write("first.lua", R"lua(
return {
  rewrite = function() ngx.req.set_header("X-Inner", "1") end,
  access = function()
    if ngx.var.arg_exit then return ngx.exit(403) end
    if ngx.var.arg_fail then error("on purpose") end
    ngx.sleep(0.02)
  end,
  log = function() ngx.sleep(0.01) end,
}
)lua");
    gateway.Write("second.lua", R"lua(
return { access = function() end, body_filter = function() end }
)lua");
    gateway.Start();
    ASSERT_TRUE(Eventually([&] { return StatusOf(port, "/open") == 200; })) << gateway.Log();
  }
  std::pair<int, std::string> Explain(std::vector<std::string> arguments) {
    arguments.push_back("--trace");
    return gateway.Ask("explain", std::move(arguments));
  }

  uint16_t port = FreePort(), tls_port = FreePort();
  Running gateway{fmt::format(kConfig, port, tls_port)};
};

TEST_F(TraceVerb, TellsWhatEachPolicyDid) {
  for (const std::string& url : {std::string("/open"), fmt::format("https://a.test:{}/open", tls_port)}) {
    auto [code, told] = Explain({"POST", url, "-d", "the body"});
    EXPECT_EQ(code, 0) << told;
    EXPECT_THAT(told, HasSubstr("it runs, by phase\n"));  // what would run comes first
    EXPECT_THAT(told, ContainsRegex("traced at 127.0.0.1:[0-9]+: generation 1, route \"open\"\n"));
    EXPECT_THAT(told, ContainsRegex("\n  rewrite        script +[0-9.]+ ms +[0-9.]+ ms  passed on\n"));
    EXPECT_THAT(told, ContainsRegex("\n  access         script +[0-9.]+ ms +[0-9.]+ ms  passed on, waited 1 time\n"
                                    "  access         script +[0-9.]+ ms +[0-9.]+ ms  passed on\n"));
    EXPECT_THAT(told, ContainsRegex("\n  log            script +[0-9.]+ ms +[0-9.]+ ms  passed on, waited 1 time\n"));
    EXPECT_THAT(told, ContainsRegex("\nattempt 1 at 127.0.0.1:[0-9]+: status 200 after [0-9.]+ ms, on a "));
    EXPECT_THAT(told, ContainsRegex("\nanswered with status 200 after [0-9.]+ ms, [0-9]+ bytes of body\n"));
  }
}

TEST_F(TraceVerb, TellsWhoEndedTheRequest) {
  auto [code, told] = Explain({"GET", "/open?exit=1"});
  EXPECT_EQ(code, 0) << told;
  EXPECT_THAT(told, AllOf(HasSubstr("ended with status 403\n"), HasSubstr("did not run\n"),
                          HasSubstr("\nanswered with status 403"), Not(HasSubstr("attempt 1"))));
  std::tie(code, told) = Explain({"GET", "/open?fail=1"});
  EXPECT_THAT(told,
              AllOf(ContainsRegex("failed: .*first.lua:6: on purpose\n"), HasSubstr("\nanswered with status 500")));
  std::tie(code, told) = Explain({"GET", "/none"});
  EXPECT_EQ(code, 0) << told;
  EXPECT_THAT(told, AllOf(HasSubstr("route \"none\"\nno policy ran\nanswered with status 404")));
  // What is refused before a route is looked at has nothing to be told of.
  std::tie(code, told) = Explain({"GET", "/open", "-H", "Content-Length: x"});
  EXPECT_EQ(code, 1);
  EXPECT_THAT(told, HasSubstr("no trace: no request has come with this token (the answer: HTTP/1.1 400 "));
}

TEST_F(TraceVerb, TheTokenGoesNoFurtherAndWorksOnce) {
  std::string socket = ControlSocketPath(gateway.Path("g.yaml"));
  std::string token = AskForText(socket, "trace arm").value();
  ASSERT_EQ(token.size(), 32u);
  for (const std::string& sent : {std::string("wrong"), token}) {
    Connection client(port);
    ASSERT_TRUE(client.Get("/open", "Moongate-Trace: " + sent + "\r\n"));
    auto answer = client.Read();
    ASSERT_TRUE(answer);
    // What the upstream was sent.
    EXPECT_THAT(Lower(answer->head), HasSubstr("\r\nx-seen: nil\r\n"));
  }
  ASSERT_TRUE(Eventually([&] { return !AskForText(socket, "trace take " + token).value_or("gone").empty(); }));
  EXPECT_FALSE(AskForText(socket, "trace take " + token).has_value());
  EXPECT_FALSE(AskForText(socket, "trace take wrong").has_value());
}

TEST(TraceVerbAlone, NeedsARunningGateway) {
  Running gateway("listeners: [\"127.0.0.1:1\"]\nroutes: [{ respond: 200 }]\n");
  auto [code, told] = gateway.Ask("explain", {"GET", "/", "--trace"});
  EXPECT_EQ(code, 1);
  EXPECT_THAT(told, HasSubstr("no trace: no gateway is running with this configuration file"));
}

}  // namespace
}  // namespace mg::server::test
