// Upstreams as all loops share them: targets with their live state, and the balancer that picks one.
//
// An Upstream is immutable but for atomics, and belongs to the generation that defined it; TargetState belongs to the
// Registry, outlives generations, and is found again by identity, so that a reload cools nothing down.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/config.h"
#include "net/address.h"
#include "net/tls.h"
#include "upstream/breaker.h"
#include "upstream/retry_budget.h"
#include "upstream/series.h"

namespace mg::upstream {

// What is known of one target, by every loop. Identity: address, TLS and the upstream's name.
struct TargetState {
  TargetState(std::string name, uint32_t serial, std::string called)
      : identity(std::move(name)), number(serial), breaker(std::move(called)) {}
  const std::string identity;
  const uint32_t number;                      // small and unique: indexes a loop's pools
  std::atomic<uint32_t> active{0};            // requests in flight
  std::atomic<uint32_t> failures{0};          // consecutive
  std::atomic<Nanoseconds> ejected_until{0};  // monotonic; passive health
  std::atomic<bool> unhealthy{false};         // active health
  std::atomic<uint64_t> requests{0}, errors{0};
  Breaker breaker;
};

struct Target {
  config::Address address;
  std::optional<net::SocketAddress> resolved;  // empty for a name: the Resolver is asked
  uint32_t weight = 1;
  bool backup = false;
  std::string host;    // what Host carries when the client's is not preserved
  std::string server;  // the name TLS asks for and verifies
  std::shared_ptr<TargetState> state;
};

struct SharedState;  // round-robin position and what else all generations of an upstream share

class Upstream {
 public:
  Upstream(const config::Upstream& conf, std::vector<Target> targets, std::shared_ptr<SharedState> shared,
           std::unique_ptr<net::ClientTls> tls);
  ~Upstream();

  const config::Upstream& conf() const { return conf_; }
  const std::vector<Target>& targets() const { return targets_; }
  ssl_ctx_st* tls() const;
  const UpstreamSeries& series() const { return series_; }
  void SetSeries(UpstreamSeries series) { series_ = std::move(series); }  // before it is published

  // Picks a target that is not in `tried` (indexes into targets()) where one is left. `hash` is used by kHash.
  // kUnavailable when there is none.
  Result<size_t> Pick(std::span<const uint16_t> tried, uint64_t hash, Nanoseconds now) const;

  // Passive health: called at the end of each attempt.
  void Succeeded(size_t target) const;
  void Failed(size_t target, Nanoseconds now) const;

  // Circuit breakers, and what retries may add to the load.
  const Guard& guard() const { return guard_; }
  RetryBudget& budget() const { return *budget_; }
  void Protect(Guard guard, std::shared_ptr<RetryBudget> budget) {
    guard_ = std::move(guard);
    budget_ = std::move(budget);
  }
  uint64_t live() const;  // requests in flight at its targets, of all loops

 private:
  std::optional<size_t> LeastBusy(std::span<const uint16_t> tried, uint64_t turn, Nanoseconds now) const;
  std::optional<size_t> BetterOfTwo(std::span<const uint16_t> tried, Nanoseconds now) const;

  config::Upstream conf_;
  std::vector<Target> targets_;
  std::vector<uint16_t> sequence_;  // smooth weighted round robin, one whole turn
  std::shared_ptr<SharedState> shared_;
  std::unique_ptr<net::ClientTls> tls_;
  Guard guard_;
  std::shared_ptr<RetryBudget> budget_;
  UpstreamSeries series_;
};

// Keeps what outlives generations. Control thread only.
class Registry {
 public:
  Result<std::unique_ptr<Upstream>> Build(const config::Upstream& conf);
  // What is built from now on starts anew: between two tests.
  void Forget() {
    targets_.clear();
    shared_.clear();
    breakers_.clear();
    budgets_.clear();
  }

 private:
  uint32_t next_number_ = 0;
  std::unordered_map<std::string, std::weak_ptr<TargetState>> targets_;
  std::unordered_map<std::string, std::shared_ptr<SharedState>> shared_;
  std::unordered_map<std::string, std::shared_ptr<Breaker>> breakers_;
  std::unordered_map<std::string, std::shared_ptr<RetryBudget>> budgets_;
};

}  // namespace mg::upstream
