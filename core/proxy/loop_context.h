// LoopContext: all that one loop thread owns and its exchanges use. Owner: the worker. Thread: its loop's.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "net/loop.h"
#include "net/resolver.h"
#include "observe/line_writer.h"
#include "observe/metrics.h"
#include "proxy/snapshot.h"
#include "store/shared_dict.h"
#include "upstream/pool.h"

namespace mg::proxy {

class Exchange;

struct LoopCounters {  // written by the loop alone, read by anyone
  std::atomic<uint64_t> requests{0}, responses_5xx{0}, upstream_errors{0}, hook_errors{0}, hook_timeouts{0},
      connections{0}, clients_closed{0}, responses_cut{0};
  // At the door: sockets accepted; of those, refused for limits.connections, for limits.per_address, and for want of a
  // PROXY header that counts. Then TLS handshakes that failed, and requests refused for limits.lag.
  std::atomic<uint64_t> accepted{0}, refused_connections{0}, refused_address{0}, refused_proxy{0},
      handshake_failures{0}, shed{0};
  std::atomic<uint64_t> waiting{0};   // requests whose client is due an answer
  std::atomic<uint64_t> lua_heap{0};  // bytes, of the newest generation's VM
};

// One thread writes: no read-modify-write is needed.
inline void Count(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}
inline void CountDown(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

struct LoopContext {
  LoopContext(int index, int loop_count);
  ~LoopContext();

  int index, count;
  net::Loop loop;
  net::Resolver resolver{loop};
  upstream::Pools pools{loop};
  std::unique_ptr<net::Deferred> cosockets;  // the connections that scripts keep; made and known by the script module
  std::unique_ptr<Generation> current;
  std::vector<std::unique_ptr<Generation>> retired;
  observe::LineWriter* access_log = nullptr;
  observe::MetricsShard* metrics = nullptr;  // the loop's own
  LoopCounters counters;
  size_t subrequests = 0;  // that run

  // Publishes: requests whose head completes from now on run under `next`. The old one is retired.
  void Switch(std::unique_ptr<Generation> next);
  // Drops retired generations that nothing holds: at the end of the turn, since the caller may stand in one's program.
  void ReapSoon();

  Exchange* TakeExchange();  // from the free list, or new
  void GiveExchange(Exchange* exchange);

 private:
  void Reap();

  bool reap_posted_ = false;
  std::vector<std::unique_ptr<Exchange>> free_exchanges_;  // at rest
  size_t exchanges_ = 0;                                   // in use
};

}  // namespace mg::proxy
