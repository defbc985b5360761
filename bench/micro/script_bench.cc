// What hooks cost a request: the whole pipeline with an answer of the route's own, without sockets. Subtract `plain`.
#include <benchmark/benchmark.h>

#include "script/test_harness.h"

namespace {

using namespace mg;
using namespace mg::script;

constexpr const char* kRoutes = R"yaml(
- { match: { path: /plain }, respond: { body: "ok" } }
- { match: { path: /noop }, policies: [ { lua: { access: "return" } } ], respond: { body: "ok" } }
- match: { path: /three }
  policies: [ { lua: { access: "local u = ngx.var.uri ngx.req.set_header('X-Seen', u) ngx.ctx.at = ngx.now()" } } ]
  respond: { body: "ok" }
- match: { path: /policies }
  policies:
  - lua: { access: "return" }
  - lua: { access: "return" }
  - lua: { access: "return", header_filter: "ngx.header['X-Seen'] = 'yes'", log: "return" }
  respond: { body: "ok" }
- { match: { path: /exit }, policies: [ { lua: { access: "return ngx.exit(ngx.OK)" } } ], respond: { body: "ok" } }
- { match: { path: /say }, content: { lua: "ngx.say('ok')" } }
)yaml";

void BM_Hooks(benchmark::State& state, const char* path) {
  ScriptHarness harness;
  std::string errors = harness.Load(kRoutes);
  if (!errors.empty()) {
    state.SkipWithError(errors.c_str());
    return;
  }
  TestRequest request;
  request.target = path;
  CollectingStream stream;
  for (auto _ : state) {
    stream.response = {};
    harness.Begin(stream, request);
    benchmark::DoNotOptimize(stream.response.status);
  }
  if (stream.response.status != 200) state.SkipWithError("the request was not answered");
}

BENCHMARK_CAPTURE(BM_Hooks, plain, "/plain");
BENCHMARK_CAPTURE(BM_Hooks, noop, "/noop");
BENCHMARK_CAPTURE(BM_Hooks, three_calls, "/three");
BENCHMARK_CAPTURE(BM_Hooks, three_policies, "/policies");
BENCHMARK_CAPTURE(BM_Hooks, exit_ok, "/exit");
BENCHMARK_CAPTURE(BM_Hooks, say, "/say");
// For counts of instructions: as many requests each time.
BENCHMARK_CAPTURE(BM_Hooks, counted_plain, "/plain")->Iterations(20'000);
BENCHMARK_CAPTURE(BM_Hooks, counted_noop, "/noop")->Iterations(20'000);
BENCHMARK_CAPTURE(BM_Hooks, counted_three_calls, "/three")->Iterations(20'000);

}  // namespace
