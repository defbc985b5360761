#include "base/ticks.h"

#include <mutex>
#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace mg {

namespace {

constexpr uint64_t kOne = uint64_t{1} << 32;

#ifdef __x86_64__
// Advanced Power Management Information, EDX bit 8: the counter's rate never changes and it never stops.
bool IsInvariant() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & 0x100) != 0;
}
#endif

}  // namespace

bool Ticks::uses_counter_ = false;
uint64_t Ticks::rate_ = kOne;

void Ticks::Calibrate() {
#ifdef __x86_64__
  static std::once_flag once;
  std::call_once(once, [] {
    if (!IsInvariant()) return;
    uint64_t ticks = __rdtsc();
    Nanoseconds began = MonotonicNow();
    timespec pause{0, 2'000'000};
    nanosleep(&pause, nullptr);
    ticks = __rdtsc() - ticks;
    Nanoseconds passed = MonotonicNow() - began;
    if (ticks == 0 || passed <= 0) return;
    rate_ = static_cast<uint64_t>((static_cast<unsigned __int128>(passed) << 32) / ticks);
    uses_counter_ = true;
  });
#endif
}

}  // namespace mg
