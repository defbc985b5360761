// FailureWindow: calls and failures of the last while, in ten buckets. Nothing but atomics: any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace mg::upstream {

class FailureWindow {
 public:
  struct Sums {
    uint64_t calls = 0, failures = 0;
  };

  // `length`: of the whole window. A call counted while another thread opens the bucket anew may be lost.
  void Count(bool failed, Nanoseconds now, Nanoseconds length) {
    uint64_t number = NumberAt(now, length);
    std::atomic<uint64_t>& bucket = buckets_[number % kBuckets];
    uint64_t word = bucket.load(std::memory_order_relaxed), next;
    do {
      if (word >> 40 != (number & kNumbers)) {
        next = (number & kNumbers) << 40 | kCall | (failed ? 1 : 0);
      } else {
        if ((word / kCall & kMost) == kMost) return;  // a million tell enough
        next = word + kCall + (failed ? 1 : 0);
      }
    } while (!bucket.compare_exchange_weak(word, next, std::memory_order_relaxed));
  }
  Sums Sum(Nanoseconds now, Nanoseconds length) const {
    uint64_t number = NumberAt(now, length);
    Sums sums;
    for (size_t i = 0; i < kBuckets && i <= number; i++) {
      uint64_t word = buckets_[(number - i) % kBuckets].load(std::memory_order_relaxed);
      if (word >> 40 != ((number - i) & kNumbers)) continue;
      sums.calls += word / kCall & kMost;
      sums.failures += word & kMost;
    }
    return sums;
  }
  void Clear() {
    for (auto& bucket : buckets_) bucket.store(0, std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kBuckets = 10;
  // A bucket: 24 bits of its number, 20 of calls, 20 of failures.
  static constexpr uint64_t kCall = 1u << 20, kMost = kCall - 1, kNumbers = (1u << 24) - 1;
  static uint64_t NumberAt(Nanoseconds now, Nanoseconds length) {
    Nanoseconds width = length / static_cast<Nanoseconds>(kBuckets);
    return static_cast<uint64_t>(now / (width > 0 ? width : 1));
  }

  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
};

}  // namespace mg::upstream
