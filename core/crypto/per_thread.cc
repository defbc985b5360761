#include "crypto/per_thread.h"

#include <bitset>
#include <mutex>

namespace mg::crypto {

namespace {

std::mutex mutex;
std::bitset<kMaxNumberedThreads> taken;

struct Number {
  int value = -1;
  Number() {
    std::lock_guard lock(mutex);
    for (size_t i = 0; i < kMaxNumberedThreads; i++) {
      if (taken[i]) continue;
      taken[i] = true;
      value = static_cast<int>(i);
      return;
    }
  }
  ~Number() {
    std::lock_guard lock(mutex);
    if (value >= 0) taken[static_cast<size_t>(value)] = false;
  }
};

}  // namespace

int ThreadNumber() {
  thread_local const Number number;
  return number.value;
}

}  // namespace mg::crypto
