#include "server/gateway.h"

#include "proxy/handshake.h"

#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <condition_variable>
#include <latch>
#include <span>

#include "base/log.h"
#include "base/ticks.h"
#include "http/h1_session.h"
#include "net/doorkeeper.h"
#include "observe/process_metrics.h"
#include "proxy/exchange.h"
#include "redis/redis.h"
#include "script/limiters.h"
#include "server/build.h"

namespace mg::server {

// --- OwnSockets

OwnSockets::~OwnSockets() {
  for (auto& [key, fds] : sockets_) CloseSockets(key, fds);
}

Result<std::vector<int>> OwnSockets::Open(const config::Listener& listener, int count) {
  for (auto& [address, fds] : sockets_) {
    if (address == SocketKey(listener)) return fds;
  }
  Result<std::vector<int>> fds = OpenSockets(listener, count);
  if (fds) sockets_.emplace_back(SocketKey(listener), *fds);
  return fds;
}

void OwnSockets::Keep(const std::vector<config::Listener>& listeners) {
  std::erase_if(sockets_, [&](auto& entry) {
    bool wanted =
        std::ranges::any_of(listeners, [&](const config::Listener& l) { return SocketKey(l) == entry.first; });
    if (!wanted) CloseSockets(entry.first, entry.second);
    return !wanted;
  });
}

std::string SocketKey(const config::Listener& listener) {
  bool local = listener.address.kind == config::Address::Kind::kUnix;
  return local ? "unix:" + listener.address.host : listener.address.text;
}

void CloseSockets(const std::string& key, const std::vector<int>& fds) {
  for (int fd : fds) close(fd);
  if (key.starts_with("unix:")) unlink(key.c_str() + 5);
}

Result<std::vector<int>> OpenSockets(const config::Listener& listener, int count) {
  Result<net::SocketAddress> address = net::SocketAddress::From(listener.address);
  if (!address) return std::unexpected(address.error());
  bool shared = listener.address.kind == config::Address::Kind::kUnix || count == 1;
  std::vector<int> fds;
  for (int i = 0; i < (shared ? 1 : count); i++) {
    net::ReusePort reuse = shared ? net::ReusePort::kNo : net::ReusePort::kYes;
    Result<int> fd = net::OpenListeningSocket(*address, listener.backlog, reuse);
    if (!fd) {
      for (int open : fds) close(open);
      return std::unexpected(fd.error());
    }
    fds.push_back(*fd);
    if (address->port() == 0 && !shared) {  // the others share the port that the first one got
      sockaddr_storage bound;
      socklen_t size = sizeof bound;
      getsockname(*fd, reinterpret_cast<sockaddr*>(&bound), &size);
      address = net::SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&bound), size);
    }
  }
  return fds;
}

// --- Gateway

// A loop thread and what it accepts on. Everything but `thread` is touched on the loop alone once it runs.
struct Gateway::LoopThread {
  LoopThread(int index, int count, net::ConnectionLimits& limits)
      : context(index, count),
        connections(limits),
        factory(context),
        sessions(context.loop, &context.counters.handshake_failures) {}

  struct Accepting {
    uint32_t number;  // of the listener: the same through reloads
    int fd;
    std::unique_ptr<net::Listener> listener;
  };

  void Listen(const proxy::Snapshot& snapshot, const std::vector<int>& fds);
  void Accept(uint32_t number, int fd, const net::SocketAddress& peer);
  void Start(uint32_t number, int fd, const net::SocketAddress& client, net::Admission admission);
  void Refuse(bool tls, int fd, std::string_view why);
  bool TakesHeadersFrom(const net::SocketAddress& peer) const;

  proxy::LoopContext context;
  net::ConnectionLimits& connections;
  net::Doorkeeper door{context.loop, &context.counters.refused_proxy};
  Nanoseconds refused_at = 0;  // when a refusal was logged last
  redis::Connections redis{context.loop, context.resolver};
  proxy::Handshakes handshakes{context};
  proxy::ExchangeFactory factory;
  std::map<uint32_t, std::shared_ptr<const http::SessionOptions>> session_options;  // by listener number
  http::SessionList sessions;
  std::vector<Accepting> accepting;
  std::thread thread;
};

