// Connections at rest: taken, given back, ended by either side.
#include "upstream/pool.h"

#include <gtest/gtest.h>

#include "http/test_support.h"
#include "upstream/registry.h"

namespace mg::upstream {
namespace {

using http::End;
using http::test::ScriptedServer;
using net::test::RunUntil;

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

struct Handler final : http::ClientHandler {
  explicit Handler(net::Loop& loop) : arena(loop.blocks()) {}
  ~Handler() override { lease.Release(); }
  void OnClientConnected() override { lease.client().Flush(); }
  void OnInformational(const http::ResponseHead&) override {}
  void OnResponseHead(http::ResponseHead&) override {}
  void OnResponseBody(std::string_view, End end) override {
    if (end == End::kNo) return;
    over = true;
    if (release) lease.Release();
  }
  void OnRequestDrained() override {}
  void OnFailed(const Error& error) override {
    over = failed = true;
    code = error.code;
    if (release) lease.Release();
  }
  Arena& response_arena() override { return arena; }
  void Send(Lease from) {
    lease = std::move(from);
    over = failed = false;
    lease.client().Begin(*this, http::Method::kGet);
    lease.client().SendHead(kRequest, http::BodyFraming::kNone);
  }

  Arena arena;
  Lease lease;
  bool over = false, failed = false, release = true;
  ErrorCode code = ErrorCode::kInternal;
};

struct PoolRig {
  PoolRig() {
    server.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    conf.name = "u";
    Build();
  }
  void Build() {
    config::Target target;
    target.address = {config::Address::Kind::kIp, "127.0.0.1", server.address().port(), server.address().ToString()};
    conf.targets = {target};
    upstream = *registry.Build(conf);
  }
  const Target& target() const { return *upstream->plan()->members[0].target; }
  bool Ask(Handler& handler) {
    handler.Send(pools.Acquire(*upstream, target(), Pools::Reuse::kYes));
    return RunUntil(loop, [&] { return handler.over; });
  }

  net::Loop loop;
  ScriptedServer server{loop};
  Pools pools{loop};
  config::Upstream conf;
  Registry registry;
  std::shared_ptr<Upstream> upstream;
};

TEST(Pools, GivesTheSameConnectionAgain) {
  PoolRig rig;
  Handler handler(rig.loop);
  for (int i = 0; i < 5; i++) {
    ASSERT_TRUE(rig.Ask(handler));
    EXPECT_FALSE(handler.failed);
    EXPECT_EQ(rig.pools.idle(), 1u);
  }
  EXPECT_EQ(rig.server.peers.size(), 1u);
}

TEST(Pools, AFreshOneWhenAskedFor) {
  PoolRig rig;
  Handler handler(rig.loop);
  ASSERT_TRUE(rig.Ask(handler));
  Lease lease = rig.pools.Acquire(*rig.upstream, rig.target(), Pools::Reuse::kNo);
  EXPECT_FALSE(lease.reused());
  EXPECT_EQ(rig.pools.idle(), 1u);
}

TEST(Pools, KeepsNoMoreThanItMayAndTheLatestFirst) {
  PoolRig rig;
  rig.conf.keepalive.per_worker = 2;
  rig.Build();
  std::vector<std::unique_ptr<Handler>> handlers;
  for (int i = 0; i < 4; i++) {
    handlers.push_back(std::make_unique<Handler>(rig.loop));
    handlers.back()->release = false;
    handlers.back()->Send(rig.pools.Acquire(*rig.upstream, rig.target(), Pools::Reuse::kYes));
  }
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return std::ranges::all_of(handlers, [](auto& h) { return h->over; }); }));
  EXPECT_EQ(rig.server.peers.size(), 4u);
  http::H1Client* second = &handlers[1]->lease.client();
  for (auto& handler : handlers) handler->lease.Release();
  EXPECT_EQ(rig.pools.idle(), 2u);
  Lease lease = rig.pools.Acquire(*rig.upstream, rig.target(), Pools::Reuse::kYes);
  EXPECT_EQ(&lease.client(), second);
}

