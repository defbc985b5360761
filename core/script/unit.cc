#include "script/unit.h"

#include <map>

#include "net/tls_handshake.h"
#include "script/phases.h"
#include "script/value_to_lua.h"

namespace mg::script {

using proxy::Phase;

bool IsReversed(Phase phase) { return phase == Phase::kHeaderFilter || phase == Phase::kBodyFilter; }

namespace {

std::string FileOf(const config::LuaSource& source) {
  return source.file.empty() ? source.name.substr(1) : source.file;
}

bool PushSource(Vm& vm, const config::LuaSource& source) {
  return source.file.empty() ? vm.chunks().LoadText(vm.state(), source.name, source.chunk, source.first_line)
                             : vm.chunks().LoadFile(vm.state(), source.file);
}

// Takes the error off the stack.
void Report(lua_State* L, config::Diagnostics& diagnostics, const std::string& file, const config::Position& at,
            const std::string& path) {
  const char* text = lua_tostring(L, -1);
  ReportLuaError(diagnostics, text != nullptr ? text : "an error that is not a text", file, at, path);
  lua_pop(L, 1);
}

// A script is told from others by its file's name.
std::string SeriesName(const PolicyInstance& instance) {
  const std::string& name = instance.policy->name;
  if (name != "script" || instance.module.empty()) return name;
  return name + ":" + instance.module.substr(instance.module.rfind('/') + 1);
}

class Planner {
 public:
  Planner(const config::Config& config, PolicySet& policies, PolicyMetrics* metrics, Plan& plan)
      : config_(config), policies_(policies), metrics_(metrics), plan_(plan) {}

  void Run() {
    for (const config::Upstream& upstream : config_.upstreams) AddFallback(upstream);
    for (size_t block = 0; block <= policies_.listeners.size(); block++) {
      const std::vector<size_t>& own = block == 0 ? none_ : policies_.listeners[block - 1];
      plan_.server_rewrite.push_back(Chain(Phase::kServerRewrite, {&policies_.global, &own}));
      for (size_t route = 0; route < config_.routes.size(); route++) AddRoute(route, own);
    }
    AddHandshakes();
    plan_.init_worker = AddSource(config_.lua.init_worker, MG_PHASE_INIT_WORKER, "lua.init_worker", "lua.init_worker");
    plan_.exit_worker = AddSource(config_.lua.exit_worker, MG_PHASE_EXIT_WORKER, "lua.exit_worker", "lua.exit_worker");
    plan_.instances = std::move(policies_.instances);
    for (const PolicyInstance& instance : plan_.instances) {
      if (instance.canary.state) AddCanary(instance.canary.state);
      plan_.has_untrusted = plan_.has_untrusted || instance.kind == VmKind::kUntrusted;
    }
  }

 private:
  void AddCanary(const std::shared_ptr<Canary>& canary) {
    plan_.canaries.push_back(canary);
    if (metrics_ == nullptr) return;
    const std::string& path = canary->settings().file;
    std::string file = path.substr(path.rfind('/') + 1);
    plan_.canary_metrics.push_back(
        {metrics_->OfCanary(file, false), metrics_->OfCanary(file, true), metrics_->GivenUp(file)});
  }

  using Lists = std::initializer_list<const std::vector<size_t>*>;

  // `own`: the listener's policies.
  void AddRoute(size_t index, const std::vector<size_t>& own) {
    Plan::Route route;
    for (size_t phase = 0; phase < kPhases; phase++) {
      bool known_later =
          static_cast<Phase>(phase) != Phase::kContent && static_cast<Phase>(phase) != Phase::kServerRewrite;
      route[phase] = known_later ? Chain(static_cast<Phase>(phase), {&policies_.global, &own, &policies_.routes[index]})
                                 : Plan::kNone;
    }
    const config::Route& conf = config_.routes[index];
    route[static_cast<size_t>(Phase::kSet)] = SetSegment(conf);
    uint32_t& content = route[static_cast<size_t>(Phase::kContent)];
    content = Content(conf);
    auto fallback = fallbacks_.find(conf.upstream);
    if (fallback != fallbacks_.end()) content = fallback->second;
    plan_.routes.push_back(route);
  }

