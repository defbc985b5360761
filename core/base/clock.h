// Clocks, in nanoseconds and milliseconds. Loops cache theirs (net::Loop::Now): these ask the kernel (vDSO, ~20 ns).
#pragma once

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

// Since some fixed point; never steps.
inline Nanoseconds MonotonicNow() { return ClockNanoseconds(CLOCK_MONOTONIC); }
// Since 1970, UTC.
inline Nanoseconds WallNow() { return ClockNanoseconds(CLOCK_REALTIME); }

}  // namespace mg
