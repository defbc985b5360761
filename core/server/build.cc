#include "server/build.h"

#include <algorithm>
#include <iterator>
#include <span>

#include <fmt/format.h>

#include "script/build.h"
#include "server/gateway.h"

namespace mg::server {

namespace {

std::vector<route::Condition> Conditions(const std::vector<config::Condition>& from) {
  std::vector<route::Condition> to;
  for (const config::Condition& condition : from) {
    using From = config::Condition::Kind;
    using To = route::Condition;
    To::Kind kind = To::kEquals;
    if (condition.kind == From::kPresent) kind = To::kPresent;
    if (condition.kind == From::kAbsent) kind = To::kAbsent;
    if (condition.kind == From::kRegex) kind = To::kRegex;
    to.push_back({kind, condition.name, condition.value});
  }
  return to;
}

// A browser's preflight must reach the cors policy of a route that takes other methods only.
bool HasCors(const config::Config& conf, const config::Listener& listener, const config::Route& route) {
  auto is_cors = [](const config::Policy& policy) { return policy.name == "cors"; };
  return std::ranges::any_of(conf.policies, is_cors) || std::ranges::any_of(listener.policies, is_cors) ||
         std::ranges::any_of(route.policies, is_cors);
}

route::RouteSpec SpecOf(const config::Config& conf, const config::Listener& listener, const config::Route& route) {
  route::RouteSpec spec;
  spec.name = route.name;
  spec.hosts = route.match.hosts;
  spec.path = route.match.path;
  spec.methods = route.match.methods;
  bool takes_options = spec.methods.empty() || std::ranges::find(spec.methods, "OPTIONS") != spec.methods.end();
  if (!takes_options && HasCors(conf, listener, route)) spec.methods.emplace_back("OPTIONS");
  spec.headers = Conditions(route.match.headers);
  spec.query = Conditions(route.match.query);
  spec.priority = route.priority;
  spec.internal = route.internal;
  return spec;
}

bool ServedOn(const config::Route& route, const config::Listener& listener) {
  return route.listeners.empty() ||
         (!listener.name.empty() && std::ranges::find(route.listeners, listener.name) != route.listeners.end());
}

std::unique_ptr<proxy::RouteTable> BuildTable(const config::Config& conf, const config::Listener& listener,
                                              std::vector<uint32_t> routes, config::Diagnostics& diagnostics) {
  std::vector<route::RouteSpec> specs;
  specs.reserve(routes.size());
  for (uint32_t index : routes) specs.push_back(SpecOf(conf, listener, conf.routes[index]));
  auto table = std::make_unique<proxy::RouteTable>();
  auto matcher = route::Matcher::Build(specs);
  if (matcher) {
    table->matcher = std::move(*matcher);
  } else {
    for (const route::RouteError& error : matcher.error()) {
      const config::Route& route = conf.routes[routes[error.route]];
      diagnostics.Error(route.position, route.path + ".match." + error.key, error.message);
    }
  }
  table->routes = std::move(routes);
  return table;
}

void BuildTables(proxy::Snapshot& snapshot, const BuildContext& context) {
  const config::Config& conf = *snapshot.config;
  uint32_t blocks = 0;
  for (const config::Listener& listener : conf.listeners) {
    uint32_t block = listener.policies.empty() ? 0 : ++blocks;
    auto known = context.listener_numbers.try_emplace(SocketKey(listener), context.listener_numbers.size());
    uint32_t number = known.first->second;
    snapshot.listener_numbers.push_back(number);
    if (number >= snapshot.table_by_listener.size()) {
      snapshot.table_by_listener.resize(number + 1);
      snapshot.keeps_identity.resize(number + 1);
    }
    snapshot.keeps_identity[number] = listener.keep_identity;
    std::vector<uint32_t> routes;
    for (uint32_t i = 0; i < conf.routes.size(); i++) {
      if (ServedOn(conf.routes[i], listener)) routes.push_back(i);
    }
    auto same = std::ranges::find_if(snapshot.tables, [&](const auto& table) {
      return block == 0 && table->hook_block == 0 && table->routes == routes;
    });
    if (same == snapshot.tables.end()) {
      snapshot.tables.push_back(BuildTable(conf, listener, std::move(routes), context.diagnostics));
      same = std::prev(snapshot.tables.end());
      (*same)->hook_block = block;
      (*same)->first_route = block * static_cast<uint32_t>(conf.routes.size());
    }
    snapshot.table_by_listener[number] = same->get();
  }
}

// The templates of a route whose path is a regular expression name its groups, which are known once it is compiled.
void CheckCaptures(const config::Route& route, std::span<const std::string> names, config::Diagnostics& diagnostics) {
  auto check = [&](const std::string& text, std::string_view key) {
    Result<config::Template> parsed = config::Template::Parse(text);
    if (!parsed) return;  // an error already
    for (const config::Template::Piece& piece : parsed->pieces()) {
      const config::Expression& expression = piece.expression;
      bool captured = !piece.is_literal && expression.kind == config::Expression::Kind::kPath;
      if (!captured || expression.name.empty() || std::ranges::find(names, expression.name) != names.end()) continue;
      diagnostics.Error(route.position, fmt::format("{}.{}", route.path, key),
                        fmt::format("the route's path \"{}\" has no group {{{}}}", route.match.path, expression.name));
    }
  };
  check(route.rewrite.path, "rewrite.path");
  check(route.rewrite.host, "rewrite.host");
  if (route.redirect) check(route.redirect->location, "redirect.location");
  if (!route.respond || !route.respond->is_template) return;
  check(route.respond->body, "respond.body");
  for (const auto& [name, value] : route.respond->headers) check(value, "respond.headers." + name);
}

void CheckAllCaptures(const proxy::Snapshot& snapshot, config::Diagnostics& diagnostics) {
  const std::vector<config::Route>& routes = snapshot.config->routes;
  std::vector<bool> checked(routes.size());
  for (const auto& table : snapshot.tables) {
    for (uint32_t i = 0; table->matcher && i < table->routes.size(); i++) {
      uint32_t index = table->routes[i];
      if (checked[index] || !routes[index].match.path.starts_with('~')) continue;
      checked[index] = true;
      CheckCaptures(routes[index], table->matcher->ParamNames(i), diagnostics);
    }
  }
}

void BuildUpstreams(proxy::Snapshot& snapshot, const BuildContext& context) {
  for (const config::Upstream& conf : snapshot.config->upstreams) {
    Result<std::shared_ptr<upstream::Upstream>> made = context.upstreams.Build(conf);
    if (!made) {
      context.diagnostics.Error(conf.position, "upstreams." + conf.name, made.error().message);
      continue;
    }
    snapshot.upstream_names[conf.name] = made->get();
    snapshot.upstreams.push_back(std::move(*made));
  }
}

void BuildListeners(proxy::Snapshot& snapshot, config::Diagnostics& diagnostics) {
  size_t index = 0;
  for (const config::Listener& listener : snapshot.config->listeners) {
    std::unique_ptr<net::ServerTls> tls;
    if (listener.tls) {
      Result<std::unique_ptr<net::ServerTls>> made =
          net::ServerTls::Make(*listener.tls, {"http/1.1"}, snapshot.listener_numbers[index]);
      if (made) {
        tls = std::move(*made);
      } else {
        diagnostics.Error(listener.position, "listeners[" + std::to_string(index) + "].tls", made.error().message);
      }
    }
    snapshot.listener_tls.push_back(std::move(tls));
    index++;
  }
}

// What docs/configuration.md fixes and this version does not do yet: said when the file is checked, never ignored.
void RefuseWhatIsNotServed(const config::Config& conf, config::Diagnostics& diagnostics) {
  auto refuse = [&](const config::Position& at, const std::string& path, std::string_view what) {
    diagnostics.Error(at, path, fmt::format("{} in this version of moongate", what));
  };
  for (const config::Redis& redis : conf.redis) {
    if (!redis.address) {
      refuse(redis.position, "redis." + redis.name, "clusters and sentinels are not served: give one server's address");
    }
  }
  for (const config::Upstream& upstream : conf.upstreams) {
    std::string path = "upstreams." + upstream.name;
  }
  if (conf.admin) refuse({}, "admin", "there is no admin listener (`moongate reload` and `stop` need none)");
}

// A template that Load has checked already.
config::Template Checked(const std::string& text) {
  return config::Template::Parse(text, config::TemplateUse::kRequest).value_or(config::Template());
}

// Null: there is nothing to edit.
std::unique_ptr<proxy::RequestEdit> CompileEdit(const config::HeaderEdit& edit) {
  if (edit.set.empty() && edit.add.empty() && edit.remove.empty()) return nullptr;
  auto made = std::make_unique<proxy::RequestEdit>();
  made->conf = &edit;
  for (const auto& [name, value] : edit.set) made->set.push_back(Checked(value));
  for (const auto& [name, value] : edit.add) made->add.push_back(Checked(value));
  return made;
}

void ReadHashKeys(const proxy::Snapshot& snapshot, proxy::RouteEntry& entry) {
  auto read_key = [](const upstream::Upstream& of, std::vector<config::Expression>& to) {
    for (const std::string& key : of.conf().hash_key) {
      if (Result<config::Expression> expression = config::ParseExpression(key)) to.push_back(*expression);
    }
  };
  if (entry.upstream == nullptr) return;
  read_key(*entry.upstream, entry.hash_key);
  if (!entry.upstream->conf().breaker) return;
  auto fallback = snapshot.upstream_names.find(entry.upstream->conf().breaker->fallback.upstream);
  if (fallback == snapshot.upstream_names.end()) return;
  entry.fallback = fallback->second;
  read_key(*entry.fallback, entry.fallback_hash_key);
}

void FillRoute(proxy::Snapshot& snapshot, const config::Route& route, uint32_t index) {
  proxy::RouteEntry& entry = snapshot.routes.emplace_back();
  entry.conf = &route;
  entry.index = index;
  entry.body_limit = route.body_limit.value_or(snapshot.config->limits.body);
  entry.body_buffer = route.body_buffer.value_or(snapshot.config->limits.body_buffer);
  if (!route.upstream.empty()) {
    auto found = snapshot.upstream_names.find(route.upstream);
    if (found != snapshot.upstream_names.end()) entry.upstream = found->second;
  }
  if (route.redirect) entry.redirect = Checked(route.redirect->location);
  if (route.respond && route.respond->is_template) {
    entry.respond_body = Checked(route.respond->body);
    for (const auto& [name, value] : route.respond->headers) entry.respond_headers.push_back(Checked(value));
  }
  entry.request_edit = CompileEdit(route.request_headers);
  for (const auto& [name, value] : route.vars) entry.vars.emplace_back(name, Checked(value));
  if (!route.rewrite.path.empty()) entry.rewrite_path = Checked(route.rewrite.path);
  if (!route.rewrite.host.empty()) entry.rewrite_host = Checked(route.rewrite.host);
  ReadHashKeys(snapshot, entry);
  entry.Settle();
}

// Sets of access logs: the gateway's, and those of routes that have their own. Logs that are the same are compiled
// once.
class LogBuilder {
 public:
  explicit LogBuilder(proxy::Snapshot& snapshot) : snapshot_(snapshot) {}

