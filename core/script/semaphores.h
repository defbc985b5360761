// Semaphores: those that the scripts of one VM have made (ngx.semaphore), by number. Coroutines of any request wait for
// what others post. A resource is given when its waiter is resumed, not when it is posted: a waiter killed in between
// loses nothing that another waits for.
//
// Owner: the Vm and, so that a wait may end after it, each wait. Thread: the VM's.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>

#include "script/context.h"

namespace mg::script {

class Scheduler;

class Semaphores : public std::enable_shared_from_this<Semaphores> {
 public:
  uint64_t New(int64_t count);
  void Free(uint64_t number) { all_.erase(number); }
  void Post(uint64_t number, int64_t count, net::Loop* loop);
  // Takes one if there is one.
  bool Take(uint64_t number);
  // Makes the running coroutine wait: resumed with true, or nil and "timeout".
  void Wait(uint64_t number, Nanoseconds duration, Scheduler& scheduler);
  // What is there; below 0: so many wait.
  int64_t Count(uint64_t number) const;

 private:
  class WaitOperation;
  struct Semaphore {
    int64_t count = 0;
    bool giving = false;  // a deferred task will look for waiters
    std::list<Handle> waiters;
  };
  void Give(uint64_t number);

  std::unordered_map<uint64_t, Semaphore> all_;
  uint64_t last_ = 0;
};

}  // namespace mg::script
