#include "script/build.h"

#include <map>

#include "script/policy_set.h"
#include "script/program.h"
#include "script/value_to_lua.h"

namespace mg::script {

using proxy::Phase;

namespace {

constexpr size_t kPhases = static_cast<size_t>(Phase::kCount);

uint32_t BitOf(Phase phase) {
  switch (phase) {
    case Phase::kServerRewrite: return MG_PHASE_SERVER_REWRITE;
    case Phase::kSet: return MG_PHASE_SET;
    case Phase::kRewrite: return MG_PHASE_REWRITE;
    case Phase::kAccess: return MG_PHASE_ACCESS;
    case Phase::kContent: return MG_PHASE_CONTENT;
    case Phase::kBalance: return MG_PHASE_BALANCER;
    case Phase::kHeaderFilter: return MG_PHASE_HEADER_FILTER;
    case Phase::kBodyFilter: return MG_PHASE_BODY_FILTER;
    default: return MG_PHASE_LOG;
  }
}

bool IsReversed(Phase phase) { return phase == Phase::kHeaderFilter || phase == Phase::kBodyFilter; }

class Programs final : public proxy::HookPrograms {
 public:
  Programs(std::vector<proxy::PhaseMask> masks, std::vector<bool> server_rewrite,
           std::vector<std::unique_ptr<Program>> programs)
      : masks_(std::move(masks)), server_rewrite_(std::move(server_rewrite)), programs_(std::move(programs)) {}

  proxy::PhaseMask MaskOf(size_t route) const override { return masks_.at(route); }
  bool HasServerRewrite(size_t block) const override { return server_rewrite_.at(block); }
  std::unique_ptr<proxy::HookProgram> TakeProgram(int loop) override {
    return std::move(programs_.at(static_cast<size_t>(loop)));
  }

 private:
  std::vector<proxy::PhaseMask> masks_;
  std::vector<bool> server_rewrite_;
  std::vector<std::unique_ptr<Program>> programs_;
};

// Makes one VM's program; errors are reported by the first VM that has them.
class Assembler {
 public:
  Assembler(const config::Config& config, const PolicySet& policies, std::shared_ptr<const config::Lua> conf, Vm& vm,
            PolicyMetrics* metrics, config::Diagnostics& diagnostics)
      : config_(config), policies_(policies), vm_(vm), L_(vm.state()), metrics_(metrics), diagnostics_(diagnostics) {
    budget_ = {std::chrono::nanoseconds(conf->limits.cpu).count(), conf->limits.growth};
  }

  // Fills `parts`, whose VM has run init.
  void Run(Program::Parts& parts) {
    parts_ = &parts;
    for (size_t i = 0; i < policies_.instances.size(); i++) Prepare(i);
    if (diagnostics_.failed()) return;
    for (const config::Upstream& upstream : config_.upstreams) AddFallback(upstream);
    for (size_t block = 0; block <= policies_.listeners.size(); block++) {
      const std::vector<size_t>& own = block == 0 ? kNone : policies_.listeners[block - 1];
      AddServerRewrite(own);
      for (size_t route = 0; route < config_.routes.size(); route++) AddRoute(route, own);
    }
    AddHandshakes();
    parts.init_worker = SingleCode(config_.lua.init_worker, MG_PHASE_INIT_WORKER, "lua.init_worker");
    parts.exit_worker = SingleCode(config_.lua.exit_worker, MG_PHASE_EXIT_WORKER, "lua.exit_worker");
  }

 private:
  static inline const std::vector<size_t> kNone;

  // What an instance is in this VM: registry references; LUA_NOREF: none.
  struct Loaded {
    int conf = LUA_NOREF;
    std::array<int, kPhases> functions;
  };

