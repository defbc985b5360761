// How targets are chosen: shares, smoothness, what moves when one comes or goes.
#include "upstream/balancer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "upstream/ewma.h"
#include "upstream/hash_ring.h"

namespace mg::upstream {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
using Balance = config::Upstream::Balance;

// A plan over targets of these weights, all fit.
struct Rig {
  explicit Rig(const std::vector<uint32_t>& weights, Balance balance = Balance::kRoundRobin) {
    conf.name = "u";
    conf.balance = balance;
    for (uint32_t weight : weights) Add(weight);
  }
  void Add(uint32_t weight, uint64_t group = 0) {
    std::string name = "10.0.0." + std::to_string(members.size()) + ":80";
    auto number = static_cast<uint32_t>(members.size());
    members.push_back(
        {std::make_shared<Target>(TargetName{name, {}, name, name, ""}, number, number + 1, TargetSeries{}), weight,
         group});
  }
  Target& at(size_t index) { return *members[index].target; }
  void Plan_(Nanoseconds now = 0) { plan = MakePlan(conf, members, now); }
  size_t Pick(uint64_t hash = 0, std::vector<Target*> tried = {}, Nanoseconds now = 0) {
    if (!plan) Plan_(now);
    Target* target = Choose(conf, *plan, {tried, turn++, hash, now});
    return target == nullptr ? 999 : target->number;
  }
  std::map<size_t, int> Shares(int count, std::vector<Target*> tried = {}) {
    std::map<size_t, int> shares;
    for (int i = 0; i < count; i++) shares[Pick(static_cast<uint64_t>(i), tried)]++;
    return shares;
  }

