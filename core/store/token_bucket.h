// TokenBuckets: rate limiters for all loops of the process, exact: over any time t no key is given more than
// burst + rate * t tokens.
//
// A bucket is known by a 128-bit keyed hash of its key, so all take 48 bytes. Owner: the process; it outlives
// generations, so that a reload forgives nothing. Threads: any; a shard's lock is held for one look-up.
// Memory is bounded by the number of keys. When a shard is full, a bucket that is full again goes (it says nothing that
// a new one would not); if none is at hand, of those looked at the one that would be full first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "store/siphash.h"

namespace mg::store {

struct TakeResult {
  static constexpr Nanoseconds kNever = std::numeric_limits<Nanoseconds>::max();
  bool allowed;
  double remaining;         // tokens left, at least 0
  Nanoseconds retry_after;  // until `cost` tokens are there; 0 if allowed, kNever if they never will be
  Nanoseconds reset;        // until the bucket is full; kNever without a rate
};

class TokenBuckets {
 public:
  static constexpr size_t kDefaultKeys = 1'000'000;

  explicit TokenBuckets(size_t max_keys = kDefaultKeys);
  ~TokenBuckets();
  TokenBuckets(const TokenBuckets&) = delete;
  TokenBuckets& operator=(const TokenBuckets&) = delete;

  // Takes `cost` tokens from the bucket of `key`, or none. A new bucket is full. `key` includes what tells limiters
  // apart; callers of one key agree on rate (tokens per second) and burst, and if they do not, the bucket follows the
  // latest. `now` is monotonic; a caller whose clock lags gains nothing. Negative or non-finite numbers count as 0.
  TakeResult Take(std::string_view key, double rate_per_second, double burst, double cost, Nanoseconds now);

  // Gives tokens back (a request that was not made), never past the latest burst. An unknown key stays unknown.
  void Return(std::string_view key, double tokens);

  size_t size() const;
  uint64_t evicted() const;  // buckets dropped while they were not full
  void Clear();

 private:
  struct Bucket;
  struct Shard;
  Shard& ShardOf(const Hash128& id) const;

  size_t shard_count_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace mg::store
