#include "script/build.h"

#include <algorithm>

#include "net/tls.h"
#include "script/policy_set.h"
#include "script/program.h"

namespace mg::script {

using proxy::Phase;

namespace {

class Programs final : public proxy::HookPrograms {
 public:
  Programs(std::vector<proxy::PhaseMask> masks, std::vector<bool> server_rewrite,
           std::vector<std::unique_ptr<Program>> programs, std::shared_ptr<const Plan> plan)
      : masks_(std::move(masks)),
        server_rewrite_(std::move(server_rewrite)),
        programs_(std::move(programs)),
        plan_(std::move(plan)) {}

  proxy::PhaseMask MaskOf(size_t route) const override { return masks_.at(route); }
  bool HasServerRewrite(size_t block) const override { return server_rewrite_.at(block); }
  const Plan& plan() const { return *plan_; }
  std::unique_ptr<proxy::HookProgram> TakeProgram(int loop) override {
    return std::move(programs_.at(static_cast<size_t>(loop)));
  }

 private:
  std::vector<proxy::PhaseMask> masks_;
  std::vector<bool> server_rewrite_;
  std::vector<std::unique_ptr<Program>> programs_;
  std::shared_ptr<const Plan> plan_;
};

bool HasScripts(const config::Config& config) {
  if (!config.policies.empty() || !config.set.empty() || !config.lua.init.empty() || !config.lua.init_worker.empty() ||
      !config.lua.exit_worker.empty()) {
    return true;
  }
  bool falls_back = std::ranges::any_of(config.upstreams, [](const config::Upstream& upstream) {
    return upstream.breaker && !upstream.breaker->fallback.lua.empty();
  });
  if (falls_back) return true;
  auto listens = [](const config::Listener& listener) {
    bool handshakes = listener.tls && (!listener.tls->client_hello.empty() || !listener.tls->certificate.empty());
    return handshakes || !listener.policies.empty();
  };
  if (std::ranges::any_of(config.listeners, listens)) return true;
  return std::ranges::any_of(config.routes, [](const config::Route& route) {
    return !route.policies.empty() || !route.content.empty() || !route.set.empty();
  });
}

Surroundings SurroundingsOf(const config::Config& config, const BuildOptions& options, int loop) {
  Surroundings around;
  for (const auto& dict : options.dicts) {
    if (dict) around.dicts.push_back(dict);
  }
  around.workers = std::max(options.loops, 1);
  around.prefix = config.file.substr(0, config.file.rfind('/') + 1);
  if (static_cast<size_t>(loop) < options.redis.size()) around.redis = options.redis[static_cast<size_t>(loop)];
  return around;
}

std::vector<proxy::PhaseMask> MasksOf(const Plan& plan) {
  std::vector<proxy::PhaseMask> masks;
  for (const Plan::Route& route : plan.routes) {
    proxy::PhaseMask& mask = masks.emplace_back(0);
    for (size_t phase = 0; phase < kPhases; phase++) {
      if (route[phase] != Plan::kNone) mask |= proxy::Bit(static_cast<Phase>(phase));
    }
  }
  return masks;
}

}  // namespace

std::unique_ptr<proxy::HookPrograms> BuildPrograms(const config::Config& config, const BuildOptions& options,
                                                   config::FileSource& files, config::Diagnostics& diagnostics) {
  if (!HasScripts(config)) return nullptr;
  if (config.lua.socket.ca_pem.empty()) net::ReadSystemTrust();  // for cosockets
  auto conf = std::make_shared<const config::Lua>(config.lua);
  auto chunks = std::make_shared<Chunks>(&files, config.lua.path, options.bytecode);
  chunks->Collect(options.texts);
  Surroundings of_threads = SurroundingsOf(config, options, 0);
  of_threads.redis = nullptr;
  auto worker_threads = std::make_shared<WorkerThreads>(conf, chunks, std::move(of_threads));
  std::shared_ptr<const Plan> plan;
  std::vector<std::unique_ptr<Program>> programs;
  for (int loop = 0; loop < std::max(options.loops, 1); loop++) {
    std::array<std::unique_ptr<Vm>, kVmKinds> vms;
    auto vm_of = [&](VmKind kind) -> Vm* {
      auto& vm = vms[static_cast<size_t>(kind)];
      if (!vm) vm = MakeVm(kind, config, *conf, *chunks, SurroundingsOf(config, options, loop), diagnostics);
      return vm.get();
    };
    if (vm_of(VmKind::kTrusted) == nullptr) return nullptr;
    if (!plan) {
      PolicySet policies(config, *vms[0], vm_of, files, diagnostics);
      policies.Resolve();
      plan = MakePlan(config, policies, options.metrics);
      if (plan->canaries.size() > Plan::kMostCanaries) {
        diagnostics.ErrorIn(config.file, 1, 1, "", "too many canaries: at most 64 at a time");
        return nullptr;
      }
    }
    if (plan->has_untrusted) vm_of(VmKind::kUntrusted);
    Program::Parts parts{chunks, conf, plan, {}, worker_threads};
    for (size_t kind = 0; kind < kVmKinds; kind++) {
      if (vms[kind]) parts.units[kind] = MakeUnit(*plan, config, std::move(vms[kind]), diagnostics);
    }
    if (diagnostics.failed()) return nullptr;
    programs.push_back(std::make_unique<Program>(std::move(parts)));
  }
  chunks->Seal();
  if (options.bytecode != nullptr) options.bytecode->Sweep();
  std::vector<bool> server_rewrite;
  for (uint32_t segment : plan->server_rewrite) server_rewrite.push_back(segment != Plan::kNone);
  return std::make_unique<Programs>(MasksOf(*plan), std::move(server_rewrite), std::move(programs), plan);
}

std::vector<Hook> HooksOf(const proxy::HookPrograms& programs, const config::Config& config,
                          const config::Listener& listener, const config::Route& route, Phase phase) {
  const Plan& plan = static_cast<const Programs&>(programs).plan();  // BuildPrograms makes no other
  const size_t bit = static_cast<size_t>(phase);
  std::vector<Hook> hooks;
  for (const std::vector<config::Policy>* list : {&config.policies, &listener.policies, &route.policies}) {
    for (const config::Policy& policy : *list) {
      auto instance = std::ranges::find(plan.instances, &policy, &PolicyInstance::policy);
      bool takes_part = instance != plan.instances.end() && (instance->hooked[bit] || instance->canary.hooked[bit]);
      if (takes_part) hooks.push_back({&policy, instance->module});
    }
  }
  if (IsReversed(phase)) std::ranges::reverse(hooks);
  return hooks;
}

}  // namespace mg::script
