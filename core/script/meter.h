// What policies use: CPU time and runs, errors and timeouts, of each policy in each phase.
//
// Meter: times one VM's Lua between two waits, by the CPU's time stamp counter (base/ticks.h): about 10 ns a look where
// the thread's CPU clock would take a system call. A stretch of Lua never waits, so its time is CPU time, but for when
// the kernel took the CPU away in its middle. Owner: the Vm; its loop's thread.
//
// PolicyMetrics: the families, and who has series of its own. Owner: the Gateway; control thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ticks.h"
#include "observe/metrics.h"
#include "proxy/trace.h"

namespace mg::script {

struct PolicySeries {
  observe::Counter runs, cpu, errors, timeouts;  // cpu: nanoseconds
};

// Of one of a canary's two scripts.
struct CanarySeries {
  observe::Counter requests, errors, time;  // time: nanoseconds, of whole requests
};

class Meter {
 public:
  void SetShard(observe::MetricsShard* shard) { shard_ = shard; }

  // Around a resume: the function of that policy begins (`is_new`), or goes on. `traced` may be null.
  void Begin(const std::vector<PolicySeries>& series, uint32_t policy, bool is_new, proxy::TracedRun* traced) {
    if (shard_ == nullptr) return;
    series_ = &series;
    traced_ = traced;
    policy_ = policy;
    if (is_new) CountRun();
    since_ = Ticks::Now();
  }
  // Within it, the next policy's function begins.
  void Switch(uint32_t policy) {
    if (series_ == nullptr) return;
    uint64_t now = Ticks::Now();
    Charge(now);
    since_ = now;
    policy_ = policy;
    CountRun();
  }
  void End() {
    if (series_ == nullptr) return;
    Charge(Ticks::Now());
    series_ = nullptr;
  }
  // What was begun has no end: LuaJIT has thrown.
  void Forget() { series_ = nullptr; }

 private:
  void CountRun() {
    if (policy_ < series_->size()) shard_->Add((*series_)[policy_].runs);
    if (traced_ != nullptr) [[unlikely]]
      traced_->Began(policy_);
  }
  void Charge(uint64_t now) {
    if (traced_ != nullptr) [[unlikely]]
      traced_->Used(policy_, Ticks::ToNanoseconds(now - since_));
    // Past the last policy: what the runner does itself is the last one's.
    if (series_->empty()) return;
    size_t policy = std::min<size_t>(policy_, series_->size() - 1);
    shard_->Add((*series_)[policy].cpu, Ticks::ToNanoseconds(now - since_));
  }

  observe::MetricsShard* shard_ = nullptr;
  const std::vector<PolicySeries>* series_ = nullptr;  // null: not in a measured run
  proxy::TracedRun* traced_ = nullptr;
  uint32_t policy_ = 0;
  uint64_t since_ = 0;
};

class PolicyMetrics {
 public:
  explicit PolicyMetrics(observe::MetricsRegistry& registry);
  // How many pairs of a policy and a phase get series of their own; the others share "_other".
  void SetLimit(size_t limit) { limit_ = limit; }
  PolicySeries Of(const std::string& policy, std::string_view phase);
  CanarySeries OfCanary(const std::string& file, bool is_new);
  observe::Counter GivenUp(const std::string& file);

 private:
  PolicySeries Make(std::string_view policy, std::string_view phase);

  observe::MetricsRegistry& registry_;
  size_t limit_ = 1000;
  observe::MetricsRegistry::Family *runs_, *cpu_, *errors_, *timeouts_;
  observe::MetricsRegistry::Family *canary_requests_, *canary_errors_, *canary_time_, *given_up_;
  std::map<std::string, PolicySeries> known_;  // by "POLICY\0PHASE"
};

}  // namespace mg::script
