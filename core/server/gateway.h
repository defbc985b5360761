// Gateway: everything of a worker process but the process: builds generations, runs the loops, publishes. The worker
// runs one; `moongate test` runs one in its own process and gives it a generation a block.
//
// Its methods are for one thread at a time (the control thread); it owns the loop threads.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "admin/status_server.h"
#include "config/config.h"
#include "config/node.h"
#include "net/connection_limits.h"
#include "net/listener.h"
#include "observe/metrics.h"
#include "proxy/loop_context.h"
#include "proxy/metrics.h"
#include "proxy/snapshot.h"
#include "script/bytecode_cache.h"
#include "script/chunks.h"
#include "script/meter.h"
#include "server/state_page.h"
#include "store/registry.h"
#include "upstream/monitor.h"

namespace mg::server {

// Where listening sockets come from: the supervisor (which keeps them for a successor), or this process itself.
class SocketSource {
 public:
  virtual ~SocketSource() = default;
  // `count` sockets for an address, one a loop (SO_REUSEPORT), or one that all loops share (unix sockets). The source
  // keeps them open and gives the same ones when asked again.
  virtual Result<std::vector<int>> Open(const config::Listener& listener, int count) = 0;
  // Closes what is for none of these listeners any more.
  virtual void Keep(const std::vector<config::Listener>& listeners) = 0;
};

// Names a listener's sockets: its address as written, a unix socket's path made absolute.
std::string SocketKey(const config::Listener& listener);

// Opens the sockets of one listener.
Result<std::vector<int>> OpenSockets(const config::Listener& listener, int count);
// For good: a unix socket's file goes, too. `key`: see SocketKey.
void CloseSockets(const std::string& key, const std::vector<int>& fds);

// Sockets of this process: for the tester, and for `run` without a supervisor. A port of 0 picks a free one.
class OwnSockets final : public SocketSource {
 public:
  ~OwnSockets() override;
  Result<std::vector<int>> Open(const config::Listener& listener, int count) override;
  void Keep(const std::vector<config::Listener>& listeners) override;

 private:
  std::vector<std::pair<std::string, std::vector<int>>> sockets_;  // by the address as written
};

struct GatewayOptions {
  int loops = 1;
  SocketSource* sockets = nullptr;        // outlives the gateway
  observe::LineWriter* writer = nullptr;  // of access logs; null: none are written
  // Called once, when the first generation has been built and before anything is accepted: to give up privileges.
  std::function<void(const config::Config&, config::Diagnostics&)> before_first;
};

// What a LineWriter opens for a log's configuration.
std::string OutputTarget(const config::Output& output);

class Gateway final : public admin::Control {
 public:
  explicit Gateway(const GatewayOptions& options);
  ~Gateway() override;
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Builds a generation from a configuration (compiles routes, upstreams, certificates and scripts; runs `init` in
  // every VM), opens what it listens on, and publishes it: when this returns true, every loop has switched, and no
  // request begun from now on sees an older one. False: `diagnostics` says why, and nothing has changed.
  bool Load(std::unique_ptr<config::Config> config, config::FileSource& files, config::Diagnostics& diagnostics);

  // Builds it and publishes nothing: what `check` and `explain` look at. Null: `diagnostics` says why. Not to be kept
  // beyond the gateway. `texts`, where given, gets the scripts that it names.
  std::shared_ptr<proxy::Snapshot> Build(std::unique_ptr<config::Config> config, config::FileSource& files,
                                         config::Diagnostics& diagnostics,
                                         std::vector<script::ScriptText>* texts = nullptr);

  // A configuration was refused before it came to Load: for the page of metrics.
  void CountRefused();

  uint64_t generation() const { return generation_; }
  // The generations that are not let go of, and what holds the old ones: a line each.
  std::string Generations();
  size_t open_connections() const { return connections_.open(); }
  const proxy::Snapshot* snapshot() const { return snapshot_.get(); }

  // The address a listener is bound to (by its place in the configuration), for port 0.
  net::SocketAddress BoundAddress(size_t listener) const;

  // No new connections; idle ones close; true when no session is left. Stop ends everything at once.
  void Drain();
  bool Drained();
  void Stop();

  // Empties the shared dictionaries, limiters, connection pools and target states: between two tests.
  void ClearState();

  // Sets the wall clock to a moment, where it then stands, and what measures time on by `ahead`: rate limits, breakers,
  // caches. Timers and timeouts go on as if nothing had happened. For `moongate test`; no request is under way.
  void SetClock(Nanoseconds wall, Nanoseconds ahead);

  std::vector<proxy::LoopContext*> loops();

  // --- admin::Control, for the status thread
  bool Ready() const override;
  void WriteMetrics(std::string& to) override;

 private:
  struct LoopThread;
  void Publish(std::shared_ptr<const proxy::Snapshot> next, const std::vector<std::vector<int>>& fds);
  // The sockets of the listeners, by their place, and at the end the status listener's where there is one.
  std::vector<std::vector<int>> OpenAll(const config::Config& config, config::Diagnostics& diagnostics);
  void OpenAccessLogs(proxy::Snapshot& snapshot, config::Diagnostics& diagnostics);
  void ReconcileDictionaries(const config::Lua& lua);
  template <class F>
  void OnEveryLoop(F&& task);  // and waits

  GatewayOptions options_;
  uint64_t generation_ = 0;
  std::shared_ptr<const proxy::Snapshot> snapshot_;
  observe::MetricsRegistry metrics_;
  proxy::TrafficMetrics traffic_{metrics_};
  script::PolicyMetrics policies_{metrics_};
  script::BytecodeCache bytecode_;
  upstream::Registry upstreams_;
  upstream::MonitorThread monitor_{upstreams_};
  store::SharedDictRegistry dictionaries_;
  std::map<std::string, uint32_t> listener_numbers_;  // by address
  net::ConnectionLimits connections_;                 // outlives the loops
  std::vector<std::unique_ptr<LoopThread>> loops_;
  std::vector<net::SocketAddress> bound_;

  std::atomic<bool> ready_{false};
  mutable std::mutex state_mutex_;  // of load_, and of snapshot_ where it is set or read by the status thread
  LoadState load_;
  std::unique_ptr<admin::StatusServer> status_;  // null: none was asked for yet
};

}  // namespace mg::server
