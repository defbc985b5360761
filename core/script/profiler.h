// Profiler: where the Lua of a route spends its CPU time. While it is on, the watchdog asks for a sample of every run
// that is on at its tick (a millisecond); the limits' mechanism takes it at the run's next line (limits.h), and it is
// kept here, folded: the route, the phase, the policy, and the functions from the outermost on, with ";" between.
//
// One per process. Start and Take: any thread; Sample: the thread that runs the Lua.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/result.h"

struct lua_State;

namespace mg::script {

class Profiler {
 public:
  static Profiler& Get();

  // Samples the route's runs for so long. kDenied: a profile is being taken.
  Result<void> Start(const std::string& route, Nanoseconds duration);
  // Ends it: "route;access;policy tier;check tier.lua:3;line 7 41", a line each, the count at its end.
  std::string Take();

  // Asked by the watchdog at each tick.
  bool Wants(Nanoseconds now) const { return now < until_.load(std::memory_order_relaxed); }
  // Keeps the stack of what runs, if it is of the route.
  void Sample(lua_State* L);

 private:
  std::atomic<Nanoseconds> until_{0};
  std::mutex mutex_;  // of the rest
  std::string route_;
  std::map<std::string, uint64_t> stacks_;
};

}  // namespace mg::script
