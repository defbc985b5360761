// Snapshot: one immutable generation as all loops see it: the configuration, its compiled routes, upstreams, TLS
// contexts and compiled scripts. Built and checked on the control thread before any loop sees it.
//
// Generation: a snapshot on one loop, with that loop's hook program and its count of live exchanges (a plain integer).
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "config/config.h"
#include "config/template.h"
#include "net/tls.h"
#include "proxy/access_log.h"
#include "proxy/hook_program.h"
#include "proxy/identity.h"
#include "proxy/metrics.h"
#include "proxy/phase.h"
#include "proxy/trust.h"
#include "route/matcher.h"
#include "store/shared_dict.h"
#include "upstream/upstream.h"

namespace mg::proxy {

// request_headers, compiled: the templates stand as in the configuration.
struct RequestEdit {
  const config::HeaderEdit* conf = nullptr;
  std::vector<config::Template> set, add;
};

// A route, compiled: what the pipeline reads.
// What every request reads stands first, in one cache line: behind many routes each request comes by another one, and
// all that it touches of it is cold.
struct alignas(64) RouteEntry {
  const config::Route* conf = nullptr;
  const upstream::Upstream* upstream = nullptr;  // null: another kind of answer
  size_t body_limit = 0;
  size_t body_buffer = 0;
  std::unique_ptr<RequestEdit> request_edit;  // null: none
  uint32_t index = 0;
  uint32_t log_set = 0;  // in Snapshot::log_sets
  PhaseMask hooks = 0;
  // Whether there is anything of the kind to look at further down, or in `conf`: set by Settle().
  bool has_vars = false, has_hash_key = false, rewrites_target = false, edits_response = false;

  std::vector<std::pair<std::string, config::Template>> vars;
  config::Template redirect, respond_body;
  std::vector<config::Template> respond_headers;  // as in conf, where they are templates
  std::optional<config::Template> rewrite_path, rewrite_host;
  std::vector<config::Expression> hash_key;
  RouteSeries series;
  const upstream::Upstream* fallback = nullptr;  // asked while the upstream's circuit breaker is open; null: none
  std::vector<config::Expression> fallback_hash_key;

  void Settle();  // once all else is set
  bool Has(Phase phase) const { return (hooks & Bit(phase)) != 0; }
};

// The routes of a listener; listeners with the same ones, and no policies of their own, share a table. A listener is
// known by a number of its address that stays the same through reloads, since its connections outlive the generation
// they came in under.
struct RouteTable {
  std::optional<route::Matcher> matcher;  // never empty once built
  std::vector<uint32_t> routes;           // the matcher's numbers to the configuration's routes
  uint32_t first_route = 0;               // where those stand in Snapshot::routes, with the listener's policies
  uint32_t hook_block = 0;                // HookPrograms: whose policies these are
  bool server_rewrite = false;            // there are hooks of that phase
};

class Snapshot {
 public:
  uint64_t generation = 0;
  std::unique_ptr<config::Config> config;
  std::vector<std::unique_ptr<RouteTable>> tables;
  std::vector<const RouteTable*> table_by_listener;  // by listener number; null: it is not listened on any more
  std::vector<uint32_t> listener_numbers;            // by place in the configuration
  std::vector<bool> keeps_identity;                  // by listener number
  // By config order; then again for each listener with policies of its own, with its hooks.
  std::vector<RouteEntry> routes;
  std::unordered_map<std::string_view, uint32_t> route_names;
  std::vector<std::pair<std::string, config::Template>> vars;  // of every request, before a route's
  std::unordered_set<std::string_view> variable_names;         // that `vars` and `set` define
  std::vector<std::shared_ptr<upstream::Upstream>> upstreams;
  std::unordered_map<std::string_view, upstream::Upstream*> upstream_names;
  std::vector<std::unique_ptr<net::ServerTls>> listener_tls;  // by listener; null: plain
  std::unique_ptr<HookPrograms> programs;                     // null: no hooks at all
  IdentityHeaders identity_headers;
  TrustedProxies trusted;
  std::unique_ptr<RequestEdit> request_edit;     // for every route, before its own; null: none
  std::shared_ptr<const config::Limits> limits;  // what sessions keep of it
  std::vector<std::unique_ptr<AccessLog>> access_logs;
  std::vector<LogSet> log_sets;  // the first is the gateway's; empty: nothing is logged
  bool counts = false;           // requests are counted: a page shows it
  RouteSeries no_route;          // where no route matched

  bool KeepsIdentity(uint32_t listener) const { return listener < keeps_identity.size() && keeps_identity[listener]; }
  // Null: no such listener in this generation.
  const RouteTable* TableFor(uint32_t listener) const {
    return listener < table_by_listener.size() ? table_by_listener[listener] : nullptr;
  }

  // By a process-wide counter of live snapshots (tests, /metrics).
  Snapshot();
  ~Snapshot();
  static size_t live();
};

// Owner: the loop's LoopContext while current, then its list of retired ones until `live` is 0 and the program is idle.
struct Generation {
  std::shared_ptr<const Snapshot> snapshot;
  std::unique_ptr<HookProgram> program;  // null: no hooks
  uint64_t live = 0;                     // exchanges begun under it and not finished
  bool retired = false;
};

}  // namespace mg::proxy
