// PeakEwma: how fast a target answers: the peak-sensitive moving average of its latencies. An answer slower than the
// average becomes the average at once; faster ones pull it down with a time constant of 10 s, and so does silence, so
// that a target that was slow once is tried again. One word of atomics: any thread.
#pragma once

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>

#include "base/clock.h"

namespace mg::upstream {

class PeakEwma {
 public:
  static constexpr double kDecayMilliseconds = 10'000;

  // Two that add at once may lose one of the samples: it is an estimate.
  void Add(Nanoseconds latency, Nanoseconds now) {
    float sample = static_cast<float>(latency) / 1000;
    uint64_t word = word_.load(std::memory_order_relaxed);
    float average = std::bit_cast<float>(static_cast<uint32_t>(word));
    if (word != 0 && sample < average) {
      float keep = Keep(word, now);
      sample = average * keep + sample * (1 - keep);
    }
    if (!(sample >= kLeast)) sample = kLeast;
    word_.store(uint64_t{Stamp(now)} << 32 | std::bit_cast<uint32_t>(sample), std::memory_order_relaxed);
  }
  // Microseconds; 0: nothing is known yet.
  double Read(Nanoseconds now) const {
    uint64_t word = word_.load(std::memory_order_relaxed);
    if (word == 0) return 0;
    return std::bit_cast<float>(static_cast<uint32_t>(word)) * Keep(word, now);
  }

 private:
  static constexpr float kLeast = 1;
  static uint32_t Stamp(Nanoseconds now) { return static_cast<uint32_t>(now / 1'000'000); }
  // What is left of the average of `word` by now. Stamps are milliseconds that wrap after 49 days.
  static float Keep(uint64_t word, Nanoseconds now) {
    auto passed = static_cast<int32_t>(Stamp(now) - static_cast<uint32_t>(word >> 32));
    if (passed <= 0) return 1;
    return static_cast<float>(std::exp(-passed / kDecayMilliseconds));
  }

  std::atomic<uint64_t> word_{0};  // stamp, average as a float
};

}  // namespace mg::upstream
