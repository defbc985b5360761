#include "script/canary.h"

#include <random>

#include "base/log.h"

namespace mg::script {
namespace {

// FNV-1a with a finalizer: the high bits of a short key must vary, too.
uint64_t HashOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  return hash ^ hash >> 33;
}

double Milliseconds(const Canary::Counts& counts) {
  return counts.requests == 0 ? 0 : static_cast<double>(counts.time) / 1e6 / static_cast<double>(counts.requests);
}

}  // namespace

bool Canary::Pick(std::string_view key) {
  if (given_up()) return false;
  thread_local std::minstd_rand random(std::random_device{}());
  double place = key.empty() ? std::uniform_real_distribution<double>(0, 1)(random)
                             : static_cast<double>(HashOf(key) >> 11) / static_cast<double>(uint64_t{1} << 53);
  return place < settings_.share;
}

Canary::Counts Canary::counts(bool is_new) const {
  const Tally& tally = is_new ? new_ : old_;
  return {tally.requests.load(std::memory_order_relaxed), tally.errors.load(std::memory_order_relaxed),
          tally.time.load(std::memory_order_relaxed)};
}

bool Canary::Ended(bool is_new, bool failed, Nanoseconds time) {
  Tally& tally = is_new ? new_ : old_;
  tally.time.fetch_add(time, std::memory_order_relaxed);
  if (failed) tally.errors.fetch_add(1, std::memory_order_relaxed);
  uint64_t requests = tally.requests.fetch_add(1, std::memory_order_relaxed) + 1;
  if (!is_new || requests < settings_.minimum) return false;
  Counts fresh = counts(true), before = counts(false);
  if (static_cast<double>(fresh.errors) <= settings_.error_ratio * static_cast<double>(requests)) return false;
  if (given_up_.exchange(true, std::memory_order_relaxed)) return false;
  MG_LOG(
      kError,
      "canary {} is given up: {} of {} requests failed (mean {:.1f} ms); with the old script {} of {} (mean {:.1f} ms)",
      settings_.file, fresh.errors, fresh.requests, Milliseconds(fresh), before.errors, before.requests,
      Milliseconds(before));
  return true;
}

}  // namespace mg::script
