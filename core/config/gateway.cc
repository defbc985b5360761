// The sections that say what the gateway as a whole does: processes, logs, endpoints, limits, Lua, Redis.
#include <algorithm>

#include <fmt/format.h>

#include "base/strings.h"
#include "config/build.h"
#include "config/section.h"
#include "config/syntax.h"
#include "config/workers.h"

namespace mg::config {

using namespace build;  // NOLINT: the tables read better
using std::chrono::milliseconds;

namespace {

constexpr double kMillisecond = 0.001;

const std::vector<std::pair<std::string, LogLevel>> kLevels = {
    {"debug", LogLevel::kDebug}, {"info", LogLevel::kInfo},   {"notice", LogLevel::kNotice},
    {"warn", LogLevel::kWarn},   {"error", LogLevel::kError},
};

std::vector<std::string> LevelNames() {
  std::vector<std::string> names;
  for (const auto& [name, level] : kLevels) names.push_back(name);
  return names;
}

void ReadLogs(const Value& root, Reading& reading) {
  if (const Value* log = root.Find("log")) {
    std::string level;
    Get(*log, "level", level);
    for (const auto& [name, value] : kLevels) {
      if (name == level) reading.config.log_level = value;
    }
    if (const Value* output = log->Find("output")) reading.config.log_output = ReadOutput(*output, reading);
  }
  if (const Value* access = root.Find("access_log"))
    reading.config.access_logs = ReadAccessLogs(*access, "access_log", reading);
}

void ReadEndpoints(const Value& root, Reading& reading) {
  auto endpoint = [&](std::string_view key, std::optional<Address>& out) -> const Value* {
    const Value* section = root.Find(key);
    if (section == nullptr) return nullptr;
    const Value* address = section->kind == Value::Kind::kMap ? section->Find("address") : section;
    if (address == nullptr || address->kind != Value::Kind::kString) return nullptr;
    out = ReadAddress(*address, reading);
    if (out->kind == Address::Kind::kName)
      reading.Error(*address, std::string(key) + (section == address ? "" : ".address"),
                    Quote(*address) + ": needs an IP address, such as 127.0.0.1");
    return section;
  };
  if (const Value* status = endpoint("status", reading.config.status)) {
    const Value* address = status->kind == Value::Kind::kMap ? status->Find("address") : status;
    if (address != nullptr) reading.config.status_position = address->position;
    if (reading.config.status->kind == Address::Kind::kIp && reading.config.status->port == 0 && address != nullptr)
      reading.Error(*address, "status", "needs a port: nobody could find one that is picked");
    if (status->kind == Value::Kind::kMap) Get(*status, "series", reading.config.status_series);
  }
  const Value* admin = endpoint("admin", reading.config.admin);
  if (admin == nullptr) return;
  if (reading.config.status && reading.config.status->text == reading.config.admin->text)
    reading.Error(*admin, "admin", fmt::format("the address \"{}\" is that of \"status\"", reading.config.admin->text));
  if (admin->kind == Value::Kind::kMap) Get(*admin, "token", reading.config.admin_token);
  if (reading.config.admin->kind != Address::Kind::kUnix && reading.config.admin_token.empty()) {
    reading.Error(*admin, "admin", "a token is required where the address is not a unix socket");
  }
}

void ReadLimits(const Value& root, Reading& reading) {
  const Value* section = root.Find("limits");
  if (section == nullptr) return;
  Limits& limits = reading.config.limits;
  Get(*section, "head", limits.head);
  Get(*section, "headers", limits.headers);
  Get(*section, "uri", limits.uri);
  Get(*section, "body", limits.body);
  Get(*section, "body_buffer", limits.body_buffer);
  Get(*section, "head_timeout", limits.head_timeout);
  Get(*section, "body_timeout", limits.body_timeout);
  Get(*section, "send_timeout", limits.send_timeout);
  Get(*section, "idle_timeout", limits.idle_timeout);
  Get(*section, "requests", limits.requests);
  Get(*section, "connections", limits.connections);
  Get(*section, "per_address", limits.per_address);
  Get(*section, "lag", limits.lag);
  Get(*section, "pipelined", limits.pipelined);
  if (const Value* slashes = section->Find("encoded_slashes")) {
    limits.encoded_slashes = slashes->text == "decode"   ? EncodedSlashes::kDecode
                             : slashes->text == "refuse" ? EncodedSlashes::kRefuse
                                                         : EncodedSlashes::kKeep;
  }
  if (limits.uri > limits.head) {
    const Value* at = section->Find("uri") != nullptr ? section->Find("uri") : section->Find("head");
    if (section->Find("uri") == nullptr) {
      limits.uri = limits.head;
    } else {
      reading.Error(*at, "limits.uri", "is larger than limits.head, which it is a part of");
    }
  }
}

void ReadNetworks(const Value& root, Reading& reading) {
  size_t index = 0;
  for (const Value* network : ItemsOf(root.Find("trusted_proxies"))) {
    std::string why = network->text == "unix:" ? "" : CheckCidr(network->text);
    if (!why.empty())
      reading.Error(*network, fmt::format("trusted_proxies[{}]", index), fmt::format("{}: {}", Quote(*network), why));
    reading.config.trusted_proxies.push_back(network->text);
    index++;
  }
  index = 0;
  for (const Value* header : ItemsOf(root.Find("identity_headers"))) {
    std::string_view name = header->text;
    if (name.ends_with('*')) name.remove_suffix(1);
    if (!IsToken(name) || name.find('*') != std::string_view::npos) {
      reading.Error(*header, fmt::format("identity_headers[{}]", index),
                    fmt::format("{} is not a header's name, or its beginning and *", Quote(*header)));
    }
    reading.config.identity_headers.push_back(Lower(header->text));
    index++;
  }
}

void ReadLuaSocket(const Value& value, LuaSocket& socket, Reading& reading) {
  Get(value, "connect_timeout", socket.connect_timeout);
  Get(value, "send_timeout", socket.send_timeout);
  Get(value, "read_timeout", socket.read_timeout);
  Get(value, "buffer", socket.buffer);
  Get(value, "pool_size", socket.pool_size);
  Get(value, "keepalive_timeout", socket.keepalive_timeout);
  Get(value, "log_errors", socket.log_errors);
  ReadFile(value, "ca", "lua.socket.ca", socket.ca_pem, reading);
}

void ReadLua(const Value& root, Reading& reading) {
  const Value* section = root.Find("lua");
  if (section == nullptr) return;
  Lua& lua = reading.config.lua;
  lua.path = TextsOf(section->Find("path"));
  lua.cpath = TextsOf(section->Find("cpath"));
  if (const Value* dicts = section->Find("shared_dicts")) {
    for (const auto& [name, size] : dicts->entries) lua.shared_dicts[name] = static_cast<size_t>(size.integer);
  }
  auto source = [&](std::string_view key, LuaSource& out) {
    if (const Value* value = section->Find(key)) out = ReadLuaSource(*value, reading);
  };
  source("init", lua.init);
  source("init_worker", lua.init_worker);
  source("exit_worker", lua.exit_worker);
  Get(*section, "drain", lua.drain);
  Get(*section, "strict_globals", lua.strict_globals);
  if (const Value* timers = section->Find("timers")) {
    Get(*timers, "pending", lua.timers.pending);
    Get(*timers, "running", lua.timers.running);
  }
  if (const Value* pools = section->Find("worker_threads")) {
    for (const auto& [name, count] : pools->entries) lua.worker_threads[name] = static_cast<int>(count.integer);
  }
  Get(*section, "capture_error_log", lua.capture_error_log);
  if (const Value* socket = section->Find("socket")) ReadLuaSocket(*socket, lua.socket, reading);
  if (const Value* limits = section->Find("limits")) {
    Get(*limits, "cpu", lua.limits.cpu);
    Get(*limits, "growth", lua.limits.growth);
    Get(*limits, "memory", lua.limits.memory);
    if (limits->Find("growth") == nullptr) lua.limits.growth = std::min(lua.limits.growth, lua.limits.memory);
    if (lua.limits.growth > lua.limits.memory) {
      reading.Error(*limits, "lua.limits", "growth, of one run, is larger than memory, of the whole VM");
    }
  }
  if (const Value* regex = section->Find("regex")) {
    Get(*regex, "cache", lua.regex.cache);
    Get(*regex, "match_limit", lua.regex.match_limit);
  }
}

Redis ReadRedisOne(const std::string& name, const Value& value, const Reading& reading) {
  Redis redis;
  redis.name = name;
  redis.position = value.position;
  if (const Value* address = value.Find("address")) redis.address = ReadAddress(*address, reading);
  for (const Value* node : ItemsOf(value.Find("cluster"))) redis.cluster.push_back(ReadAddress(*node, reading));
  if (const Value* sentinel = value.Find("sentinel")) {
    Get(*sentinel, "master", redis.sentinel_master);
    for (const Value* node : ItemsOf(sentinel->Find("addresses")))
      redis.sentinels.push_back(ReadAddress(*node, reading));
  }
  Get(value, "timeout", redis.timeout);
  Get(value, "tls", redis.tls);
  Get(value, "username", redis.username);
  Get(value, "password", redis.password);
  Get(value, "database", redis.database);
  return redis;
}

void ReadRedis(const Value& root, Reading& reading) {
  const Value* section = root.Find("redis");
  if (section == nullptr) return;
  for (const auto& [name, value] : section->entries) {
    if (!IsName(name))
      reading.diagnostics.Error(KeyPosition(*section, name), "redis",
                                fmt::format("\"{}\" is not a name: letters, digits and _-./:@", name));
    Redis redis = ReadRedisOne(name, value, reading);
    if (!redis.cluster.empty() && redis.database != 0) {
      reading.Error(value, "redis." + name, "a cluster has database 0 only");
    }
    reading.config.redis.push_back(std::move(redis));
  }
}

}  // namespace

Schema LogSchema() {
  return Map("The error log.",
             {
                 {"level", Text("Lines below this level are not written.").OneOf(LevelNames()).Default("info")},
                 {"output", Text("`stderr`, `syslog`, `off`, or a file's path.").AtLeast(1).Default("stderr")},
             });
}

Schema StatusSchema() {
  const Config d;
  return Map("`/healthz`, `/readyz` and `/metrics`, for GET only.",
             {
                 {"address", At("Where it listens.").Required()},
                 {"series", Integer("Routes, and targets, and policies, that are counted on their own; the others are "
                                    "counted together, as `_other`.")
                                .AtLeast(1)
                                .AtMost(2000)
                                .Default(d.status_series)},
             })
      .Or(At(""));
}

Schema AdminSchema() {
  return Map("The admin interface; a unix socket gets mode 0600.",
             {
                 {"address", At("Where it listens.").Required()},
                 {"token",
                  Secret("What a client must present; required unless the address is a unix socket.").AtLeast(1)},
             })
      .Or(At(""));
}

Schema LimitsSchema() {
  const Limits d;
  auto count = [](std::string doc, size_t least, size_t value) {
    return Integer(std::move(doc)).AtLeast(static_cast<double>(least)).Default(value);
  };
  auto time = [](std::string doc, Duration value) { return Time(std::move(doc)).AtLeast(kMillisecond).Default(value); };
  return Map(
      "What one client may ask for.",
      {
          {"head",
           Size("Of a request's head: request line and headers.").AtLeast(1024).AtMost(1024 * 1024).Default(d.head)},
          {"headers", count("Header lines of a request.", 1, d.headers).AtMost(10000)},
          {"uri", Size("Of a request's target; at most `head`.").AtLeast(64).AtMost(1024 * 1024).Default(d.uri)},
          {"body", Size("Of a request's body; `0`: no limit. A route's `body_limit` goes before it.").Default(d.body)},
          {"body_buffer", Size("How much of a body that a script reads is kept in memory; a larger one is kept in a "
                               "temporary file. `0`: all in memory.")
                              .Default(d.body_buffer)},
          {"head_timeout", time("From a request's first byte to the end of its head.", d.head_timeout)},
          {"body_timeout", time("Between two reads of a request's body.", d.body_timeout)},
          {"send_timeout", time("Between two writes to a client that does not read.", d.send_timeout)},
          {"idle_timeout", time("How long a connection may wait for its next request.", d.idle_timeout)},
          {"requests", count("Requests on one connection; `0`: no limit.", 0, d.requests)},
          {"connections", count("Open connections of all clients.", 1, d.connections)},
          {"per_address",
           count("Open connections from one address (of IPv6, one /64); `0`: no limit.", 0, d.per_address)},
          {"lag",
           Time("New requests are refused with 503 while an event loop is this late; `0`: never.").Default(d.lag)},
          {"pipelined", count("Requests that may wait in a connection behind the one that is served.", 1, d.pipelined)},
          {"encoded_slashes",
           Text("What becomes of `%2F` in a path.").OneOf({"keep", "decode", "refuse"}).Default("keep")},
      });
}

Schema TlsSchema() {
  const Config d;
  return Map(
      "TLS with clients, on all listeners.",
      {
          {"ticket_rotation",
           Time("How often the keys that seal session tickets are replaced; tickets of the three last ones open.")
               .AtLeast(60)
               .Default(d.ticket_rotation)},
          {"ssl_client_hello", LuaSourceSchema("A Lua chunk for the listeners that have none of their own.")},
          {"ssl_certificate", LuaSourceSchema("A Lua chunk for the listeners that have none of their own.")},
      });
}

Schema LuaSocketSchema() {
  const LuaSocket d;
  auto time = [](std::string doc, Duration value) { return Time(std::move(doc)).AtLeast(kMillisecond).Default(value); };
  return Map(
      "Of cosockets (`ngx.socket`), where a script says nothing else.",
      {
          {"connect_timeout", time("For a connection, or a TLS handshake.", d.connect_timeout)},
          {"send_timeout", time("Between two parts of what is sent that the peer takes.", d.send_timeout)},
          {"read_timeout", time("Between two parts of what is received.", d.read_timeout)},
          {"buffer", Size("How much is read at once.").AtLeast(1).AtMost(61440).Default(d.buffer)},
          {"pool_size", Integer("Idle connections that a pool keeps, on each loop.").AtLeast(1).Default(d.pool_size)},
          {"keepalive_timeout", Time("How long one of them is kept; 0: for ever.").Default(d.keepalive_timeout)},
          {"log_errors", Bool("Whether what fails is written to the error log, too.").Default(d.log_errors)},
          {"ca", File("Certificates to verify servers with; the system's unless told.")},
      });
}

Schema LuaSchema() {
  const Lua d;
  const double mib = 1024.0 * 1024;
  return Map(
      "Scripts.",
      {
          {"path", OneOrMore("Folders in which `require` looks first, before the bundled modules.", File(""))},
          {"cpath", OneOrMore("Folders in which `require` looks for C modules.", File(""))},
          {"shared_dicts", MapOf("Shared dictionaries (`ngx.shared.NAME`) and their sizes.", Size("").AtLeast(8192))},
          {"init", LuaSourceSchema("Run in every VM before a request sees it; may not wait.")},
          {"init_worker", LuaSourceSchema("Run on each event loop before its first request.")},
          {"exit_worker", LuaSourceSchema("Run on each event loop when it ends.")},
          {"drain", Time("How long timers and threads of a replaced configuration may go on.").Default(d.drain)},
          {"strict_globals",
           Bool("Setting an undeclared global in a policy or a script is an error; never in libraries.")
               .Default(d.strict_globals)},
          {"timers",
           Map("Timers of scripts, of each event loop.",
               {
                   {"pending",
                    Integer("How many may wait for their time.").AtLeast(1).AtMost(1e6).Default(d.timers.pending)},
                   {"running", Integer("How many may run at once.").AtLeast(1).AtMost(1e6).Default(d.timers.running)},
               })},
          {"worker_threads", MapOf("Pools of threads for `ngx.run_worker_thread`, and how many threads each may have.",
                                   Integer("").AtLeast(1).AtMost(256))},
          {"capture_error_log", Size("What `ngx.errlog.get_logs` keeps of the log, of each event loop; 0: nothing.")
                                    .Default(d.capture_error_log)},
          {"socket", LuaSocketSchema()},
          {"limits",
           Map("Of each run of a hook.",
               {
                   {"cpu", Time("CPU time of one run without waiting.").AtLeast(kMillisecond).Default(d.limits.cpu)},
                   {"growth", Size("What one run may add to the heap.").AtLeast(mib).Default(d.limits.growth)},
                   {"memory", Size("The heap of one VM.").AtLeast(8 * mib).Default(d.limits.memory)},
               })},
          {"regex", Map("Of `ngx.re`.",
                        {
                            {"cache", Integer("Compiled regular expressions that a VM keeps.")
                                          .AtLeast(16)
                                          .AtMost(1e6)
                                          .Default(d.regex.cache)},
                            {"match_limit", Integer("Backtracking steps of one match, from one place of the subject.")
                                                .AtLeast(1000)
                                                .AtMost(1e9)
                                                .Default(d.regex.match_limit)},
                        })},
      });
}

Schema RedisSchema() {
  const Redis d;
  Schema address = At("");
  return MapOf("Named connections to Redis, for policies and scripts.",
               Map("",
                   {
                       {"address", At("`host:port` or `unix:PATH`.")},
                       {"cluster", ListOf("Some nodes of a cluster; the others are asked of them.", address).Items(1)},
                       {"sentinel", Map("Sentinels that know the master.",
                                        {
                                            {"master", Text("The name they watch it by.").Required().AtLeast(1)},
                                            {"addresses", ListOf("The sentinels.", address).Items(1).Required()},
                                        })},
                       {"timeout", Time("Of connecting and of each command.").AtLeast(kMillisecond).Default(d.timeout)},
                       {"tls", Bool("Whether to speak TLS.").Default(d.tls)},
                       {"username", Text("For AUTH.")},
                       {"password", Secret("For AUTH.")},
                       {"database", Integer("For SELECT.").AtLeast(0).AtMost(65535).Default(d.database)},
                   })
                   .ExactlyOneOf({"address", "cluster", "sentinel"}));
}

void ReadGateway(const Value& root, Reading& reading) {
  Get(root, "workers", reading.config.workers);
  if (reading.config.workers == 0) reading.config.workers = AutoWorkers();
  Get(root, "user", reading.config.user);
  Get(root, "pid", reading.config.pid_file);
  Get(root, "watch", reading.config.watch);
  ReadLogs(root, reading);
  ReadEndpoints(root, reading);
  ReadLimits(root, reading);
  if (const Value* tls = root.Find("tls")) Get(*tls, "ticket_rotation", reading.config.ticket_rotation);
  ReadNetworks(root, reading);
  ReadLua(root, reading);
  ReadRedis(root, reading);
  reading.config.policies = ReadPolicies(root.Find("policies"), "policies", reading);
  reading.config.vars = ReadVars(root.Find("vars"), "vars", reading);
  reading.config.set = ReadSet(root.Find("set"), "set", reading);
  reading.config.request_headers = ReadRequestHeaderEdit(root.Find("request_headers"), "request_headers", reading);
  reading.config.response_headers = ReadHeaderEdit(root.Find("response_headers"), "response_headers", reading);
  reading.config.error_pages = ReadErrorPages(root.Find("error_pages"), "error_pages", reading);
  ReadClientAbort(root, reading.config.client_abort);
}

}  // namespace mg::config