TEST(Pools, EndsAConnectionAfterItsRequests) {
  PoolRig rig;
  rig.conf.keepalive.requests = 2;
  rig.Build();
  Handler handler(rig.loop);
  for (int i = 0; i < 4; i++) ASSERT_TRUE(rig.Ask(handler));
  EXPECT_EQ(rig.server.peers.size(), 2u);
}

TEST(Pools, ForgetsWhatTheServerEnds) {
  PoolRig rig;
  Handler handler(rig.loop);
  ASSERT_TRUE(rig.Ask(handler));
  ASSERT_EQ(rig.pools.idle(), 1u);
  rig.server.peers[0]->transport.Close();
  EXPECT_TRUE(RunUntil(rig.loop, [&] { return rig.pools.idle() == 0; }));
  ASSERT_TRUE(rig.Ask(handler));
  EXPECT_FALSE(handler.failed);
}

TEST(Pools, TakesNoneThatHasEndedUnseen) {
  PoolRig rig;
  Handler handler(rig.loop);
  ASSERT_TRUE(rig.Ask(handler));
  rig.server.peers[0]->transport.Write("HTTP/1.1 408 Late\r\n\r\n");  // unasked
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.pools.idle() == 0; }));
  ASSERT_TRUE(rig.Ask(handler));
  EXPECT_FALSE(handler.failed);
  EXPECT_EQ(rig.server.peers.size(), 2u);
}

TEST(Pools, SweepsWhatRestsTooLong) {
  PoolRig rig;
  rig.conf.keepalive.idle = config::Duration(1);
  rig.Build();
  Handler handler(rig.loop);
  ASSERT_TRUE(rig.Ask(handler));
  EXPECT_EQ(rig.pools.idle(), 1u);
  EXPECT_TRUE(RunUntil(rig.loop, [&] { return rig.pools.idle() == 0; }));
}

TEST(Pools, AddressesOfScriptsAreForgottenWhenUnused) {
  PoolRig rig;
  Handler handler(rig.loop);
  handler.release = false;
  handler.Send(rig.pools.AcquireAddress(rig.server.address(), nullptr, "", Pools::Reuse::kYes));
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return handler.over; }));
  EXPECT_EQ(rig.pools.addresses(), 1u);
  handler.lease.Release();
  handler.Send(rig.pools.AcquireAddress(rig.server.address(), nullptr, "", Pools::Reuse::kYes));
  EXPECT_TRUE(handler.lease.reused());
  rig.server.peers[0]->transport.Close();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return handler.over; }));
  handler.lease.Release();
  EXPECT_TRUE(RunUntil(rig.loop, [&] { return rig.pools.addresses() == 0; }));
}

// Numbers are used again: what rests under one is for the target it was made to, and for no other.
TEST(Pools, ANumberUsedAgainIsAnotherTarget) {
  PoolRig rig;
  ScriptedServer elsewhere(rig.loop);
  elsewhere.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  Target other({"other", elsewhere.address(), "", "", ""}, rig.target().number, rig.target().serial + 1,
               TargetSeries{});
  Handler first(rig.loop), held(rig.loop), second(rig.loop);
  ASSERT_TRUE(rig.Ask(first));
  held.release = false;
  held.Send(rig.pools.Acquire(*rig.upstream, rig.target(), Pools::Reuse::kNo));
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return held.over; }));
  ASSERT_EQ(rig.pools.idle(), 1u);
  second.Send(rig.pools.Acquire(*rig.upstream, other, Pools::Reuse::kYes));
  EXPECT_FALSE(second.lease.reused());
  EXPECT_EQ(rig.pools.idle(), 0u);
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return second.over; }));
  EXPECT_EQ(elsewhere.peers.size(), 1u);
  held.lease.Release();
  EXPECT_EQ(rig.pools.idle(), 1u) << "the new target's; a lease of the old one is not kept";
}

}  // namespace
}  // namespace mg::upstream