  void Prepare(size_t index) {
    const PolicyInstance& instance = policies_.instances[index];
    Loaded loaded;
    loaded.functions.fill(LUA_NOREF);
    int top = lua_gettop(L_);
    if (instance.broken) {
      // reported
    } else if (instance.module.empty()) {
      for (size_t phase = 0; phase < kPhases; phase++)
        loaded.functions[phase] = LoadChunk(instance.chunks[phase], instance.policy->path);
    } else if (PushModule(vm_, instance.module)) {
      for (size_t phase = 0; phase < kPhases; phase++) {
        std::string_view key = PhaseKey(static_cast<Phase>(phase));
        lua_pushlstring(L_, key.data(), key.size());
        lua_rawget(L_, -2);
        if (lua_isfunction(L_, -1) && static_cast<Phase>(phase) != Phase::kContent) {
          loaded.functions[phase] = luaL_ref(L_, LUA_REGISTRYINDEX);
        } else {
          lua_pop(L_, 1);
        }
      }
      loaded.conf = Compile(instance);
    } else {
      Report(instance.module, instance.policy->position, instance.policy->path);
    }
    lua_settop(L_, top);
    if (instance.scope == PolicyInstance::Scope::kRoute &&
        loaded.functions[static_cast<size_t>(Phase::kServerRewrite)] != LUA_NOREF) {
      diagnostics_.Error(instance.policy->position, instance.policy->path,
                         "server_rewrite runs before the route is known: name the policy among the gateway's or a "
                         "listener's");
    }
    loaded_.push_back(loaded);
  }

  // The module's table is on top: its compile(conf, scope), or the configuration as it is.
  int Compile(const PolicyInstance& instance) {
    lua_pushliteral(L_, "compile");
    lua_rawget(L_, -2);
    bool compiles = lua_isfunction(L_, -1);
    if (!compiles) lua_pop(L_, 1);
    PushValue(L_, instance.conf);
    static constexpr const char* kScopes[] = {"route", "listener", "global"};
    if (compiles) lua_pushstring(L_, kScopes[static_cast<size_t>(instance.scope)]);
    if (compiles && !vm_.Call(2, 1, kLoadBudget)) {
      Report(instance.module, instance.policy->position, instance.policy->path);
      return LUA_NOREF;
    }
    return luaL_ref(L_, LUA_REGISTRYINDEX);
  }

  int LoadChunk(const ChunkText& chunk, const std::string& path) {
    if (chunk.text.empty() && chunk.file.empty()) return LUA_NOREF;
    bool loaded = chunk.file.empty() ? vm_.chunks().LoadText(L_, chunk.name, chunk.text, chunk.first_line)
                                     : vm_.chunks().LoadFile(L_, chunk.file);
    if (!loaded) {
      Report(chunk.file.empty() ? chunk.name.substr(1) : chunk.file, chunk.position, path);
      return LUA_NOREF;
    }
    vm_.MakeStrict();
    return luaL_ref(L_, LUA_REGISTRYINDEX);
  }

  void AddHandshakes() {
    for (size_t i = 0; i < config_.listeners.size(); i++) {
      auto& codes = parts_->handshakes.emplace_back();
      const std::optional<config::ListenerTls>& tls = config_.listeners[i].tls;
      if (!tls) continue;
      std::string path = "listeners[" + std::to_string(i) + "].tls.";
      auto add = [&](net::HandshakeStep step, const config::LuaSource& source, uint32_t phase, const char* key) {
        if (source.empty()) return;
        parts_->codes.push_back(SingleCode(source, phase, path + key));
        codes[static_cast<size_t>(step)] = &parts_->codes.back();
      };
      add(net::HandshakeStep::kClientHello, tls->client_hello, MG_PHASE_SSL_CLIENT_HELLO, "ssl_client_hello");
      add(net::HandshakeStep::kCertificate, tls->certificate, MG_PHASE_SSL_CERTIFICATE, "ssl_certificate");
    }
  }

