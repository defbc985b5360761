// upstreams: the servers behind the gateway, and how they are chosen, watched and retried.
#include <algorithm>

#include <fmt/format.h>

#include "base/strings.h"
#include "config/build.h"
#include "config/section.h"
#include "config/syntax.h"
#include "config/template.h"

namespace mg::config {

using namespace build;  // NOLINT: the tables read better

namespace {

constexpr double kMillisecond = 0.001;

const std::vector<std::pair<std::string, Upstream::Balance>> kBalances = {
    {"round_robin", Upstream::Balance::kRoundRobin},
    {"least_conn", Upstream::Balance::kLeastConn},
    {"random", Upstream::Balance::kRandom},
    {"ewma", Upstream::Balance::kEwma},
};

std::vector<std::string> BalanceNames() {
  std::vector<std::string> names;
  for (const auto& [name, balance] : kBalances) names.push_back(name);
  return names;
}

Target ReadTarget(const Value& value, const std::string& path, Reading& reading) {
  Target target;
  target.position = value.position;
  if (const Value* srv = value.kind == Value::Kind::kMap ? value.Find("srv") : nullptr) {
    target.srv = true;
    target.address = {Address::Kind::kName, Lower(srv->text), 0, "srv:" + srv->text};
    if (!IsHostName(srv->text))
      reading.Error(*srv, path + ".srv", fmt::format("{} is not a name, such as _http._tcp.example.com", Quote(*srv)));
  }
  const Value* address = value.kind == Value::Kind::kMap ? value.Find("address") : &value;
  if (address != nullptr && address->kind == Value::Kind::kString) {
    target.address = ReadAddress(*address, reading);
    if (target.address.kind != Address::Kind::kUnix && target.address.port == 0) {
      reading.Error(*address, path, Quote(*address) + ": not a port: \"0\"");
    }
  }
  Get(value, "weight", target.weight);
  Get(value, "priority", target.priority);
  bool backup = false;
  Get(value, "backup", backup);
  if (backup && target.priority != 0)
    reading.Error(value, path, "a backup comes after every priority: give one of the two");
  if (backup) target.priority = Target::kBackup;
  return target;
}

void ReadBalance(const Value& value, const std::string& path, Upstream& upstream, Reading& reading) {
  for (const auto& [name, balance] : kBalances) {
    if (value.text == name) upstream.balance = balance;
  }
  const Value* hash = value.Find("hash");
  if (hash == nullptr) return;
  upstream.balance = Upstream::Balance::kHash;
  const Value* key = hash->kind == Value::Kind::kMap ? hash->Find("key") : hash;
  for (const Value* item : ItemsOf(key)) {
    Result<Expression> expression = ParseExpression(item->text);
    if (!expression) reading.Error(*item, path + ".hash.key", expression.error().message);
    upstream.hash_key.push_back(item->text);
  }
  if (hash->kind == Value::Kind::kMap) Get(*hash, "balance_factor", upstream.balance_factor);
}

// A status, or a range such as 200-299, into the list.
void AddStatuses(const Value& value, const std::string& path, std::vector<uint16_t>& out, Reading& reading) {
  std::string_view text = value.text;
  size_t dash = text.find('-');
  auto first = ParseDecimal<uint16_t>(text.substr(0, dash));
  auto last = dash == std::string_view::npos ? first : ParseDecimal<uint16_t>(text.substr(dash + 1));
  if (!first || !last || *first < 100 || *last > 599 || *first > *last) {
    reading.Error(value, path,
                  fmt::format("{} is not a status from 100 to 599, or a range such as 200-299", Quote(value)));
    return;
  }
  for (uint16_t status = *first; status <= *last; status++) out.push_back(status);
}

void ReadRetries(const Value& value, const std::string& path, Retries& retries, Reading& reading) {
  Get(value, "attempts", retries.attempts);
  if (const Value* budget = value.Find("budget")) {
    GetPercent(value, "budget", retries.budget_percent);
    if (budget->kind == Value::Kind::kMap) {
      GetPercent(*budget, "share", retries.budget_percent);
      Get(*budget, "floor", retries.budget_floor);
    }
  }
  if (const Value* backoff = value.Find("backoff")) {
    Get(*backoff, "base", retries.backoff_base);
    Get(*backoff, "max", retries.backoff_max);
    if (retries.backoff_max < retries.backoff_base) {
      reading.Error(*backoff, path + ".backoff", "max is shorter than base");
    }
  }
  if (const Value* hedge = value.Find("hedge")) {
    Get(*hedge, "after", retries.hedge.after);
    Get(*hedge, "max", retries.hedge.max);
  }
  if (const Value* when = value.Find("when")) {
    retries.on_connect = retries.on_reset = retries.on_timeout = false;
    size_t index = 0;
    for (const Value* item : ItemsOf(when)) {
      std::string item_path = fmt::format("{}.when[{}]", path, index++);
      if (item->text == "connect") {
        retries.on_connect = true;
      } else if (item->text == "reset") {
        retries.on_reset = true;
      } else if (item->text == "timeout") {
        retries.on_timeout = true;
      } else if (item->text.empty() || !IsDigit(item->text[0])) {
        reading.Error(*item, item_path,
                      fmt::format("{} is not one of connect, reset, timeout, or a status", Quote(*item)));
      } else {
        AddStatuses(*item, item_path, retries.statuses, reading);
      }
    }
  }
  size_t index = 0;
  for (const Value* item : ItemsOf(value.Find("methods"))) {
    if (!IsToken(item->text))
      reading.Error(*item, fmt::format("{}.methods[{}]", path, index), fmt::format("{} is not a method", Quote(*item)));
    retries.methods.push_back(item->text);
    index++;
  }
}

void ReadHealth(const Value& value, const std::string& path, Upstream& upstream, Reading& reading) {
  GetPercent(value, "panic", upstream.panic_percent);
  if (const Value* active = value.Find("active")) {
    ActiveHealth& health = upstream.active.emplace();
    std::string type, initial;
    Get(*active, "type", type);
    if (type == "tcp") health.kind = ActiveHealth::Kind::kTcp;
    if (type == "tls") health.kind = ActiveHealth::Kind::kTls;
    Get(*active, "initial", initial);
    health.starts_unhealthy = initial == "unhealthy";
    Get(*active, "port", health.port);
    GetPercent(*active, "jitter", health.jitter_percent);
    Get(*active, "path", health.path);
    Get(*active, "host", health.host);
    Get(*active, "interval", health.interval);
    Get(*active, "timeout", health.timeout);
    Get(*active, "healthy", health.healthy);
    Get(*active, "unhealthy", health.unhealthy);
    size_t index = 0;
    for (const Value* item : ItemsOf(active->Find("statuses"))) {
      AddStatuses(*item, fmt::format("{}.active.statuses[{}]", path, index++), health.statuses, reading);
    }
    bool printable = IsFieldValue(health.path) && health.path.find_first_of(" \t") == std::string::npos;
    if (!health.path.starts_with('/') || !printable) {
      reading.Error(*active->Find("path"), path + ".active.path", "a path begins with / and holds no spaces");
    }
    if (!IsFieldValue(health.host) || health.host.find_first_of(" \t") != std::string::npos)
      reading.Error(*active->Find("host"), path + ".active.host", "a host holds no spaces or control characters");
  }
  if (const Value* passive = value.Find("passive")) {
    PassiveHealth& health = upstream.passive.emplace();
    Get(*passive, "failures", health.failures);
    GetPercent(*passive, "failure_ratio", health.failure_percent);
    Get(*passive, "minimum", health.minimum);
    if (const Value* statuses = passive->Find("statuses")) {
      health.statuses.clear();
      size_t index = 0;
      for (const Value* item : ItemsOf(statuses))
        AddStatuses(*item, fmt::format("{}.passive.statuses[{}]", path, index++), health.statuses, reading);
    }
    Get(*passive, "window", health.window);
    Get(*passive, "eject", health.eject);
    GetPercent(*passive, "max_ejected", health.max_ejected_percent);
  }
}

bool IsGiven(const Value& map, std::string_view key) {
  const Value* value = map.Find(key);
  return value != nullptr && value->node != nullptr;
}

void ReadFallback(const Value& value, const std::string& path, Fallback& fallback, Reading& reading) {
  fallback.position = value.position;
  Get(value, "status", fallback.status);
  Get(value, "body", fallback.body);
  fallback.headers = ReadHeaders(value.Find("headers"), path + ".headers", reading);
  Get(value, "upstream", fallback.upstream);
  bool is_lua = value.Find("lua") != nullptr, is_file = value.Find("file") != nullptr;
  if (is_lua || is_file) fallback.lua = ReadLuaSource(value, reading);
  bool is_fixed = false;
  for (const char* key : {"status", "body", "headers"}) is_fixed = is_fixed || IsGiven(value, key);
  if (is_fixed + is_lua + is_file + !fallback.upstream.empty() > 1) {
    reading.Error(value, path, "a fallback is one of: a status (with body and headers), upstream, lua, file");
  }
}

void ReadBreaker(const Value& value, const std::string& path, CircuitBreaker& breaker, Reading& reading) {
  GetPercent(value, "failure_ratio", breaker.failure_percent);
  Get(value, "window", breaker.window);
  Get(value, "minimum", breaker.minimum);
  Get(value, "open", breaker.open);
  Get(value, "half_open", breaker.half_open);
  Get(value, "consecutive", breaker.consecutive);
  Get(value, "slow", breaker.slow);
  size_t index = 0;
  for (const Value* item : ItemsOf(value.Find("statuses"))) {
    AddStatuses(*item, fmt::format("{}.statuses[{}]", path, index++), breaker.statuses, reading);
  }
  if (const Value* per = value.Find("per")) {
    breaker.per_upstream = breaker.per_target = false;
    for (const Value* item : ItemsOf(per)) (item->text == "target" ? breaker.per_target : breaker.per_upstream) = true;
  }
  if (const Value* fallback = value.Find("fallback"))
    ReadFallback(*fallback, path + ".fallback", breaker.fallback, reading);
}

void ReadUpstreamTls(const Value& value, const std::string& path, UpstreamTls& tls, Reading& reading) {
  if (value.kind == Value::Kind::kBool) tls.enabled = value.boolean;
  if (value.kind != Value::Kind::kMap) return;
  tls.enabled = true;
  Get(value, "verify", tls.verify);
  Get(value, "server_name", tls.server_name);
  ReadFile(value, "ca", path + ".ca", tls.ca_pem, reading);
  ReadFile(value, "cert", path + ".cert", tls.cert_pem, reading);
  ReadFile(value, "key", path + ".key", tls.key_pem, reading);
  const Value* cert = value.Find("cert");
  const Value* key = value.Find("key");
  if ((cert == nullptr) != (key == nullptr)) {
    reading.Error(value, path, cert == nullptr ? "key is given without cert" : "cert is given without key");
  }
  if (const Value* name = value.Find("server_name"); name != nullptr && !IsHostName(name->text)) {
    reading.Error(*name, path + ".server_name", fmt::format("{} is not a host name", Quote(*name)));
  }
}

// What only the upstream as a whole shows.
void CheckTogether(const Value& value, const std::string& path, const Upstream& upstream, Reading& reading) {
  if (upstream.active && upstream.active->kind == ActiveHealth::Kind::kTls && !upstream.tls.enabled)
    reading.Error(value, path + ".health.active.type", "a tls check needs the upstream's tls");
  for (size_t i = 0; i < upstream.targets.size(); i++) {
    const Target& target = upstream.targets[i];
    std::string at = fmt::format("{}.targets[{}]", path, i);
    if (target.address.kind == Address::Kind::kUnix && upstream.active && upstream.active->port != 0)
      reading.diagnostics.Error(target.position, at, "a unix socket has no port: health.active.port cannot be for it");
    // Who answers for a name that DNS alone gave is not who was asked for (RFC 6125 6.2.1).
    if (target.srv && upstream.tls.enabled && upstream.tls.verify && upstream.tls.server_name.empty())
      reading.diagnostics.Error(target.position, at,
                                "SRV targets over TLS need tls.server_name: the name to verify must not come from DNS");
  }
}

Schema BalanceSchema() {
  Schema key = OneOrMore("Expressions; a list combines them.", Text("").AtLeast(1));
  Schema hash = Map("", {{"key", OneOrMore("Expressions; a list combines them.", Text("").AtLeast(1)).Required()},
                         {"balance_factor",
                          Integer("Percent of its share of the requests in flight that a target gets at most; what is "
                                  "above goes to the next. No bound where none is given.")
                              .AtLeast(101)
                              .AtMost(10000)}})
                    .Or(Text("").AtLeast(1));
  return Text(
             "How a target is chosen: `round_robin` (one position for all loops), `least_conn`, `random` (the less "
             "busy "
             "of two), `ewma` (of two the one that answers faster), or `hash: { key: EXPRESSIONS }` (consistent).")
      .OneOf(BalanceNames())
      .Or(Map("", {{"hash", hash}}).ExactlyOneOf({"hash"}))
      .Default("round_robin");
}

Schema HealthSchema() {
  const ActiveHealth a;
  const PassiveHealth p;
  auto count = [](std::string doc, uint32_t value) {
    return Integer(std::move(doc)).AtLeast(1).AtMost(1000000).Default(value);
  };
  auto time = [](std::string doc, Duration value) { return Time(std::move(doc)).AtLeast(kMillisecond).Default(value); };
  return Map(
      "Which targets are fit; none is watched unless it is given here.",
      {
          {"panic", Share("With fewer than this share of a group's targets fit, the group is unfit; with no group fit, "
                          "all targets of the first are used. `0%`: only with none fit, and then none is used.")
                        .DefaultPercent(Upstream{}.panic_percent)},
          {"active",
           Map("Each target is asked regularly.",
               {
                   {"type", Text("`http` asks for the path, `tcp` only connects, `tls` makes a handshake.")
                                .OneOf({"http", "tcp", "tls"})
                                .Default("http")},
                   {"path", Text("What to GET.").AtLeast(1).Default("/")},
                   {"host", Text("The Host to send; the target's address where none is given.").AtLeast(1)},
                   {"port", Integer("The port to ask; the target's own where none is given.").AtLeast(1).AtMost(65535)},
                   {"initial", Text("What a target is before its first check.")
                                   .OneOf({"healthy", "unhealthy"})
                                   .Default("healthy")},
                   {"interval", time("Between two checks.", a.interval)},
                   {"jitter", Share("Of the interval: each is longer or shorter by up to this.")
                                  .DefaultPercent(a.jitter_percent)},
                   {"timeout", time("Of one check.", a.timeout)},
                   {"healthy", count("Good answers in a row that bring a target back.", a.healthy)},
                   {"unhealthy", count("Bad ones in a row that take it out.", a.unhealthy)},
                   {"statuses",
                    OneOrMore("Good answers: statuses and ranges such as `200-299`; 200-399 where none is given.",
                              Text(""))},
               })},
          {"passive",
           Map("Requests' own failures count.",
               {
                   {"failures", count("Failures in a row, within the window, that eject a target.", p.failures)},
                   {"failure_ratio", Share("Of the requests in the window, what ejects it too; `0%`: not looked at.")
                                         .DefaultPercent(p.failure_percent)},
                   {"minimum", count("Fewer requests than this in the window tell no ratio.", p.minimum)},
                   {"statuses",
                    ListOf("Answers that count as failures; 502, 503 and 504 where none is given.", Text(""))},
                   {"window", time("How long a failure counts.", p.window)},
                   {"eject", time("For how long.", p.eject)},
                   {"max_ejected", Share("Never more of the targets than this.").DefaultPercent(p.max_ejected_percent)},
               })},
      });
}

Schema FallbackSchema() {
  const Fallback d;
  return Map("What clients get while it is open: a status with a body, another upstream, or what a script answers.",
             {
                 {"status", Integer("").AtLeast(200).AtMost(599).Default(d.status)},
                 {"body", Text("The gateway's error document where none is given.").Keep(Schema::Environment::kKeep)},
                 {"headers", MapOf("", OneOrMore("", Text("")))},
                 {"upstream", Text("The name of another upstream, which the request goes to.").AtLeast(1)},
                 {"lua", Text("A Lua chunk, run as a route's `content` is.").Keep(Schema::Environment::kKeep)},
                 {"file", File("A Lua file, run so.")},
             });
}

Schema BreakerSchema() {
  const CircuitBreaker d;
  auto count = [](std::string doc, uint32_t value) {
    return Integer(std::move(doc)).AtLeast(1).AtMost(1000000).Default(value);
  };
  auto time = [](std::string doc, Duration value) { return Time(std::move(doc)).AtLeast(kMillisecond).Default(value); };
  return Map(
      "Stops asking an upstream that fails; none where it is not given.",
      {
          {"failure_ratio",
           Share("Of the requests in the window, what opens it.").AtLeast(0.01).DefaultPercent(d.failure_percent)},
          {"window", time("How far back it looks.", d.window)},
          {"minimum", count("Fewer requests than this in the window open nothing.", d.minimum)},
          {"consecutive", Integer("Failures in a row that open it, whatever their ratio; `0`: not counted.")
                              .AtLeast(0)
                              .AtMost(1000000)
                              .Default(d.consecutive)},
          {"slow", Time("An answer whose head takes as long is a failure; `0`: none is.").Default(d.slow)},
          {"statuses",
           OneOrMore("Answers that are failures: statuses and ranges; 500-599 where none is given.", Text(""))},
          {"per",
           OneOrMore("Whose failures open it for whom: `upstream` (all of it), `target` (each for itself), both.",
                     Text("").OneOf({"upstream", "target"}))},
          {"open", time("How long it stays open.", d.open)},
          {"half_open", Integer("Requests let through then, all of which must succeed.")
                            .AtLeast(1)
                            .AtMost(10000)
                            .Default(d.half_open)},
          {"fallback", FallbackSchema()},
      });
}

Schema RetriesSchema() {
  const Retries d;
  auto time = [](std::string doc, Duration value) { return Time(std::move(doc)).Default(value); };
  Schema budget = Map("", {
                              {"share", Share("Of the live requests.").DefaultPercent(d.budget_percent)},
                              {"floor", Integer("So many always.").AtLeast(0).AtMost(1000000).Default(d.budget_floor)},
                          });
  return Map(
      "When a request is sent again, to another target where there is one.",
      {
          {"attempts", Integer("Attempts beyond the first.").AtLeast(0).AtMost(7).Default(d.attempts)},
          {"when", OneOrMore("What is tried again: `connect`, `reset`, `timeout`, statuses.", Text("").AtLeast(1))},
          {"methods", OneOrMore("Which methods; only the idempotent ones where none is given.", Text("").AtLeast(1))},
          {"budget",
           Share("How many of the live requests may be tried again at a time, and a floor below which all may.")
               .Or(budget)
               .DefaultPercent(d.budget_percent)},
          {"backoff", Map("The wait before an attempt: random, up to `base`, twice that for each further one.",
                          {
                              {"base", time("`0`: no wait.", d.backoff_base)},
                              {"max", time("Never longer than this.", d.backoff_max)},
                          })},
          {"hedge", Map("A second attempt at another target when the first has not answered; the first answer wins.",
                        {
                            {"after", Time("How long to wait for it.").AtLeast(kMillisecond).Required()},
                            {"max", Integer("So many at most.").AtLeast(1).AtMost(3).Default(d.hedge.max)},
                        })},
      });
}

Schema TimeoutsSchema() {
  const UpstreamTimeouts d;
  auto time = [](std::string doc, Duration value) { return Time(std::move(doc)).AtLeast(kMillisecond).Default(value); };
  return Map("How long an upstream may take.",
             {
                 {"connect", time("To accept a connection, TLS included.", d.connect)},
                 {"first_byte", time("From the request sent to the answer's first byte.", d.first_byte)},
                 {"between", time("Between two reads of the answer.", d.between)},
                 {"send", time("Between two writes of the request.", d.send)},
                 {"total", Time("For all of it, retries included; `0`: no limit.").Default(d.total)},
             });
}

Schema UpstreamTlsSchema() {
  const UpstreamTls d;
  return Bool("Whether to speak TLS to the targets; or how.")
      .Default(false)
      .Or(Map("",
              {
                  {"verify", Bool("Whether to verify the target's certificate.").Default(d.verify)},
                  {"ca", File("The authorities to trust, PEM; the system's where none is given.")},
                  {"server_name",
                   Text("The name to ask for (SNI) and to verify; the target's host where none is given.").AtLeast(1)},
                  {"cert", File("A client certificate, PEM.")},
                  {"key", File("Its private key, PEM.")},
              }));
}

}  // namespace

Schema UpstreamSchema() {
  const Upstream d;
  Schema target =
      Map("",
          {
              {"address", At("`host:port` or `unix:PATH`; a name's addresses are all used.")},
              {"srv", Text("The name of SRV records, in place of an address.").AtLeast(1).AtMost(253)},
              {"weight",
               Integer("Its share, relative to the others'.").AtLeast(1).AtMost(65535).Default(Target{}.weight)},
              {"priority", Integer("Of the groups of one priority, the lowest that is fit is used.")
                               .AtLeast(0)
                               .AtMost(Target::kBackup - 1)
                               .Default(Target{}.priority)},
              {"backup", Bool("Used only while no other target is fit.").Default(false)},
          })
          .ExactlyOneOf({"address", "srv"})
          .Or(At(""));
  return Map(
      "", {
              {"targets", ListOf("The servers.", target).Items(1).Required()},
              {"balance", BalanceSchema()},
              {"slow_start",
               Time("How long a target that is new or back gets less than its share; `0`: not.").Default(d.slow_start)},
              {"keepalive",
               Map("Connections that are kept for the next request.",
                   {
                       {"idle", Time("How long one may wait.").AtLeast(kMillisecond).Default(d.keepalive.idle)},
                       {"per_worker", Integer("How many wait, for each event loop; `0`: none.")
                                          .AtLeast(0)
                                          .AtMost(100000)
                                          .Default(d.keepalive.per_worker)},
                       {"requests", Integer("Requests after which one is closed; `0`: no limit.")
                                        .AtLeast(0)
                                        .Default(d.keepalive.requests)},
                   })},
              {"timeouts", TimeoutsSchema()},
              {"retries", RetriesSchema()},
              {"health", HealthSchema()},
              {"circuit_breaker", BreakerSchema()},
              {"deadline_header",
               Text("A field that tells the upstream how many milliseconds are left of `timeouts.total`, such as "
                    "`X-Request-Deadline`; `grpc-timeout` gets its own form.")
                   .AtLeast(1)},
              {"tls", UpstreamTlsSchema()},
              {"preserve_host",
               Bool("Whether to send the client's Host; otherwise the target's address.").Default(d.preserve_host)},
          });
}

Upstream ReadUpstream(const std::string& name, const Value& value, const std::string& path, Reading& reading) {
  Upstream upstream;
  upstream.name = name;
  upstream.position = value.position;
  size_t index = 0;
  for (const Value* item : ItemsOf(value.Find("targets"))) {
    upstream.targets.push_back(ReadTarget(*item, fmt::format("{}.targets[{}]", path, index++), reading));
  }
  if (const Value* balance = value.Find("balance")) ReadBalance(*balance, path + ".balance", upstream, reading);
  if (const Value* keepalive = value.Find("keepalive")) {
    Get(*keepalive, "idle", upstream.keepalive.idle);
    Get(*keepalive, "per_worker", upstream.keepalive.per_worker);
    Get(*keepalive, "requests", upstream.keepalive.requests);
  }
  if (const Value* timeouts = value.Find("timeouts")) {
    Get(*timeouts, "connect", upstream.timeouts.connect);
    Get(*timeouts, "first_byte", upstream.timeouts.first_byte);
    Get(*timeouts, "between", upstream.timeouts.between);
    Get(*timeouts, "send", upstream.timeouts.send);
    Get(*timeouts, "total", upstream.timeouts.total);
  }
  if (const Value* retries = value.Find("retries")) ReadRetries(*retries, path + ".retries", upstream.retries, reading);
  if (const Value* health = value.Find("health")) ReadHealth(*health, path + ".health", upstream, reading);
  if (const Value* breaker = value.Find("circuit_breaker"))
    ReadBreaker(*breaker, path + ".circuit_breaker", upstream.breaker.emplace(), reading);
  if (const Value* tls = value.Find("tls")) ReadUpstreamTls(*tls, path + ".tls", upstream.tls, reading);
  Get(value, "preserve_host", upstream.preserve_host);
  Get(value, "deadline_header", upstream.deadline_header);
  if (const Value* header = value.Find("deadline_header"); header != nullptr && !IsToken(header->text)) {
    reading.Error(*header, path + ".deadline_header", fmt::format("{} is not a header's name", Quote(*header)));
  }
  Get(value, "slow_start", upstream.slow_start);
  CheckTogether(value, path, upstream, reading);
  return upstream;
}

void CheckFallback(const Value& upstream, const std::string& path, const std::vector<std::string_view>& known,
                   Reading& reading) {
  const Value* breaker = upstream.kind == Value::Kind::kMap ? upstream.Find("circuit_breaker") : nullptr;
  const Value* fallback = breaker != nullptr ? breaker->Find("fallback") : nullptr;
  const Value* name = fallback != nullptr ? fallback->Find("upstream") : nullptr;
  if (name == nullptr || std::ranges::find(known, name->text) != known.end()) return;
  reading.Error(*name, path + ".circuit_breaker.fallback.upstream", UnknownName("upstream", *name, known));
}

void ReadUpstreams(const Value& root, Reading& reading) {
  const Value* section = root.Find("upstreams");
  if (section == nullptr) return;
  for (const auto& [name, value] : section->entries) {
    std::string path = "upstreams." + name;
    if (!IsName(name))
      reading.diagnostics.Error(KeyPosition(*section, name), "upstreams",
                                fmt::format("\"{}\" is not a name: letters, digits and _-./:@", name));
    reading.config.upstreams.push_back(ReadUpstream(name, value, path, reading));
  }
  std::vector<std::string_view> known;
  for (const auto& [name, value] : section->entries) known.push_back(name);
  for (const auto& [name, value] : section->entries) CheckFallback(value, "upstreams." + name, known, reading);
}

}  // namespace mg::config