  void AddHandshakes() {
    for (size_t i = 0; i < config_.listeners.size(); i++) {
      auto& steps = plan_.handshakes.emplace_back();
      steps.fill(Plan::kNone);
      const std::optional<config::ListenerTls>& tls = config_.listeners[i].tls;
      if (!tls) continue;
      auto add = [&](net::HandshakeStep step, const config::LuaSource& source, uint32_t phase, const char* key) {
        std::string path = "listeners[" + std::to_string(i) + "].tls." + key;
        steps[static_cast<size_t>(step)] = AddSource(source, phase, path, path);
      };
      add(net::HandshakeStep::kClientHello, tls->client_hello, MG_PHASE_SSL_CLIENT_HELLO, "ssl_client_hello");
      add(net::HandshakeStep::kCertificate, tls->certificate, MG_PHASE_SSL_CERTIFICATE, "ssl_certificate");
    }
  }

  uint32_t Content(const config::Route& route) {
    if (route.content.empty()) return Plan::kNone;
    auto [known, is_new] = contents_.try_emplace(&route, Plan::kNone);
    if (is_new) {
      known->second = AddSource(route.content, MG_PHASE_CONTENT, "content", route.path + ".content");
      if (metrics_ != nullptr) plan_.segments.back().series = {metrics_->Of("content", "content")};
    }
    return known->second;
  }

  // The gateway's chunks that give values to variables, then the route's.
  uint32_t SetSegment(const config::Route& route) {
    if (config_.set.empty() && route.set.empty()) return Plan::kNone;
    auto [known, is_new] = sets_.try_emplace(route.set.empty() ? nullptr : &route, Plan::kNone);
    if (!is_new) return known->second;
    Segment segment;
    segment.phase = MG_PHASE_SET;
    for (const auto& [name, source] : config_.set) segment.assignments.push_back({name, source, "set." + name});
    for (const auto& [name, source] : route.set)
      segment.assignments.push_back({name, source, route.path + ".set." + name});
    plan_.segments.push_back(std::move(segment));
    return known->second = static_cast<uint32_t>(plan_.segments.size() - 1);
  }

  // What answers while the upstream's circuit breaker is open: the content of the routes that lead to it.
  void AddFallback(const config::Upstream& upstream) {
    if (!upstream.breaker || upstream.breaker->fallback.lua.empty()) return;
    fallbacks_[upstream.name] = AddSource(upstream.breaker->fallback.lua, MG_PHASE_CONTENT, "fallback",
                                          "upstreams." + upstream.name + ".circuit_breaker.fallback");
  }

  // The policies of these lists that hook the phase. Routes with the same ones share the segments.
  uint32_t Chain(Phase phase, Lists lists) {
    std::vector<size_t> hooks;
    size_t bit = static_cast<size_t>(phase);
    for (const std::vector<size_t>* list : lists) {
      for (size_t instance : *list) {
        const PolicyInstance& policy = policies_.instances[instance];
        if (policy.hooked[bit] || policy.canary.hooked[bit]) hooks.push_back(instance);
      }
    }
    if (hooks.empty()) return Plan::kNone;
    if (IsReversed(phase)) std::ranges::reverse(hooks);
    auto [known, is_new] = shared_.try_emplace({phase, hooks}, static_cast<uint32_t>(plan_.segments.size()));
    if (is_new) AddHooks(phase, hooks);
    return known->second;
  }

  void AddHooks(Phase phase, const std::vector<size_t>& hooks) {
    size_t first = plan_.segments.size();
    for (size_t hook : hooks) {
      const PolicyInstance& instance = policies_.instances[hook];
      bool begins = plan_.segments.size() == first;
      if (begins || plan_.segments.back().kind != instance.kind) {
        if (!begins) plan_.segments.back().more = true;
        plan_.segments.emplace_back();
        plan_.segments.back().phase = BitOf(phase);
        plan_.segments.back().kind = instance.kind;
      }
      Segment& segment = plan_.segments.back();
      segment.hooks.push_back(hook);
      if (metrics_ != nullptr) segment.series.push_back(metrics_->Of(SeriesName(instance), proxy::PhaseName(phase)));
    }
  }

