#include "tester/test_clock.h"

#include <gtest/gtest.h>

namespace mg::tester {
namespace {

constexpr Nanoseconds kNewYear = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
constexpr Nanoseconds kSecond = 1'000'000'000;

TEST(TestClockTest, ReadsMomentsAndSteps) {
  auto got = ParseClock("2026-01-01T00:00:00Z\n+90s\n\n+500ms\n+1.5h\n+2d\n2026-02-28T12:00:00.250Z\n", 7);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  std::vector<Nanoseconds> expected = {kNewYear};
  for (Nanoseconds step : {90 * kSecond, kSecond / 2, 5400 * kSecond, 172'800 * kSecond})
    expected.push_back(expected.back() + step);
  expected.push_back(kNewYear + (58 * 86'400 + 43'200) * kSecond + kSecond / 4);
  EXPECT_EQ(*got, expected);
  EXPECT_EQ(ParseClock("+1s", 7 * kSecond).value(), std::vector<Nanoseconds>{8 * kSecond});
}

TEST(TestClockTest, RefusesWhatIsNone) {
  for (const char* text : {"",
                           "now",
                           "2026-01-01",
                           "2026-01-01T00:00:00",
                           "2026-13-01T00:00:00Z",
                           "2026-02-31T00:00:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T00:00:00.5Z",
                           "2026-01-01 00:00:00Z",
                           "1969-12-31T23:59:59Z",
                           "9999-01-01T00:00:00Z",
                           "+",
                           "+1",
                           "+x",
                           "+-1s",
                           "+1y",
                           "+nans",
                           "+99999999d",
                           "-1s",
                           "2026-01-01T00:00:01Z\n2026-01-01T00:00:00Z"}) {
    EXPECT_FALSE(ParseClock(text, 0).has_value()) << text;
  }
}

}  // namespace
}  // namespace mg::tester
