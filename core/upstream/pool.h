// Pools: a loop's upstream connections. At rest by target and TLS identity, most recently used first; leased to one
// exchange at a time. Outlives generations. Thread: its loop's.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "http/h1_client.h"
#include "net/resolver.h"
#include "upstream/upstream.h"

namespace mg::upstream {

class Pools;
struct TargetPool;

// A connection on loan. Released at rest when it may serve again, else closed.
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { Release(); }
  void Release();

  explicit operator bool() const { return client_ != nullptr; }
  http::H1Client& client() const { return *client_; }
  bool reused() const { return reused_; }

 private:
  friend class Pools;
  std::unique_ptr<http::H1Client> client_;
  TargetPool* pool_ = nullptr;
  bool reused_ = false;
};

class Pools final : public http::IdleOwner {
 public:
  enum class Reuse : bool { kNo, kYes };

  Pools(net::Loop& loop, net::Resolver& resolver);
  ~Pools() override;

  // A resting connection to the target, else a new one that is connecting (its handler hears OnClientConnected, or
  // OnFailed with kConnect, kResolve or kTls). Begin() the exchange on it at once.
  Lease Acquire(const Upstream& upstream, size_t target, Reuse reuse);
  // To an address of a script's or a URL's choosing: pooled by address, TLS context and server name.
  Lease AcquireAddress(const net::SocketAddress& address, ssl_ctx_st* tls, const std::string& server_name);

  void OnIdleClosed(http::H1Client& client) override;
  size_t idle() const { return idle_; }
  void CloseIdle();

 private:
  friend class Lease;
  TargetPool& PoolFor(const std::string& identity);
  static void OnSweep(void* self);

  net::Loop& loop_;
  net::Resolver& resolver_;
  std::unordered_map<std::string, std::unique_ptr<TargetPool>> pools_;
  size_t idle_ = 0;
  net::Timer sweep_;
};

}  // namespace mg::upstream
