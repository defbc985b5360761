// The watchdog thread: looks each millisecond at the runs that are on and sends SIGURG to a thread whose run has used
// its CPU budget, or of which the profiler wants a sample. Sleeps while nothing runs. One per process, started with the
// first VM, never ended.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "base/clock.h"

namespace mg::script {

class Limits;

class Watchdog {
 public:
  static Watchdog& Get();

  void Watch(Limits& limits);    // any thread
  void Unwatch(Limits& limits);  // any thread; not looked at after it returns

  // Called after a run's number was published (sequentially consistent).
  void Wake() {
    if (asleep_.load(std::memory_order_seq_cst)) WakeSlow();
  }

 private:
  Watchdog();
  void Loop();
  bool Tick(Nanoseconds now);  // whether anything has run since the last tick
  void WakeSlow();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Limits*> watched_;
  std::atomic<bool> asleep_{false};
};

}  // namespace mg::script
