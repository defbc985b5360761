// A new script for a share of the requests.
#include "script/canary.h"

#include "script/test_support.h"

namespace mg::script {
namespace {

Canary::Settings Share(double share) {
  Canary::Settings settings;
  settings.share = share;
  settings.error_ratio = 0.1;
  settings.minimum = 10;
  settings.file = "new.lua";
  return settings;
}

TEST(Canary, ChanceGivesTheShare) {
  Canary canary(Share(0.25));
  int picked = 0;
  for (int i = 0; i < 100'000; i++) picked += canary.Pick("") ? 1 : 0;
  EXPECT_GT(picked, 24'000);
  EXPECT_LT(picked, 26'000);
}

TEST(Canary, AKeyIsAnsweredAlike) {
  Canary canary(Share(0.25)), other(Share(0.25));
  int picked = 0;
  for (int i = 0; i < 10'000; i++) {
    std::string key = "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256);
    bool first = canary.Pick(key);
    picked += first ? 1 : 0;
    EXPECT_EQ(canary.Pick(key), first);
    EXPECT_EQ(other.Pick(key), first);
  }
  EXPECT_GT(picked, 2'300);
  EXPECT_LT(picked, 2'700);
}

TEST(Canary, ItIsGivenUpAboveTheRatioAndNotBefore) {
  LogCollector log;
  Canary canary(Share(1));
  for (int i = 0; i < 9; i++) canary.Ended(true, true, 1'000'000);
  EXPECT_FALSE(canary.given_up());  // too few to judge
  canary.Ended(true, false, 1'000'000);
  EXPECT_TRUE(canary.given_up());
  EXPECT_FALSE(canary.Pick(""));
  EXPECT_NE(
      log.text.find("canary new.lua is given up: 9 of 10 requests failed (mean 1.0 ms); with the old script 0 of 0"),
      std::string::npos)
      << log.text;
}

TEST(Canary, ErrorsOfTheOldScriptDoNotCount) {
  Canary canary(Share(0.5));
  for (int i = 0; i < 100; i++) canary.Ended(false, true, 0);
  for (int i = 0; i < 100; i++) canary.Ended(true, i % 10 == 9, 0);
  EXPECT_FALSE(canary.given_up());
  canary.Ended(true, true, 0);
  EXPECT_TRUE(canary.given_up());
}

}  // namespace
}  // namespace mg::script
