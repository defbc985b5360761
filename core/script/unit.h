// What a generation runs (Plan, the same for all loops) and what one VM has made of it (Unit). A policy with
// `trusted: false` runs in a VM of its own, which all of these share; where policies of both kinds hook the same phase
// of a route, the phase is a chain of segments, each in one VM.
//
// A plan is made on the control thread and is read-only once the generation is published. A unit belongs to a loop's
// Program; one that can no longer be trusted is made anew from the plan, on the loop.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "script/policy_set.h"
#include "script/scheduler.h"
#include "script/vm.h"

namespace mg::script {

constexpr size_t kPhases = static_cast<size_t>(proxy::Phase::kCount);

// Filters run in the reverse order of policies: the first policy sees the response last.
bool IsReversed(proxy::Phase phase);

// Hooks of a phase that follow each other in one VM, or a chunk that stands alone.
struct Segment {
  uint32_t phase = 0;  // MG_PHASE_*
  VmKind kind = VmKind::kTrusted;
  bool more = false;          // the next segment continues the phase
  std::vector<size_t> hooks;  // indexes into Plan::instances, in the order they run
  config::LuaSource source;   // where there are no hooks
  std::string name, path;     // of the source
  // Of the set phase: variables and the chunks that give them their values.
  struct Assignment {
    std::string variable;
    config::LuaSource source;
    std::string path;
  };
  std::vector<Assignment> assignments;
  std::vector<PolicySeries> series;  // as Code::series
};

struct Plan {
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kMostCanaries = 64;
  using Route = std::array<uint32_t, kPhases>;  // the first segment of a phase, or kNone

  std::vector<PolicyInstance> instances;
  std::vector<Segment> segments;
  std::vector<Route> routes;             // by RouteEntry::index
  std::vector<uint32_t> server_rewrite;  // by RouteTable::hook_block
  // By listener and step of its TLS handshakes.
  std::vector<std::array<uint32_t, 2>> handshakes;
  uint32_t init_worker = kNone, exit_worker = kNone;
  bool has_untrusted = false;
  std::vector<std::shared_ptr<Canary>> canaries;  // by number, at most kMostCanaries
  struct CanaryMetrics {
    CanarySeries old_script, new_script;
    observe::Counter given_up;
  };
  std::vector<CanaryMetrics> canary_metrics;  // as `canaries`; empty: nothing is counted
};

// From resolved policies. `metrics` may be null: nothing is counted.
std::shared_ptr<const Plan> MakePlan(const config::Config& config, PolicySet& policies, PolicyMetrics* metrics);

struct Unit {
  std::unique_ptr<Vm> vm;
  std::unique_ptr<Scheduler> scheduler;  // null before Program::Start
  std::vector<Code> codes;               // by segment; without runner: another VM's
  Code fire;                             // of timers
};

// A VM that has run `init` (a trusted one) and nothing else. Null: an error was reported.
std::unique_ptr<Vm> MakeVm(VmKind kind, const config::Config& config, const config::Lua& conf, Chunks& chunks,
                           Surroundings around, config::Diagnostics& diagnostics);
// Compiles the plan's part in a VM of MakeVm; modules that it has loaded already are taken as they are.
// Null: an error was reported.
std::unique_ptr<Unit> MakeUnit(const Plan& plan, const config::Config& config, std::unique_ptr<Vm> vm,
                               config::Diagnostics& diagnostics);

}  // namespace mg::script
