// Attempts at upstreams: who is to blame for what, and what is left behind.
#include <gmock/gmock.h>

#include "proxy/pipeline_test_support.h"

namespace mg::proxy {
namespace {

using test::ProxyRig;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const upstream::Upstream& UpstreamOf(ProxyRig& rig) { return *rig.context.current->snapshot->upstreams[0]; }

TEST(Attempts, TheTimeAClientTakesIsNotTheUpstreamsFault) {
  ProxyRig rig;
  rig.upstream().timeouts.total = config::Duration(40);
  rig.upstream().breaker.emplace().consecutive = 1;
  rig.upstream().breaker->slow = config::Duration(10);
  rig.Go();
  test::Peer& client = rig.Open();
  client.transport.Write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf");
  ASSERT_TRUE(rig.Until([&] { return client.ended || client.failed; }));
  EXPECT_THAT(client.received, StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(rig.AtRest());
  EXPECT_EQ(UpstreamOf(rig).guard().upstream()->state(), upstream::Breaker::State::kClosed);
}

TEST(Attempts, AnAnswerThatIsSlowBecauseOfItsRequestIsNotSlow) {
  ProxyRig rig;
  rig.server.on_bytes = [](test::Peer& peer) {
    if (peer.received.ends_with("0123456789")) peer.transport.Write(kOk);
  };
  rig.upstream().breaker.emplace().consecutive = 1;
  rig.upstream().breaker->slow = config::Duration(5'000);
  rig.Go();
  test::Peer& client = rig.Open();
  client.transport.Write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nConnection: close\r\n\r\n01234");
  ASSERT_TRUE(rig.Until([&] { return !rig.server.peers.empty(); }));
  client.transport.Write("56789");
  ASSERT_TRUE(rig.Until([&] { return client.ended; }));
  EXPECT_THAT(client.received, EndsWith("ok"));
  EXPECT_EQ(UpstreamOf(rig).guard().upstream()->state(), upstream::Breaker::State::kClosed);
}

TEST(Attempts, ABreakerOpensAndItsTrialClosesIt) {
  ProxyRig rig;
  rig.server.Refuse();
  config::CircuitBreaker& conf = rig.upstream().breaker.emplace();
  conf.consecutive = 1;
  conf.open = config::Duration(30);
  conf.half_open = 1;
  rig.upstream().retries.attempts = 0;
  rig.Go();
  EXPECT_THAT(rig.Ask(kGet), StartsWith("HTTP/1.1 502 "));
  std::string refused = rig.Ask(kGet);
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("\r\nRetry-After: 1\r\n"));
  rig.Go();  // a reload keeps it
  const upstream::Breaker& breaker = *UpstreamOf(rig).guard().upstream();
  EXPECT_NE(breaker.state(), upstream::Breaker::State::kClosed);
  EXPECT_EQ(breaker.counters().opened, 1u);
}

TEST(Attempts, AClientThatGoesGivesTheTrialsPlaceBack) {
  ProxyRig rig;
  config::CircuitBreaker& conf = rig.upstream().breaker.emplace();
  conf.consecutive = 1;
  conf.open = config::Duration(1);
  conf.half_open = 1;
  rig.upstream().retries.attempts = 0;
  bool answers = false;
  rig.server.on_bytes = [&](test::Peer& peer) {
    if (peer.received.starts_with("GET /bad")) return peer.transport.Close();
    if (answers) peer.transport.Write(kOk);
  };
  rig.Go();
  EXPECT_THAT(rig.Ask("GET /bad HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 502 "));
  const upstream::Breaker& breaker = *UpstreamOf(rig).guard().upstream();
  Nanoseconds end = MonotonicNow() + 5'000'000;
  while (MonotonicNow() < end) rig.context.loop.RunOnce(1);
  size_t before = rig.server.peers.size();
  test::Peer& client = rig.Open();
  client.transport.Write(kGet);
  ASSERT_TRUE(rig.Until([&] { return rig.server.peers.size() > before; }));
  EXPECT_EQ(breaker.state(), upstream::Breaker::State::kHalfOpen);
  client.transport.Close();
  ASSERT_TRUE(rig.AtRest());
  EXPECT_EQ(breaker.state(), upstream::Breaker::State::kHalfOpen);
  answers = true;
  EXPECT_THAT(rig.Ask(kGet), EndsWith("ok"));
  EXPECT_EQ(breaker.state(), upstream::Breaker::State::kClosed);
}

TEST(Attempts, ALoserOfAHedgeLeavesNothingBehind) {
  ProxyRig rig;
  http::test::ScriptedServer other(rig.context.loop);
  other.Answers(std::string(kOk));
  rig.AddTarget(other);
  rig.upstream().retries.hedge.after = config::Duration(5);
  rig.Go();
  for (int i = 0; i < 4; i++) EXPECT_THAT(rig.Ask(kGet), EndsWith("ok"));
  ASSERT_TRUE(rig.AtRest());
  EXPECT_EQ(UpstreamOf(rig).live(), 0u);
  EXPECT_EQ(UpstreamOf(rig).budget().held(), 0u);
  EXPECT_GE(UpstreamOf(rig).budget().taken(), 1u);
}

TEST(Attempts, AnErrorPageAfterAllAttemptsHasRoomForItsOwn) {
  ProxyRig rig;
  rig.server.on_bytes = [](test::Peer& peer) { peer.transport.Close(); };
  rig.upstream().retries.attempts = 7;
  rig.upstream().retries.backoff_base = config::Duration(0);
  rig.route().error_pages[502] = "/page";
  rig.Go();
  EXPECT_THAT(rig.Ask(kGet), StartsWith("HTTP/1.1 50"));
  EXPECT_TRUE(rig.AtRest());
}

}  // namespace
}  // namespace mg::proxy
