#include "store/token_bucket.h"

#include <algorithm>
#include <cmath>

namespace mg::store {

namespace {

constexpr size_t kMostShards = 64;
constexpr size_t kKeysForSharding = 4096;  // fewer keys share one lock
constexpr size_t kFirstSlots = 16;
constexpr size_t kLookedAt = 32;  // slots looked at to find one that may go

// Sums of doubles err by less than this; a bucket may owe as much, so nothing is given twice.
constexpr double kSlack = 1e-9;

double Sane(double number) { return std::isfinite(number) && number > 0 ? number : 0; }

Nanoseconds TimeFor(double tokens, double rate) {
  if (tokens <= 0) return 0;
  if (rate <= 0) return TakeResult::kNever;
  double nanoseconds = std::ceil(tokens / rate * 1e9);
  return nanoseconds < 9e18 ? static_cast<Nanoseconds>(nanoseconds) : TakeResult::kNever;
}

}  // namespace

struct TokenBuckets::Bucket {
  Hash128 id{0, 0};
  double tokens = 0;
  double burst = -1;        // -1: the slot is free
  Nanoseconds at = 0;       // when `tokens` was right
  Nanoseconds full_at = 0;  // when it will be full
  bool used() const { return burst >= 0; }
};

// An open table with linear probing, at most three quarters full.
struct TokenBuckets::Shard {
  mutable std::mutex mutex;
  std::vector<Bucket> slots;
  size_t used = 0;
  size_t most = 0;
  size_t hand = 0;  // where the next search for a bucket to drop begins
  uint64_t evicted = 0;

  size_t Home(const Hash128& id) const { return id.low & (slots.size() - 1); }
  size_t Next(size_t slot) const { return (slot + 1) & (slots.size() - 1); }

  Bucket* Find(const Hash128& id) {
    if (slots.empty()) return nullptr;
    for (size_t slot = Home(id); slots[slot].used(); slot = Next(slot)) {
      if (slots[slot].id == id) return &slots[slot];
    }
    return nullptr;
  }

  Bucket& FreeSlot(const Hash128& id) {
    size_t slot = Home(id);
    while (slots[slot].used()) slot = Next(slot);
    return slots[slot];
  }

  void Grow() {
    std::vector<Bucket> old(std::max(kFirstSlots, slots.size() * 2));
    old.swap(slots);
    for (const Bucket& bucket : old) {
      if (bucket.used()) FreeSlot(bucket.id) = bucket;
    }
    hand = 0;
  }

  // Frees a slot and moves back what was pushed past it.
  void Remove(size_t hole) {
    for (size_t slot = Next(hole); slots[slot].used(); slot = Next(slot)) {
      size_t distance_home = (slot - Home(slots[slot].id)) & (slots.size() - 1);
      size_t distance_hole = (slot - hole) & (slots.size() - 1);
      if (distance_home >= distance_hole) {
        slots[hole] = slots[slot];
        hole = slot;
      }
    }
    slots[hole] = Bucket{};
    used--;
  }

  void MakeRoom(Nanoseconds now) {
    size_t first = slots.size();  // which is full first
    size_t seen = 0;
    for (size_t looked = 0; looked < slots.size() && seen < kLookedAt; looked++, hand = Next(hand)) {
      if (!slots[hand].used()) continue;
      seen++;
      if (first == slots.size() || slots[hand].full_at < slots[first].full_at) first = hand;
      if (slots[first].full_at <= now) break;
    }
    if (slots[first].full_at > now) evicted++;
    Remove(first);
  }

  Bucket& Insert(const Hash128& id, double burst, Nanoseconds now) {
    if (used >= most) MakeRoom(now);
    if ((used + 1) * 4 > slots.size() * 3) Grow();
    Bucket& bucket = FreeSlot(id);
    bucket = Bucket{id, burst, burst, now, now};
    used++;
    return bucket;
  }
};

TokenBuckets::TokenBuckets(size_t max_keys)
    : shard_count_(max_keys < kKeysForSharding ? 1 : kMostShards), shards_(std::make_unique<Shard[]>(shard_count_)) {
  for (size_t i = 0; i < shard_count_; i++) shards_[i].most = std::max<size_t>(1, max_keys / shard_count_);
}

TokenBuckets::~TokenBuckets() = default;

TokenBuckets::Shard& TokenBuckets::ShardOf(const Hash128& id) const { return shards_[id.high & (shard_count_ - 1)]; }

TakeResult TokenBuckets::Take(std::string_view key, double rate_per_second, double burst, double cost,
                              Nanoseconds now) {
  double rate = Sane(rate_per_second);
  burst = Sane(burst);
  cost = Sane(cost);
  Hash128 id = SipHash24x128(ProcessSipKey(), key);
  Shard& shard = ShardOf(id);
  std::lock_guard lock(shard.mutex);
  Bucket* bucket = shard.Find(id);
  if (bucket == nullptr) bucket = &shard.Insert(id, burst, now);
  if (now > bucket->at) {
    bucket->tokens += static_cast<double>(now - bucket->at) * 1e-9 * rate;
    bucket->at = now;
  }
  bucket->tokens = std::min(bucket->tokens, burst);
  bucket->burst = burst;

  bool allowed = bucket->tokens + kSlack >= cost;
  if (allowed) bucket->tokens -= cost;
  Nanoseconds reset = TimeFor(burst - bucket->tokens - kSlack, rate);
  bucket->full_at = reset > TakeResult::kNever - bucket->at ? TakeResult::kNever : bucket->at + reset;
  Nanoseconds retry = allowed ? 0 : cost > burst + kSlack ? TakeResult::kNever : TimeFor(cost - bucket->tokens, rate);
  return {allowed, std::max(0.0, bucket->tokens), retry, reset};
}

void TokenBuckets::Return(std::string_view key, double tokens) {
  Hash128 id = SipHash24x128(ProcessSipKey(), key);
  Shard& shard = ShardOf(id);
  std::lock_guard lock(shard.mutex);
  Bucket* bucket = shard.Find(id);
  if (bucket != nullptr) bucket->tokens = std::min(bucket->burst, bucket->tokens + Sane(tokens));
}

size_t TokenBuckets::size() const {
  size_t sum = 0;
  for (size_t i = 0; i < shard_count_; i++) {
    std::lock_guard lock(shards_[i].mutex);
    sum += shards_[i].used;
  }
  return sum;
}

uint64_t TokenBuckets::evicted() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < shard_count_; i++) {
    std::lock_guard lock(shards_[i].mutex);
    sum += shards_[i].evicted;
  }
  return sum;
}

void TokenBuckets::Clear() {
  for (size_t i = 0; i < shard_count_; i++) {
    std::lock_guard lock(shards_[i].mutex);
    std::vector<Bucket>().swap(shards_[i].slots);
    shards_[i].used = shards_[i].hand = 0;
  }
}

}  // namespace mg::store
