// What the pipeline's tests share: a loop with one generation made by hand, hooks that do what the test says, upstreams
// on scripted sockets, and clients. Not part of the library.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/h1_session.h"
#include "http/test_support.h"
#include "proxy/exchange.h"
#include "proxy/loop_context.h"
#include "upstream/registry.h"

namespace mg::proxy::test {

using http::test::Repeated;
using http::test::ScriptedServer;
using net::test::Peer;
using net::test::RunUntil;

// Hooks as functions. One that answers kSuspended waits until the test calls HookFinished.
class FakeProgram final : public HookProgram {
 public:
  HookStatus Run(Exchange& x, Phase phase) override {
    runs[static_cast<size_t>(phase)]++;
    exchange = &x;
    EXPECT_FALSE(waits && phase == waiting_phase) << "a hook is run again while it waits";
    HookStatus status = on[static_cast<size_t>(phase)] ? on[static_cast<size_t>(phase)](x) : HookStatus::kDone;
    if (status == HookStatus::kSuspended) Wait(phase);
    return status;
  }
  HookStatus FilterBody(Exchange& x, std::string_view piece, bool last) override {
    EXPECT_FALSE(waits && waiting_phase == Phase::kBodyFilter);
    exchange = &x;
    runs[static_cast<size_t>(Phase::kBodyFilter)]++;
    HookStatus status = HookStatus::kDone;
    if (on_body) {
      status = on_body(x, piece, last);
    } else {
      x.response.filtered.Append(piece);
    }
    if (status == HookStatus::kSuspended) Wait(Phase::kBodyFilter);
    return status;
  }
  AbortOutcome Aborted(Exchange&) override {
    aborted++;
    if (!continues) waits = false;
    return continues ? AbortOutcome::kContinues : AbortOutcome::kEnded;
  }
  void Release(Exchange&) override {
    released++;
    waits = false;
  }
  void BodyArrived(Exchange& x) override {
    body_arrived++;
    if (on_body_arrived) on_body_arrived(x);
  }
  void OutputDrained(Exchange& x) override {
    drained++;
    if (on_drained) on_drained(x);
  }
  void Start(LoopContext&) override {}
  void Retire() override {}
  bool Busy() const override { return false; }

  // The hook that waits ends.
  void Finish(HookStatus status) {
    ASSERT_TRUE(waits);
    waits = false;
    exchange->HookFinished(waiting_phase, status);
  }
  std::function<HookStatus(Exchange&)>& At(Phase phase) { return on[static_cast<size_t>(phase)]; }
  int Runs(Phase phase) const { return runs[static_cast<size_t>(phase)]; }

  std::array<std::function<HookStatus(Exchange&)>, static_cast<size_t>(Phase::kCount)> on;
  std::function<HookStatus(Exchange&, std::string_view, bool)> on_body;
  std::function<void(Exchange&)> on_body_arrived, on_drained;
  std::array<int, static_cast<size_t>(Phase::kCount)> runs{};
  Exchange* exchange = nullptr;
  Phase waiting_phase = Phase::kCount;
  bool waits = false, continues = false;
  int aborted = 0, released = 0, body_arrived = 0, drained = 0;

 private:
  void Wait(Phase phase) {
    waits = true;
    waiting_phase = phase;
  }
};

constexpr PhaseMask kAllPhases = (1 << static_cast<int>(Phase::kCount)) - 1;

// One gateway loop with one route ("/*", to `server` unless changed), and the clients that ask it.
struct ProxyRig {
  ProxyRig() {
    conf = std::make_unique<config::Config>();
    conf->upstreams.emplace_back();
    upstream().name = "u";
    upstream().retries.attempts = 1;
    AddTarget(server);
    AddRoute("all", "/*").upstream = "u";
  }
  ~ProxyRig() {
    sessions.CloseAll();
    if (program != nullptr && program->waits) program->Finish(HookStatus::kDone);
  }

  config::Upstream& upstream() { return conf->upstreams.front(); }
  config::Route& route(size_t index = 0) { return conf->routes.at(index); }
  void AddTarget(ScriptedServer& to) {
    config::Target target;
    target.address = {config::Address::Kind::kIp, "127.0.0.1", to.address().port(), to.address().ToString()};
    upstream().targets.push_back(target);
  }
  config::Route& AddRoute(const std::string& name, const std::string& path) {
    config::Route& made = conf->routes.emplace_back();
    made.name = name;
    made.match.path = path;
    return made;
  }