  uint32_t AddSource(const config::LuaSource& source, uint32_t phase, std::string name, std::string path) {
    if (source.empty()) return Plan::kNone;
    Segment& segment = plan_.segments.emplace_back();
    segment.phase = phase;
    segment.source = source;
    segment.name = std::move(name);
    segment.path = std::move(path);
    return static_cast<uint32_t>(plan_.segments.size() - 1);
  }

  const config::Config& config_;
  PolicySet& policies_;
  PolicyMetrics* metrics_;
  Plan& plan_;
  const std::vector<size_t> none_;
  std::map<std::pair<Phase, std::vector<size_t>>, uint32_t> shared_;
  std::map<std::string, uint32_t> fallbacks_;                 // by upstream
  std::map<const config::Route*, uint32_t> contents_, sets_;  // sets_: null for routes without their own
};

// Makes one VM's unit; errors are reported by the first VM that has them.
class Assembler {
 public:
  Assembler(const Plan& plan, const config::Config& config, Vm& vm, config::Diagnostics& diagnostics)
      : plan_(plan), config_(config), vm_(vm), L_(vm.state()), diagnostics_(diagnostics) {
    budget_ = {std::chrono::nanoseconds(config.lua.limits.cpu).count(), config.lua.limits.growth};
  }

  void Run(Unit& unit) {
    for (const PolicyInstance& instance : plan_.instances) Prepare(instance);
    if (diagnostics_.failed()) return;
    for (const Segment& segment : plan_.segments) {
      if (segment.kind != vm_.kind()) {
        unit.codes.emplace_back();
      } else {
        unit.codes.push_back(CodeOf(segment));
        unit.codes.back().series = segment.series;
      }
    }
    unit.fire.phase = MG_PHASE_TIMER;
    unit.fire.names = {"ngx.timer"};
    unit.fire.budgets = {budget_};
    vm_.PushRuntime("fire");
    unit.fire.runner = luaL_ref(L_, LUA_REGISTRYINDEX);
  }

 private:
  // What an instance is in this VM: registry references; LUA_NOREF: none.
  struct Loaded {
    int conf = LUA_NOREF;
    std::array<int, kPhases> functions;
  };

  void Prepare(const PolicyInstance& instance) {
    Loaded loaded;
    loaded.functions.fill(LUA_NOREF);
    int top = lua_gettop(L_);
    if (instance.broken || instance.kind != vm_.kind()) {
      // reported, or another VM's
    } else if (instance.module.empty()) {
      for (size_t phase = 0; phase < kPhases; phase++)
        loaded.functions[phase] = LoadChunk(instance.chunks[phase], instance.policy->path);
    } else if (PushModule(vm_, instance.module)) {
      TakeFunctions(instance.hooked, loaded);
      loaded.conf = Compile(instance, instance.module, instance.conf);
      if (instance.canary.state) loaded = WithCanary(instance, loaded);
    } else {
      Report(L_, diagnostics_, instance.module, instance.policy->position, instance.policy->path);
    }
    lua_settop(L_, top);
    loaded_.push_back(loaded);
  }

  // The module's table is on top.
  void TakeFunctions(const std::array<bool, kPhases>& hooked, Loaded& loaded) {
    for (size_t phase = 0; phase < kPhases; phase++) {
      if (!hooked[phase]) continue;
      std::string_view key = PhaseKey(static_cast<Phase>(phase));
      lua_pushlstring(L_, key.data(), key.size());
      lua_rawget(L_, -2);
      loaded.functions[phase] = luaL_ref(L_, LUA_REGISTRYINDEX);
    }
  }

