#include "script/policy_set.h"

#include <filesystem>

#include "base/strings.h"
#include "script/embedded.h"
#include "script/schema_from_lua.h"

namespace mg::script {

using proxy::Phase;

namespace {

// Phases that a policy can hook.
constexpr Phase kPolicyPhases[] = {Phase::kServerRewrite, Phase::kRewrite,    Phase::kAccess, Phase::kBalance,
                                   Phase::kHeaderFilter,  Phase::kBodyFilter, Phase::kLog};

bool IsPolicyName(std::string_view name) {
  for (char c : name) {
    if (!IsAlpha(c) && !IsDigit(c) && c != '_' && c != '-' && c != '.') return false;
  }
  return !name.empty() && name[0] != '.' && name.find("..") == std::string_view::npos;
}

std::string PathOfName(std::string name) {
  std::ranges::replace(name, '.', '/');
  return name + ".lua";
}

// What every policy of the user's own may say beside its configuration.
const config::Schema& CommonSchema() {
  static const config::Schema schema = [] {
    config::Schema trusted, cpu, growth, limits, map;
    trusted.type = config::Schema::Type::kBool;
    cpu.type = config::Schema::Type::kDuration;
    cpu.minimum = 0.001;
    growth.type = config::Schema::Type::kSize;
    growth.minimum = 1024.0 * 1024;
    limits.type = map.type = config::Schema::Type::kMap;
    limits.fields = {{"cpu", cpu}, {"growth", growth}};
    map.fields = {{"trusted", trusted}, {"limits", limits}};
    return map;
  }();
  return schema;
}

// A new script beside the old one.
config::Schema CanarySchema() {
  config::Schema file, share, ratio, minimum, key, map;
  file.type = config::Schema::Type::kPath;
  share.type = ratio.type = config::Schema::Type::kShare;
  file.required = share.required = true;
  share.minimum = ratio.minimum = 0;
  share.maximum = ratio.maximum = 1;
  minimum.type = config::Schema::Type::kInteger;
  minimum.minimum = 1;
  key.type = config::Schema::Type::kString;
  map.type = config::Schema::Type::kMap;
  map.fields = {{"file", file}, {"share", share}, {"error_ratio", ratio}, {"minimum", minimum}, {"key", key}};
  return map;
}

bool IsCommon(std::string_view key) { return key == "trusted" || key == "limits"; }

// `script: FILE` or `script: { file: FILE, with: ... }`.
const config::Schema& ScriptSchema() {
  static const config::Schema schema = [] {
    config::Schema file, with, map;
    file.type = config::Schema::Type::kPath;
    file.required = true;
    with.type = config::Schema::Type::kRaw;
    map.type = config::Schema::Type::kMap;
    map.fields = {{"file", file}, {"with", with}};
    std::ranges::copy(CommonSchema().fields, std::back_inserter(map.fields));
    map.fields.push_back({"canary", CanarySchema()});
    config::Schema path;
    path.type = config::Schema::Type::kPath;
    map.alternatives = {path};
    return map;
  }();
  return schema;
}

// `lua: { access: CHUNK, log: { file: FILE }, ... }`.
const config::Schema& ChunksSchema() {
  static const config::Schema schema = [] {
    config::Schema chunk, file, source, map;
    chunk.type = config::Schema::Type::kString;
    file.type = config::Schema::Type::kPath;
    file.required = true;
    source.type = config::Schema::Type::kMap;
    source.fields = {{"file", file}};
    chunk.alternatives = {source};
    map.type = config::Schema::Type::kMap;
    map.environment = config::Schema::Environment::kKeep;
    std::vector<std::string> names;
    for (Phase phase : kPolicyPhases) {
      map.fields.push_back({std::string(PhaseKey(phase)), chunk});
      names.emplace_back(PhaseKey(phase));
    }
    std::ranges::copy(CommonSchema().fields, std::back_inserter(map.fields));
    map.at_least_one_of = {names};
    return map;
  }();
  return schema;
}

// Instead of one that is absent, so that defaults are filled in.
const config::Node& EmptyMap() {
  static const config::Node node = [] {
    config::Node map;
    map.kind = config::Node::Kind::kMap;
    return map;
  }();
  return node;
}

}  // namespace

std::string_view PhaseKey(Phase phase) { return phase == Phase::kBalance ? "balance" : proxy::PhaseName(phase); }

void ReportLuaError(config::Diagnostics& diagnostics, const std::string& text, const std::string& file,
                    const config::Position& at, const std::string& path) {
  std::string_view first = std::string_view(text).substr(0, text.find("\nstack traceback"));
  // "file:line: message", where a long file name is cut in front ("...").
  for (size_t colon = first.find(':'); colon != std::string_view::npos; colon = first.find(':', colon + 1)) {
    size_t end = first.find(':', colon + 1);
    if (end == std::string_view::npos) break;
    std::optional<uint32_t> line = ParseDecimal<uint32_t>(first.substr(colon + 1, end - colon - 1));
    if (!line) continue;
    std::string name(first.substr(0, colon));
    if (name.starts_with("...") && file.ends_with(name.substr(3))) name = file;
    diagnostics.ErrorIn(name, *line, 1, path, std::string(Trim(first.substr(end + 1))));
    return;
  }
  diagnostics.Error(at, path, std::string(first));
}

bool PushModule(Vm& vm, const std::string& path) {
  lua_State* L = vm.state();
  vm.PushRuntime("modules");
  lua_getfield(L, -1, path.c_str());
  if (!lua_isnil(L, -1)) {
    lua_remove(L, -2);
    return true;
  }
  lua_pop(L, 1);
  if (!vm.chunks().LoadPath(L, path)) {
    lua_remove(L, -2);
    return false;
  }
  vm.MakeStrict();
  if (!vm.Call(0, 1, kLoadBudget)) {
    lua_remove(L, -2);
    return false;
  }
  if (!lua_istable(L, -1)) {
    lua_pop(L, 2);
    lua_pushliteral(L, "it does not return a table of phase functions");
    return false;
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, path.c_str());
  lua_remove(L, -2);
  return true;
}

void PolicySet::Resolve() {
  for (const config::Policy& policy : config_.policies) {
    global.push_back(Add(policy));
    instances.back().scope = PolicyInstance::Scope::kGateway;
  }
  for (const config::Listener& listener : config_.listeners) {
    if (listener.policies.empty()) continue;
    listeners.emplace_back();
    for (const config::Policy& policy : listener.policies) {
      listeners.back().push_back(Add(policy));
      instances.back().scope = PolicyInstance::Scope::kListener;
    }
  }
  for (const config::Route& route : config_.routes) {
    routes.emplace_back();
    for (const config::Policy& policy : route.policies) {
      routes.back().push_back(Add(policy));
      if (instances.back().hooked[static_cast<size_t>(Phase::kServerRewrite)]) {
        diagnostics_.Error(policy.position, policy.path,
                           "server_rewrite runs before the route is known: name the policy among the gateway's or a "
                           "listener's");
      }
    }
    CheckAnswer(route, routes.back());
  }
}

// A route that says nothing of its answer needs a policy that gives it.
void PolicySet::CheckAnswer(const config::Route& route, const std::vector<size_t>& policies) {
  if (diagnostics_.failed()) return;  // what it says may be what was refused
  if (!route.upstream.empty() || route.respond || route.redirect || !route.content.empty()) return;
  for (size_t index : policies) {
    auto module = modules_.find({instances[index].module, instances[index].kind});
    if (instances[index].policy->name == "lua") continue;
    if (module == modules_.end() || module->second.broken || module->second.answers) return;  // or it has its error
  }
  diagnostics_.Error(
      route.position, route.path,
      "exactly one of upstream, respond, redirect or content is required, for none of its policies answers");
}

size_t PolicySet::Add(const config::Policy& policy) {
  PolicyInstance instance;
  instance.policy = &policy;
  if (policy.name == "lua") {
    ResolveChunks(instance);
  } else if (policy.name == "script") {
    ResolveScript(instance);
  } else {
    ResolveModule(instance);
  }
  instances.push_back(std::move(instance));
  return instances.size() - 1;
}

void PolicySet::ResolveChunks(PolicyInstance& instance) {
  const config::Policy& policy = *instance.policy;
  config::Value chunks = config::Check(ChunksSchema(), policy.conf, policy.position, policy.path, files_, diagnostics_);
  for (Phase phase : kPolicyPhases) {
    const config::Value* chunk = chunks.Find(PhaseKey(phase));
    if (chunk == nullptr) continue;
    ChunkText& to = instance.chunks[static_cast<size_t>(phase)];
    if (const config::Value* file = chunk->kind == config::Value::Kind::kMap ? chunk->Find("file") : nullptr) {
      to.file = file->text;
      to.position = file->position;
      instance.hooked[static_cast<size_t>(phase)] = !to.file.empty();
    }
    if (chunk->kind != config::Value::Kind::kString || chunk->node == nullptr) continue;
    std::string file =
        chunk->position.file < diagnostics_.files.size() ? diagnostics_.files[chunk->position.file] : "configuration";
    to = {"@" + file, chunk->text, {}, chunk->node->text_line, chunk->position};
    instance.hooked[static_cast<size_t>(phase)] = !chunk->text.empty();
  }
  ReadCommon(instance, chunks);
}

void PolicySet::ResolveScript(PolicyInstance& instance) {
  const config::Policy& policy = *instance.policy;
  config::Value value = config::Check(ScriptSchema(), policy.conf, policy.position, policy.path, files_, diagnostics_);
  const config::Node* with = nullptr;
  if (value.kind == config::Value::Kind::kString) {
    instance.module = value.text;
  } else if (const config::Value* file = value.Find("file")) {
    instance.module = file->text;
    with = policy.conf->Find("with");
    ReadCommon(instance, value);
  }
  if (!instance.module.empty()) CheckConf(instance, with, policy.path + ".with");
  const config::Value* canary = value.Find("canary");
  if (canary != nullptr && canary->Find("file") != nullptr && !instance.broken) ResolveCanary(instance, *canary, with);
}

void PolicySet::ResolveCanary(PolicyInstance& instance, const config::Value& canary, const config::Node* with) {
  Canary::Settings settings;
  settings.file = canary.Find("file")->text;
  if (const config::Value* share = canary.Find("share")) settings.share = share->number;
  if (const config::Value* ratio = canary.Find("error_ratio")) settings.error_ratio = ratio->number;
  if (const config::Value* minimum = canary.Find("minimum")) settings.minimum = static_cast<uint64_t>(minimum->integer);
  if (const config::Value* key = canary.Find("key")) settings.key = key->text;
  // The new script's schema checks the same configuration.
  PolicyInstance fresh;
  fresh.policy = instance.policy;
  fresh.kind = instance.kind;
  fresh.module = settings.file;
  CheckConf(fresh, with, instance.policy->path + ".with");
  instance.broken = fresh.broken;
  instance.canary = {std::make_shared<Canary>(settings), fresh.module, std::move(fresh.conf), fresh.hooked};
}

void PolicySet::ResolveModule(PolicyInstance& instance) {
  const config::Policy& policy = *instance.policy;
  if (IsPolicyName(policy.name)) {
    std::string relative = PathOfName(policy.name);
    instance.module = vm_.chunks().FindPath("policies/" + relative);
    // A module of the user's own need not lie in a folder of that name.
    if (instance.module.empty() || instance.module.starts_with("embedded:")) {
      std::string own = vm_.chunks().FindPath(relative);
      if (!own.empty() && !own.starts_with("embedded:")) instance.module = own;
    }
  }
  if (instance.module.empty()) {
    std::vector<std::string> known = KnownNames();
    std::string_view nearest = Nearest(policy.name, known);
    diagnostics_.Error(policy.position, policy.path,
                       "there is no policy \"" + policy.name + "\"" +
                           (nearest.empty() ? std::string() : ", did you mean \"" + std::string(nearest) + "\"?"));
    return;
  }
  CheckConf(instance, TakeCommon(instance, policy.conf), policy.path);
}

void PolicySet::ReadCommon(PolicyInstance& instance, const config::Value& value) {
  if (const config::Value* trusted = value.Find("trusted"); trusted != nullptr && !trusted->boolean) {
    instance.kind = VmKind::kUntrusted;
    instance.broken = vm_of_(VmKind::kUntrusted) == nullptr;
  }
  const config::Value* limits = value.Find("limits");
  if (limits == nullptr) return;
  if (const config::Value* cpu = limits->Find("cpu")) instance.budget.cpu = static_cast<Nanoseconds>(cpu->number * 1e9);
  if (const config::Value* growth = limits->Find("growth"))
    instance.budget.growth = static_cast<size_t>(growth->integer);
}

// Reads the common keys of a module's configuration; answers the node of the rest.
const config::Node* PolicySet::TakeCommon(PolicyInstance& instance, const config::Node* node) {
  if (node == nullptr || node->kind != config::Node::Kind::kMap) return node;
  if (std::ranges::none_of(node->entries, [](const auto& entry) { return IsCommon(entry.key); })) return node;
  const config::Policy& policy = *instance.policy;
  if (instance.module.starts_with("embedded:")) {
    if (node->Find("trusted") != nullptr) {
      diagnostics_.Error(policy.position, policy.path,
                         "\"trusted\" is for policies of your own: this one is part of the gateway");
    }
    return node;
  }
  config::Node common, rest;
  common.kind = rest.kind = config::Node::Kind::kMap;
  common.position = rest.position = node->position;
  for (const config::Node::Entry& entry : node->entries) (IsCommon(entry.key) ? common : rest).entries.push_back(entry);
  nodes_.push_back(std::move(common));
  ReadCommon(instance,
             config::Check(CommonSchema(), &nodes_.back(), policy.position, policy.path, files_, diagnostics_));
  nodes_.push_back(std::move(rest));
  return &nodes_.back();
}

void PolicySet::CheckConf(PolicyInstance& instance, const config::Node* node, const std::string& path) {
  const config::Policy& policy = *instance.policy;
  if (instance.broken) return;
  const Module& module = Load(instance.module, instance.kind, policy.position, policy.path);
  instance.broken = module.broken;
  instance.hooked = module.hooked;
  if (module.broken) return;
  const config::Schema* schema = &module.schema;
  if (!module.has_schema) {
    static const config::Schema any;
    instance.conf = config::Check(any, node, policy.position, path, files_, diagnostics_);
    return;
  }
  bool absent = node == nullptr || node->kind == config::Node::Kind::kNull;
  if (absent && schema->type == config::Schema::Type::kMap) node = &EmptyMap();
  instance.conf = config::Check(*schema, node, policy.position, path, files_, diagnostics_);
}

const PolicySet::Module& PolicySet::Load(const std::string& module, VmKind kind, const config::Position& at,
                                         const std::string& path) {
  auto [known, is_new] = modules_.try_emplace({module, kind});
  Module& entry = known->second;
  if (!is_new) return entry;
  Vm& vm = *vm_of_(kind);
  lua_State* L = vm.state();
  int top = lua_gettop(L);
  if (!PushModule(vm, module)) {
    ReportLuaError(diagnostics_, lua_tostring(L, -1) != nullptr ? lua_tostring(L, -1) : "it does not load", module, at,
                   path);
    lua_settop(L, top);
    entry.broken = true;
    return entry;
  }
  CheckTable(vm, entry, module, at, path);
  lua_pushliteral(L, "answers");
  lua_rawget(L, -2);
  entry.answers = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  lua_pushliteral(L, "schema");
  lua_rawget(L, -2);
  if (!lua_isnil(L, -1)) {
    if (Result<config::Schema> schema = ReadSchema(L, -1)) {
      entry.schema = std::move(*schema);
      entry.has_schema = true;
    } else {
      diagnostics_.ErrorIn(module, 1, 1, path, schema.error().message);
      entry.broken = true;
    }
  }
  lua_settop(L, top);
  return entry;
}

// The module's table is on top: phases must be functions, and a function whose name is nearly a phase's is a mistake.
void PolicySet::CheckTable(Vm& vm, Module& entry, const std::string& module, const config::Position& at,
                           const std::string& path) {
  lua_State* L = vm.state();
  std::vector<std::string> keys;
  for (Phase phase : kPolicyPhases) keys.emplace_back(PhaseKey(phase));
  keys.emplace_back("compile");
  size_t phases = 0;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (lua_type(L, -2) == LUA_TSTRING) {
      std::string key = lua_tostring(L, -2);
      bool known = std::ranges::find(keys, key) != keys.end();
      if (known && !lua_isfunction(L, -1)) {
        diagnostics_.Error(at, path, module + ": \"" + key + "\" is not a function");
      } else if (known) {
        phases += key != "compile" ? 1 : 0;
        for (Phase phase : kPolicyPhases) {
          if (key == PhaseKey(phase)) entry.hooked[static_cast<size_t>(phase)] = true;
        }
      } else if (lua_isfunction(L, -1)) {
        std::string_view nearest = Nearest(key, keys);
        if (!nearest.empty()) {
          diagnostics_.Warning(at, path,
                               module + ": the function \"" + key + "\" is never called, did you mean \"" +
                                   std::string(nearest) + "\"?");
        }
      }
    }
    lua_pop(L, 1);
  }
  if (phases == 0) diagnostics_.Error(at, path, module + " has no phase function");
}

std::vector<std::string> PolicySet::KnownNames() {
  std::vector<std::string> names{"lua", "script"};
  for (const EmbeddedFile& file : EmbeddedLua()) {
    if (file.name.starts_with("policies/")) names.push_back(std::filesystem::path(file.name).stem().string());
  }
  for (const std::string& root : vm_.chunks().roots()) {
    for (const char* pattern : {"/policies/*.lua", "/*.lua"}) {
      for (const std::string& path : files_.Glob(root + pattern))
        names.push_back(std::filesystem::path(path).stem().string());
    }
  }
  return names;
}

}  // namespace mg::script