bool Gateway::LoopThread::TakesHeadersFrom(const net::SocketAddress& peer) const {
  return peer.family() == AF_UNIX || context.current->snapshot->trusted.Contains(peer.Ip());
}

void Gateway::LoopThread::Refuse(bool tls, int fd, std::string_view why) {
  Nanoseconds now = context.loop.Now();
  if (refused_at == 0 || now - refused_at >= 1'000'000'000) {  // one line a second tells
    MG_LOG(kWarn, "connections are refused: {}", why);
    refused_at = now;
  }
  if (tls) {
    close(fd);  // a handshake would cost more than the answer is worth
  } else {
    door.TurnAway(fd, why);
  }
}

void Gateway::LoopThread::Accept(uint32_t number, int fd, const net::SocketAddress& peer) {
  const proxy::Snapshot& snapshot = *context.current->snapshot;
  proxy::Count(context.counters.accepted);
  auto place = std::ranges::find(snapshot.listener_numbers, number);
  if (place == snapshot.listener_numbers.end()) {
    close(fd);
    return;
  }
  const config::Listener& listener = snapshot.config->listeners[place - snapshot.listener_numbers.begin()];
  net::Admission admission = connections.Enter(snapshot.limits->connections);
  if (!admission) {
    proxy::Count(context.counters.refused_connections);
    Refuse(listener.tls.has_value(), fd, "limits.connections is reached");
    return;
  }
  if (!listener.proxy_protocol) return Start(number, fd, peer, std::move(admission));
  if (!TakesHeadersFrom(peer)) {
    MG_LOG(kWarn, "proxy {}: closed: its PROXY header would not count, it is not in trusted_proxies", peer.Ip());
    proxy::Count(context.counters.refused_proxy);
    close(fd);
    return;
  }
  door.ReadProxyHeader(fd, peer, std::move(admission), snapshot.limits->head_timeout.count(),
                       [this, number](int socket, const net::SocketAddress& client, net::Admission taken) {
                         Start(number, socket, client, std::move(taken));
                       });
}

void Gateway::LoopThread::Start(uint32_t number, int fd, const net::SocketAddress& client, net::Admission admission) {
  const proxy::Snapshot& snapshot = *context.current->snapshot;
  auto place = std::ranges::find(snapshot.listener_numbers, number);
  if (place == snapshot.listener_numbers.end()) {  // removed while a PROXY header came
    close(fd);
    return;
  }
  const std::unique_ptr<net::ServerTls>& tls = snapshot.listener_tls[place - snapshot.listener_numbers.begin()];
  if (!connections.EnterAddress(admission, client, snapshot.limits->per_address)) {
    proxy::Count(context.counters.refused_address);
    Refuse(tls != nullptr, fd, "limits.per_address is reached");
    return;
  }
  // One for all that this listener accepts, until a reload.
  ssl_ctx_st* tls_context = tls ? tls->context() : nullptr;
  std::shared_ptr<const http::SessionOptions>& options = session_options[number];
  if (!options || options->limits != snapshot.limits || options->tls != tls_context) {
    options = std::make_shared<http::SessionOptions>(&factory, snapshot.limits, number, tls_context);
  }
  auto session = std::make_unique<http::H1Session>(context.loop, options);
  http::H1Session& started = *session;
  sessions.Add(std::move(session));
  proxy::Count(context.counters.connections);
  started.Start(fd, client, std::move(admission));
}

void Gateway::LoopThread::Listen(const proxy::Snapshot& snapshot, const std::vector<int>& fds) {
  std::vector<Accepting> next;
  for (size_t i = 0; i < fds.size(); i++) {
    uint32_t number = snapshot.listener_numbers[i];
    auto known = std::ranges::find(accepting, number, &Accepting::number);
    if (known != accepting.end() && known->fd == fds[i]) {
      next.push_back(std::move(*known));  // goes on as it is
      continue;
    }
    auto on_accept = [this, number](int fd, const net::SocketAddress& peer) { Accept(number, fd, peer); };
    next.push_back({number, fds[i], std::make_unique<net::Listener>(context.loop, fds[i], on_accept)});
  }
  accepting = std::move(next);
}