  // Functions that choose, for each request, between the old script's and the new one's.
  Loaded WithCanary(const PolicyInstance& instance, const Loaded& old) {
    Loaded fresh, both;
    fresh.functions.fill(LUA_NOREF);
    both.functions.fill(LUA_NOREF);
    if (!PushModule(vm_, instance.canary.module)) {
      Report(L_, diagnostics_, instance.canary.module, instance.policy->position, instance.policy->path);
      return both;
    }
    TakeFunctions(instance.canary.hooked, fresh);
    fresh.conf = Compile(instance, instance.canary.module, instance.canary.conf);
    auto number = std::ranges::find(plan_.canaries, instance.canary.state) - plan_.canaries.begin();
    for (size_t phase = 0; phase < kPhases; phase++) {
      if (old.functions[phase] == LUA_NOREF && fresh.functions[phase] == LUA_NOREF) continue;
      vm_.PushRuntime("make_canary");
      lua_pushinteger(L_, static_cast<lua_Integer>(number));
      for (int reference : {old.functions[phase], old.conf, fresh.functions[phase], fresh.conf})
        lua_rawgeti(L_, LUA_REGISTRYINDEX, reference);  // LUA_NOREF is nil there
      if (!vm_.Call(5, 1, kLoadBudget)) {
        Report(L_, diagnostics_, instance.canary.module, instance.policy->position, instance.policy->path);
        return both;
      }
      both.functions[phase] = luaL_ref(L_, LUA_REGISTRYINDEX);
    }
    return both;
  }

  // The module's table is on top: its compile(conf, scope), or the configuration as it is.
  int Compile(const PolicyInstance& instance, const std::string& module, const config::Value& conf) {
    lua_pushliteral(L_, "compile");
    lua_rawget(L_, -2);
    bool compiles = lua_isfunction(L_, -1);
    if (!compiles) lua_pop(L_, 1);
    PushValue(L_, conf);
    static constexpr const char* kScopes[] = {"route", "listener", "global"};
    if (compiles) lua_pushstring(L_, kScopes[static_cast<size_t>(instance.scope)]);
    if (compiles && !vm_.Call(2, 1, kLoadBudget)) {
      Report(L_, diagnostics_, module, instance.policy->position, instance.policy->path);
      return LUA_NOREF;
    }
    return luaL_ref(L_, LUA_REGISTRYINDEX);
  }

  int LoadChunk(const ChunkText& chunk, const std::string& path) {
    if (chunk.text.empty() && chunk.file.empty()) return LUA_NOREF;
    bool loaded = chunk.file.empty() ? vm_.chunks().LoadText(L_, chunk.name, chunk.text, chunk.first_line)
                                     : vm_.chunks().LoadFile(L_, chunk.file);
    if (!loaded) {
      Report(L_, diagnostics_, chunk.file.empty() ? chunk.name.substr(1) : chunk.file, chunk.position, path);
      return LUA_NOREF;
    }
    vm_.MakeStrict();
    return luaL_ref(L_, LUA_REGISTRYINDEX);
  }

  Code CodeOf(const Segment& segment) {
    if (!segment.hooks.empty()) return HookCode(segment);
    return segment.assignments.empty() ? SourceCode(segment) : SetCode(segment);
  }

  Code SetCode(const Segment& segment) {
    Code code;
    code.phase = segment.phase;
    code.budgets = {budget_};
    int top = lua_gettop(L_);
    vm_.PushRuntime("make_set_runner");
    lua_newtable(L_);
    lua_newtable(L_);
    for (const Segment::Assignment& each : segment.assignments) {
      if (!PushSource(vm_, each.source)) {
        Report(L_, diagnostics_, FileOf(each.source), each.source.position, each.path);
        continue;
      }
      vm_.MakeStrict();
      code.names.push_back("set " + each.variable);
      lua_rawseti(L_, top + 2, static_cast<int>(code.names.size()));
      lua_pushlstring(L_, each.variable.data(), each.variable.size());
      lua_rawseti(L_, top + 3, static_cast<int>(code.names.size()));
    }
    code.steps = static_cast<uint32_t>(code.names.size());
    if (!diagnostics_.failed() && vm_.Call(2, 1, kLoadBudget)) code.runner = luaL_ref(L_, LUA_REGISTRYINDEX);
    lua_settop(L_, top);
    return code;
  }

