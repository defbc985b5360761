#include "proxy/trace.h"

#include <gtest/gtest.h>

namespace mg::proxy {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;

TEST(Traces, ATokenIsGoodForOneRequestAndOneText) {
  Traces traces;
  EXPECT_FALSE(traces.Armed(0));
  std::string token = traces.Arm(0).value();
  EXPECT_EQ(token.size(), 32u);
  EXPECT_TRUE(traces.Armed(kSecond));
  EXPECT_FALSE(traces.Redeem("", 0));
  EXPECT_FALSE(traces.Redeem(std::string(32, '0'), 0));
  EXPECT_TRUE(traces.Redeem(token, kSecond));
  EXPECT_FALSE(traces.Armed(kSecond));
  EXPECT_FALSE(traces.Redeem(token, kSecond));
  EXPECT_EQ(traces.Take(token, kSecond).value(), "");
  traces.Keep(token, "told", 2 * kSecond);
  EXPECT_FALSE(traces.Take(std::string(32, '0'), 2 * kSecond).has_value());
  EXPECT_EQ(traces.Take(token, 2 * kSecond).value(), "told");
  EXPECT_FALSE(traces.Take(token, 2 * kSecond).has_value());
}

TEST(Traces, ATokenThatNobodySendsIsForgotten) {
  Traces traces;
  std::string token = traces.Arm(0).value();
  EXPECT_FALSE(traces.Armed(31 * kSecond));
  EXPECT_FALSE(traces.Redeem(token, 31 * kSecond));
  EXPECT_FALSE(traces.Take(token, 31 * kSecond).has_value());
}

TEST(Traces, ATokenThatIsTakenUnsentIsNoLongerGood) {
  Traces traces;
  std::string token = traces.Arm(0).value();
  EXPECT_FALSE(traces.Take(token, 0).has_value());
  EXPECT_FALSE(traces.Armed(0));
  EXPECT_FALSE(traces.Redeem(token, 0));
}

TEST(Traces, OnlySoManyAreOut) {
  Traces traces;
  for (int i = 0; i < 16; i++) EXPECT_TRUE(traces.Arm(0).has_value());
  EXPECT_FALSE(traces.Arm(0).has_value());
  EXPECT_TRUE(traces.Arm(31 * kSecond).has_value());
}

}  // namespace
}  // namespace mg::proxy
