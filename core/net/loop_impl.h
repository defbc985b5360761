// What loop.cc and timers.cc share of a Loop. Not for others.
#pragma once

#include <event2/event_struct.h>
#include <pthread.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "net/loop.h"

namespace mg::net {

struct Loop::Impl {
  event wake{};        // the eventfd behind Post and Stop
  event alarm{};       // the top of the timer heap
  event wait_limit{};  // ends RunOnce's waiting
  int wake_fd = -1;
  Nanoseconds armed_for = Timer::kNever;  // when `alarm` rings
  std::atomic<bool> stop{false};
  std::atomic<pthread_t> thread{};

  std::mutex mutex;                           // guards posted
  std::vector<std::function<void()>> posted;  // empty: the eventfd has not been written to
  std::vector<std::function<void()>> running;
};

}  // namespace mg::net