namespace {

// The status listener as the source of sockets knows it.
config::Listener StatusListener(const config::Config& config) {
  config::Listener listener;
  listener.address = *config.status;
  listener.position = config.status_position;
  return listener;
}

std::vector<config::Listener> AllListeners(const config::Config& config) {
  std::vector<config::Listener> all = config.listeners;
  if (config.status) all.push_back(StatusListener(config));
  return all;
}

}  // namespace

Gateway::Gateway(const GatewayOptions& options) : options_(options), upstreams_(options.loops) {
  upstreams_.CountBy(
      [this](const upstream::TargetName& target) { return traffic_.OfTarget(target.upstream, target.text); });
  Ticks::Calibrate();
  for (int i = 0; i < options.loops; i++) {
    loops_.push_back(std::make_unique<LoopThread>(i, options.loops, connections_));
    LoopThread& loop = *loops_.back();
    loop.context.access_log = options_.writer;
    loop.context.metrics = &metrics_.NewShard();
    loop.thread = std::thread([&loop, writer = options_.writer] {
      if (writer != nullptr) writer->Attach();
      net::SetHandshakeHooks(&loop.handshakes);
      loop.context.loop.Run();
      if (writer != nullptr) writer->Detach();
    });
  }
}

Gateway::~Gateway() { Stop(); }

