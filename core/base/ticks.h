// Ticks: the cheapest clock for short spans on one thread: the CPU's time stamp counter where it runs at one rate
// whatever the CPU does, else the kernel's monotonic clock. Any thread.
#pragma once

#include <cstdint>

#include "base/clock.h"
#ifdef __x86_64__
#include <x86intrin.h>
#endif

namespace mg {

class Ticks {
 public:
  // Finds out the counter's rate: sleeps 2 ms the first time. Until then spans are taken for nanoseconds.
  static void Calibrate();

  static uint64_t Now() {
#ifdef __x86_64__
    if (uses_counter_) [[likely]]
      return __rdtsc();
#endif
    return static_cast<uint64_t>(MonotonicNow());
  }
  static uint64_t ToNanoseconds(uint64_t span) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(span) * rate_ >> 32);
  }

 private:
  static bool uses_counter_;
  static uint64_t rate_;  // nanoseconds a tick, times 2^32
};

}  // namespace mg
