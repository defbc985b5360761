// Token buckets, as the rate_limit policy takes from them once per request: one busy key, a key per client, and a key
// that is refused.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "store/token_bucket.h"

namespace mg::store {
namespace {

std::vector<std::string> Keys(size_t count) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < count; i++) keys.push_back("per_client|10." + std::to_string(i));
  return keys;
}

// As many keys as the argument says, in an order the processor cannot guess.
void TakeAllowed(benchmark::State& state) {
  std::vector<std::string> keys = Keys(static_cast<size_t>(state.range(0)));
  TokenBuckets buckets;
  Nanoseconds now = MonotonicNow();
  uint64_t at = 0;
  for (auto _ : state) {
    at = at * 6364136223846793005ull + 1442695040888963407ull;
    now += 1'000;
    TakeResult result = buckets.Take(keys[(at >> 33) % keys.size()], 1e9, 1e9, 1, now);
    if (!result.allowed) state.SkipWithError("refused");
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK(TakeAllowed)->Arg(1)->Arg(1'000)->Arg(500'000);

void TakeRefused(benchmark::State& state) {
  TokenBuckets buckets;
  Nanoseconds now = MonotonicNow();
  buckets.Take("key", 0, 1, 1, now);
  for (auto _ : state) {
    TakeResult result = buckets.Take("key", 0, 1, 1, now);
    if (result.allowed) state.SkipWithError("allowed");
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK(TakeRefused);

// A new key each time, in buckets that are full: what a flood of unknown clients costs.
void TakeNewKeys(benchmark::State& state) {
  TokenBuckets buckets(10'000);
  Nanoseconds now = MonotonicNow();
  uint64_t client = 0;
  char key[32];
  for (auto _ : state) {
    int size = std::snprintf(key, sizeof key, "client|%016llx", static_cast<unsigned long long>(client++));
    benchmark::DoNotOptimize(buckets.Take({key, static_cast<size_t>(size)}, 1, 10, 1, now));
  }
}
BENCHMARK(TakeNewKeys);

}  // namespace
}  // namespace mg::store
