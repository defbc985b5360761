// The router: what a look-up costs with 10 routes and with 10,000 of the same kinds, and what building costs.
#include <benchmark/benchmark.h>

#include <array>
#include <deque>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "route/matcher.h"
#include "route/test_util.h"

namespace mg::route {
namespace {

enum Kind : int64_t { kExact, kPrefix, kParameters, kRawPrefix, kHost, kRegexByPrefix, kConditions };

RouteSpec Spec(int64_t kind, int64_t number) {
  RouteSpec spec;
  spec.name = fmt::format("r{}", number);
  switch (kind) {
    case kExact: spec.path = fmt::format("/v1/service{}/items", number); break;
    case kPrefix: spec.path = fmt::format("/v1/service{}/*", number); break;
    case kParameters: spec.path = fmt::format("/v1/service{}/{{id}}/parts/{{part}}", number); break;
    case kRawPrefix: spec.path = fmt::format("^~ /v1/service{:05}", number); break;
    case kHost:
      spec.hosts = {fmt::format("*.h{}.example.org", number)};
      spec.path = "/*";
      break;
    case kRegexByPrefix: spec.path = fmt::format("~ ^/service{}/([0-9]+)$", number); break;
    case kConditions:
      spec.path = fmt::format("/v1/service{}/*", number);
      spec.methods = {"GET"};
      spec.headers = {{Condition::kEquals, "x-canary", "1"}};
      break;
  }
  return spec;
}

Matcher Build(int64_t kind, int64_t count) {
  std::vector<RouteSpec> specs;
  for (int64_t i = 0; i < count; i++) specs.push_back(Spec(kind, i));
  return std::move(*Matcher::Build(specs));
}

// Requests go to many routes in turn, so that caches hold what they would hold in a gateway.
void Find(benchmark::State& state) {
  int64_t kind = state.range(0), count = state.range(1);
  Matcher matcher = Build(kind, count);
  std::deque<TestRequest> requests;
  for (int64_t i = 0; i < 1000; i++) {
    int64_t number = i * 7919 % count;
    std::string host = kind == kHost ? fmt::format("a.h{}.example.org", number) : "api.example.com";
    std::string path = fmt::format("/v1/service{}/items", number);
    if (kind == kParameters) path = fmt::format("/v1/service{}/42/parts/7", number);
    if (kind == kRawPrefix) path = fmt::format("/v1/service{:05}x", number);
    if (kind == kRegexByPrefix) path = fmt::format("/service{}/42", number);
    requests.emplace_back("GET", host, path,
                          std::vector<std::pair<std::string_view, std::string_view>>{{"X-Canary", "1"}});
  }
  std::array<Param, kMaxParams> params;
  size_t at = 0;
  for (auto _ : state) {
    Match match = matcher.Find(requests[at].head(), params);
    if (match.kind != Match::kRoute) state.SkipWithError("no route");
    benchmark::DoNotOptimize(match);
    at = at + 1 < requests.size() ? at + 1 : 0;
  }
  state.counters["bytes/route"] = static_cast<double>(matcher.footprint()) / static_cast<double>(count);
}
BENCHMARK(Find)
    ->ArgNames({"kind", "routes"})
    ->ArgsProduct({benchmark::CreateDenseRange(kExact, kConditions, 1), {10, 10'000}});

void BuildMatcher(benchmark::State& state) {
  std::vector<RouteSpec> specs;
  for (int64_t i = 0; i < state.range(0); i++) specs.push_back(Spec(kPrefix, i));
  for (auto _ : state) benchmark::DoNotOptimize(Matcher::Build(specs)->size());
}
BENCHMARK(BuildMatcher)->ArgName("routes")->Arg(10)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mg::route
