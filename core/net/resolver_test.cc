#include "net/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <thread>

#include "net/test_process.h"
#include "net/test_support.h"

namespace mg::net {
namespace {

using test::RunUntil;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

// Against a dnsmasq (Debian: dnsmasq-base) on a loopback port.
class ResolverTest : public testing::Test {
 protected:
  void SetUp() override {
    // A port that is free for UDP and for TCP, where a client's connection may have it.
    for (bool free = false; !free;) {
      int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
      SocketAddress any = *SocketAddress::FromIp("127.0.0.1", 0);
      ASSERT_EQ(bind(udp, any.raw(), any.length()), 0);
      SocketAddress same = test::AddressOf(udp);
      port = same.port();
      free = bind(tcp, same.raw(), same.length()) == 0;
      close(udp);
      close(tcp);
    }
    log = testing::TempDir() + "mg-dns-" + std::to_string(getpid()) + ".log";
    resolver.SetServers({"127.0.0.1:" + std::to_string(port)});
  }
  void TearDown() override { unlink(log.c_str()); }

  void Start(const std::vector<std::string>& records) {
    std::vector<std::string> command = {"dnsmasq",
                                        "--keep-in-foreground",
                                        "--conf-file=/dev/null",
                                        "--no-resolv",
                                        "--no-hosts",
                                        "--user=root",
                                        "--pid-file=",
                                        "--bind-interfaces",
                                        "--listen-address=127.0.0.1",
                                        "--port=" + std::to_string(port),
                                        "--local=/test/",
                                        "--log-queries",
                                        "--log-facility=" + log};
    for (const std::string& record : records) command.push_back("--" + record);
    server.emplace(command);
    // It answers once it listens.
    for (int i = 0; i < 500 && server->running(); i++) {
      std::ifstream lines(log);
      std::string text{std::istreambuf_iterator<char>(lines), {}};
      if (text.find("started") != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    FAIL() << "dnsmasq does not run (Debian: dnsmasq-base)";
  }
  void Stop() {
    server.reset();
    unlink(log.c_str());
  }
  int Queries(const std::string& what) {
    std::ifstream lines(log);
    int count = 0;
    for (std::string line; std::getline(lines, line);) count += line.find("query[" + what) != std::string::npos;
    return count;
  }

  // The addresses as text, or the error's message.
  std::vector<std::string> Resolve(const std::string& name, uint16_t to = 80) {
    std::optional<Result<std::vector<SocketAddress>>> result;
    auto query = resolver.Resolve(name, to, [&](auto answer) { result = std::move(answer); });
    EXPECT_EQ(query == nullptr, result.has_value());
    EXPECT_TRUE(RunUntil(loop, [&] { return result.has_value(); }));
    std::vector<std::string> texts;
    if (!result) return texts;
    if (!*result) {
      last_error = result->error();
      return {result->error().message};
    }
    for (const SocketAddress& address : **result) texts.push_back(address.ToString());
    return texts;
  }
  void Sleep(int milliseconds) {
    Nanoseconds end = MonotonicNow() + milliseconds * 1'000'000LL;
    while (MonotonicNow() < end) loop.RunOnce(20);
  }

  Loop loop;
  Resolver resolver{loop};
  uint16_t port = 0;
  std::string log;
  std::optional<test::Process> server;
  Error last_error;
};

TEST_F(ResolverTest, KnowsAddressesAndLocalhostWithoutAsking) {
  EXPECT_THAT(Resolve("10.1.2.3", 8080), ElementsAre("10.1.2.3:8080"));
  EXPECT_THAT(Resolve("::1", 8080), ElementsAre("[::1]:8080"));
  EXPECT_THAT(Resolve("LocalHost"), ElementsAre("127.0.0.1:80", "[::1]:80"));
  EXPECT_THAT(Resolve("api.localhost."), ElementsAre("127.0.0.1:80", "[::1]:80"));
  for (const char* name : {"", ".", "a..b", "a b", "a/b", "[::1]", "a\nb"}) {
    EXPECT_THAT(Resolve(name), ElementsAre(HasSubstr("is not a host name"))) << name;
  }
  EXPECT_THAT(Resolve(std::string(254, 'a')), ElementsAre(HasSubstr("is not a host name")));
}

TEST_F(ResolverTest, ResolvesBothFamiliesAndCaches) {
  Start({"host-record=both.test,10.9.8.7,fd00::7,300", "host-record=four.test,10.9.8.6,300",
         "cname=alias.test,four.test"});
  EXPECT_THAT(Resolve("both.test"), UnorderedElementsAre("10.9.8.7:80", "[fd00::7]:80"));
  EXPECT_THAT(Resolve("alias.test"), ElementsAre("10.9.8.6:80"));
  EXPECT_EQ(Queries("A] both.test"), 1);
  EXPECT_EQ(Queries("AAAA] both.test"), 1);
  EXPECT_THAT(Resolve("BOTH.test", 443), UnorderedElementsAre("10.9.8.7:443", "[fd00::7]:443"));
  EXPECT_EQ(Queries("A] both.test"), 1);
}

TEST_F(ResolverTest, AsksOnceForManyAndLetsThemCancel) {
  Start({"host-record=many.test,10.9.8.7,300"});
  int answers = 0;
  std::vector<std::unique_ptr<Resolver::Query>> queries;
  for (int i = 0; i < 10; i++) {
    queries.push_back(resolver.Resolve("many.test", static_cast<uint16_t>(i), [&, i](auto result) {
      ASSERT_TRUE(result);
      EXPECT_EQ((*result)[0].port(), i);
      EXPECT_NE(i, 4);
      answers++;
      queries[i].reset();              // its own
      if (i == 6) queries[7].reset();  // one behind it
    }));
  }
  queries[4].reset();
  ASSERT_TRUE(RunUntil(loop, [&] { return answers == 8; }));
  loop.RunOnce(50);
  EXPECT_EQ(answers, 8);
  EXPECT_EQ(Queries("A] many.test"), 1);
}

TEST_F(ResolverTest, SaysThatANameDoesNotExistAndForgetsItSoon) {
  Start({"host-record=there.test,10.0.0.1"});
  EXPECT_THAT(Resolve("missing.test"), ElementsAre("DNS: missing.test: Domain name not found"));
  EXPECT_EQ(last_error.code, ErrorCode::kResolve);
  EXPECT_EQ(last_error.retryable, Retryable::kNo);
  int asked = Queries("A] missing.test");
  EXPECT_GE(asked, 1);
  Resolve("missing.test");
  EXPECT_EQ(Queries("A] missing.test"), asked);
  Stop();
  Start({"host-record=missing.test,10.0.0.2"});
  Sleep(1100);
  EXPECT_THAT(Resolve("missing.test"), ElementsAre("10.0.0.2:80"));
}

TEST_F(ResolverTest, KeepsToTheTtlAndServesStaleAnswersWhileDnsIsDown) {
  Start({"host-record=short.test,10.0.0.1,1", "host-record=long.test,10.0.0.1,300"});
  EXPECT_THAT(Resolve("short.test"), ElementsAre("10.0.0.1:80"));
  EXPECT_THAT(Resolve("long.test"), ElementsAre("10.0.0.1:80"));
  Stop();
  Sleep(1100);
  EXPECT_THAT(Resolve("short.test"), ElementsAre("10.0.0.1:80"));  // stale
  EXPECT_THAT(Resolve("new.test"), ElementsAre(HasSubstr("DNS: new.test: ")));
  EXPECT_EQ(last_error.retryable, Retryable::kYes);
  Start({"host-record=short.test,10.0.0.2,1", "host-record=long.test,10.0.0.2,300"});
  // The next that asks may still be served the old one; behind it the name is asked for again.
  bool renewed = RunUntil(loop, [&] {
    Sleep(100);
    return Resolve("short.test") == std::vector<std::string>{"10.0.0.2:80"};
  });
  EXPECT_TRUE(renewed);
  EXPECT_THAT(Resolve("long.test"), ElementsAre("10.0.0.1:80"));
}

TEST_F(ResolverTest, ServesAStaleAnswerWhenDnsIsSilent) {
  Start({"host-record=short.test,10.0.0.1,1"});
  EXPECT_THAT(Resolve("short.test"), ElementsAre("10.0.0.1:80"));
  Sleep(1100);
  server->Signal(SIGSTOP);
  EXPECT_THAT(Resolve("short.test"), ElementsAre("10.0.0.1:80"));
  bool at_once = false;
  EXPECT_EQ(resolver.Resolve("short.test", 80, [&](auto result) { at_once = result.has_value(); }), nullptr);
  EXPECT_TRUE(at_once);
}

TEST_F(ResolverTest, MayEndWithLookupsUnderWay) {
  auto other = std::make_unique<Resolver>(loop);
  other->SetServers({"127.0.0.1:" + std::to_string(port)});
  int silent = socket(AF_INET, SOCK_DGRAM, 0);  // a server that says nothing
  SocketAddress address = *SocketAddress::FromIp("127.0.0.1", port);
  ASSERT_EQ(bind(silent, address.raw(), address.length()), 0);
  auto query = other->Resolve("x.test", 80, [](auto) { ADD_FAILURE() << "called after the end"; });
  loop.RunOnce(10);
  other.reset();
  query.reset();
  loop.RunOnce(10);
  close(silent);
}

}  // namespace
}  // namespace mg::net
