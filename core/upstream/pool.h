// Pools: a loop's upstream connections. At rest by target and TLS identity, most recently used first; leased to one
// exchange at a time. Outlives generations. Thread: its loop's.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/h1_client.h"
#include "upstream/upstream.h"

namespace mg::upstream {

class Pools;

// The connections at rest of one target (or address) on one loop.
struct TargetPool {
  uint64_t serial = 0;                        // of the Target; 0: an address
  List<http::H1Client, http::H1Client> idle;  // most recently used first
  uint32_t idle_count = 0;
  uint32_t leased = 0;  // leases that point here
  uint32_t keep = 64;
  uint64_t requests = 10'000;
  Nanoseconds idle_limit = 60'000'000'000;
};

// How connections are kept for the next request.
struct KeepAlive {
  uint32_t keep = 64;
  uint64_t requests = 10'000;  // 0: no limit
  Nanoseconds idle_limit = 60'000'000'000;
};

// A connection on loan. Released at rest when it may serve again, else closed.
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept { *this = std::move(other); }
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { Release(); }
  void Release();

  explicit operator bool() const { return client_ != nullptr; }
  http::H1Client& client() const { return *client_; }
  bool reused() const { return reused_; }

 private:
  friend class Pools;
  std::unique_ptr<http::H1Client> client_;
  Pools* pools_ = nullptr;
  TargetPool* pool_ = nullptr;
  uint64_t serial_ = 0;  // of the pool when it was taken
  bool reused_ = false;
};

class Pools final : public http::IdleOwner {
 public:
  enum class Reuse : bool { kNo, kYes };

  explicit Pools(net::Loop& loop);
  ~Pools() override;

  // A resting connection to the target, else a new one that is connecting: its handler hears OnClientConnected, or
  // OnFailed with kConnect or kTls. Begin() the exchange on it at once.
  Lease Acquire(const Upstream& upstream, const Target& target, Reuse reuse);
  // To an address of a script's or a URL's choosing: pooled by address, TLS context and server name.
  Lease AcquireAddress(const net::SocketAddress& address, ssl_ctx_st* tls, const std::string& server_name, Reuse reuse,
                       const KeepAlive& keep = {});

  void OnIdleClosed(http::H1Client& client) override;
  size_t idle() const { return idle_; }
  size_t addresses() const { return by_address_.size(); }
  void CloseIdle();

 private:
  friend class Lease;
  Lease Take(TargetPool& pool);  // a resting connection, or an empty lease
  Lease Connect(TargetPool& pool, const net::SocketAddress& address, ssl_ctx_st* tls, const std::string& server_name);
  void GiveBack(std::unique_ptr<http::H1Client> client, TargetPool& pool, uint64_t serial);
  void CloseAll(TargetPool& pool);
  void Drop(http::H1Client& client, TargetPool& pool);
  static void OnSweep(void* self);
  void Sweep(TargetPool& pool, Nanoseconds now);

  net::Loop& loop_;
  std::vector<std::unique_ptr<TargetPool>> by_target_;  // by Target::number
  std::unordered_map<std::string, std::unique_ptr<TargetPool>> by_address_;
  size_t idle_ = 0;
  net::Timer sweep_;
};

}  // namespace mg::upstream