  config::Upstream conf;
  std::vector<Member> members;
  std::shared_ptr<const Plan> plan;
  uint64_t turn = 0;
};

using Shares = std::map<size_t, int>;

TEST(RoundRobin, TurnsByWeightWithoutBunching) {
  Rig rig({3, 1, 2});
  EXPECT_EQ(rig.Shares(600), (Shares{{0, 300}, {1, 100}, {2, 200}}));
  size_t last = 9;
  int repeats = 0;
  for (int i = 0; i < 600; i++) {
    size_t target = rig.Pick();
    repeats += target == last;
    last = target;
  }
  EXPECT_LE(repeats, 110);
}

// At any moment each has had its share, to within one request or so.
TEST(RoundRobin, IsSmoothForAnyWeights) {
  std::minstd_rand random(7);
  for (int round = 0; round < 50; round++) {
    std::vector<uint64_t> weights;
    uint64_t total = 0;
    for (size_t i = 0; i < 2 + random() % 8; i++) total += weights.emplace_back(1 + random() % 40);
    std::vector<uint16_t> sequence = SmoothSequence(weights);
    std::vector<double> had(weights.size());
    for (size_t i = 0; i < sequence.size(); i++) {
      had[sequence[i]]++;
      for (size_t k = 0; k < weights.size(); k++) {
        double due = static_cast<double>((i + 1) * weights[k]) / static_cast<double>(total);
        EXPECT_LE(std::abs(had[k] - due), 2.0) << "round " << round << " step " << i;
      }
    }
    for (size_t k = 0; k < weights.size(); k++)
      EXPECT_DOUBLE_EQ(had[k] * static_cast<double>(total), static_cast<double>(weights[k] * sequence.size()));
  }
}

TEST(RoundRobin, HugeWeightsKeepTheirSharesInAShortTurn) {
  Rig rig({1'000'000, 1'000'001, 2'000'000});
  EXPECT_NEAR(rig.Shares(4096)[2], 2048, 20);
  EXPECT_LE(rig.plan->sequence.size(), 4100u);
}

TEST(RoundRobin, TheShareOfOneThatIsUnfitGoesToAllOthersByWeight) {
  Rig rig({1, 1, 1, 2});
  rig.at(1).unhealthy = true;
  EXPECT_EQ(rig.Shares(400), (Shares{{0, 100}, {2, 100}, {3, 200}}));
}

TEST(RoundRobin, AndSoDoesThatOfOneThatWasTried) {
  Rig rig({1, 1, 1, 2});
  Shares shares = rig.Shares(5000, {&rig.at(1)});
  EXPECT_EQ(shares.count(1), 0u);
  EXPECT_NEAR(shares[0], 1250, 25);
  EXPECT_NEAR(shares[2], 1250, 25);
  EXPECT_NEAR(shares[3], 2500, 25);
}

TEST(Choose, PrefersWhatWasNotTriedThenLowerGroupsThenWhatIsUnfitThenAny) {
  Rig rig({1, 1, 1});
  rig.members[1].group = 1;
  rig.members[2].group = 2;
  rig.at(2).unhealthy = true;
  EXPECT_EQ(rig.Pick(), 0u);
  EXPECT_EQ(rig.Pick(0, {&rig.at(0)}), 1u);
  EXPECT_EQ(rig.Pick(0, {&rig.at(0), &rig.at(1)}), 2u);
  EXPECT_EQ(rig.Pick(0, {&rig.at(0), &rig.at(1), &rig.at(2)}), 0u);
  EXPECT_EQ(Rig({}).Pick(), 999u);
}

TEST(Priorities, TheNextGroupIsUsedOnlyWhileTheHigherIsUnfit) {
  Rig rig({1, 1});
  rig.Add(1, 1);
  rig.Add(1, config::Target::kBackup);
  EXPECT_EQ(rig.Shares(100), (Shares{{0, 50}, {1, 50}}));
  rig.at(0).unhealthy = true;
  rig.Plan_();
  EXPECT_EQ(rig.Shares(100), (Shares{{1, 100}}));
  rig.at(1).ejected_until = 10;
  rig.Plan_();
  EXPECT_EQ(rig.Shares(100), (Shares{{2, 100}}));
  EXPECT_EQ(rig.plan->changes_at, 10);
  rig.at(2).unhealthy = true;
  rig.Plan_();
  EXPECT_EQ(rig.Shares(100), (Shares{{3, 100}}));
  rig.Plan_(11);
  EXPECT_EQ(rig.Shares(100), (Shares{{1, 100}}));
  EXPECT_EQ(rig.at(1).ejected_until, 0);
}

TEST(Panic, WithTooFewFitTheGroupIsUnfit) {
  Rig rig({1, 1, 1, 1});
  rig.conf.panic_percent = 50;
  rig.at(0).unhealthy = rig.at(1).unhealthy = true;
  EXPECT_EQ(rig.Shares(100), (Shares{{2, 50}, {3, 50}}));
  rig.at(2).unhealthy = true;
  rig.Plan_();
  EXPECT_TRUE(rig.plan->panic);
  EXPECT_EQ(rig.Shares(100), (Shares{{0, 25}, {1, 25}, {2, 25}, {3, 25}}));
  rig.Add(1, 1);  // a group that is fit
  rig.Plan_();
  EXPECT_FALSE(rig.plan->panic);
  EXPECT_EQ(rig.Shares(100), (Shares{{4, 100}}));
}

TEST(Panic, WithNoneFitAllAreUsedUnlessItIsOff) {
  Rig rig({1, 1});
  rig.at(0).unhealthy = rig.at(1).unhealthy = true;
  EXPECT_EQ(rig.Shares(100), (Shares{{0, 50}, {1, 50}}));
  rig.conf.panic_percent = 0;
  rig.Plan_();
  EXPECT_EQ(rig.Pick(), 999u);
  rig.at(0).unhealthy = false;
  rig.Plan_();
  EXPECT_EQ(rig.Shares(10), (Shares{{0, 10}}));
}

TEST(SlowStart, GrowsFromATenthToTheWholeShare) {
  Rig rig({1, 1});
  rig.conf.slow_start = config::Duration(10'000);
  rig.at(1).back_since = 100 * kSecond;
  rig.Plan_(100 * kSecond);
  EXPECT_NEAR(rig.Shares(1100)[1], 100, 2);
  EXPECT_GT(rig.plan->changes_at, 100 * kSecond);
  EXPECT_LE(rig.plan->changes_at, 101 * kSecond);
  rig.Plan_(105 * kSecond);
  EXPECT_NEAR(rig.Shares(1500)[1], 500, 2);
  rig.Plan_(110 * kSecond);
  EXPECT_EQ(rig.Shares(100)[1], 50);
  EXPECT_EQ(rig.plan->changes_at, Plan::kNever);
}

TEST(LeastConn, TheFewestForItsWeight) {
  Rig rig({1, 2, 1}, Balance::kLeastConn);
  rig.at(0).active = 1;
  rig.at(1).active = 2;
  rig.at(2).active = 1;
  EXPECT_EQ(rig.Pick(), 1u);  // 3/2 < 2
  rig.at(1).active = 4;
  Shares shares = rig.Shares(100);
  EXPECT_EQ(shares, (Shares{{0, 50}, {2, 50}})) << "equals take turns";
}

TEST(RandomOfTwo, KeepsSharesAndAvoidsTheBusy) {
  Rig rig({1, 3}, Balance::kRandom);
  Rig even({1, 1, 1, 1}, Balance::kRandom);
  even.at(2).active = 100;
  Shares shares = even.Shares(4000);
  EXPECT_LE(shares[2], 40) << "of two different ones the less busy; rarely the same is drawn again and again";
  for (size_t i : {0u, 1u, 3u}) EXPECT_NEAR(shares[i], 1333, 250);
  // In flight until all have ended: they fill by weight.
  for (int i = 0; i < 4000; i++) rig.at(rig.Pick()).active++;
  EXPECT_NEAR(rig.at(1).active, 3000, 150);
}

TEST(Ewma, PrefersTheFastAndTriesTheUnknownOnce) {
  Rig rig({1, 1}, Balance::kEwma);
  rig.at(0).latency.Add(2'000'000, 0);
  rig.at(1).latency.Add(20'000'000, 0);
  EXPECT_GT(rig.Shares(1000)[0], 940);  // the rest drew the same twice
  rig.at(0).active = 30;                // a queue there outweighs it
  EXPECT_GT(rig.Shares(1000)[1], 940);
  Rig fresh({1, 1}, Balance::kEwma);
  fresh.at(0).latency.Add(2'000'000, 0);
  EXPECT_GT(fresh.Shares(1000)[1], 940) << "nothing is known of it";
  fresh.at(1).active = 1;
  EXPECT_GT(fresh.Shares(1000)[0], 940) << "one request finds out";
}

TEST(PeakEwma, RisesAtOnceAndFallsSlowly) {
  PeakEwma ewma;
  EXPECT_EQ(ewma.Read(5), 0);
  ewma.Add(1'000'000, 0);
  EXPECT_NEAR(ewma.Read(0), 1000, 1);
  ewma.Add(50'000'000, kSecond);
  EXPECT_NEAR(ewma.Read(kSecond), 50'000, 1);
  ewma.Add(1'000'000, kSecond + 1'000'000);
  EXPECT_GT(ewma.Read(kSecond + 1'000'000), 49'000) << "one fast answer after a slow one changes little";
  EXPECT_NEAR(ewma.Read(11 * kSecond), 50'000 / std::exp(1), 100) << "silence decays it: 10 s are its time constant";
  for (int i = 0; i < 1000; i++) ewma.Add(1'000'000, kSecond + i * 100'000'000LL);
  EXPECT_NEAR(ewma.Read(101 * kSecond), 1000, 100);
}

// --- consistent hash

std::vector<size_t> Assign(Rig& rig, uint64_t keys) {
  std::vector<size_t> all;
  for (uint64_t key = 0; key < keys; key++) all.push_back(rig.Pick(key * 7919));
  return all;
}

TEST(ConsistentHash, OneOfNMovesOneNthOfTheKeysAndNoOther) {
  constexpr uint64_t kKeys = 20'000;
  for (size_t count : {2u, 3u, 10u, 50u}) {
    Rig rig(std::vector<uint32_t>(count, 1), Balance::kHash);
    std::vector<size_t> before = Assign(rig, kKeys);
    std::map<size_t, int> shares;
    for (size_t target : before) shares[target]++;
    for (size_t i = 0; i < count; i++) EXPECT_NEAR(shares[i], kKeys / count, kKeys / count * 0.35) << count;

    for (bool unfit : {true, false}) {  // one that is ejected, and one that is no member any more
      Rig less(std::vector<uint32_t>(count, 1), Balance::kHash);
      size_t gone = unfit ? count / 2 : count - 1;
      if (unfit) {
        less.at(gone).ejected_until = 100;
      } else {
        less.members.pop_back();
      }
      std::vector<size_t> after = Assign(less, kKeys);
      int moved = 0;
      std::map<size_t, int> heirs;
      for (uint64_t key = 0; key < kKeys; key++) {
        if (before[key] == after[key]) continue;
        EXPECT_EQ(before[key], gone) << "only the keys of who is gone move";
        moved++;
        heirs[after[key]]++;
      }
      EXPECT_EQ(moved, shares[gone]);
      if (count == 10) {
        EXPECT_EQ(heirs.size(), 9u) << "and they are spread over all others";
        for (const auto& [heir, keys] : heirs) EXPECT_NEAR(keys, moved / 9.0, moved / 9.0) << heir;
      }
    }
  }
}

TEST(ConsistentHash, WeightsAreShares) {
  Rig rig({1, 2, 5}, Balance::kHash);
  std::map<size_t, int> shares;
  for (size_t target : Assign(rig, 40'000)) shares[target]++;
  EXPECT_NEAR(shares[0], 5'000, 1'000);
  EXPECT_NEAR(shares[1], 10'000, 1'500);
  EXPECT_NEAR(shares[2], 25'000, 2'000);
}

TEST(ConsistentHash, TheBoundSendsWhatIsAboveItOn) {
  Rig rig({1, 1, 1, 1}, Balance::kHash);
  size_t home = rig.Pick(42);
  for (int i = 0; i < 100; i++) EXPECT_EQ(rig.Pick(42), home);
  rig.conf.balance_factor = 125;
  for (int i = 0; i < 100; i++) rig.at(rig.Pick(42)).active++;  // one hot key
  for (size_t i = 0; i < 4; i++) EXPECT_LE(rig.at(i).active, 32u) << "at most 125% of a quarter of 101";
  EXPECT_GE(rig.at(home).active, 30u);
  for (size_t i = 0; i < 4; i++) rig.at(i).active = 0;
  EXPECT_EQ(rig.Pick(42), home) << "the key comes home";
}

TEST(ConsistentHash, ARetryGoesToTheNextOnTheRing) {
  Rig rig({1, 1, 1}, Balance::kHash);
  for (uint64_t key = 0; key < 50; key++) {
    size_t home = rig.Pick(key);
    size_t next = rig.Pick(key, {&rig.at(home)});
    EXPECT_NE(next, home);
    rig.at(home).unhealthy = true;
    rig.Plan_();
    EXPECT_EQ(rig.Pick(key), next) << "where the key would live without its target";
    rig.at(home).unhealthy = false;
    rig.Plan_();
  }
}

TEST(HashRing, FindsTheFirstPointAtOrAfterTheKey) {
  HashRing ring;
  for (uint16_t i = 0; i < 7; i++) ring.Add("m" + std::to_string(i), 50, i);
  ring.Build();
  EXPECT_EQ(ring.size(), 350u);
  // Against the ring as it was: a ring of one member less gives the same answer unless it was that one's.
  HashRing less;
  for (uint16_t i = 0; i < 6; i++) less.Add("m" + std::to_string(i), 50, i);
  less.Build();
  for (uint64_t key = 0; key < 5000; key++) {
    size_t place = ring.Find(key);
    while (ring.member(place) == 6) place = ring.Next(place);
    EXPECT_EQ(ring.member(place), less.member(less.Find(key)));
  }
}

}  // namespace
}  // namespace mg::upstream
