// Upstream: a named group of targets as one generation defines it: which there are, which are fit, who is next.
//
// Owner: the generation's snapshot, and the Monitor while it is current. Loops choose, without a lock but when the plan
// has changed; the Monitor sets members. What all generations of one name share is in SharedState and in the targets.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/config.h"
#include "net/tls.h"
#include "upstream/plan.h"
#include "upstream/retry_budget.h"
#include "upstream/series.h"

namespace mg::upstream {

// Of all generations of an upstream. Any thread.
struct SharedState {
  alignas(64) std::atomic<uint64_t> turn{0};     // of round robin, for all loops
  alignas(64) std::atomic<uint64_t> changes{0};  // of its targets' fitness: plans made for fewer are out of date
  std::atomic<bool> settled{false};              // its first targets are known: who comes now is new, and starts slowly
  Guard guard_;
  std::shared_ptr<RetryBudget> budget_;
};

// How an attempt ended.
struct Outcome {
  enum Kind : uint8_t { kAnswered, kFailed, kCancelled } kind = kCancelled;
  uint16_t status = 0;      // of an answer
  Nanoseconds latency = 0;  // until the answer's first byte, or the failure
};

class Upstream {
 public:
  // `statics`: members by conf.targets; null where a name has to be asked for first.
  Upstream(const config::Upstream& conf, std::vector<Member> statics, std::shared_ptr<SharedState> shared,
           std::unique_ptr<net::ClientTls> tls, int loops);
  ~Upstream();

  const config::Upstream& conf() const { return conf_; }
  ssl_ctx_st* tls() const;
  const std::vector<Member>& statics() const { return statics_; }
  SharedState& shared() const { return *shared_; }
  const UpstreamSeries& series() const { return series_; }
  void SetSeries(UpstreamSeries series) { series_ = std::move(series); }  // before it is published

  // Chooses a target, one that is not in `tried` where one is left; `hash` is used by kHash. kUnavailable when there is
  // none. The target stays until the loop's next Pick, or from Begin to Finish.
  Result<Target*> Pick(std::span<Target* const> tried, uint64_t hash, Nanoseconds now, int loop) const;
  // A request goes there.
  void Begin(Target& target) const {
    target.active.fetch_add(1, std::memory_order_relaxed);
    target.requests.fetch_add(1, std::memory_order_relaxed);
  }
  // It has ended: passive health and latency learn from it. The target may be gone afterwards.
  void Finish(Target& target, const Outcome& outcome, Nanoseconds now) const;

  // Of any thread but not of a loop's requests: the latest plan; its targets stay as long as it is held.
  std::shared_ptr<const Plan> plan() const;
  // Who is listed from now on.
  void SetMembers(std::vector<Member> members, Nanoseconds now) const;
  // A target's fitness has changed.
  void Changed() const { shared_->changes.fetch_add(1, std::memory_order_release); }

  // Circuit breakers, and what retries may add to the load.
  const Guard& guard() const { return guard_; }
  RetryBudget& budget() const { return *budget_; }
  void Protect(Guard guard, std::shared_ptr<RetryBudget> budget) {
    guard_ = std::move(guard);
    budget_ = std::move(budget);
  }
  uint64_t live() const;  // requests in flight at its targets, of all loops

 private:
  // A loop's own copy of the latest plan.
  struct alignas(64) View {
    std::shared_ptr<const Plan> plan;
    uint64_t version = 0;
  };

  const Plan& Current(Nanoseconds now, int loop) const;
  void Publish(std::vector<Member> members, Nanoseconds now) const;
  bool Fails(const Outcome& outcome) const;
  void CountFailure(Target& target, Nanoseconds now) const;
  void Eject(Target& target, const std::string& why, Nanoseconds now) const;

  const config::Upstream conf_;
  const std::vector<Member> statics_;
  const std::shared_ptr<SharedState> shared_;
  const std::unique_ptr<net::ClientTls> tls_;
  mutable std::mutex making_;      // one makes a plan at a time; loops only try
  mutable std::mutex publishing_;  // held to copy a pointer
  mutable std::shared_ptr<const Plan> latest_;
  mutable std::atomic<uint64_t> version_{0};
  mutable std::vector<View> views_;  // by loop
  Guard guard_;
  std::shared_ptr<RetryBudget> budget_;
  UpstreamSeries series_;
};

}  // namespace mg::upstream
