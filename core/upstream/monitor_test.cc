// Active health against real servers, and names against a real DNS server.
#include "upstream/monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "http/test_support.h"
#include "net/test_certificates.h"
#include "net/test_dns.h"
#include "net/tls.h"

namespace mg::upstream {
namespace {

using http::test::ScriptedServer;
using net::test::Peer;
using net::test::RunUntil;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

struct MonitorTest : testing::Test {
  config::Upstream Conf(const std::vector<net::SocketAddress>& addresses) {
    config::Upstream conf;
    conf.name = "u";
    for (const net::SocketAddress& address : addresses) {
      config::Target target;
      target.address = {config::Address::Kind::kIp, "127.0.0.1", address.port(), address.ToString()};
      conf.targets.push_back(target);
    }
    config::ActiveHealth& active = conf.active.emplace();
    active.interval = config::Duration(20);
    active.timeout = config::Duration(10'000);
    return conf;
  }
  config::Upstream Named(const std::string& name, uint16_t port = 80, bool srv = false) {
    config::Upstream conf;
    conf.name = "u";
    config::Target target;
    target.srv = srv;
    target.address = {config::Address::Kind::kName, name, port, name + ":" + std::to_string(port)};
    conf.targets.push_back(target);
    return conf;
  }
  void Watch(const config::Upstream& conf) {
    upstream = *registry.Build(conf);
    ready = false;
    monitor.Watch({upstream}, resolver, [this] { ready = true; });
  }
  bool Until(const std::function<bool()>& done) { return RunUntil(loop, done); }
  Target& At(size_t index) { return *upstream->plan()->members[index].target; }
  std::vector<std::string> Addresses() {
    std::vector<std::string> all;
    for (const Member& member : upstream->plan()->members) all.push_back(member.target->text);
    return all;
  }
  void Turns(int count) {
    for (int i = 0; i < count; i++) loop.RunOnce(10);
  }

  net::Loop loop;
  Registry registry;
  config::Resolver resolver{.min_ttl = config::Duration(100)};
  Monitor monitor{loop, registry};
  std::shared_ptr<Upstream> upstream;
  bool ready = false;
};

TEST_F(MonitorTest, TakesOutAndBringsBackByThresholds) {
  ScriptedServer server(loop);
  std::string request, seen;  // by request: whether it was healthy then
  server.on_bytes = [&](Peer& peer) {
    if (!peer.received.ends_with("\r\n\r\n")) return;
    request = std::exchange(peer.received, "");
    seen += At(0).unhealthy ? 'u' : 'h';
    std::string status = seen.size() <= 6 ? "500 Oops" : "204 No Content";
    peer.transport.Write("HTTP/1.1 " + status + "\r\n\r\n");
  };
  config::Upstream conf = Conf({server.address()});
  conf.active->path = "/healthz?q=1";
  conf.active->host = "catalog.internal";
  conf.active->healthy = 4;
  Watch(conf);
  EXPECT_TRUE(ready);
  EXPECT_FALSE(At(0).unhealthy) << "unknown is healthy";
  ASSERT_TRUE(Until([&] { return seen.size() > 11; }));
  EXPECT_EQ(seen.substr(0, 12), "hhhuuuuuuuhh") << "3 bad ones take it out, 4 good ones bring it back";
  EXPECT_THAT(request, testing::StartsWith("GET /healthz?q=1 HTTP/1.1\r\nHost: catalog.internal\r\n"));
  EXPECT_NE(At(0).back_since, 0);
  conf.active->statuses = {200};
  Watch(conf);
  EXPECT_TRUE(Until([&] { return At(0).unhealthy.load(); })) << "204 is no 200";
}

TEST_F(MonitorTest, CountsNoAnswerAndNoConnectionAsBad) {
  ScriptedServer silent(loop), dead(loop);
  net::SocketAddress nobody = dead.address();
  dead.Refuse();
  config::Upstream conf = Conf({silent.address(), nobody});
  conf.active->timeout = config::Duration(30);
  conf.active->unhealthy = 1;
  Watch(conf);
  EXPECT_TRUE(Until([&] { return At(0).unhealthy && At(1).unhealthy; }));
  conf.active->kind = config::ActiveHealth::Kind::kTcp;
  Watch(conf);
  EXPECT_TRUE(Until([&] { return !At(0).unhealthy; })) << "it takes connections, which is enough for tcp";
  EXPECT_TRUE(At(1).unhealthy);
}

TEST_F(MonitorTest, StartsUnhealthyWhereAskedToAndOneGoodAnswerIsEnough) {
  ScriptedServer server(loop);
  server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  config::Upstream conf = Conf({server.address()});
  conf.active->starts_unhealthy = true;
  conf.active->healthy = 1000;
  conf.panic_percent = 0;
  Watch(conf);
  EXPECT_FALSE(upstream->Pick({}, 0, loop.Now(), 0));
  ASSERT_TRUE(Until([&] { return !At(0).unhealthy; }));
  EXPECT_EQ(server.peers.size(), 1u);
  EXPECT_TRUE(upstream->Pick({}, 0, loop.Now(), 0));
}

TEST_F(MonitorTest, APortOfItsOwnAndATlsHandshake) {
  ScriptedServer plain(loop), other(loop);
  other.Answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  config::Upstream conf = Conf({plain.address()});
  conf.active->port = other.address().port();
  conf.active->starts_unhealthy = true;
  Watch(conf);
  EXPECT_TRUE(Until([&] { return !At(0).unhealthy; }));
  EXPECT_TRUE(plain.peers.empty());

  conf.active->port = 0;
  conf.active->kind = config::ActiveHealth::Kind::kTls;
  conf.active->unhealthy = 1;
  conf.active->timeout = config::Duration(200);
  conf.tls.enabled = true;
  conf.tls.verify = false;
  Watch(conf);
  EXPECT_TRUE(Until([&] { return At(0).checked.load(); }));
  EXPECT_TRUE(At(0).unhealthy) << "a server that speaks no TLS";
}

// Handshakes with whoever comes, and answers nothing.
struct TlsServer {
  TlsServer(net::Loop& loop, const net::test::Identity& identity) {
    config::ListenerTls conf;
    config::Certificate& certificate = conf.certificates.emplace_back();
    certificate.cert_pem = identity.cert_pem;
    certificate.key_pem = identity.key_pem;
    tls = *net::ServerTls::Make(conf);
    int fd = *net::OpenListeningSocket(*net::SocketAddress::FromIp("127.0.0.1", 0), 64, net::ReusePort::kNo);
    address = net::test::AddressOf(fd);
    listener = std::make_unique<net::Listener>(loop, fd, [this, &loop](int fd_of_peer, const net::SocketAddress&) {
      peers.push_back(std::make_unique<Peer>(loop));
      peers.back()->transport.Accept(fd_of_peer, tls->context());
    });
    socket = fd;
  }
  ~TlsServer() {
    listener.reset();
    close(socket);
  }
  std::unique_ptr<net::ServerTls> tls;
  int socket = -1;
  net::SocketAddress address;
  std::vector<std::unique_ptr<Peer>> peers;
  std::unique_ptr<net::Listener> listener;
};

TEST_F(MonitorTest, AHandshakeIsGoodWhereTheCertificateIs) {
  net::test::Authority authority, stranger;
  TlsServer server(loop, authority.Issue("u", "IP:127.0.0.1"));
  config::Upstream conf = Conf({server.address});
  conf.active->kind = config::ActiveHealth::Kind::kTls;
  conf.active->starts_unhealthy = true;
  conf.active->unhealthy = 1;
  conf.tls.enabled = true;
  conf.tls.ca_pem = authority.pem();
  Watch(conf);
  EXPECT_TRUE(Until([&] { return !At(0).unhealthy; }));
  EXPECT_TRUE(Until([&] { return server.peers[0]->connected; }));

  conf.active->starts_unhealthy = false;
  conf.tls.ca_pem = stranger.pem();
  Watch(conf);
  EXPECT_TRUE(Until([&] { return At(0).unhealthy.load(); }));
}

TEST_F(MonitorTest, AReloadKeepsWhatIsKnownAndWhatIsGoneIsNotAskedAnyMore) {
  ScriptedServer bad(loop), good(loop);
  bad.Answers("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n");
  good.Answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  config::Upstream conf = Conf({bad.address(), good.address()});
  Watch(conf);
  ASSERT_TRUE(Until([&] { return At(0).unhealthy.load(); }));
  EXPECT_EQ(monitor.checks(), 2u);
  Watch(conf);
  EXPECT_TRUE(At(0).unhealthy);
  EXPECT_FALSE(At(1).unhealthy);
  EXPECT_EQ(monitor.checks(), 2u);

  conf.targets.pop_back();
  Watch(conf);
  EXPECT_EQ(monitor.checks(), 1u);
  Turns(3);
  size_t asked = good.peers.size(), asked_bad = bad.peers.size();
  ASSERT_TRUE(Until([&] { return bad.peers.size() > asked_bad + 3; }));
  EXPECT_EQ(good.peers.size(), asked);

  conf.active.reset();
  Watch(conf);
  EXPECT_EQ(monitor.checks(), 0u);
  EXPECT_FALSE(At(0).unhealthy) << "who is not checked is not unhealthy";
  monitor.Watch({}, resolver, nullptr);
  EXPECT_EQ(monitor.checks(), 0u);
}

// --- names

struct NamesTest : MonitorTest {
  void SetUp() override {
    resolver.nameservers = {dns.address()};
    resolver.timeout = config::Duration(500);
    resolver.attempts = 1;
  }
  bool Become(const std::vector<std::string>& wanted) {
    bool came = Until([&] { return Addresses() == wanted; });
    EXPECT_THAT(Addresses(), testing::ElementsAreArray(wanted));
    return came;
  }
  net::test::Dnsmasq dns;
};

TEST_F(NamesTest, EachAddressIsATargetAndTheyFollowDns) {
  ASSERT_TRUE(
      dns.Start({"host-record=a.test,10.0.0.1,1", "host-record=a.test,10.0.0.2,1", "host-record=a.test,fd00::1,1"}));
  Watch(Named("a.test", 8080));
  ASSERT_TRUE(Become({"10.0.0.1:8080", "10.0.0.2:8080", "[fd00::1]:8080"}));
  EXPECT_TRUE(ready);
  EXPECT_EQ(At(0).host, "a.test:8080");
  EXPECT_EQ(At(0).server, "a.test");
  EXPECT_EQ(At(0).back_since, 0);
  At(1).failures = 3;
  const Target* kept = &At(1);
  ASSERT_TRUE(dns.Start({"host-record=a.test,10.0.0.2,1", "host-record=a.test,10.0.0.3,1"}));
  ASSERT_TRUE(Become({"10.0.0.2:8080", "10.0.0.3:8080"}));
  EXPECT_EQ(&At(0), kept) << "with its state";
  EXPECT_EQ(At(0).failures, 3u);
  EXPECT_NE(At(1).back_since, 0) << "it is new: slow start";
}

TEST_F(NamesTest, AddressesAreKeptWhileDnsFailsAndDroppedWhenItSaysSo) {
  ASSERT_TRUE(dns.Start({"host-record=a.test,10.0.0.1,1"}));
  Watch(Named("a.test"));
  ASSERT_TRUE(Become({"10.0.0.1:80"}));
  dns.Stop();  // refused
  Nanoseconds end = MonotonicNow() + 2'000'000'000;
  while (MonotonicNow() < end) {
    loop.RunOnce(20);
    ASSERT_THAT(Addresses(), ElementsAre("10.0.0.1:80"));
  }
  ASSERT_TRUE(dns.Start({"host-record=a.test,10.0.0.9,1"}));
  ASSERT_TRUE(Become({"10.0.0.9:80"}));
  dns.Signal(SIGSTOP);  // silent
  end = MonotonicNow() + 2'000'000'000;
  while (MonotonicNow() < end) {
    loop.RunOnce(20);
    ASSERT_THAT(Addresses(), ElementsAre("10.0.0.9:80"));
  }
  dns.Signal(SIGCONT);
  ASSERT_TRUE(dns.Start({"host-record=other.test,10.0.0.1,1"}));  // NXDOMAIN
  ASSERT_TRUE(Become({}));
  EXPECT_FALSE(upstream->Pick({}, 0, loop.Now(), 0));
  ASSERT_TRUE(dns.Start({"host-record=a.test,10.0.0.4,1"}));
  ASSERT_TRUE(Become({"10.0.0.4:80"}));
}

// Not asked before the TTL is over: held to by the count of questions, whatever time this takes.
TEST_F(NamesTest, KeepsToTtlsWithinTheConfiguredBounds) {
  resolver.min_ttl = config::Duration(3'600'000);
  ASSERT_TRUE(dns.Start({"host-record=a.test,10.0.0.1,1"}));
  Watch(Named("a.test"));
  ASSERT_TRUE(Become({"10.0.0.1:80"}));
  Nanoseconds end = MonotonicNow() + 1'500'000'000;
  while (MonotonicNow() < end) loop.RunOnce(50);
  EXPECT_EQ(dns.Queries("A] a.test"), 1);
  Watch(Named("a.test"));  // a reload asks nobody for what is known
  EXPECT_TRUE(ready);
  EXPECT_THAT(Addresses(), ElementsAre("10.0.0.1:80"));
  EXPECT_EQ(dns.Queries("A] a.test"), 1);
  resolver.min_ttl = config::Duration(100);
  resolver.max_ttl = config::Duration(200);
  ASSERT_TRUE(dns.Start({"host-record=b.test,10.0.0.1,3000"}));
  Watch(Named("b.test"));
  EXPECT_TRUE(Until([&] { return dns.Queries("A] b.test") >= 3; })) << "max_ttl is before the TTL of 3000 s";
}

TEST_F(NamesTest, ServicesBringHostsPortsWeightsAndPriorities) {
  ASSERT_TRUE(dns.Start({"host-record=one.test,10.0.0.1,1", "host-record=two.test,10.0.0.2,1",
                         "host-record=far.test,10.0.0.3,1", "srv-host=_http._tcp.test,one.test,8001,10,3",
                         "srv-host=_http._tcp.test,two.test,8002,10,1", "srv-host=_http._tcp.test,far.test,8003,20,1",
                         "local-ttl=1"}));
  Watch(Named("_http._tcp.test", 0, true));
  ASSERT_TRUE(Become({"10.0.0.1:8001", "10.0.0.2:8002", "10.0.0.3:8003"}));
  EXPECT_EQ(At(0).host, "one.test:8001");
  std::map<std::string, int> picks;
  for (int i = 0; i < 400; i++) picks[(*upstream->Pick({}, 0, loop.Now(), 0))->text]++;
  EXPECT_EQ(picks, (std::map<std::string, int>{{"10.0.0.1:8001", 300}, {"10.0.0.2:8002", 100}}));
  At(0).unhealthy = At(1).unhealthy = true;
  upstream->Changed();
  EXPECT_EQ((*upstream->Pick({}, 0, loop.Now(), 0))->text, "10.0.0.3:8003");
  ASSERT_TRUE(dns.Start({"srv-host=_http._tcp.test", "local-ttl=1"}));  // ".": decidedly not there
  ASSERT_TRUE(Become({}));
}

TEST_F(NamesTest, AddressesOfNamesAreChecked) {
  ScriptedServer server(loop);
  server.Answers("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(dns.Start({"host-record=a.test,127.0.0.1,1"}));
  config::Upstream conf = Named("a.test", server.address().port());
  conf.active = config::ActiveHealth{.interval = config::Duration(20)};
  Watch(conf);
  ASSERT_TRUE(Until([&] { return !Addresses().empty() && At(0).unhealthy; }));
  EXPECT_EQ(monitor.checks(), 1u);
  ASSERT_TRUE(dns.Start({"host-record=b.test,127.0.0.1,1"}));
  ASSERT_TRUE(Become({}));
  EXPECT_EQ(monitor.checks(), 0u);
}

TEST_F(NamesTest, TellsWhenReadyThoughDnsIsDown) {
  Watch(Named("a.test"));
  EXPECT_FALSE(ready);
  ASSERT_TRUE(Until([&] { return ready; }));
  EXPECT_THAT(Addresses(), IsEmpty());
  ASSERT_TRUE(dns.Start({"host-record=a.test,10.0.0.1,1"}));
  EXPECT_TRUE(Become({"10.0.0.1:80"})) << "and goes on asking";
}

}  // namespace
}  // namespace mg::upstream