  void AddServerRewrite(const std::vector<size_t>& own) {
    std::vector<size_t> hooks;
    for (const std::vector<size_t>* list : {&policies_.global, &own}) {
      for (size_t instance : *list) {
        if (loaded_[instance].functions[static_cast<size_t>(Phase::kServerRewrite)] != LUA_NOREF)
          hooks.push_back(instance);
      }
    }
    parts_->server_rewrite.push_back(hooks.empty() ? nullptr : CodeOf(Phase::kServerRewrite, hooks));
  }

  // `own`: the listener's policies.
  void AddRoute(size_t index, const std::vector<size_t>& own) {
    RouteCode route{};
    for (size_t phase = 0; phase < kPhases; phase++) {
      if (static_cast<Phase>(phase) == Phase::kContent || static_cast<Phase>(phase) == Phase::kServerRewrite) continue;
      std::vector<size_t> hooks;
      for (const std::vector<size_t>* list : {&policies_.global, &own, &policies_.routes[index]}) {
        for (size_t instance : *list) {
          if (loaded_[instance].functions[phase] != LUA_NOREF) hooks.push_back(instance);
        }
      }
      if (IsReversed(static_cast<Phase>(phase))) std::ranges::reverse(hooks);
      if (!hooks.empty()) route[phase] = CodeOf(static_cast<Phase>(phase), hooks);
    }
    const config::Route& conf = config_.routes[index];
    route[static_cast<size_t>(Phase::kSet)] = SetCode(conf);
    if (!conf.content.empty()) route[static_cast<size_t>(Phase::kContent)] = ContentCode(conf);
    auto fallback = fallbacks_.find(conf.upstream);
    if (fallback != fallbacks_.end()) route[static_cast<size_t>(Phase::kContent)] = fallback->second;
    parts_->routes.push_back(route);
  }

  const Code* ContentCode(const config::Route& route) {
    auto [known, is_new] = contents_.try_emplace(&route, nullptr);
    if (!is_new) return known->second;
    Code code = SingleCode(route.content, MG_PHASE_CONTENT, route.path + ".content");
    code.names = {"content"};
    if (metrics_ != nullptr) code.series = {metrics_->Of("content", "content")};
    parts_->codes.push_back(std::move(code));
    return known->second = &parts_->codes.back();
  }

  // The gateway's chunks that give values to variables, then the route's; null: there are none.
  const Code* SetCode(const config::Route& route) {
    if (config_.set.empty() && route.set.empty()) return nullptr;
    auto [known, is_new] = sets_.try_emplace(route.set.empty() ? nullptr : &route, nullptr);
    if (!is_new) return known->second;
    Code code;
    code.phase = MG_PHASE_SET;
    code.budget = budget_;
    int top = lua_gettop(L_);
    vm_.PushRuntime("make_set_runner");
    lua_newtable(L_);
    lua_newtable(L_);
    auto add = [&](const auto& list, const std::string& path) {
      for (const auto& [name, source] : list) {
        if (!PushSource(source, path + "." + name)) continue;
        vm_.MakeStrict();
        code.names.push_back("set " + name);
        lua_rawseti(L_, top + 2, static_cast<int>(code.names.size()));
        lua_pushlstring(L_, name.data(), name.size());
        lua_rawseti(L_, top + 3, static_cast<int>(code.names.size()));
      }
    };
    add(config_.set, "set");
    add(route.set, route.path + ".set");
    code.steps = static_cast<uint32_t>(code.names.size());
    if (!diagnostics_.failed() && vm_.Call(2, 1, kLoadBudget)) code.runner = luaL_ref(L_, LUA_REGISTRYINDEX);
    lua_settop(L_, top);
    parts_->codes.push_back(std::move(code));
    return known->second = &parts_->codes.back();
  }

  // What answers while the upstream's circuit breaker is open: the content of the routes that lead to it.
  void AddFallback(const config::Upstream& upstream) {
    if (!upstream.breaker || upstream.breaker->fallback.lua.empty()) return;
    Code code = SingleCode(upstream.breaker->fallback.lua, MG_PHASE_CONTENT,
                           "upstreams." + upstream.name + ".circuit_breaker.fallback");
    code.names = {"fallback"};
    parts_->codes.push_back(std::move(code));
    fallbacks_[upstream.name] = &parts_->codes.back();
  }

