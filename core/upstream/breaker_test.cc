// The circuit breaker under a clock of the test's own, and the retry budget.
#include "upstream/breaker.h"

#include <gtest/gtest.h>

#include <thread>

#include "upstream/registry.h"
#include "upstream/retry_budget.h"

namespace mg::upstream {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
using State = Breaker::State;

struct BreakerTest : testing::Test {
  BreakerTest() {
    conf.minimum = 4;
    conf.half_open = 2;
  }
  void Call(bool failed) { breaker.Report(conf, breaker.Allow(conf, now), failed, now); }
  void Calls(int good, int bad) {
    for (int i = 0; i < good; i++) Call(false);
    for (int i = 0; i < bad; i++) Call(true);
  }
  void OpenIt() {
    Calls(0, 4);
    ASSERT_EQ(breaker.state(), State::kOpen);
  }
  Breaker::Permit Allow() { return breaker.Allow(conf, now); }

  config::CircuitBreaker conf;  // half of 4 within 10 s; open for 15 s
  Breaker breaker{"upstream u"};
  Nanoseconds now = 1000 * kSecond;
};

TEST_F(BreakerTest, OpensAtItsRatioOnceThereAreEnough) {
  Calls(0, 3);
  EXPECT_EQ(breaker.state(), State::kClosed);
  Calls(1, 0);  // three of four
  EXPECT_EQ(breaker.state(), State::kOpen);
  EXPECT_FALSE(Allow());
  EXPECT_EQ(breaker.counters().opened, 1u);
  EXPECT_EQ(breaker.counters().refused, 1u);
}

TEST_F(BreakerTest, StaysClosedBelowItsRatio) {
  for (int i = 0; i < 50; i++) {
    Calls(2, 1);
    now += kSecond / 5;
  }
  EXPECT_EQ(breaker.state(), State::kClosed);
}

TEST_F(BreakerTest, TheWindowSlides) {
  Calls(0, 3);
  now += 11 * kSecond;
  Calls(3, 1);  // the three are forgotten
  EXPECT_EQ(breaker.state(), State::kClosed);
  now += 5 * kSecond;
  Calls(0, 2);
  EXPECT_EQ(breaker.state(), State::kOpen) << "three of six within the window";
}

TEST_F(BreakerTest, FailuresInARowOpenItWhateverTheirRatio) {
  conf.minimum = 1000;
  conf.consecutive = 3;
  Calls(20, 2);
  Calls(1, 2);
  EXPECT_EQ(breaker.state(), State::kClosed);
  Calls(0, 1);
  EXPECT_EQ(breaker.state(), State::kOpen);
}

TEST_F(BreakerTest, TrialsCloseItWhenAllSucceed) {
  OpenIt();
  now += 15 * kSecond - 1;
  EXPECT_FALSE(Allow());
  now += 1;
  Breaker::Permit first = Allow(), second = Allow();
  EXPECT_EQ(first.kind, Breaker::Permit::kTrial);
  EXPECT_TRUE(second);
  EXPECT_FALSE(Allow()) << "the quota is two";
  EXPECT_EQ(breaker.state(), State::kHalfOpen);
  breaker.Report(conf, first, false, now);
  EXPECT_EQ(breaker.state(), State::kHalfOpen);
  breaker.Report(conf, second, false, now);
  EXPECT_EQ(breaker.state(), State::kClosed);
  EXPECT_EQ(breaker.counters().half_opened, 1u);
  EXPECT_EQ(breaker.counters().closed, 1u);
  Calls(0, 3);
  EXPECT_EQ(breaker.state(), State::kClosed) << "what was before it opened is forgotten";
}

TEST_F(BreakerTest, OneTrialThatFailsOpensItAgain) {
  OpenIt();
  now += 15 * kSecond;
  Breaker::Permit first = Allow(), second = Allow();
  breaker.Report(conf, first, true, now);
  EXPECT_EQ(breaker.state(), State::kOpen);
  EXPECT_FALSE(Allow());
  breaker.Report(conf, second, false, now);  // too late to tell anything
  EXPECT_EQ(breaker.state(), State::kOpen);
  EXPECT_EQ(breaker.counters().opened, 2u);
  now += 15 * kSecond;
  EXPECT_TRUE(Allow());
}

TEST_F(BreakerTest, TrialsThatNeverEndDoNotHoldItHalfOpen) {
  OpenIt();
  now += 15 * kSecond;
  Breaker::Permit lost = Allow();
  EXPECT_TRUE(Allow());
  now += 14 * kSecond;
  EXPECT_FALSE(Allow());
  now += kSecond;
  Breaker::Permit third = Allow(), fourth = Allow();
  EXPECT_TRUE(third);
  EXPECT_TRUE(fourth);
  EXPECT_FALSE(Allow());
  breaker.Report(conf, third, false, now);
  breaker.Report(conf, fourth, false, now);
  EXPECT_EQ(breaker.state(), State::kClosed);
  breaker.Report(conf, lost, true, now);
  EXPECT_EQ(breaker.state(), State::kClosed);
}

TEST_F(BreakerTest, ATrialThatTellsNothingGivesItsPlaceBack) {
  OpenIt();
  now += 15 * kSecond;
  Breaker::Permit first = Allow(), second = Allow();
  EXPECT_FALSE(Allow());
  breaker.Abandon(first);
  Breaker::Permit third = Allow();
  EXPECT_TRUE(third);
  EXPECT_FALSE(Allow());
  breaker.Report(conf, second, false, now);
  breaker.Report(conf, third, false, now);
  EXPECT_EQ(breaker.state(), State::kClosed);
}

TEST_F(BreakerTest, CallsOfAnEarlierStateTellNothing) {
  Breaker::Permit before = Allow();
  OpenIt();
  now += 15 * kSecond;
  Breaker::Permit trial = Allow();
  breaker.Report(conf, before, true, now);
  breaker.Report(conf, before, false, now);
  EXPECT_EQ(breaker.state(), State::kHalfOpen);
  breaker.Report(conf, trial, false, now);
  breaker.Report(conf, Allow(), false, now);
  EXPECT_EQ(breaker.state(), State::kClosed);
}

TEST_F(BreakerTest, ManyThreadsLetExactlyTheQuotaThrough) {
  conf.half_open = 7;
  OpenIt();
  now += 15 * kSecond;
  std::atomic<int> allowed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; j++) allowed += breaker.Allow(conf, now) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allowed, 7);
}

