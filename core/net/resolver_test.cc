#include "net/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "net/test_dns.h"
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
  void SetUp() override { resolver.Configure({.nameservers = {dns.address()}}); }
  void Start(const std::vector<std::string>& records) { ASSERT_TRUE(dns.Start(records)); }
  void Stop() { dns.Stop(); }
  int Queries(const std::string& what) { return dns.Queries(what); }

  // The addresses as text, or the error's message.
  std::vector<std::string> Resolve(const std::string& name, uint16_t to = 80) {
    Result<std::vector<SocketAddress>> result;
    bool came = false;
    auto query = resolver.Resolve(name, to, [&](Result<std::vector<SocketAddress>> answer) {
      result = std::move(answer);
      came = true;
    });
    EXPECT_EQ(query == nullptr, came);
    EXPECT_TRUE(RunUntil(loop, [&] { return came; }));
    if (!result) {
      last_error = result.error();
      return {result.error().message};
    }
    std::vector<std::string> texts;
    for (const SocketAddress& address : *result) texts.push_back(address.ToString());
    return texts;
  }
  void Sleep(int milliseconds) {
    Nanoseconds end = MonotonicNow() + milliseconds * 1'000'000LL;
    while (MonotonicNow() < end) loop.RunOnce(20);
  }

  Loop loop;
  Resolver resolver{loop};
  test::Dnsmasq dns;
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
  dns.Signal(SIGSTOP);
  EXPECT_THAT(Resolve("short.test"), ElementsAre("10.0.0.1:80"));
  bool at_once = false;
  EXPECT_EQ(resolver.Resolve("short.test", 80,
                             [&](const Result<std::vector<SocketAddress>>& found) { at_once = found.has_value(); }),
            nullptr);
  EXPECT_TRUE(at_once);
}

// One kind of record, with its TTL, past the cache.
TEST_F(ResolverTest, AsksForOneKindOfRecord) {
  Start({"host-record=both.test,10.9.8.7,fd00::7,300", "host-record=four.test,10.9.8.6,77",
         "srv-host=_http._tcp.test,four.test,8080,1,5", "srv-host=_http._tcp.test,both.test,8081,2,6",
         "srv-host=_none._tcp.test"});
  using Type = Resolver::Type;
  auto ask = [&](const std::string& name, Type type) {
    Result<Resolver::Records> result;
    bool came = false;
    auto query = resolver.Ask(name, type, [&](Result<Resolver::Records> records) {
      result = std::move(records);
      came = true;
    });
    EXPECT_TRUE(RunUntil(loop, [&] { return came; }));
    return result;
  };
  auto four = ask("four.test", Type::kA);
  ASSERT_TRUE(four);
  EXPECT_EQ(four->ttl, 77'000'000'000);
  ASSERT_EQ(four->addresses.size(), 1u);
  EXPECT_EQ(four->addresses[0].Ip(), "10.9.8.6");
  ASSERT_TRUE(ask("four.test", Type::kA));
  EXPECT_EQ(Queries("A] four.test"), 2);
  EXPECT_EQ(Queries("AAAA] four.test"), 0);
  EXPECT_EQ(ask("both.test", Type::kAaaa)->addresses[0].Ip(), "fd00::7");
  auto none = ask("four.test", Type::kAaaa);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().retryable, Retryable::kNo) << "DNS says that there is none";
  EXPECT_EQ(ask("missing.test", Type::kA).error().retryable, Retryable::kNo);
  auto services = ask("_HTTP._tcp.test", Type::kSrv);
  ASSERT_TRUE(services) << services.error().message;
  ASSERT_EQ(services->services.size(), 2u);
  std::ranges::sort(services->services, {}, &SrvRecord::port);
  EXPECT_EQ(services->services[0].host, "four.test");
  EXPECT_EQ(services->services[0].port, 8080);
  EXPECT_EQ(services->services[0].priority, 1);
  EXPECT_EQ(services->services[0].weight, 5);
  Stop();
  EXPECT_EQ(ask("four.test", Type::kA).error().retryable, Retryable::kYes) << "it says nothing";
}

TEST_F(ResolverTest, ShortNamesAreLookedForInTheSearchDomains) {
  Start({"host-record=short.one.test,10.0.0.9,300"});
  resolver.Configure({.nameservers = {dns.address()}, .search = {"two.test", "one.test"}});
  EXPECT_THAT(Resolve("short"), ElementsAre("10.0.0.9:80"));
}

TEST_F(ResolverTest, OneFamilyOnly) {
  Start({"host-record=both.test,10.9.8.7,fd00::7,300"});
  resolver.Configure({.nameservers = {dns.address()}, .family = config::Resolver::Family::kIpv6});
  EXPECT_THAT(Resolve("both.test"), ElementsAre("[fd00::7]:80"));
  EXPECT_THAT(Resolve("localhost"), ElementsAre("[::1]:80"));
}

TEST(SrvResponse, ReadsRecordsAndTheirTtl) {
  // A response of a query for _a._b. with two records, the second's name by a pointer, and a CNAME of a shorter TTL.
  std::string question = std::string("\2_a\2_b\0", 7) + std::string("\0\x21\0\1", 4);
  std::string header("\x12\x34\x81\x80\0\1\0\3\0\0\0\0", 12);
  std::string alias = std::string("\xc0\x0c\0\5\0\1\0\0\0\x05\0\2\xc0\x0c", 14);
  std::string one = std::string("\xc0\x0c\0\x21\0\1\0\0\0\x1e\0\x0b\0\1\0\2\x1f\x90\1H\1x\0", 23);
  std::string two = std::string("\xc0\x0c\0\x21\0\1\0\0\0\x1f\0\x08\0\3\0\4\0\x50\xc0\x0c", 20);
  std::string message = header + question + alias + one + two;
  auto parse = [](const std::string& text) {
    return ParseSrvResponse({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
  };
  auto answer = parse(message);
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->records.size(), 2u);
  EXPECT_EQ(answer->ttl, 5u);
  EXPECT_EQ(answer->records[0].host, "h.x");
  EXPECT_EQ(answer->records[0].port, 8080);
  EXPECT_EQ(answer->records[1].host, "_a._b");
  EXPECT_EQ(answer->records[1].priority, 3);
  EXPECT_EQ(answer->records[1].weight, 4);
  for (size_t cut = 0; cut < message.size(); cut++) EXPECT_FALSE(parse(message.substr(0, cut))) << cut;
  std::string loop = message;
  loop[loop.size() - 1] = static_cast<char>(loop.size() - 2);  // a pointer to itself
  EXPECT_FALSE(parse(loop));
}

TEST_F(ResolverTest, MayEndWithLookupsUnderWay) {
  auto other = std::make_unique<Resolver>(loop);
  other->Configure({.nameservers = {dns.address()}});
  int silent = socket(AF_INET, SOCK_DGRAM, 0);  // a server that says nothing
  SocketAddress address = *SocketAddress::FromIp("127.0.0.1", dns.port());
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