  uint32_t SetOf(const std::vector<config::AccessLog>& logs) {
    proxy::LogSet set;
    for (const config::AccessLog& conf : logs) {
      const proxy::AccessLog& log = Find(conf);
      set.logs.push_back(&log);
      set.needs |= log.needs();
    }
    auto [known, added] = sets_.try_emplace(set.logs, snapshot_.log_sets.size());
    if (added) snapshot_.log_sets.push_back(std::move(set));
    return known->second;
  }

 private:
  const proxy::AccessLog& Find(const config::AccessLog& conf) {
    std::string key = OutputTarget(conf.output) + '\0' + conf.format;
    for (const std::string& field : conf.fields) key += '\0' + field;
    auto [known, added] = logs_.try_emplace(std::move(key), nullptr);
    if (added) known->second = snapshot_.access_logs.emplace_back(std::make_unique<proxy::AccessLog>(conf)).get();
    return *known->second;
  }

  proxy::Snapshot& snapshot_;
  std::map<std::string, const proxy::AccessLog*> logs_;
  std::map<std::vector<const proxy::AccessLog*>, uint32_t> sets_;
};

void FillLogs(proxy::Snapshot& snapshot) {
  LogBuilder builder(snapshot);
  builder.SetOf(snapshot.config->access_logs);
  for (proxy::RouteEntry& entry : snapshot.routes) {
    if (entry.conf->access_logs) entry.log_set = builder.SetOf(*entry.conf->access_logs);
  }
}

// Where a page shows them: what is counted of routes and upstreams.
void FillSeries(proxy::Snapshot& snapshot, proxy::TrafficMetrics& traffic) {
  const config::Config& conf = *snapshot.config;
  if (!conf.status) return;
  snapshot.counts = true;
  traffic.SetLimit(conf.status_series);
  snapshot.no_route = traffic.OfNoRoute();
  for (proxy::RouteEntry& entry : snapshot.routes) entry.series = traffic.OfRoute(entry.conf->name);
  for (auto& upstream : snapshot.upstreams) {
    upstream->SetSeries(traffic.OfUpstream(upstream->conf().name));
  }
}

// Once for all listeners, and once more for each with policies of its own.
void FillRoutes(proxy::Snapshot& snapshot) {
  const config::Config& conf = *snapshot.config;
  auto own = [](const config::Listener& listener) { return !listener.policies.empty(); };
  auto blocks = static_cast<size_t>(std::ranges::count_if(conf.listeners, own)) + 1;
  snapshot.routes.reserve(blocks * conf.routes.size());
  snapshot.route_names.reserve(conf.routes.size());
  for (size_t block = 0; block < blocks; block++) {
    for (const config::Route& route : conf.routes) {
      auto index = static_cast<uint32_t>(snapshot.routes.size());
      FillRoute(snapshot, route, index);
      if (block == 0) snapshot.route_names[route.name] = index;
    }
  }
}

void NameVariables(proxy::Snapshot& snapshot) {
  for (const auto& [name, value] : snapshot.config->vars) snapshot.vars.emplace_back(name, Checked(value));
  auto add = [&](const auto& list) {
    for (const auto& [name, value] : list) snapshot.variable_names.insert(name);
  };
  add(snapshot.config->vars);
  add(snapshot.config->set);
  for (const config::Route& route : snapshot.config->routes) {
    add(route.vars);
    add(route.set);
  }
}

}  // namespace

std::shared_ptr<proxy::Snapshot> BuildSnapshot(std::unique_ptr<config::Config> config, const BuildContext& context) {
  auto snapshot = std::make_shared<proxy::Snapshot>();
  snapshot->config = std::move(config);
  const config::Config& conf = *snapshot->config;
  script::BuildOptions options{context.loops, {}, context.redis, nullptr, &context.bytecode};
  options.texts = context.texts;
  for (const auto& [name, size] : conf.lua.shared_dicts) options.dicts.push_back(context.dictionaries.Find(name));
  if (context.diagnostics.failed()) {  // the policies are checked all the same: all errors at once
    script::BuildPrograms(conf, options, context.files, context.diagnostics);
    return nullptr;
  }
  BuildTables(*snapshot, context);
  CheckAllCaptures(*snapshot, context.diagnostics);
  BuildUpstreams(*snapshot, context);
  BuildListeners(*snapshot, context.diagnostics);
  RefuseWhatIsNotServed(conf, context.diagnostics);
  snapshot->identity_headers = proxy::IdentityHeaders(conf.identity_headers);
  snapshot->trusted = proxy::TrustedProxies(conf.trusted_proxies);
  snapshot->request_edit = CompileEdit(conf.request_headers);
  snapshot->limits = std::make_shared<const config::Limits>(conf.limits);
  FillRoutes(*snapshot);
  NameVariables(*snapshot);
  FillLogs(*snapshot);
  FillSeries(*snapshot, context.traffic);
  if (conf.status) {
    context.policies.SetLimit(conf.status_series);
    options.metrics = &context.policies;
  }
  snapshot->programs = script::BuildPrograms(conf, options, context.files, context.diagnostics);
  if (context.diagnostics.failed()) return nullptr;
  if (snapshot->programs) {
    for (proxy::RouteEntry& entry : snapshot->routes) entry.hooks = snapshot->programs->MaskOf(entry.index);
    for (auto& table : snapshot->tables)
      table->server_rewrite = snapshot->programs->HasServerRewrite(table->hook_block);
  }
  return snapshot;
}

}  // namespace mg::server
