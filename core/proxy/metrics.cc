#include "proxy/metrics.h"

#include <algorithm>

#include "proxy/exchange.h"

namespace mg::proxy {

namespace {

using observe::FamilyOptions;
using observe::MetricKind;
using observe::MetricsRegistry;
using upstream::FailureReason;

constexpr std::string_view kClassNames[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
constexpr std::string_view kReasonNames[] = {"connect", "tls", "timeout", "reset", "protocol", "status", "other"};
static_assert(std::size(kReasonNames) == static_cast<size_t>(FailureReason::kCount));

// The bound on their number is kept by TrafficMetrics, for all families of a name alike.
constexpr FamilyOptions kUnbounded{.max_series = SIZE_MAX};
constexpr FamilyOptions kSparse{.max_series = SIZE_MAX, .sparse = true};

FailureReason ReasonOf(const Attempt& attempt) {
  switch (attempt.error) {
    case ErrorCode::kConnect:
    case ErrorCode::kResolve: return FailureReason::kConnect;
    case ErrorCode::kTls: return FailureReason::kTls;
    case ErrorCode::kTimeout: return FailureReason::kTimeout;
    case ErrorCode::kReset: return FailureReason::kReset;
    case ErrorCode::kProtocol: return FailureReason::kProtocol;
    case ErrorCode::kUnavailable: return FailureReason::kStatus;
    default: return FailureReason::kOther;
  }
}

// What is known under `key`, or made; past the limit, what is known, or made, under "_other".
template <class Map, class Make, class MakeOther>
typename Map::mapped_type Find(Map& known, const std::string& key, size_t limit, Make&& make, MakeOther&& make_other) {
  auto found = known.find(key);
  if (found != known.end()) return found->second;
  if (known.size() < limit) return known[key] = make();
  auto [overflow, added] = known.try_emplace(std::string(MetricsRegistry::kOverflow));
  if (added) overflow->second = make_other();
  return overflow->second;
}

}  // namespace

TrafficMetrics::TrafficMetrics(MetricsRegistry& registry) : registry_(registry) {
  auto add = [&](MetricKind kind, std::string_view name, std::string_view help, std::vector<std::string> labels,
                 FamilyOptions options) {
    return registry.AddFamily(kind, name, help, std::move(labels), options).value();
  };
  requests_ = add(MetricKind::kCounter, "moongate_requests_total", "Requests that have ended, by the status' class.",
                  {"route", "class"}, kUnbounded);
  duration_ = add(MetricKind::kHistogram, "moongate_request_duration_seconds",
                  "From a request's complete head to the end of its answer.", {"route", "class"}, kSparse);
  received_ = add(MetricKind::kCounter, "moongate_request_bytes_total", "Received from clients, heads included.",
                  {"route"}, kUnbounded);
  sent_ = add(MetricKind::kCounter, "moongate_response_bytes_total", "Sent to clients, heads included.", {"route"},
              kUnbounded);
  attempts_ = add(MetricKind::kCounter, "moongate_upstream_requests_total",
                  "Attempts at upstreams that have ended, retries included.", {"upstream", "target"}, kUnbounded);
  failures_ = add(MetricKind::kCounter, "moongate_upstream_failures_total", "Attempts at upstreams that failed.",
                  {"upstream", "target", "reason"}, kSparse);
  attempt_time_ = add(MetricKind::kHistogram, "moongate_upstream_request_duration_seconds",
                      "From the begin of an attempt at an upstream to the end of its answer.", {"upstream"}, kSparse);
  retries_ = add(MetricKind::kCounter, "moongate_upstream_retries_total", "Attempts beyond a request's first.",
                 {"upstream"}, kUnbounded);
  hedges_ = add(MetricKind::kCounter, "moongate_upstream_hedges_total", "Attempts beside one that runs.", {"upstream"},
                kUnbounded);
  no_route_ = MakeRoute("_none");
}

RouteSeries TrafficMetrics::MakeRoute(const std::string& name) {
  RouteSeries series;
  for (size_t i = 0; i < RouteSeries::kClasses; i++) {
    std::string_view values[] = {name, kClassNames[i]};
    series.requests[i] = registry_.GetCounter(requests_, values);
    series.duration[i] = registry_.GetHistogram(duration_, values);
  }
  std::string_view value[] = {name};
  series.bytes_received = registry_.GetCounter(received_, value);
  series.bytes_sent = registry_.GetCounter(sent_, value);
  return series;
}

RouteSeries TrafficMetrics::OfRoute(const std::string& name) {
  return Find(
      routes_, name, limit_, [&] { return MakeRoute(name); },
      [&] { return MakeRoute(std::string(MetricsRegistry::kOverflow)); });
}

upstream::TargetSeries TrafficMetrics::MakeTarget(const std::string& upstream, const std::string& target) {
  upstream::TargetSeries series;
  std::string_view values[] = {upstream, target};
  series.requests = registry_.GetCounter(attempts_, values);
  for (size_t i = 0; i < series.failures.size(); i++) {
    std::string_view with_reason[] = {upstream, target, kReasonNames[i]};
    series.failures[i] = registry_.GetCounter(failures_, with_reason);
  }
  return series;
}

upstream::TargetSeries TrafficMetrics::OfTarget(const std::string& upstream, const std::string& target) {
  const std::string other(MetricsRegistry::kOverflow);
  std::lock_guard lock(mutex_);
  return Find(
      targets_, upstream + '\0' + target, limit_, [&] { return MakeTarget(upstream, target); },
      [&] { return MakeTarget(other, other); });
}

upstream::UpstreamSeries TrafficMetrics::MakeUpstream(const std::string& name) {
  std::string_view value[] = {name};
  return {registry_.GetHistogram(attempt_time_, value), registry_.GetCounter(retries_, value),
          registry_.GetCounter(hedges_, value)};
}

upstream::UpstreamSeries TrafficMetrics::OfUpstream(const std::string& name) {
  return Find(
      upstreams_, name, limit_, [&] { return MakeUpstream(name); },
      [&] { return MakeUpstream(std::string(MetricsRegistry::kOverflow)); });
}

void CountRequest(Exchange& x) {
  const Snapshot& snapshot = x.snapshot();
  if (!snapshot.counts || x.context.metrics == nullptr) return;
  observe::MetricsShard& shard = *x.context.metrics;
  const RouteSeries& series = x.route != nullptr ? x.route->series : snapshot.no_route;
  size_t status_class = std::clamp<size_t>(x.response.head.status / 100, 1, RouteSeries::kClasses) - 1;
  shard.Add(series.requests[status_class]);
  shard.Observe(series.duration[status_class], x.timing.ended - x.timing.began);
  shard.Add(series.bytes_received, x.BytesReceived());
  shard.Add(series.bytes_sent, x.BytesSent());
}

void CountAttempt(Exchange& x, const Attempt& attempt, AttemptResult result) {
  observe::MetricsShard* shard = x.context.metrics;
  if (shard == nullptr || attempt.upstream == nullptr) return;
  const upstream::UpstreamSeries& series = attempt.upstream->series();
  if (result == AttemptResult::kSucceeded) shard->Observe(series.duration, attempt.ended - attempt.began);
  if (!attempt.listed || attempt.target == nullptr) return;
  const upstream::TargetSeries& target = attempt.target->series;
  shard->Add(target.requests);
  bool failed = result == AttemptResult::kFailed && !attempt.stale;  // a stale connection says nothing about the target
  if (failed) shard->Add(target.failures[static_cast<size_t>(ReasonOf(attempt))]);
}

void CountRetry(Exchange& x) {
  if (x.context.metrics != nullptr && x.upstream.upstream != nullptr)
    x.context.metrics->Add(x.upstream.upstream->series().retries);
}

void CountHedge(Exchange& x) {
  if (x.context.metrics != nullptr && x.upstream.upstream != nullptr)
    x.context.metrics->Add(x.upstream.upstream->series().hedges);
}

}  // namespace mg::proxy
