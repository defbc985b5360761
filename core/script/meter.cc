#include "script/meter.h"

namespace mg::script {

namespace {
using observe::MetricKind;
using observe::MetricsRegistry;
}  // namespace

PolicyMetrics::PolicyMetrics(MetricsRegistry& registry) : registry_(registry) {
  auto add = [&](std::string_view name, std::string_view help, bool is_time) {
    observe::FamilyOptions options{.max_series = SIZE_MAX, .is_time = is_time};
    return registry.AddFamily(MetricKind::kCounter, name, help, {"policy", "phase"}, options).value();
  };
  runs_ = add("moongate_policy_runs_total", "Runs of a policy's function.", false);
  cpu_ = add("moongate_policy_cpu_seconds_total", "CPU time of a policy's function.", true);
  errors_ =
      add("moongate_policy_errors_total", "Lua errors of a policy's function, limits that it passed included.", false);
  auto add_canary = [&](std::string_view name, std::string_view help, bool is_time) {
    observe::FamilyOptions options{.is_time = is_time};
    return registry.AddFamily(MetricKind::kCounter, name, help, {"canary", "script"}, options).value();
  };
  canary_requests_ =
      add_canary("moongate_canary_requests_total", "Requests that had a canary or its old script.", false);
  canary_errors_ = add_canary("moongate_canary_errors_total", "Those of them in which the script failed.", false);
  canary_time_ = add_canary("moongate_canary_request_seconds_total", "What those requests took, all together.", true);
  given_up_ = registry
                  .AddFamily(MetricKind::kCounter, "moongate_canary_given_up_total",
                             "How often a canary was given up for its errors.", {"canary"}, {})
                  .value();
  timeouts_ = add("moongate_policy_timeouts_total", "Runs that were stopped at their CPU limit.", false);
}

PolicySeries PolicyMetrics::Make(std::string_view policy, std::string_view phase) {
  std::string_view values[] = {policy, phase};
  return {registry_.GetCounter(runs_, values), registry_.GetCounter(cpu_, values),
          registry_.GetCounter(errors_, values), registry_.GetCounter(timeouts_, values)};
}

CanarySeries PolicyMetrics::OfCanary(const std::string& file, bool is_new) {
  std::string_view values[] = {file, is_new ? "new" : "old"};
  return {registry_.GetCounter(canary_requests_, values), registry_.GetCounter(canary_errors_, values),
          registry_.GetCounter(canary_time_, values)};
}

observe::Counter PolicyMetrics::GivenUp(const std::string& file) {
  std::string_view values[] = {file};
  return registry_.GetCounter(given_up_, values);
}

PolicySeries PolicyMetrics::Of(const std::string& policy, std::string_view phase) {
  std::string key = policy + '\0' + std::string(phase);
  auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  if (known_.size() < limit_) return known_[key] = Make(policy, phase);
  const std::string other(MetricsRegistry::kOverflow);
  auto [overflow, added] = known_.try_emplace(other);
  if (added) overflow->second = Make(other, other);
  return overflow->second;
}

}  // namespace mg::script
