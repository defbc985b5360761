#include <gtest/gtest.h>

#include <thread>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto/per_thread.h"
#include "crypto/random.h"

namespace mg::crypto {
namespace {

// RFC 1321 A.5, FIPS 180 examples.
TEST(Digest, KnowsAbc) {
  EXPECT_EQ(HexEncode(ComputeDigest(Digest::kMd5, "abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(HexEncode(ComputeDigest(Digest::kSha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(HexEncode(ComputeDigest(Digest::kSha256, "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexEncode(ComputeDigest(Digest::kSha384, "abc")),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(HexEncode(ComputeDigest(Digest::kSha512, "abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(HexEncode(ComputeDigest(Digest::kMd5, "")), "d41d8cd98f00b204e9800998ecf8427e");
}

// RFC 2202 section 3 case 2, RFC 4231 cases 2 and 6.
TEST(Hmac, KnowsTheVectorsOfTheRfcs) {
  EXPECT_EQ(HexEncode(ComputeHmac(Digest::kSha1, "Jefe", "what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(HexEncode(ComputeHmac(Digest::kSha256, "Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HexEncode(ComputeHmac(Digest::kSha256, std::string(131, '\xaa'),
                                  "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, AnEmptyKeyIsNotTheKeyOfLastTime) {
  std::string empty = ComputeHmac(Digest::kSha256, "", "");
  ComputeHmac(Digest::kSha256, "other", "x");
  EXPECT_EQ(ComputeHmac(Digest::kSha256, std::string_view(), ""), empty);
  EXPECT_EQ(HexEncode(empty), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Hasher, TakesPiecesAndStartsAgain) {
  Hasher hasher(Digest::kSha256);
  hasher.Update("a");
  hasher.Update("bc");
  EXPECT_EQ(hasher.Finish(), ComputeDigest(Digest::kSha256, "abc"));
  hasher.Reset();
  EXPECT_EQ(hasher.Finish(), ComputeDigest(Digest::kSha256, ""));
}

TEST(Crc32, KnowsTheCheckValueAndContinues) {
  EXPECT_EQ(Crc32("123456789"), 0xcbf43926u);
  EXPECT_EQ(Crc32(""), 0u);
  std::string text;
  for (int i = 0; i < 1000; i++) text += static_cast<char>(i * 7);
  for (size_t cut = 0; cut < 40; cut++) {
    EXPECT_EQ(Crc32(std::string_view(text).substr(cut), Crc32(std::string_view(text).substr(0, cut))), Crc32(text));
  }
}

TEST(Random, DiffersAndCompares) {
  EXPECT_NE(RandomBytes(32), RandomBytes(32));
  EXPECT_EQ(RandomBytes(100000).size(), 100000u);
  EXPECT_TRUE(ConstantTimeEquals("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "ab"));
  EXPECT_TRUE(ConstantTimeEquals("", ""));
}

TEST(PerThread, GivesEachThreadItsOwn) {
  PerThread<int> numbers;
  std::unique_ptr<int> spare;
  int& mine = numbers.Get(spare, [] { return std::make_unique<int>(1); });
  std::vector<std::thread> threads;
  for (int t = 0; t < 100; t++) {
    threads.emplace_back([&numbers, &mine] {
      std::unique_ptr<int> its_spare;
      int& its = numbers.Get(its_spare, [] { return std::make_unique<int>(0); });
      EXPECT_NE(&its, &mine);
      for (int i = 0; i < 100; i++) its++;
      EXPECT_EQ(ComputeDigest(Digest::kMd5, "a"), ComputeDigest(Digest::kMd5, "a"));
    });
    if (t % 3 == 0) {
      threads.back().join();
      threads.pop_back();
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(mine, 1);
  EXPECT_EQ(&numbers.Get(spare, [] { return std::make_unique<int>(2); }), &mine);
}

}  // namespace
}  // namespace mg::crypto
