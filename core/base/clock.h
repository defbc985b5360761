// Clocks, in nanoseconds and milliseconds. Loops cache theirs (net::Loop::Now): these ask the kernel (vDSO, ~20 ns).
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>

namespace mg {

using Nanoseconds = int64_t;
using Milliseconds = int64_t;

inline Nanoseconds ClockNanoseconds(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// What a test has set (`moongate test`, `--- clock`); zeros everywhere else. Of the process; any thread reads it.
struct ClockSetting {
  std::atomic<Nanoseconds> wall{0};   // where the wall clock stands still; 0: it goes
  std::atomic<Nanoseconds> ahead{0};  // of the machine's monotonic clock; only grows
};
inline ClockSetting clock_setting;

// Since some fixed point; never steps back.
inline Nanoseconds MonotonicNow() {
  return ClockNanoseconds(CLOCK_MONOTONIC) + clock_setting.ahead.load(std::memory_order_relaxed);
}
// Since 1970, UTC.
inline Nanoseconds WallNow() {
  Nanoseconds set = clock_setting.wall.load(std::memory_order_relaxed);
  return set != 0 ? set : ClockNanoseconds(CLOCK_REALTIME);
}

}  // namespace mg