  // Routes with the same hooks share the code.
  const Code* CodeOf(Phase phase, const std::vector<size_t>& hooks) {
    auto [known, is_new] = shared_.try_emplace({phase, hooks}, nullptr);
    if (!is_new) return known->second;
    Code code;
    code.phase = BitOf(phase);
    code.budget = budget_;
    int top = lua_gettop(L_);
    vm_.PushRuntime(phase == Phase::kBodyFilter ? "make_body_runner" : "make_runner");
    lua_createtable(L_, static_cast<int>(hooks.size()), 0);
    lua_createtable(L_, static_cast<int>(hooks.size()), 0);
    for (size_t i = 0; i < hooks.size(); i++) {
      const Loaded& loaded = loaded_[hooks[i]];
      lua_rawgeti(L_, LUA_REGISTRYINDEX, loaded.functions[static_cast<size_t>(phase)]);
      lua_rawseti(L_, top + 2, static_cast<int>(i) + 1);
      if (loaded.conf != LUA_NOREF) {
        lua_rawgeti(L_, LUA_REGISTRYINDEX, loaded.conf);
        lua_rawseti(L_, top + 3, static_cast<int>(i) + 1);
      }
      const PolicyInstance& instance = policies_.instances[hooks[i]];
      code.names.push_back(instance.policy->name);
      if (metrics_ != nullptr) code.series.push_back(metrics_->Of(SeriesName(instance), proxy::PhaseName(phase)));
    }
    code.steps = static_cast<uint32_t>(hooks.size()) + (phase == Phase::kBodyFilter ? 1 : 0);
    if (vm_.Call(2, 1, kLoadBudget)) {
      code.runner = luaL_ref(L_, LUA_REGISTRYINDEX);
    } else {
      diagnostics_.ErrorIn(config_.file, 1, 1, "", lua_tostring(L_, -1));
    }
    lua_settop(L_, top);
    parts_->codes.push_back(std::move(code));
    known->second = &parts_->codes.back();
    return known->second;
  }

  // A script is told from others by its file's name.
  static std::string SeriesName(const PolicyInstance& instance) {
    const std::string& name = instance.policy->name;
    if (name != "script" || instance.module.empty()) return name;
    return name + ":" + instance.module.substr(instance.module.rfind('/') + 1);
  }

  // A chunk that stands alone; without a runner where there is none, or where it does not compile.
  Code SingleCode(const config::LuaSource& source, uint32_t phase, const std::string& path) {
    Code code;
    code.phase = phase;
    code.budget = budget_;
    code.names = {path};
    if (source.empty() || !PushSource(source, path)) return code;
    vm_.MakeStrict();
    code.runner = luaL_ref(L_, LUA_REGISTRYINDEX);
    return code;
  }

  bool PushSource(const config::LuaSource& source, const std::string& path) {
    bool loaded = source.file.empty() ? vm_.chunks().LoadText(L_, source.name, source.chunk, source.first_line)
                                      : vm_.chunks().LoadFile(L_, source.file);
    if (!loaded) Report(source.file.empty() ? source.name.substr(1) : source.file, source.position, path);
    return loaded;
  }

  // Takes the error off the stack.
  void Report(const std::string& file, const config::Position& at, const std::string& path) {
    const char* text = lua_tostring(L_, -1);
    ReportLuaError(diagnostics_, text != nullptr ? text : "an error that is not a text", file, at, path);
    lua_pop(L_, 1);
  }

