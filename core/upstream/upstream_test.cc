// The balancer, passive health, and what a reload keeps.
#include "upstream/upstream.h"

#include <gtest/gtest.h>

#include <map>

namespace mg::upstream {
namespace {

config::Upstream Conf(const std::vector<uint32_t>& weights) {
  config::Upstream conf;
  conf.name = "u";
  uint16_t port = 1000;
  for (uint32_t weight : weights) {
    config::Target target;
    target.address = {config::Address::Kind::kIp, "127.0.0.1", port, "127.0.0.1:" + std::to_string(port)};
    target.weight = weight;
    conf.targets.push_back(target);
    port++;
  }
  return conf;
}

TEST(Upstream, TurnsRoundByWeightWithoutBunching) {
  Registry registry;
  auto upstream = *registry.Build(Conf({3, 1, 2}));
  std::map<size_t, int> picked;
  size_t last = 9;
  int repeats = 0;
  for (int i = 0; i < 600; i++) {
    size_t target = *upstream->Pick({}, 0, 1);
    picked[target]++;
    repeats += target == last;
    last = target;
  }
  EXPECT_EQ(picked[0], 300);
  EXPECT_EQ(picked[1], 100);
  EXPECT_EQ(picked[2], 200);
  EXPECT_LE(repeats, 110);
}

TEST(Upstream, HugeWeightsKeepTheirShares) {
  Registry registry;
  auto upstream = *registry.Build(Conf({1'000'000, 1'000'000, 2'000'000}));
  std::map<size_t, int> picked;
  for (int i = 0; i < 4000; i++) picked[*upstream->Pick({}, 0, 1)]++;
  EXPECT_NEAR(picked[2], 2000, 20);
}

TEST(Upstream, TheHashDecides) {
  config::Upstream conf = Conf({1, 1, 1, 1});
  conf.balance = config::Upstream::Balance::kHash;
  Registry registry;
  auto upstream = *registry.Build(conf);
  for (uint64_t hash : {0ull, 1ull, 77ull, ~0ull}) {
    size_t first = *upstream->Pick({}, hash, 1);
    for (int i = 0; i < 5; i++) EXPECT_EQ(*upstream->Pick({}, hash, 1), first);
  }
}

TEST(Upstream, PrefersWhatWasNotTriedThenWhatIsThere) {
  Registry registry;
  auto upstream = *registry.Build(Conf({1, 1}));
  uint16_t tried[] = {0};
  for (int i = 0; i < 4; i++) EXPECT_EQ(*upstream->Pick(tried, 0, 1), 1u);
  uint16_t both[] = {1, 0};
  EXPECT_EQ(*upstream->Pick(both, 0, 1), 1u);
  auto none = *registry.Build(Conf({}));
  EXPECT_EQ(none->Pick({}, 0, 1).error().code, ErrorCode::kUnavailable);
}

TEST(Upstream, BackupsServeWhenNoOtherCan) {
  config::Upstream conf = Conf({1, 1});
  conf.targets[1].backup = true;
  Registry registry;
  auto upstream = *registry.Build(conf);
  for (int i = 0; i < 4; i++) EXPECT_EQ(*upstream->Pick({}, 0, 1), 0u);
  upstream->targets()[0].state->unhealthy = true;
  EXPECT_EQ(*upstream->Pick({}, 0, 1), 1u);
  upstream->targets()[1].state->unhealthy = true;
  EXPECT_TRUE(upstream->Pick({}, 0, 1)) << "an unhealthy one beats none";
}

TEST(Upstream, FailuresInARowEjectForAWhile) {
  config::Upstream conf = Conf({1, 1});
  conf.passive = config::PassiveHealth{
      .failures = 3, .window = config::Duration(10'000), .eject = config::Duration(1000), .max_ejected_percent = 50};
  Registry registry;
  auto upstream = *registry.Build(conf);
  upstream->Failed(0, 10);
  upstream->Failed(0, 10);
  upstream->Succeeded(0);
  upstream->Failed(0, 10);
  upstream->Failed(0, 10);
  EXPECT_EQ(upstream->targets()[0].state->ejected_until, 0);
  upstream->Failed(0, 10);
  for (int i = 0; i < 4; i++) EXPECT_EQ(*upstream->Pick({}, 0, 20), 1u);
  for (int i = 0; i < 9; i++) upstream->Failed(1, 20);
  EXPECT_EQ(upstream->targets()[1].state->ejected_until, 0) << "not more than half of them";
  bool back = false;
  for (int i = 0; i < 4; i++) back = back || *upstream->Pick({}, 0, 2'000'000'000) == 0;
  EXPECT_TRUE(back);
}

TEST(Registry, AReloadKeepsTheStateOfWhatStays) {
  Registry registry;
  auto before = *registry.Build(Conf({1, 1}));
  before->targets()[1].state->failures = 7;
  auto after = *registry.Build(Conf({1, 5, 1}));
  EXPECT_EQ(after->targets()[1].state, before->targets()[1].state);
  EXPECT_NE(after->targets()[2].state->number, after->targets()[1].state->number);
  config::Upstream other = Conf({1});
  other.name = "v";
  auto of_other = *registry.Build(other);
  EXPECT_NE(of_other->targets()[0].state, after->targets()[0].state);
}

// A connection verified under one set of TLS settings is not for another.
TEST(Registry, OtherTlsSettingsAreAnotherTarget) {
  Registry registry;
  config::Upstream plain = Conf({1});
  config::Upstream careless = plain, careful = plain, named = plain;
  careless.tls.enabled = careful.tls.enabled = named.tls.enabled = true;
  careless.tls.verify = false;
  named.tls.server_name = "api.example.com";
  auto a = *registry.Build(plain);
  auto b = *registry.Build(careless);
  auto c = *registry.Build(careful);
  auto d = *registry.Build(named);
  std::map<const TargetState*, int> states;
  for (auto* each : {&a, &b, &c, &d}) states[(*each)->targets()[0].state.get()]++;
  EXPECT_EQ(states.size(), 4u);
  auto again = *registry.Build(careful);
  EXPECT_EQ(again->targets()[0].state, c->targets()[0].state);
}

}  // namespace
}  // namespace mg::upstream
