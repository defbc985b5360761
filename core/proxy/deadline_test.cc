#include "proxy/deadline.h"

#include <gtest/gtest.h>

namespace mg::proxy {
namespace {

constexpr Nanoseconds kMillisecond = 1'000'000;

TEST(Deadline, IsReadInMilliseconds) {
  EXPECT_EQ(ParseDeadline("X-Request-Deadline", "250"), 250 * kMillisecond);
  EXPECT_EQ(ParseDeadline("X-Request-Deadline", "0"), 0);
  for (std::string_view bad : {"", "-1", "+1", "1.5", " 1", "1m", "1 ", "99999999999999999999", "31622400001"}) {
    EXPECT_FALSE(ParseDeadline("X-Request-Deadline", bad)) << bad;
  }
}

TEST(Deadline, GrpcHasUnits) {
  EXPECT_EQ(ParseDeadline("grpc-timeout", "2S"), 2000 * kMillisecond);
  EXPECT_EQ(ParseDeadline("Grpc-Timeout", "1H"), 3'600'000 * kMillisecond);
  EXPECT_EQ(ParseDeadline("grpc-timeout", "3M"), 180'000 * kMillisecond);
  EXPECT_EQ(ParseDeadline("grpc-timeout", "99999999m"), 99'999'999 * kMillisecond);
  EXPECT_EQ(ParseDeadline("grpc-timeout", "5u"), 5'000);
  EXPECT_EQ(ParseDeadline("grpc-timeout", "7n"), 7);
  for (std::string_view bad : {"", "5", "m", "1x", "123456789m", "99999999H", "-1S"}) {
    EXPECT_FALSE(ParseDeadline("grpc-timeout", bad)) << bad;
  }
}

TEST(Deadline, IsWrittenRoundedDown) {
  EXPECT_EQ(FormatDeadline("X-D", 1'999'999), "1");
  EXPECT_EQ(FormatDeadline("X-D", -5), "0");
  EXPECT_EQ(FormatDeadline("grpc-timeout", 250 * kMillisecond), "250m");
  EXPECT_EQ(FormatDeadline("grpc-timeout", 100'000'000 * kMillisecond), "100000S");
}

}  // namespace
}  // namespace mg::proxy
