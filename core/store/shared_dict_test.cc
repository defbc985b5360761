#include "store/shared_dict.h"

#include <gtest/gtest.h>

#include <thread>

#include "store/registry.h"

namespace mg::store {
namespace {

using enum DictStatus;

DictInput Num(double value) { return DictInput::Number(value); }
DictInput Str(std::string_view value) { return DictInput::String(value); }

// The value as text, "-" if it is not there.
std::string Show(SharedDict& dict, std::string_view key, Milliseconds now = 0) {
  DictOutput out;
  if (dict.Get(key, now, out) != kOk) return "-";
  switch (out.type) {
    case DictType::kNil: return "nil";
    case DictType::kBoolean: return out.boolean ? "true" : "false";
    case DictType::kNumber: return std::to_string(static_cast<int>(out.number));
    case DictType::kString: return out.string;
  }
  return "?";
}

TEST(SharedDict, HoldsEveryTypeAndFlags) {
  SharedDict dict("d", 65536);
  EXPECT_EQ(dict.Set("b", DictInput::Boolean(true), 0, 0, 0).status, kOk);
  EXPECT_EQ(dict.Set("n", Num(7), 0, 5, 0).status, kOk);
  EXPECT_EQ(dict.Set("s", Str("text"), 0, 0, 0).status, kOk);
  EXPECT_EQ(dict.Set("e", Str(""), 0, 0, 0).status, kOk);
  EXPECT_EQ(Show(dict, "b") + Show(dict, "n") + Show(dict, "s") + Show(dict, "e"), "true7text");
  DictOutput out;
  EXPECT_EQ(dict.Get("n", 0, out), kOk);
  EXPECT_EQ(out.flags, 5u);
  for (std::string_view value : {"longer than it was before", "x", "same", "emas"}) {
    dict.Set("s", Str(value), 0, 0, 0);
    EXPECT_EQ(Show(dict, "s"), value);
  }
  EXPECT_EQ(dict.Set("s", DictInput{}, 0, 0, 0).status, kOk);
  EXPECT_EQ(Show(dict, "s"), "-");
  EXPECT_EQ(dict.Delete("n"), kOk);
  EXPECT_EQ(dict.Delete("n"), kOk);
  EXPECT_EQ(dict.size(), 2u);
}

TEST(SharedDict, ChecksKeys) {
  SharedDict dict("d", 1 << 20);
  EXPECT_EQ(dict.Set("", Num(1), 0, 0, 0).status, kEmptyKey);
  EXPECT_EQ(dict.Set(std::string(65536, 'k'), Num(1), 0, 0, 0).status, kKeyTooLong);
  EXPECT_EQ(dict.Set(std::string(65535, 'k'), Num(1), 0, 0, 0).status, kOk);
  EXPECT_EQ(dict.Set(std::string_view("a\0b", 3), Num(1), 0, 0, 0).status, kOk);
  EXPECT_EQ(Show(dict, "a"), "-");
  EXPECT_EQ(DictStatusText(kNotAList), "value not a list");
}

TEST(SharedDict, AddsAndReplaces) {
  SharedDict dict("d", 65536);
  EXPECT_EQ(dict.Set("k", Num(1), 0, 0, 0, SetMode::kOnlyExisting).status, kNotFound);
  EXPECT_EQ(dict.Set("k", Num(1), 100, 0, 0, SetMode::kOnlyNew).status, kOk);
  EXPECT_EQ(dict.Set("k", Num(2), 0, 0, 99, SetMode::kOnlyNew).status, kExists);
  EXPECT_EQ(dict.Set("k", Num(3), 100, 0, 99, SetMode::kOnlyExisting).status, kOk);
  EXPECT_EQ(Show(dict, "k", 198), "3");
  EXPECT_EQ(dict.Set("k", Num(4), 0, 0, 199, SetMode::kOnlyExisting).status, kNotFound);
  EXPECT_EQ(dict.Set("k", Num(5), 0, 0, 199, SetMode::kOnlyNew).status, kOk);
  EXPECT_EQ(Show(dict, "k", 1'000'000), "5");
}

TEST(SharedDict, ExpiresAndTellsStaleValues) {
  SharedDict dict("d", 65536);
  dict.Set("k", Str("v"), 1000, 3, 5000);
  EXPECT_EQ(dict.Ttl("k", 5400).ttl, 600);
  EXPECT_EQ(Show(dict, "k", 5999), "v");
  EXPECT_EQ(Show(dict, "k", 6000), "-");
  DictOutput out;
  EXPECT_EQ(dict.GetStale("k", 6000, out), kOk);
  EXPECT_TRUE(out.stale);
  EXPECT_EQ(out.string, "v");
  EXPECT_EQ(dict.Ttl("k", 6000).status, kNotFound);
  EXPECT_EQ(dict.Expire("k", 100, 6000), kNotFound);
  dict.Set("k", Str("w"), 0, 0, 6000);
  EXPECT_EQ(dict.Ttl("k", 7000).ttl, 0);
  EXPECT_EQ(dict.Expire("k", 10, 7000), kOk);
  EXPECT_EQ(Show(dict, "k", 7010), "-");
  dict.Set("k", Str("x"), 10, 0, 8000);
  EXPECT_EQ(dict.Expire("k", 0, 8000), kOk);
  EXPECT_EQ(Show(dict, "k", 9000), "x");
  EXPECT_EQ(dict.Ttl("none", 0).status, kNotFound);
}

TEST(SharedDict, Increments) {
  SharedDict dict("d", 65536);
  EXPECT_EQ(dict.Incr("k", 1, std::nullopt, 0, 0).status, kNotFound);
  EXPECT_EQ(dict.Incr("k", 1, 10, 100, 0).value, 11);
  EXPECT_EQ(dict.Incr("k", 2.5, std::nullopt, 0, 50).value, 13.5);
  EXPECT_EQ(dict.Incr("k", -1, 0, 1000, 99).value, 12.5);  // the time to live is the first one's
  EXPECT_EQ(dict.Incr("k", 1, std::nullopt, 0, 100).status, kNotFound);
  EXPECT_EQ(dict.Incr("k", 1, 0, 0, 100).value, 1);
  EXPECT_EQ(dict.Ttl("k", 100).ttl, 0);
  dict.Set("s", Str("1"), 0, 0, 0);
  EXPECT_EQ(dict.Incr("s", 1, 0, 0, 0).status, kNotANumber);
}

TEST(SharedDict, KeepsLists) {
  SharedDict dict("d", 65536);
  DictOutput out;
  EXPECT_EQ(dict.Length("l", 0).length, 0u);
  EXPECT_EQ(dict.Pop("l", ListEnd::kLeft, 0, out), kNotFound);
  EXPECT_EQ(dict.Push("l", Str("b"), ListEnd::kLeft, 0).length, 1u);
  EXPECT_EQ(dict.Push("l", Str("a"), ListEnd::kLeft, 0).length, 2u);
  EXPECT_EQ(dict.Push("l", Num(3), ListEnd::kRight, 0).length, 3u);
  EXPECT_EQ(dict.Length("l", 0).length, 3u);
  EXPECT_EQ(dict.Get("l", 0, out), kIsAList);
  EXPECT_EQ(dict.Incr("l", 1, 0, 0, 0).status, kNotANumber);
  EXPECT_EQ(dict.Pop("l", ListEnd::kRight, 0, out), kOk);
  EXPECT_EQ(out.number, 3);
  EXPECT_EQ(dict.Pop("l", ListEnd::kLeft, 0, out), kOk);
  EXPECT_EQ(out.string, "a");
  EXPECT_EQ(dict.Pop("l", ListEnd::kLeft, 0, out), kOk);
  EXPECT_EQ(out.string, "b");
  EXPECT_EQ(dict.size(), 0u);
  dict.Set("s", Str("x"), 0, 0, 0);
  EXPECT_EQ(dict.Push("s", Str("b"), ListEnd::kLeft, 0).status, kNotAList);
  EXPECT_EQ(dict.Pop("s", ListEnd::kLeft, 0, out), kNotAList);
  EXPECT_EQ(dict.Length("s", 0).status, kNotAList);
}

TEST(SharedDict, AListThatExpiredBeginsAnew) {
  SharedDict dict("d", 65536);
  size_t before = dict.free_space();
  for (int i = 0; i < 5; i++) dict.Push("l", Str("x"), ListEnd::kRight, 0);
  dict.Expire("l", 10, 0);
  EXPECT_EQ(dict.Length("l", 10).length, 0u);
  EXPECT_EQ(dict.Push("l", Str("y"), ListEnd::kRight, 10).length, 1u);
  EXPECT_EQ(dict.Ttl("l", 10).ttl, 0);
  dict.Set("l", Num(1), 0, 0, 10);
  EXPECT_EQ(Show(dict, "l", 10), "1");
  dict.Delete("l");
  EXPECT_EQ(dict.free_space(), before);
}

TEST(SharedDict, EvictsTheLeastRecentlyUsedAndStaysWithinItsCapacity) {
  SharedDict dict("d", 16384);
  std::string value(100, 'v');
  int fitted = 0;
  while (dict.Set("k" + std::to_string(fitted), Str(value), 0, 0, 0, SetMode::kAlways, OnFull::kFail).status == kOk) {
    ASSERT_LT(++fitted, 1000);
  }
  ASSERT_GT(fitted, 20);
  EXPECT_EQ(dict.Set("more", Str(value), 0, 0, 0, SetMode::kOnlyNew, OnFull::kFail).status, kNoMemory);
  EXPECT_EQ(Show(dict, "k0"), value);  // now k1 is the oldest
  SetResult set = dict.Set("more", Str(value), 0, 0, 0);
  EXPECT_EQ(set.status, kOk);
  EXPECT_TRUE(set.forcible);
  EXPECT_EQ(Show(dict, "k0"), value);
  EXPECT_EQ(Show(dict, "k1"), "-");
  EXPECT_EQ(Show(dict, "k2"), value);
  EXPECT_EQ(dict.size(), static_cast<size_t>(fitted));
  EXPECT_EQ(dict.Push("list", Str(value), ListEnd::kLeft, 0).status, kNoMemory);
  EXPECT_EQ(dict.Incr("number", 1, 0, 0, 0).status, kOk);
  EXPECT_EQ(dict.Set("huge", Str(std::string(20000, 'h')), 0, 0, 0).status, kNoMemory);
  EXPECT_LE(dict.free_space(), dict.capacity());
}

TEST(SharedDict, ANewValueThatDoesNotFitLeavesTheOldOne) {
  SharedDict dict("d", 16384);
  dict.Set("k", Str("old"), 0, 0, 0);
  dict.Push("l", Str("element"), ListEnd::kLeft, 0);
  EXPECT_EQ(dict.Set("k", Str(std::string(16000, 'x')), 0, 0, 0, SetMode::kAlways, OnFull::kFail).status, kNoMemory);
  EXPECT_EQ(dict.Set("l", Str(std::string(16000, 'x')), 0, 0, 0, SetMode::kAlways, OnFull::kFail).status, kNoMemory);
  EXPECT_EQ(Show(dict, "k"), "old");
  EXPECT_EQ(dict.Length("l", 0).length, 1u);
}

TEST(SharedDict, TakesExpiredMemoryBackWithoutForce) {
  SharedDict dict("d", 16384);
  std::string value(100, 'v');
  for (int i = 0;
       dict.Set("k" + std::to_string(i), Str(value), 10, 0, 0, SetMode::kAlways, OnFull::kFail).status == kOk; i++) {
  }
  SetResult set = dict.Set("new", Str(value), 0, 0, 10);
  EXPECT_EQ(set.status, kOk);
  EXPECT_FALSE(set.forcible);
  EXPECT_EQ(dict.Set("safe", Str(value), 0, 0, 10, SetMode::kAlways, OnFull::kFail).status, kOk);
  EXPECT_EQ(dict.Push("list", Str(value), ListEnd::kLeft, 10).status, kOk);
}

TEST(SharedDict, Flushes) {
  SharedDict dict("d", 65536);
  for (int i = 0; i < 10; i++) dict.Set("k" + std::to_string(i), Num(i), i < 5 ? 10 : 0, 0, 0);
  EXPECT_EQ(dict.Keys(0, 0).size(), 10u);
  EXPECT_EQ(dict.Keys(0, 10), (std::vector<std::string>{"k5", "k6", "k7", "k8", "k9"}));
  EXPECT_EQ(dict.Keys(2, 10).size(), 2u);
  EXPECT_EQ(dict.FlushExpired(2, 10), 2u);
  EXPECT_EQ(dict.FlushExpired(0, 10), 3u);
  EXPECT_EQ(dict.size(), 5u);
  size_t free_space = dict.free_space();
  dict.FlushAll();
  EXPECT_EQ(dict.Keys(0, 0).size(), 0u);
  EXPECT_EQ(dict.free_space(), free_space);
  DictOutput out;
  EXPECT_EQ(dict.GetStale("k9", 0, out), kOk);
  EXPECT_TRUE(out.stale);
  EXPECT_EQ(dict.FlushExpired(0, 0), 5u);
  EXPECT_GT(dict.free_space(), free_space);
}

TEST(SharedDict, ChangesItsCapacity) {
  SharedDict dict("d", 32768);
  std::string value(1000, 'v');
  for (int i = 0; i < 20; i++) EXPECT_FALSE(dict.Set("k" + std::to_string(i), Str(value), 0, 0, 0).forcible);
  dict.SetCapacity(4 << 20);
  for (int i = 0; i < 20; i++) EXPECT_EQ(Show(dict, "k" + std::to_string(i)), value);
  for (int i = 20; i < 2000; i++) EXPECT_FALSE(dict.Set("k" + std::to_string(i), Str(value), 0, 0, 0).forcible);
  dict.SetCapacity(16384);
  EXPECT_LT(dict.size(), 16u);
  EXPECT_EQ(Show(dict, "k1999"), value);
}

TEST(SharedDict, InShardsHoldsItsCapacityAcrossThem) {
  SharedDict dict("d", 1 << 20);
  std::string value(300000, 'v');  // more than a shard's share
  EXPECT_EQ(dict.Set("large", Str(value), 0, 0, 0).status, kOk);
  for (int i = 0; i < 20000; i++) {
    EXPECT_EQ(dict.Set("k" + std::to_string(i), Num(i), 0, 0, 0).status, kOk);
    if (i % 100 == 0) {
      EXPECT_EQ(Show(dict, "large"), value);
    }
  }
  EXPECT_EQ(Show(dict, "k19999"), "19999");
  EXPECT_EQ(Show(dict, "k0"), "-");
  EXPECT_GT(dict.size(), 4000u);
}

TEST(SharedDict, ServesManyThreads) {
  for (size_t capacity : {size_t{16384}, size_t{1} << 20}) {
    SharedDict dict("d", capacity);
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; t++) {
      threads.emplace_back([&dict, capacity, t] {
        DictOutput out;
        for (int i = 0; i < 3000; i++) {
          std::string key = "k" + std::to_string((i * 7 + t) % 500);
          dict.Set(key, Str(std::string(static_cast<size_t>(i % 300), 'x')), i % 3, 0, i);
          dict.Get(key, i, out);
          dict.Incr("count" + std::to_string(t), 1, 0, 0, i);
          dict.Push("list", Num(i), ListEnd::kLeft, i);
          dict.Pop("list", ListEnd::kRight, i, out);
          if (i % 500 == 0) dict.FlushExpired(10, i);
          if (i % 700 == 0) dict.Keys(10, i);
          if (i % 900 == 0) dict.SetCapacity(capacity + static_cast<size_t>(i));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    dict.FlushAll();
    dict.FlushExpired(0, 0);
    EXPECT_EQ(dict.size(), 0u);
    dict.SetCapacity(capacity);
    EXPECT_EQ(dict.free_space(), SharedDict("fresh", capacity).free_space());
  }
}

TEST(SharedDict, CountsExactlyFromManyThreads) {
  SharedDict dict("d", 1 << 20);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++) {
    threads.emplace_back([&dict] {
      for (int i = 0; i < 5000; i++) dict.Incr("n", 1, 0, 0, 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Show(dict, "n"), "40000");
}

TEST(SharedDictRegistry, ReconcilesByName) {
  SharedDictRegistry registry;
  std::vector<SharedDictRegistry::Definition> first{{"a", 65536}, {"b", 65536}};
  registry.Reconcile(first);
  auto a = registry.Find("a"), b = registry.Find("b");
  ASSERT_TRUE(a && b);
  a->Set("k", Num(1), 0, 0, 0);
  std::vector<SharedDictRegistry::Definition> second{{"a", 131072}, {"c", 65536}};
  registry.Reconcile(second);
  EXPECT_EQ(registry.Find("a"), a);
  EXPECT_EQ(a->capacity(), 131072u);
  EXPECT_EQ(Show(*a, "k"), "1");
  EXPECT_EQ(registry.Find("b"), nullptr);
  EXPECT_EQ(b->Set("k", Num(1), 0, 0, 0).status, kOk);  // whoever holds it still may use it
  EXPECT_EQ(registry.All().size(), 2u);
}

}  // namespace
}  // namespace mg::store
