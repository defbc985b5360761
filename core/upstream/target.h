// Target: one address that requests go to, and what all loops know of it. Found again by its identity, so that a reload
// cools nothing down.
//
// Owner: the TargetTable. A plan that lists a target keeps it, and so does a request in flight (`active`). The
// atomics may be read by anyone (metrics); who writes which is said beside them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/address.h"
#include "upstream/breaker.h"
#include "upstream/ewma.h"
#include "upstream/failure_window.h"
#include "upstream/series.h"

namespace mg::upstream {

// What a target is: never changes.
struct TargetName {
  std::string identity;  // the upstream's name, the target as written, its address and TLS settings
  net::SocketAddress address;
  std::string text;    // the address for logs and variables
  std::string host;    // what Host carries when the client's is not preserved
  std::string server;  // the name TLS asks for and verifies
  std::string upstream;
};

struct Target : TargetName {
  Target(TargetName name, uint32_t short_number, uint64_t long_serial, const TargetSeries& counted)
      : TargetName(std::move(name)),
        number(short_number),
        serial(long_serial),
        series(counted),
        breaker("upstream " + upstream + ", target " + text) {}

  const uint32_t number;  // small, used again once this target is gone: indexes a loop's pools
  const uint64_t serial;  // never used again
  const TargetSeries series;

  // Requests, from Upstream::Begin to Finish.
  alignas(64) std::atomic<uint32_t> active{0};  // in flight
  std::atomic<uint32_t> failures{0};            // in a row
  std::atomic<Nanoseconds> failed_at{0};        // the last of them
  std::atomic<uint64_t> requests{0}, errors{0};
  PeakEwma latency;
  std::atomic<Nanoseconds> ejected_until{0};  // passive health; 0: it is not. By Upstream::Finish and the planner
  // Active health, by the monitor.
  std::atomic<bool> unhealthy{false}, checked{false};
  std::atomic<Nanoseconds> back_since{0};  // when it came or came back: slow start. 0: it always was there
  FailureWindow window;
  Breaker breaker;

  bool Fit(Nanoseconds now) const {
    return !unhealthy.load(std::memory_order_relaxed) && ejected_until.load(std::memory_order_relaxed) <= now;
  }
};

// All targets by identity. Any thread; loops never call it.
class TargetTable {
 public:
  // Who says what is counted of a new target; before the first.
  using SeriesOf = std::function<TargetSeries(const TargetName&)>;
  void CountBy(SeriesOf series_of) { series_of_ = std::move(series_of); }
  // The target of this identity; `made` says whether it is new.
  std::shared_ptr<Target> Find(TargetName name, bool& made);
  size_t size() const;
  void Forget();  // who is asked for from now on is new: between two tests

 private:
  void Collect();  // drops what nobody lists and no request is in

  SeriesOf series_of_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<Target>> targets_;
  std::vector<std::shared_ptr<Target>> forgotten_;
  std::vector<uint32_t> free_numbers_;
  uint32_t next_number_ = 0;
  uint64_t next_serial_ = 1;
  size_t collect_at_ = 64;
};

}  // namespace mg::upstream