config::Upstream Conf() {
  config::Upstream conf;
  conf.name = "u";
  for (uint16_t port : {1000, 1001}) {
    config::Target& target = conf.targets.emplace_back();
    target.address = {config::Address::Kind::kIp, "127.0.0.1", port, "127.0.0.1:" + std::to_string(port)};
  }
  conf.breaker.emplace().minimum = 1;
  return conf;
}

Guard GuardOf(const config::Upstream& conf) { return {*conf.breaker, std::make_shared<Breaker>("upstream u")}; }

TEST(Guard, WhatFailsIsSaid) {
  config::Upstream conf = Conf();
  EXPECT_TRUE(GuardOf(conf).IsFailure(500, 0));
  EXPECT_FALSE(GuardOf(conf).IsFailure(404, 100 * kSecond));
  conf.breaker->statuses = {404};
  conf.breaker->slow = config::Duration(2000);
  EXPECT_FALSE(GuardOf(conf).IsFailure(500, 0));
  EXPECT_TRUE(GuardOf(conf).IsFailure(404, 0));
  EXPECT_TRUE(GuardOf(conf).IsFailure(200, 2 * kSecond));
  EXPECT_FALSE(GuardOf(conf).IsFailure(200, 2 * kSecond - 1));
}

TEST(Guard, TargetsHaveBreakersOfTheirOwn) {
  config::Upstream conf = Conf();
  conf.breaker->per_upstream = false;
  conf.breaker->per_target = true;
  Guard guard = GuardOf(conf);
  Breaker first("target 1"), second("target 2");
  Pass pass;
  EXPECT_TRUE(guard.AdmitUpstream(pass, 1));
  ASSERT_TRUE(guard.AdmitTarget(pass, first, 1));
  guard.Report(pass, true, 1);
  EXPECT_FALSE(guard.AdmitTarget(pass, first, 1));
  EXPECT_TRUE(guard.AdmitTarget(pass, second, 1));
  EXPECT_EQ(first.state(), State::kOpen);
  EXPECT_EQ(second.state(), State::kClosed);
  EXPECT_TRUE(Guard().AdmitTarget(pass, first, 1)) << "without a breaker";
}

TEST(Guard, TheHeadTellsAndWhatFailsAfterwardsCountsOnceMore) {
  config::Upstream conf = Conf();
  conf.breaker->minimum = 2;
  Guard guard = GuardOf(conf);
  Pass pass;
  ASSERT_TRUE(guard.AdmitUpstream(pass, 1));
  guard.ReportHead(pass, false, 1);
  guard.Report(pass, true, 1);
  EXPECT_FALSE(guard.AdmitUpstream(pass, 1)) << "one of two";
  EXPECT_EQ(guard.SecondsLeft(1), 15);
  Nanoseconds now = 1 + 15 * kSecond;
  ASSERT_TRUE(guard.AdmitUpstream(pass, now));
  guard.ReportHead(pass, false, now);
  EXPECT_FALSE(pass.upstream) << "a trial counts once";
}

TEST(Guard, AReloadKeepsTheState) {
  Registry registry;
  auto before = *registry.Build(Conf());
  Pass pass;
  ASSERT_TRUE(before->guard().AdmitUpstream(pass, 1));
  before->guard().Report(pass, true, 1);
  config::Upstream changed = Conf();
  changed.breaker->failure_percent = 90;
  changed.breaker->window = config::Duration(60'000);
  auto after = *registry.Build(changed);
  EXPECT_FALSE(after->guard().AdmitUpstream(pass, 1));
}

TEST(RetryBudget, IsAShareOfWhatIsLive) {
  RetryBudget budget;
  std::vector<RetryBudget::Hold> holds;
  for (int i = 0; i < 20; i++) holds.push_back(budget.Take(20, 3, 100));
  for (const RetryBudget::Hold& hold : holds) EXPECT_TRUE(hold);
  EXPECT_FALSE(budget.Take(20, 3, 100));
  EXPECT_TRUE(budget.Take(20, 3, 105));
  holds.pop_back();
  EXPECT_TRUE(budget.Take(20, 3, 100));
  EXPECT_EQ(budget.held(), 19u);
  EXPECT_EQ(budget.taken(), 22u);
  EXPECT_EQ(budget.refused(), 1u);
}

TEST(RetryBudget, LittleTrafficHasAFloor) {
  RetryBudget budget;
  RetryBudget::Hold first = budget.Take(20, 2, 1), second = budget.Take(20, 2, 1);
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_FALSE(budget.Take(20, 2, 9));
  first = std::move(second);
  EXPECT_EQ(budget.held(), 1u);
  EXPECT_FALSE(RetryBudget().Take(0, 0, 1000));
}

}  // namespace
}  // namespace mg::upstream