  // Publishes `conf` as a generation; with `hooks` in every route.
  void Go(PhaseMask hooks = 0) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->generation = ++generation;
    snapshot->config = std::make_unique<config::Config>(*conf);
    const config::Config& made = *snapshot->config;
    std::vector<route::RouteSpec> specs;
    for (const config::Route& r : made.routes) {
      route::RouteSpec& spec = specs.emplace_back();
      spec.name = r.name;
      spec.path = r.match.path;
      spec.methods = r.match.methods;
      spec.internal = r.internal;
    }
    auto table = std::make_unique<RouteTable>();
    table->matcher = std::move(*route::Matcher::Build(specs));
    for (uint32_t i = 0; i < specs.size(); i++) table->routes.push_back(i);
    snapshot->table_by_listener.push_back(table.get());
    snapshot->tables.push_back(std::move(table));
    snapshot->limits = std::make_shared<const config::Limits>(made.limits);
    snapshot->identity_headers = IdentityHeaders(made.identity_headers);
    snapshot->trusted = TrustedProxies(made.trusted_proxies);
    for (const config::Upstream& u : made.upstreams) {
      snapshot->upstreams.push_back(*registry.Build(u));
      snapshot->upstream_names[u.name] = snapshot->upstreams.back().get();
    }
    snapshot->routes.reserve(made.routes.size());
    for (const config::Route& r : made.routes) {
      RouteEntry& entry = snapshot->routes.emplace_back();
      entry.conf = &r;
      entry.index = static_cast<uint32_t>(snapshot->routes.size() - 1);
      entry.hooks = hooks;
      for (const auto& [name, value] : r.vars) entry.vars.emplace_back(name, *config::Template::Parse(value));
      entry.body_limit = r.body_limit.value_or(made.limits.body);
      entry.body_buffer = r.body_buffer.value_or(made.limits.body_buffer);
      if (!r.upstream.empty()) entry.upstream = snapshot->upstream_names.at(r.upstream);
      if (!r.rewrite.path.empty())
        entry.rewrite_path = *config::Template::Parse(r.rewrite.path, config::TemplateUse::kRequest);
      if (!r.rewrite.host.empty())
        entry.rewrite_host = *config::Template::Parse(r.rewrite.host, config::TemplateUse::kRequest);
      if (r.redirect) entry.redirect = *config::Template::Parse(r.redirect->location, config::TemplateUse::kRequest);
      entry.Settle();
      snapshot->route_names[r.name] = entry.index;
    }
    auto next = std::make_unique<Generation>();
    next->snapshot = snapshot;
    if (hooks != 0) {
      auto made_program = std::make_unique<FakeProgram>();
      program = made_program.get();
      next->program = std::move(made_program);
    }
    context.Switch(std::move(next));
  }

  // A new connection of a client.
  Peer& Open(int buffer = 0) {
    auto fds = net::test::TcpPair();
    if (buffer > 0) {
      setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
      setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    }
    clients.push_back(std::make_unique<Peer>(context.loop));
    clients.back()->transport.Accept(fds[0]);
    const Snapshot& snapshot = *context.current->snapshot;
    auto options = std::make_shared<http::SessionOptions>(&factory, snapshot.limits);
    auto session = std::make_unique<http::H1Session>(context.loop, options);
    http::H1Session& started = *session;
    sessions.Add(std::move(session));
    started.Start(fds[1], *net::SocketAddress::FromIp("127.0.0.1", 9));
    return *clients.back();
  }
  bool Until(const std::function<bool()>& done) { return RunUntil(context.loop, done); }
  void Turns(int count = 5) {
    for (int i = 0; i < count; i++) context.loop.RunOnce(1);
  }
  // All that comes on a new connection until it ends. The request should ask for Connection: close.
  std::string Ask(std::string_view request) {
    Peer& client = Open();
    client.transport.Write(request);
    EXPECT_TRUE(Until([&] { return client.ended || client.failed; })) << request.substr(0, 200);
    return client.received;
  }
  // Nothing is left of any request.
  bool AtRest() {
    return Until([&] { return context.current->live == 0; });
  }

  LoopContext context{0, 1};
  ScriptedServer server{context.loop};
  upstream::Registry registry;
  std::unique_ptr<config::Config> conf;
  ExchangeFactory factory{context};
  std::vector<std::unique_ptr<Peer>> clients;
  http::SessionList sessions{context.loop};
  FakeProgram* program = nullptr;
  uint64_t generation = 0;
};

}  // namespace mg::proxy::test