template <class F>
void Gateway::OnEveryLoop(F&& task) {
  std::mutex mutex;
  std::condition_variable done;
  size_t left = loops_.size();
  for (auto& loop : loops_) {
    loop->context.loop.Post([&, raw = loop.get()] {
      task(*raw);
      std::lock_guard lock(mutex);
      if (--left == 0) done.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return left == 0; });
}

void Gateway::SetClock(Nanoseconds wall, Nanoseconds ahead) {
  // All loops stand still while it is set: none sees the new time with its timers as they were.
  std::barrier all(static_cast<std::ptrdiff_t>(loops_.size()) + 1, [&]() noexcept {
    clock_setting.wall.store(wall, std::memory_order_relaxed);
    clock_setting.ahead.fetch_add(ahead, std::memory_order_relaxed);
  });
  auto shift = [&](net::Loop& loop) {
    all.arrive_and_wait();
    loop.ShiftTimers(ahead);
  };
  std::latch monitor_shifted(1);
  monitor_.loop().Post([&] {
    shift(monitor_.loop());
    monitor_shifted.count_down();
  });
  OnEveryLoop([&](LoopThread& loop) { shift(loop.context.loop); });
  monitor_shifted.wait();
}

bool Gateway::Load(std::unique_ptr<config::Config> config, config::FileSource& files,
                   config::Diagnostics& diagnostics) {
  Nanoseconds began = MonotonicNow();
  std::shared_ptr<proxy::Snapshot> next = Build(std::move(config), files, diagnostics);
  std::vector<std::vector<int>> fds;
  if (next) {
    fds = OpenAll(*next->config, diagnostics);
    OpenAccessLogs(*next, diagnostics);
  }
  if (next && !diagnostics.failed() && !snapshot_ && options_.before_first) {
    options_.before_first(*next->config, diagnostics);
  }
  if (diagnostics.failed() || !next) {
    if (next && snapshot_) options_.sockets->Keep(AllListeners(*snapshot_->config));
    CountRefused();
    return false;
  }
  next->generation = ++generation_;
  monitor_.Watch(next->upstreams, next->config->resolver);
  Publish(std::move(next), fds);
  std::lock_guard lock(state_mutex_);
  load_.generation = generation_;
  load_.last_was_good = true;
  load_.live_since = static_cast<double>(WallNow()) / 1e9;
  load_.seconds = static_cast<double>(MonotonicNow() - began) / 1e9;
  return true;
}

std::vector<std::vector<int>> Gateway::OpenAll(const config::Config& config, config::Diagnostics& diagnostics) {
  std::vector<std::vector<int>> fds;
  for (const config::Listener& listener : AllListeners(config)) {
    bool is_status = fds.size() == config.listeners.size();
    Result<std::vector<int>> opened = options_.sockets->Open(listener, is_status ? 1 : options_.loops);
    if (!opened) {
      std::string path = is_status ? "status.address" : "listeners[" + std::to_string(fds.size()) + "].address";
      diagnostics.Error(listener.position, path, opened.error().message);
    }
    fds.push_back(opened.value_or(std::vector<int>()));
  }
  return fds;
}

void Gateway::OpenAccessLogs(proxy::Snapshot& snapshot, config::Diagnostics& diagnostics) {
  if (options_.writer == nullptr) {
    snapshot.log_sets.clear();
    return;
  }
  for (auto& log : snapshot.access_logs) {
    Result<observe::LineWriter::Output> output = options_.writer->Open(OutputTarget(log->conf().output));
    if (output) {
      log->output = *output;
    } else {
      diagnostics.Error(log->conf().position, log->conf().path + ".output", output.error().message);
    }
  }
}

void Gateway::CountRefused() {
  std::lock_guard lock(state_mutex_);
  load_.refused++;
  load_.last_was_good = false;
}

bool Gateway::Ready() const { return ready_.load(std::memory_order_relaxed); }

void Gateway::WriteMetrics(std::string& to) {
  StateView state;
  for (const auto& loop : loops_) state.loops.push_back({&loop->context.counters, &loop->sessions});
  {
    std::lock_guard lock(state_mutex_);
    state.snapshot = snapshot_;
    state.load = load_;
  }
  state.ready = Ready();
  state.writer = options_.writer;
  state.dictionaries = &dictionaries_;
  observe::MetricsPage page(to);
  WriteState(state, page);
  observe::WriteProcessMetrics(page);
  metrics_.Render(to);
}

std::string Gateway::Generations() {
  struct Entry {
    bool retired = false;
    uint64_t requests = 0;
    size_t timers = 0, workers = 0, logs = 0;
    std::string loops;
  };
  std::mutex mutex;
  std::map<uint64_t, Entry, std::greater<>> found;
  auto add = [&](const proxy::Generation& generation, int loop) {
    Entry& entry = found[generation.snapshot->generation];
    entry.retired = generation.retired;
    entry.requests += generation.live;
    if (generation.program) {
      proxy::HookProgram::Held held = generation.program->Holds();
      entry.timers += held.timers;
      entry.workers += held.workers;
      entry.logs += held.logs;
    }
    entry.loops += (entry.loops.empty() ? "" : ",") + std::to_string(loop);
  };
  OnEveryLoop([&](LoopThread& loop) {
    std::lock_guard lock(mutex);
    if (loop.context.current) add(*loop.context.current, loop.context.index);
    for (const auto& generation : loop.context.retired) add(*generation, loop.context.index);
  });
  std::string text;
  for (const auto& [number, entry] : found) {
    text += fmt::format("generation {} {}: {} requests, {} timers, {} worker chunks, {} log phases; loops {}\n", number,
                        entry.retired ? "old" : "live", entry.requests, entry.timers, entry.workers, entry.logs,
                        entry.loops);
  }
  return text;
}

std::string OutputTarget(const config::Output& output) {
  switch (output.kind) {
    case config::Output::Kind::kOff: return "";
    case config::Output::Kind::kStderr: return "stderr";
    case config::Output::Kind::kSyslog: return "syslog";
    case config::Output::Kind::kFile: return output.file;
  }
  return "";
}

std::shared_ptr<proxy::Snapshot> Gateway::Build(std::unique_ptr<config::Config> config, config::FileSource& files,
                                                config::Diagnostics& diagnostics,
                                                std::vector<script::ScriptText>* texts) {
  ReconcileDictionaries(config->lua);
  BuildContext context{files,    diagnostics, upstreams_, dictionaries_, options_.loops, {}, listener_numbers_,
                       traffic_, policies_,   bytecode_,  texts};
  for (auto& loop : loops_) context.redis.push_back(&loop->redis);
  auto snapshot = BuildSnapshot(std::move(config), context);
  if (!snapshot && snapshot_) ReconcileDictionaries(snapshot_->config->lua);  // as they were
  return snapshot;
}

void Gateway::ReconcileDictionaries(const config::Lua& lua) {
  std::vector<store::SharedDictRegistry::Definition> definitions;
  for (const auto& [name, size] : lua.shared_dicts) definitions.push_back({name, size});
  dictionaries_.Reconcile(definitions);
}

void Gateway::Publish(std::shared_ptr<const proxy::Snapshot> next, const std::vector<std::vector<int>>& fds) {
  const config::Config& conf = *next->config;
  bound_.clear();
  for (const std::vector<int>& of_listener : std::span(fds).first(conf.listeners.size())) {
    sockaddr_storage bound;
    socklen_t size = sizeof bound;
    getsockname(of_listener.front(), reinterpret_cast<sockaddr*>(&bound), &size);
    bound_.push_back(net::SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&bound), size));
  }
  OnEveryLoop([&](LoopThread& loop) {
    auto generation = std::make_unique<proxy::Generation>();
    generation->snapshot = next;
    if (next->programs) generation->program = next->programs->TakeProgram(loop.context.index);
    loop.context.resolver.Configure(next->config->resolver);
    loop.redis.Reconcile(next->config->redis);
    std::vector<int> mine;
    for (const std::vector<int>& of_listener : std::span(fds).first(conf.listeners.size()))
      mine.push_back(of_listener[loop.context.index % of_listener.size()]);
    loop.context.Switch(std::move(generation));
    loop.Listen(*next, mine);
  });
  if (conf.status && !status_) status_ = std::make_unique<admin::StatusServer>(*this);
  ready_.store(true, std::memory_order_relaxed);
  if (status_) status_->Listen(conf.status ? fds.back().front() : -1);
  options_.sockets->Keep(AllListeners(conf));
  std::lock_guard lock(state_mutex_);
  snapshot_ = std::move(next);
}

