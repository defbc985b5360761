#include "server/state_page.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/clock.h"

namespace mg::server {

namespace {

using observe::MetricsPage;
constexpr auto kCounter = observe::MetricKind::kCounter;
constexpr auto kGauge = observe::MetricKind::kGauge;

template <class Read>
uint64_t SumOf(const StateView& state, Read&& read) {
  uint64_t sum = 0;
  for (const LoopView& loop : state.loops) sum += read(loop);
  return sum;
}

uint64_t SumOf(const StateView& state, std::atomic<uint64_t> proxy::LoopCounters::*counter) {
  return SumOf(state, [&](const LoopView& loop) { return (loop.counters->*counter).load(std::memory_order_relaxed); });
}

void WriteGenerations(const StateView& state, MetricsPage& page) {
  page.Family(kGauge, "moongate_build_info", "1, with the version.");
  page.Sample("moongate_build_info", {{"version", MG_VERSION}, {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)}},
              1);
  page.Single(kGauge, "moongate_ready", "What /readyz says: 1 ready, 0 not.", state.ready ? 1 : 0);
  page.Single(kGauge, "moongate_loops", "Event loops.", state.loops.size());
  page.Single(kGauge, "moongate_generation", "Number of the generation that new requests run under.",
              state.load.generation);
  page.Single(kGauge, "moongate_generations_live", "Generations that are current, or not let go of yet.",
              proxy::Snapshot::live());
  page.Family(kCounter, "moongate_reloads_total", "Configurations that went live, and that were refused.");
  page.Sample("moongate_reloads_total", {{"result", "live"}}, state.load.generation);
  page.Sample("moongate_reloads_total", {{"result", "refused"}}, state.load.refused);
  page.Single(kGauge, "moongate_reload_last_successful", "Whether the last configuration went live.",
              state.load.last_was_good ? 1 : 0);
  page.Single(kGauge, "moongate_reload_live_timestamp_seconds", "When the current generation went live, since 1970.",
              state.load.live_since);
  page.Single(kGauge, "moongate_reload_duration_seconds", "What building and publishing it took.", state.load.seconds);
}

void WriteConnections(const StateView& state, MetricsPage& page) {
  using Counters = proxy::LoopCounters;
  uint64_t open = SumOf(state, [](const LoopView& loop) { return loop.sessions->size(); });
  uint64_t waiting = SumOf(state, &Counters::waiting);
  page.Single(kCounter, "moongate_connections_accepted_total", "Connections of clients, those refused included.",
              SumOf(state, &Counters::accepted));
  constexpr std::string_view kRefused = "moongate_connections_refused_total";
  page.Family(kCounter, kRefused, "Connections that were closed at once.");
  page.Sample(kRefused, {{"reason", "connections"}}, SumOf(state, &Counters::refused_connections));
  page.Sample(kRefused, {{"reason", "per_address"}}, SumOf(state, &Counters::refused_address));
  page.Sample(kRefused, {{"reason", "proxy_header"}}, SumOf(state, &Counters::refused_proxy));
  page.Single(kCounter, "moongate_requests_shed_total", "Requests refused because their loop was late (limits.lag).",
              SumOf(state, &Counters::shed));
  page.Single(kGauge, "moongate_connections_open", "Open connections of clients.", open);
  page.Single(kGauge, "moongate_connections_idle", "Those of them that wait for a request.",
              open - std::min(open, waiting));
  page.Single(kCounter, "moongate_tls_handshakes_total", "TLS handshakes with clients that were completed.",
              SumOf(state, [](const LoopView& loop) { return loop.sessions->tls_handshakes(); }));
  page.Single(kCounter, "moongate_tls_handshake_failures_total", "TLS handshakes with clients that failed.",
              SumOf(state, &Counters::handshake_failures));
  page.Single(kGauge, "moongate_requests_in_flight", "Requests whose client is due an answer; tunnels too.", waiting);
  page.Single(kCounter, "moongate_requests_begun_total", "Requests whose head was complete, or was refused.",
              SumOf(state, &Counters::requests));
  page.Family(kCounter, "moongate_requests_incomplete_total", "Requests that did not get their whole answer.");
  page.Sample("moongate_requests_incomplete_total", {{"reason", "client_closed"}},
              SumOf(state, &Counters::clients_closed));
  page.Sample("moongate_requests_incomplete_total", {{"reason", "cut"}}, SumOf(state, &Counters::responses_cut));
}

// The breakers of upstreams and, with a target, of targets.
void WriteBreakers(const proxy::Snapshot& snapshot, MetricsPage& page) {
  using upstream::Breaker;
  auto each = [&](auto&& write) {
    size_t left = snapshot.config->status_series;
    for (const auto& upstream : snapshot.upstreams) {
      if (!upstream->guard().on()) continue;
      const std::string& name = upstream->conf().name;
      if (const Breaker* breaker = upstream->guard().upstream()) write(name, "", *breaker);
      std::shared_ptr<const upstream::Plan> plan = upstream->plan();  // keeps them
      for (const upstream::Member& member : plan->members) {
        if (left == 0) return;
        left--;
        write(name, member.target->text, member.target->breaker);
      }
    }
  };
  bool any = std::ranges::any_of(snapshot.upstreams, [](const auto& upstream) { return upstream->guard().on(); });
  if (!any) return;
  constexpr std::string_view kState = "moongate_upstream_breaker_state";
  page.Family(kGauge, kState, "Of a circuit breaker: 0 closed, 1 open, 2 half-open.");
  each([&](std::string_view upstream, std::string_view target, const Breaker& breaker) {
    page.Sample(kState, {{"upstream", upstream}, {"target", target}}, static_cast<int>(breaker.state()));
  });
  constexpr std::string_view kTransitions = "moongate_upstream_breaker_transitions_total";
  page.Family(kCounter, kTransitions, "How often a circuit breaker came into a state.");
  each([&](std::string_view upstream, std::string_view target, const Breaker& breaker) {
    const Breaker::Counters& counters = breaker.counters();
    auto write = [&](std::string_view to, const std::atomic<uint64_t>& count) {
      page.Sample(kTransitions, {{"upstream", upstream}, {"target", target}, {"to", to}},
                  count.load(std::memory_order_relaxed));
    };
    write("open", counters.opened);
    write("half_open", counters.half_opened);
    write("closed", counters.closed);
  });
  constexpr std::string_view kRefused = "moongate_upstream_breaker_refused_total";
  page.Family(kCounter, kRefused, "Attempts that a circuit breaker did not let through.");
  each([&](std::string_view upstream, std::string_view target, const Breaker& breaker) {
    page.Sample(kRefused, {{"upstream", upstream}, {"target", target}},
                breaker.counters().refused.load(std::memory_order_relaxed));
  });
}

// Of at most so many targets as have series of their own.
void WriteTargets(const proxy::Snapshot& snapshot, MetricsPage& page) {
  auto each = [&](std::string_view name, std::string_view help, auto&& value) {
    size_t left = snapshot.config->status_series;
    page.Family(kGauge, name, help);
    for (const auto& upstream : snapshot.upstreams) {
      std::shared_ptr<const upstream::Plan> plan = upstream->plan();  // keeps them
      for (const upstream::Member& member : plan->members) {
        if (left == 0) return;
        left--;
        page.Sample(name, {{"upstream", upstream->conf().name}, {"target", member.target->text}},
                    value(*member.target));
      }
    }
  };
  if (snapshot.upstreams.empty()) return;
  Nanoseconds now = MonotonicNow();
  using State = upstream::Target;
  each("moongate_upstream_target_healthy", "Whether its health check passes; 1 where there is none.",
       [](const State& state) { return state.unhealthy.load(std::memory_order_relaxed) ? 0 : 1; });
  each("moongate_upstream_target_ejected", "Whether it is left out after failures.",
       [&](const State& state) { return state.ejected_until.load(std::memory_order_relaxed) > now ? 1 : 0; });
  each("moongate_upstream_target_active", "Requests in flight.",
       [](const State& state) { return state.active.load(std::memory_order_relaxed); });
}

void WriteScripts(const StateView& state, MetricsPage& page) {
  page.Family(kGauge, "moongate_lua_memory_bytes", "Heap of the current generation's Lua VM.");
  for (size_t i = 0; i < state.loops.size(); i++) {
    page.Sample("moongate_lua_memory_bytes", {{"loop", std::to_string(i)}},
                state.loops[i].counters->lua_heap.load(std::memory_order_relaxed));
  }
  auto dicts = state.dictionaries->All();
  if (dicts.empty()) return;
  auto each = [&](std::string_view name, std::string_view help, auto&& value) {
    page.Family(kGauge, name, help);
    for (const auto& dict : dicts) page.Sample(name, {{"dict", dict->name()}}, value(*dict));
  };
  each("moongate_shared_dict_capacity_bytes", "Size of a shared dictionary.",
       [](const store::SharedDict& dict) { return dict.capacity(); });
  each("moongate_shared_dict_free_bytes", "What is left of it.",
       [](const store::SharedDict& dict) { return dict.free_space(); });
}

}  // namespace

void WriteState(const StateView& state, MetricsPage& page) {
  WriteGenerations(state, page);
  WriteConnections(state, page);
  if (state.snapshot) {
    WriteTargets(*state.snapshot, page);
    WriteBreakers(*state.snapshot, page);
  }
  WriteScripts(state, page);
  if (state.writer == nullptr) return;
  page.Single(kCounter, "moongate_log_lines_written_total", "Lines of the error log and of access logs.",
              state.writer->written());
  page.Single(kCounter, "moongate_log_lines_dropped_total", "Lines that an output did not take in time.",
              state.writer->dropped());
}

}  // namespace mg::server
