// What is counted of requests and of attempts at upstreams. The handles are resolved when a generation is built; to
// count is a few additions to the loop's own memory.
//
// TrafficMetrics owns the families and remembers who has series of its own: the first so many names, the others share
// "_other". Owner: the Gateway. Control thread, but for OfTarget, which is any thread's, and the functions below, which
// are the loops'.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <unordered_map>

#include "observe/metrics.h"
#include "upstream/series.h"

namespace mg::proxy {

class Exchange;
struct Attempt;

struct RouteSeries {
  static constexpr size_t kClasses = 5;  // of statuses: 1xx to 5xx
  std::array<observe::Counter, kClasses> requests;
  std::array<observe::Histogram, kClasses> duration;
  observe::Counter bytes_received, bytes_sent;
};

class TrafficMetrics {
 public:
  explicit TrafficMetrics(observe::MetricsRegistry& registry);

  // How many routes, and how many targets, get series of their own. Those that have keep them.
  void SetLimit(size_t limit) { limit_ = limit; }
  RouteSeries OfRoute(const std::string& name);
  const RouteSeries& OfNoRoute() const { return no_route_; }  // requests that no route matches
  upstream::UpstreamSeries OfUpstream(const std::string& name);
  upstream::TargetSeries OfTarget(const std::string& upstream, const std::string& target);

 private:
  RouteSeries MakeRoute(const std::string& name);
  upstream::UpstreamSeries MakeUpstream(const std::string& name);
  upstream::TargetSeries MakeTarget(const std::string& upstream, const std::string& target);

  observe::MetricsRegistry& registry_;
  std::atomic<size_t> limit_{1000};
  RouteSeries no_route_;
  observe::MetricsRegistry::Family *requests_, *duration_, *received_, *sent_, *attempts_, *failures_, *attempt_time_,
      *retries_, *hedges_;
  std::unordered_map<std::string, RouteSeries> routes_;
  std::unordered_map<std::string, upstream::UpstreamSeries> upstreams_;
  std::mutex mutex_;                                                 // of targets_
  std::unordered_map<std::string, upstream::TargetSeries> targets_;  // by "UPSTREAM\0TARGET"
};

// At the end of a request, and of an attempt. Nothing happens where no page shows it.
void CountRequest(Exchange& exchange);
enum class AttemptResult : uint8_t { kSucceeded, kFailed, kCancelled };
void CountAttempt(Exchange& exchange, const Attempt& attempt, AttemptResult result);
void CountRetry(Exchange& exchange);
void CountHedge(Exchange& exchange);

}  // namespace mg::proxy