  Code HookCode(const Segment& segment) {
    Code code;
    code.phase = segment.phase;
    bool is_body = segment.phase == MG_PHASE_BODY_FILTER;
    size_t phase = static_cast<size_t>(PhaseOf(segment.phase));
    int top = lua_gettop(L_);
    vm_.PushRuntime(is_body ? "make_body_runner" : "make_runner");
    lua_createtable(L_, static_cast<int>(segment.hooks.size()), 0);
    lua_createtable(L_, static_cast<int>(segment.hooks.size()), 0);
    for (size_t i = 0; i < segment.hooks.size(); i++) {
      const Loaded& loaded = loaded_[segment.hooks[i]];
      const PolicyInstance& instance = plan_.instances[segment.hooks[i]];
      lua_rawgeti(L_, LUA_REGISTRYINDEX, loaded.functions[phase]);
      lua_rawseti(L_, top + 2, static_cast<int>(i) + 1);
      if (loaded.conf != LUA_NOREF) {
        lua_rawgeti(L_, LUA_REGISTRYINDEX, loaded.conf);
        lua_rawseti(L_, top + 3, static_cast<int>(i) + 1);
      }
      code.names.push_back(instance.policy->name);
      code.budgets.push_back({instance.budget.cpu != 0 ? instance.budget.cpu : budget_.cpu,
                              instance.budget.growth != 0 ? instance.budget.growth : budget_.growth});
    }
    code.steps = static_cast<uint32_t>(segment.hooks.size()) + (is_body ? 1 : 0);
    if (vm_.Call(2, 1, kLoadBudget)) {
      code.runner = luaL_ref(L_, LUA_REGISTRYINDEX);
    } else {
      diagnostics_.ErrorIn(config_.file, 1, 1, "", lua_tostring(L_, -1));
    }
    lua_settop(L_, top);
    return code;
  }

  Code SourceCode(const Segment& segment) {
    Code code;
    code.phase = segment.phase;
    code.budgets = {budget_};
    code.names = {segment.name};
    if (!PushSource(vm_, segment.source)) {
      Report(L_, diagnostics_, FileOf(segment.source), segment.source.position, segment.path);
      return code;
    }
    vm_.MakeStrict();
    code.runner = luaL_ref(L_, LUA_REGISTRYINDEX);
    return code;
  }

  const Plan& plan_;
  const config::Config& config_;
  Vm& vm_;
  lua_State* L_;
  config::Diagnostics& diagnostics_;
  Budget budget_;
  std::vector<Loaded> loaded_;
};

}  // namespace

std::shared_ptr<const Plan> MakePlan(const config::Config& config, PolicySet& policies, PolicyMetrics* metrics) {
  auto plan = std::make_shared<Plan>();
  Planner(config, policies, metrics, *plan).Run();
  return plan;
}

std::unique_ptr<Vm> MakeVm(VmKind kind, const config::Config& config, const config::Lua& conf, Chunks& chunks,
                           Surroundings around, config::Diagnostics& diagnostics) {
  around.config = &config;
  around.program = nullptr;
  around.policies = nullptr;
  auto vm = Vm::Create(kind, conf, chunks, std::move(around));
  if (!vm) {
    diagnostics.ErrorIn(config.file, 1, 1, "lua", vm.error().message);
    return nullptr;
  }
  const config::LuaSource& init = config.lua.init;
  if (kind == VmKind::kTrusted && !init.empty() && !diagnostics.failed()) {
    if (!PushSource(**vm, init) || !(*vm)->Call(0, 0, kLoadBudget))
      Report((*vm)->state(), diagnostics, FileOf(init), init.position, "lua.init");
  }
  return std::move(*vm);
}

std::unique_ptr<Unit> MakeUnit(const Plan& plan, const config::Config& config, std::unique_ptr<Vm> vm,
                               config::Diagnostics& diagnostics) {
  auto unit = std::make_unique<Unit>();
  Assembler(plan, config, *vm, diagnostics).Run(*unit);
  if (diagnostics.failed()) return nullptr;
  vm->around.config = nullptr;
  unit->vm = std::move(vm);
  return unit;
}

}  // namespace mg::script
