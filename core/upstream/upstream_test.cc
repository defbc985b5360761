// Passive health, plans as time passes, and what a reload keeps.
#include "upstream/upstream.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "upstream/registry.h"

namespace mg::upstream {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;

config::Upstream Conf(size_t count) {
  config::Upstream conf;
  conf.name = "u";
  for (size_t i = 0; i < count; i++) {
    config::Target target;
    auto port = static_cast<uint16_t>(1000 + i);
    target.address = {config::Address::Kind::kIp, "127.0.0.1", port, "127.0.0.1:" + std::to_string(port)};
    conf.targets.push_back(target);
  }
  return conf;
}

Target& At(const Upstream& upstream, size_t index) { return *upstream.statics()[index].target; }

std::map<Target*, int> Picks(const Upstream& upstream, int count, Nanoseconds now) {
  std::map<Target*, int> picks;
  for (int i = 0; i < count; i++) picks[*upstream.Pick({}, 0, now, 0)]++;
  return picks;
}

void End(const Upstream& upstream, Target& target, Outcome outcome, Nanoseconds now) {
  upstream.Begin(target);
  upstream.Finish(target, outcome, now);
}
const Outcome kFailed{Outcome::kFailed, 0, 1000}, kOk{Outcome::kAnswered, 200, 1000},
    kBad{Outcome::kAnswered, 503, 1000};

TEST(PassiveHealth, FailuresInARowEjectForAWhile) {
  config::Upstream conf = Conf(2);
  conf.passive = config::PassiveHealth{.failures = 3, .eject = config::Duration(1000)};
  Registry registry;
  auto upstream = *registry.Build(conf);
  Target& first = At(*upstream, 0);
  for (const Outcome& outcome : {kFailed, kFailed, kOk, kFailed, kFailed}) End(*upstream, first, outcome, 10);
  End(*upstream, first, {Outcome::kCancelled}, 10);
  EXPECT_EQ(first.ejected_until, 0);
  EXPECT_EQ(Picks(*upstream, 4, 10).size(), 2u);
  End(*upstream, first, kFailed, 10);
  EXPECT_EQ(first.ejected_until, 10 + kSecond);
  EXPECT_EQ(Picks(*upstream, 4, 20), (std::map<Target*, int>{{&At(*upstream, 1), 4}}));
  for (int i = 0; i < 9; i++) End(*upstream, At(*upstream, 1), kFailed, 20);
  EXPECT_EQ(At(*upstream, 1).ejected_until, 0) << "not more than half of them";
  EXPECT_EQ(Picks(*upstream, 4, 10 + kSecond).size(), 2u) << "it is back by the clock alone";
  EXPECT_EQ(first.ejected_until, 0);
  EXPECT_EQ(first.active, 0u);
  EXPECT_EQ(first.requests, 7u);
  EXPECT_EQ(first.errors, 5u);
}

TEST(PassiveHealth, AFailureCountsForTheWindowOnly) {
  config::Upstream conf = Conf(2);
  conf.passive = config::PassiveHealth{.failures = 2, .window = config::Duration(1000)};
  Registry registry;
  auto upstream = *registry.Build(conf);
  for (Nanoseconds now = kSecond; now < 20 * kSecond; now += 2 * kSecond) {
    End(*upstream, At(*upstream, 0), kFailed, now);
    EXPECT_EQ(At(*upstream, 0).ejected_until, 0);
  }
  End(*upstream, At(*upstream, 0), kFailed, 19 * kSecond + 1);
  EXPECT_NE(At(*upstream, 0).ejected_until, 0);
}

TEST(PassiveHealth, ChosenStatusesAreFailures) {
  config::Upstream conf = Conf(2);
  conf.passive = config::PassiveHealth{.failures = 2};
  Registry registry;
  auto upstream = *registry.Build(conf);
  End(*upstream, At(*upstream, 0), {Outcome::kAnswered, 500, 1}, 1);
  End(*upstream, At(*upstream, 0), {Outcome::kAnswered, 500, 1}, 1);
  EXPECT_EQ(At(*upstream, 0).ejected_until, 0) << "502, 503 and 504 unless said";
  End(*upstream, At(*upstream, 0), kBad, 1);
  End(*upstream, At(*upstream, 0), kBad, 1);
  EXPECT_NE(At(*upstream, 0).ejected_until, 0);
}

TEST(PassiveHealth, ARatioEjectsOnceThereIsEnoughToTell) {
  config::Upstream conf = Conf(2);
  conf.passive = config::PassiveHealth{.failures = 100, .failure_percent = 40, .minimum = 10};
  Registry registry;
  auto upstream = *registry.Build(conf);
  Target& target = At(*upstream, 0);
  Nanoseconds now = 100 * kSecond;
  for (int i = 0; i < 4; i++) {
    End(*upstream, target, kFailed, now);
    End(*upstream, target, kOk, now);
  }
  EXPECT_EQ(target.ejected_until, 0) << "8 requests are too few";
  now += 11 * kSecond;  // they are forgotten
  for (int i = 0; i < 7; i++) End(*upstream, target, kOk, now);
  for (int i = 0; i < 4; i++) {
    EXPECT_EQ(target.ejected_until, 0) << i;
    End(*upstream, target, kFailed, now += kSecond / 10);
  }
  EXPECT_EQ(target.ejected_until, 0) << "4 of 11 are 36%";
  End(*upstream, target, kFailed, now);
  EXPECT_NE(target.ejected_until, 0) << "5 of 12 are 41%";
}

TEST(PassiveHealth, WhatComesBackStartsSlowly) {
  config::Upstream conf = Conf(2);
  conf.passive = config::PassiveHealth{.failures = 1, .eject = config::Duration(1000)};
  conf.slow_start = config::Duration(10'000);
  Registry registry;
  auto upstream = *registry.Build(conf);
  EXPECT_EQ(Picks(*upstream, 100, kSecond)[&At(*upstream, 0)], 50) << "not what was there from the beginning";
  End(*upstream, At(*upstream, 0), kFailed, 10 * kSecond);
  Picks(*upstream, 1, 11 * kSecond);
  EXPECT_NEAR(Picks(*upstream, 1100, 11 * kSecond)[&At(*upstream, 0)], 100, 10);
  EXPECT_NEAR(Picks(*upstream, 1500, 16 * kSecond)[&At(*upstream, 0)], 500, 20);
  EXPECT_EQ(Picks(*upstream, 100, 21 * kSecond)[&At(*upstream, 0)], 50);
}

TEST(Upstream, AChangeByAnyGenerationReachesAll) {
  Registry registry;
  auto before = *registry.Build(Conf(2)), after = *registry.Build(Conf(2));
  Picks(*before, 1, 1);
  Picks(*after, 1, 1);
  At(*after, 0).unhealthy = true;
  after->Changed();
  EXPECT_EQ(Picks(*before, 10, 2).size(), 1u);
  EXPECT_EQ(Picks(*after, 10, 2).size(), 1u);
}

TEST(Upstream, SaysWhyThereIsNobody) {
  Registry registry;
  config::Upstream conf = Conf(1);
  conf.panic_percent = 0;
  auto upstream = *registry.Build(conf);
  At(*upstream, 0).unhealthy = true;
  upstream->Changed();
  auto none = upstream->Pick({}, 0, 1, 0);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(none.error().message, "upstream u has no target that is fit");
  upstream->SetMembers({}, 2);
  EXPECT_EQ(upstream->Pick({}, 0, 2, 0).error().message, "upstream u has no target");
}

// A target that is no member any more stays while a request is under way, however often others come and go.
TEST(Upstream, ATargetOutlivesItsMembershipWhileARequestIsThere) {
  Registry registry;
  config::Upstream conf = Conf(0);
  config::Target named;
  named.address = {config::Address::Kind::kName, "n.test", 80, "n.test:80"};
  conf.targets.push_back(named);
  auto upstream = *registry.Build(conf);
  auto resolved = [](int i) {
    return Resolved{*net::SocketAddress::FromIp("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), 80),
                    "n.test"};
  };
  upstream->SetMembers({registry.MemberOf(*upstream, 0, resolved(0))}, 1);
  Target& target = **upstream->Pick({}, 0, 1, 0);
  upstream->Begin(target);
  uint32_t highest = 0;
  for (int i = 1; i < 1000; i++) {
    upstream->SetMembers({registry.MemberOf(*upstream, 0, resolved(i))}, 1);
    Target& other = **upstream->Pick({}, 0, 1, 0);
    highest = std::max(highest, other.number);
  }
  EXPECT_EQ(target.text, "10.0.0.0:80");
  EXPECT_EQ(target.number, 0u);
  EXPECT_LT(registry.targets().size(), 70u) << "what is gone is forgotten";
  EXPECT_LT(highest, 70u) << "and its number used again";
  upstream->Finish(target, kOk, 2);
}

// Loops choose while targets come, go, fail and come back.
TEST(Upstream, IsSafeWithManyThreads) {
  constexpr int kLoops = 3;
  config::Upstream conf = Conf(0);
  conf.passive = config::PassiveHealth{.failures = 2, .eject = config::Duration(1)};
  config::Target named;
  named.address = {config::Address::Kind::kName, "n.test", 80, "n.test:80"};
  conf.targets.push_back(named);
  Registry registry(kLoops);
  auto upstream = *registry.Build(conf);
  auto members = [&](int from) {
    std::vector<Member> all;
    for (int i = from; i < from + 4; i++)
      all.push_back(registry.MemberOf(
          *upstream, 0, {*net::SocketAddress::FromIp("10.1.0." + std::to_string(i % 200), 80), "n.test"}));
    return all;
  };
  upstream->SetMembers(members(0), MonotonicNow());
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> served{0};
  std::vector<std::thread> loops;
  for (int loop = 0; loop < kLoops; loop++) {
    loops.emplace_back([&, loop] {
      for (uint64_t i = 0; !stop; i++) {
        auto picked = upstream->Pick({}, i, MonotonicNow(), loop);
        ASSERT_TRUE(picked);
        upstream->Begin(**picked);
        upstream->Finish(**picked, i % 5 == 0 ? kFailed : kOk, MonotonicNow());
        served++;
      }
    });
  }
  for (int i = 1; i < 300 || served < 3000; i++) {
    upstream->SetMembers(members(i), MonotonicNow());
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& loop : loops) loop.join();
  for (const Member& member : upstream->plan()->members) EXPECT_EQ(member.target->active, 0u);
}

TEST(Registry, AReloadKeepsTheStateOfWhatStays) {
  Registry registry;
  auto before = *registry.Build(Conf(2));
  At(*before, 1).failures = 7;
  auto after = *registry.Build(Conf(3));
  EXPECT_EQ(&At(*after, 1), &At(*before, 1));
  EXPECT_NE(At(*after, 2).number, At(*after, 1).number);
  EXPECT_EQ(At(*after, 1).back_since, 0);
  EXPECT_NE(At(*after, 2).back_since, 0) << "it is new: it starts slowly where that is asked for";
  config::Upstream other = Conf(1);
  other.name = "v";
  EXPECT_NE(&At(**registry.Build(other), 0), &At(*after, 0));
}

// A connection verified under one set of TLS settings is not for another.
TEST(Registry, OtherTlsSettingsAreAnotherTarget) {
  Registry registry;
  config::Upstream plain = Conf(1);
  config::Upstream careless = plain, careful = plain, named = plain;
  careless.tls.enabled = careful.tls.enabled = named.tls.enabled = true;
  careless.tls.verify = false;
  named.tls.server_name = "api.example.com";
  auto a = *registry.Build(plain);
  auto b = *registry.Build(careless);
  auto c = *registry.Build(careful);
  auto d = *registry.Build(named);
  std::map<const Target*, int> targets;
  for (auto* each : {&a, &b, &c, &d}) targets[&At(**each, 0)]++;
  EXPECT_EQ(targets.size(), 4u);
  EXPECT_EQ(&At(**registry.Build(careful), 0), &At(*c, 0));
}

}  // namespace
}  // namespace mg::upstream
