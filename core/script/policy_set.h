// PolicySet: the policies of a configuration, each resolved to what it runs (a module, a script, chunks in place) with
// its configuration checked. The module's schema is read in a VM, the generation's first. Control thread; lives as long
// as a build.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/node.h"
#include "config/schema.h"
#include "proxy/phase.h"
#include "script/canary.h"
#include "script/vm.h"

namespace mg::script {

struct ChunkText {
  std::string name;  // for Lua: "@gateway.yaml"
  std::string text;
  std::string file;  // in place of a text
  uint32_t first_line = 1;
  config::Position position;
};

// One policy where the configuration names it.
struct PolicyInstance {
  const config::Policy* policy = nullptr;
  enum class Scope : uint8_t { kRoute, kListener, kGateway } scope = Scope::kRoute;
  std::string module;   // path of the module or script; empty: chunks in place
  bool broken = false;  // it did not load, and that was reported
  VmKind kind = VmKind::kTrusted;
  struct {
    std::shared_ptr<Canary> state;  // null: none
    std::string module;
    config::Value conf;
    std::array<bool, static_cast<size_t>(proxy::Phase::kCount)> hooked{};
  } canary;
  Budget budget;  // 0: as `lua.limits` says
  config::Value conf;
  std::array<bool, static_cast<size_t>(proxy::Phase::kCount)> hooked{};  // the phases it has functions for
  std::array<ChunkText, static_cast<size_t>(proxy::Phase::kCount)> chunks;
};

// The key of a policy's table that has the phase's function: "rewrite", "access", "balance", ...
std::string_view PhaseKey(proxy::Phase phase);

// A Lua error as a diagnostic: at the file and line it names, else at `at`. `file`: what runs, as it was loaded.
void ReportLuaError(config::Diagnostics& diagnostics, const std::string& text, const std::string& file,
                    const config::Position& at, const std::string& path);

class PolicySet {
 public:
  // `vm_of` makes the VM of a kind when it is first asked for; null: that failed, and was reported.
  PolicySet(const config::Config& config, Vm& vm, std::function<Vm*(VmKind)> vm_of, config::FileSource& files,
            config::Diagnostics& diagnostics)
      : config_(config), vm_(vm), vm_of_(std::move(vm_of)), files_(files), diagnostics_(diagnostics) {}

  // Resolves all; every error is reported.
  void Resolve();

  std::vector<PolicyInstance> instances;
  std::vector<size_t> global;                  // indexes into instances, in file order
  std::vector<std::vector<size_t>> listeners;  // of the listeners that have policies, in their order
  std::vector<std::vector<size_t>> routes;     // by route

 private:
  struct Module {
    bool broken = false, has_schema = false;
    bool answers = false;  // it says that it gives the answer: `answers = true`
    config::Schema schema;
    std::array<bool, static_cast<size_t>(proxy::Phase::kCount)> hooked{};
  };

  size_t Add(const config::Policy& policy);
  void CheckAnswer(const config::Route& route, const std::vector<size_t>& policies);
  void ResolveChunks(PolicyInstance& instance);
  void ResolveScript(PolicyInstance& instance);
  void ResolveModule(PolicyInstance& instance);
  // The keys that every policy but a bundled one has: `trusted`, `limits`.
  void ResolveCanary(PolicyInstance& instance, const config::Value& canary, const config::Node* with);
  void ReadCommon(PolicyInstance& instance, const config::Value& value);
  const config::Node* TakeCommon(PolicyInstance& instance, const config::Node* node);
  void CheckConf(PolicyInstance& instance, const config::Node* node, const std::string& path);
  // What is known of a module: loaded, and its errors reported, when first asked for.
  const Module& Load(const std::string& module, VmKind kind, const config::Position& at, const std::string& path);
  void CheckTable(Vm& vm, Module& entry, const std::string& module, const config::Position& at,
                  const std::string& path);
  std::vector<std::string> KnownNames();

  const config::Config& config_;
  Vm& vm_;
  std::function<Vm*(VmKind)> vm_of_;
  config::FileSource& files_;
  config::Diagnostics& diagnostics_;
  std::map<std::pair<std::string, VmKind>, Module> modules_;
  std::deque<config::Node> nodes_;  // of configurations without the common keys
};

// Pushes the table that the module at `path` answers, loading it where the VM has not yet. False: the error's text.
bool PushModule(Vm& vm, const std::string& path);

// What loading and compiling may take: a safeguard against endless loops, not a budget.
constexpr Budget kLoadBudget{10'000'000'000, 0};

}  // namespace mg::script