net::SocketAddress Gateway::BoundAddress(size_t listener) const { return bound_.at(listener); }

void Gateway::Drain() {
  ready_.store(false, std::memory_order_relaxed);
  OnEveryLoop([](LoopThread& loop) {
    loop.accepting.clear();
    loop.door.Clear();
    loop.sessions.Drain();
  });
  // Closed everywhere, but for the status listener's: who connects now is told so at once.
  config::Config none;
  if (snapshot_ && snapshot_->config->status) {
    none.status = snapshot_->config->status;
    none.status_position = snapshot_->config->status_position;
  }
  options_.sockets->Keep(AllListeners(none));
}

bool Gateway::Drained() {
  std::atomic<size_t> left{0};
  OnEveryLoop([&](LoopThread& loop) { left += loop.sessions.size(); });
  return left == 0;
}

void Gateway::Stop() {
  if (loops_.empty()) return;
  ready_.store(false, std::memory_order_relaxed);
  status_.reset();
  OnEveryLoop([](LoopThread& loop) {
    loop.accepting.clear();
    loop.door.Clear();
    loop.sessions.CloseAll();
    if (loop.context.current && loop.context.current->program) loop.context.current->program->Retire();
  });
  monitor_.Stop();
  for (auto& loop : loops_) loop->context.loop.Stop();
  for (auto& loop : loops_) loop->thread.join();
  loops_.clear();
}

void Gateway::ClearState() {
  for (const std::shared_ptr<store::SharedDict>& dict : dictionaries_.All()) dict->FlushAll();
  script::Limiters().Clear();
  monitor_.Watch({}, {});
  upstreams_.Forget();
  OnEveryLoop([](LoopThread& loop) { loop.context.pools.CloseIdle(); });
}

std::vector<proxy::LoopContext*> Gateway::loops() {
  std::vector<proxy::LoopContext*> contexts;
  for (auto& loop : loops_) contexts.push_back(&loop->context);
  return contexts;
}

}  // namespace mg::server