  const config::Config& config_;
  const PolicySet& policies_;
  Vm& vm_;
  lua_State* L_;
  PolicyMetrics* metrics_;
  config::Diagnostics& diagnostics_;
  Budget budget_;
  Program::Parts* parts_ = nullptr;
  std::vector<Loaded> loaded_;
  std::map<std::pair<Phase, std::vector<size_t>>, const Code*> shared_;
  std::map<std::string, const Code*> fallbacks_;                 // by upstream
  std::map<const config::Route*, const Code*> contents_, sets_;  // sets_: null for routes without their own
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

// Before anything else runs in the VM.
void RunInit(const config::Config& config, Vm& vm, config::Diagnostics& diagnostics) {
  const config::LuaSource& source = config.lua.init;
  if (source.empty()) return;
  lua_State* L = vm.state();
  bool loaded = source.file.empty() ? vm.chunks().LoadText(L, source.name, source.chunk, source.first_line)
                                    : vm.chunks().LoadFile(L, source.file);
  if (loaded && vm.Call(0, 0, kLoadBudget)) return;
  const char* text = lua_tostring(L, -1);
  ReportLuaError(diagnostics, text != nullptr ? text : "an error that is not a text",
                 source.file.empty() ? source.name.substr(1) : source.file, source.position, "lua.init");
  lua_pop(L, 1);
}

}  // namespace

std::unique_ptr<proxy::HookPrograms> BuildPrograms(const config::Config& config, const BuildOptions& options,
                                                   config::FileSource& files, config::Diagnostics& diagnostics) {
  if (!HasScripts(config)) return nullptr;
  auto conf = std::make_shared<const config::Lua>(config.lua);
  auto chunks = std::make_shared<Chunks>(&files, config.lua.path, options.bytecode);
  std::optional<PolicySet> policies;
  std::shared_ptr<WorkerThreads> worker_threads;
  std::vector<std::unique_ptr<Program>> programs;
  std::vector<proxy::PhaseMask> masks;
  std::vector<bool> server_rewrite;
  for (int loop = 0; loop < std::max(options.loops, 1); loop++) {
    Surroundings around;
    for (const auto& dict : options.dicts) {
      if (dict) around.dicts.push_back(dict);
    }
    around.workers = std::max(options.loops, 1);
    around.config = &config;
    around.prefix = config.file.substr(0, config.file.rfind('/') + 1);
    if (static_cast<size_t>(loop) < options.redis.size()) around.redis = options.redis[static_cast<size_t>(loop)];
    if (!worker_threads) {
      Surroundings of_threads;
      of_threads.dicts = around.dicts;
      of_threads.workers = around.workers;
      of_threads.prefix = around.prefix;
      worker_threads = std::make_shared<WorkerThreads>(conf, chunks, std::move(of_threads));
    }
    auto vm = Vm::Create(*conf, *chunks, std::move(around));
    if (!vm) {
      diagnostics.ErrorIn(config.file, 1, 1, "lua", vm.error().message);
      return nullptr;
    }
    Program::Parts parts;
    parts.chunks = chunks;
    parts.conf = conf;
    parts.worker_threads = worker_threads;
    if (!diagnostics.failed()) RunInit(config, **vm, diagnostics);
    if (!policies) {
      policies.emplace(config, **vm, files, diagnostics);
      policies->Resolve();
    }
    Assembler(config, *policies, conf, **vm, options.metrics, diagnostics).Run(parts);
    if (diagnostics.failed()) return nullptr;
    masks.assign(parts.routes.size(), 0);
    for (size_t route = 0; route < masks.size(); route++) {
      for (size_t phase = 0; phase < kPhases; phase++) {
        if (parts.routes[route][phase] != nullptr) masks[route] |= proxy::Bit(static_cast<Phase>(phase));
      }
    }
    server_rewrite.clear();
    for (const Code* code : parts.server_rewrite) server_rewrite.push_back(code != nullptr);
    (*vm)->around.config = nullptr;
    parts.vm = std::move(*vm);
    programs.push_back(std::make_unique<Program>(std::move(parts)));
  }
  chunks->Seal();
  if (options.bytecode != nullptr) options.bytecode->Sweep();
  return std::make_unique<Programs>(std::move(masks), std::move(server_rewrite), std::move(programs));
}

}  // namespace mg::script
