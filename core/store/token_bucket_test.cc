#include "store/token_bucket.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

namespace mg::store {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;

// From the reference implementation's published vectors: key 00..0f.
TEST(SipHash, KnowsItsVectors) {
  SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::string text;
  for (char c = 0; c < 15; c++) text += c;
  SipState state(key, 0);
  state.Absorb<2>(text);
  EXPECT_EQ(state.Finish<4>(0xff), 0xa129ca6149be45e5u);
  Hash128 empty = SipHash24x128(key, "");
  EXPECT_EQ(empty.low, 0xe6a825ba047f81a3u);
  EXPECT_EQ(empty.high, 0x930255c71472f66du);
  EXPECT_NE(SipHash13(key, "a"), SipHash13(key, "b"));
}

TEST(TokenBuckets, GivesTheBurstThenTheRate) {
  TokenBuckets buckets;
  for (int i = 5; i > 0; i--) {
    TakeResult taken = buckets.Take("k", 10, 5, 1, 0);
    EXPECT_TRUE(taken.allowed);
    EXPECT_DOUBLE_EQ(taken.remaining, i - 1);
    EXPECT_EQ(taken.retry_after, 0);
  }
  TakeResult refused = buckets.Take("k", 10, 5, 1, 0);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, kSecond / 10);
  EXPECT_NEAR(static_cast<double>(refused.reset), 0.5e9, 10);
  EXPECT_FALSE(buckets.Take("k", 10, 5, 1, kSecond / 10 - 10).allowed);
  EXPECT_TRUE(buckets.Take("k", 10, 5, 1, kSecond / 10).allowed);
  EXPECT_TRUE(buckets.Take("other", 10, 5, 5, 0).allowed);
}

TEST(TokenBuckets, GivesOneAtEachTickOfAnyRate) {
  for (double rate : {1.0, 3.0, 7.0, 10.0, 333.0}) {
    TokenBuckets buckets;
    EXPECT_TRUE(buckets.Take("k", rate, 2, 2, 0).allowed);
    for (int i = 1; i <= 2000; i++) {
      auto tick = static_cast<Nanoseconds>(std::ceil(i * 1e9 / rate));
      EXPECT_FALSE(buckets.Take("k", rate, 2, 1, tick - 1000).allowed) << rate << " " << i;
      EXPECT_TRUE(buckets.Take("k", rate, 2, 1, tick).allowed) << rate << " " << i;
    }
  }
}

TEST(TokenBuckets, RetryAfterIsEnough) {
  TokenBuckets buckets;
  Nanoseconds now = 12345;
  for (int i = 0; i < 200; i++) {
    TakeResult taken = buckets.Take("k", 3, 2, 1, now);
    if (taken.allowed) continue;
    now += taken.retry_after;
    EXPECT_TRUE(buckets.Take("k", 3, 2, 1, now).allowed);
  }
}

TEST(TokenBuckets, NeverGivesWhatCannotBe) {
  TokenBuckets buckets;
  EXPECT_EQ(buckets.Take("k", 10, 5, 6, 0).retry_after, TakeResult::kNever);
  EXPECT_TRUE(buckets.Take("z", 0, 1, 1, 0).allowed);
  TakeResult refused = buckets.Take("z", 0, 1, 1, 1000 * kSecond);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, TakeResult::kNever);
  EXPECT_EQ(refused.reset, TakeResult::kNever);
  EXPECT_FALSE(buckets.Take("n", NAN, -1, 1, 0).allowed);
  EXPECT_TRUE(buckets.Take("n", NAN, -1, 0, 0).allowed);
}

TEST(TokenBuckets, AClockThatLagsGainsNothing) {
  TokenBuckets buckets;
  EXPECT_TRUE(buckets.Take("k", 1, 1, 1, 10 * kSecond).allowed);
  EXPECT_FALSE(buckets.Take("k", 1, 1, 1, 5 * kSecond).allowed);
  EXPECT_FALSE(buckets.Take("k", 1, 1, 1, 10 * kSecond + kSecond / 2).allowed);
  EXPECT_TRUE(buckets.Take("k", 1, 1, 1, 11 * kSecond).allowed);
}

TEST(TokenBuckets, TakesTokensBack) {
  TokenBuckets buckets;
  EXPECT_TRUE(buckets.Take("k", 1, 2, 2, 0).allowed);
  buckets.Return("k", 1);
  EXPECT_TRUE(buckets.Take("k", 1, 2, 1, 0).allowed);
  buckets.Return("k", 100);
  EXPECT_FALSE(buckets.Take("k", 1, 2, 3, 0).allowed);
  buckets.Return("unknown", 1);
  EXPECT_EQ(buckets.size(), 1u);
}

TEST(TokenBuckets, DropsFullBucketsFirst) {
  TokenBuckets buckets(100);
  EXPECT_TRUE(buckets.Take("slow", 0.001, 1, 1, 0).allowed);
  for (int i = 0; i < 5000; i++) {  // each is full again when the next comes
    buckets.Take("k" + std::to_string(i), 1, 1, 1, i * kSecond / 10);
    EXPECT_LE(buckets.size(), 100u);
  }
  EXPECT_FALSE(buckets.Take("slow", 0.001, 1, 1, 500 * kSecond).allowed);
  EXPECT_EQ(buckets.evicted(), 0u);
}

TEST(TokenBuckets, IsBoundedWhenNoneIsFull) {
  TokenBuckets buckets(100);
  for (int i = 0; i < 5000; i++) buckets.Take("k" + std::to_string(i), 0.001, 1, 1, 0);
  EXPECT_EQ(buckets.size(), 100u);
  EXPECT_EQ(buckets.evicted(), 4900u);
  buckets.Clear();
  EXPECT_EQ(buckets.size(), 0u);
  TokenBuckets sharded(20000);
  for (int i = 0; i < 60000; i++) sharded.Take("k" + std::to_string(i), 0.001, 1, 1, 0);
  EXPECT_LE(sharded.size(), 20000u);
  EXPECT_GT(sharded.size(), 15000u);
}

TEST(TokenBuckets, FindsEachKeyAmongMany) {
  TokenBuckets buckets(100000);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 20000; i++) {
      EXPECT_EQ(buckets.Take("k" + std::to_string(i), 0, 2, 1, 0).allowed, round < 2);
    }
  }
  EXPECT_EQ(buckets.size(), 20000u);
}

TEST(TokenBuckets, IsExactOverManyThreads) {
  TokenBuckets buckets;
  constexpr double kRate = 1000, kBurst = 50;
  std::atomic<Nanoseconds> clock{0};
  std::atomic<int64_t> given{0};
  std::atomic<bool> exceeded{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; i++) {
        Nanoseconds now = clock.fetch_add(1000);  // threads overtake each other: their clocks lag
        if (!buckets.Take("k", kRate, kBurst, 1, now).allowed) continue;
        int64_t sum = given.fetch_add(1) + 1;
        if (static_cast<double>(sum) > kBurst + kRate * static_cast<double>(clock.load()) * 1e-9 + 1e-6)
          exceeded = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(exceeded);
  // 160 ms at 1000/s; the last call may come a tick before the last token.
  EXPECT_LE(given.load(), 210);
  EXPECT_GE(given.load(), 208);
}

}  // namespace
}  // namespace mg::store
