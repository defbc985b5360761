#include "upstream/pool.h"

#include <fmt/format.h>

namespace mg::upstream {

namespace {
constexpr Milliseconds kSweepEvery = 1'000;
}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    Release();
    client_ = std::move(other.client_);
    pools_ = other.pools_;
    pool_ = other.pool_;
    serial_ = other.serial_;
    reused_ = other.reused_;
  }
  return *this;
}

void Lease::Release() {
  if (client_) pools_->GiveBack(std::move(client_), *pool_, serial_);
}

Pools::Pools(net::Loop& loop) : loop_(loop), sweep_(loop, &Pools::OnSweep, this) {}

Pools::~Pools() { CloseIdle(); }

Lease Pools::Take(TargetPool& pool) {
  Lease lease;
  lease.pools_ = this;
  lease.pool_ = &pool;
  lease.serial_ = pool.serial;
  while (http::H1Client* client = pool.idle.PopFront()) {
    pool.idle_count--;
    idle_--;
    std::unique_ptr<http::H1Client> owned(client);
    if (client->Wake()) {
      lease.client_ = std::move(owned);
      lease.reused_ = true;
      pool.leased++;
      return lease;
    }
    client->Close();
    loop_.DestroyLater(std::move(owned));
  }
  return lease;
}

Lease Pools::Acquire(const Upstream& upstream, const Target& target, Reuse reuse) {
  if (target.number >= by_target_.size()) by_target_.resize(target.number + 1);
  if (!by_target_[target.number]) by_target_[target.number] = std::make_unique<TargetPool>();
  TargetPool& pool = *by_target_[target.number];
  if (pool.serial != target.serial) {  // the number was another target's
    CloseAll(pool);
    pool.serial = target.serial;
  }
  pool.keep = upstream.conf().keepalive.per_worker;
  pool.requests = upstream.conf().keepalive.requests;
  pool.idle_limit = upstream.conf().keepalive.idle.count() * 1'000'000;
  if (reuse == Reuse::kYes) {
    Lease lease = Take(pool);
    if (lease) return lease;
  }
  return Connect(pool, target.address, upstream.tls(), target.server);
}

Lease Pools::AcquireAddress(const net::SocketAddress& address, ssl_ctx_st* tls, const std::string& server_name,
                            Reuse reuse, const KeepAlive& keep) {
  std::string key = address.ToString();
  if (tls != nullptr) key += fmt::format("|{}|{}", static_cast<const void*>(tls), server_name);
  std::unique_ptr<TargetPool>& pool = by_address_[key];
  if (!pool) pool = std::make_unique<TargetPool>();
  pool->keep = keep.keep;
  pool->requests = keep.requests;
  pool->idle_limit = keep.idle_limit;
  if (reuse == Reuse::kYes) {
    Lease lease = Take(*pool);
    if (lease) return lease;
  }
  return Connect(*pool, address, tls, server_name);
}

Lease Pools::Connect(TargetPool& pool, const net::SocketAddress& address, ssl_ctx_st* tls,
                     const std::string& server_name) {
  Lease lease;
  lease.pools_ = this;
  lease.pool_ = &pool;
  lease.serial_ = pool.serial;
  lease.client_ = std::make_unique<http::H1Client>(loop_, http::ParseLimits{});
  pool.leased++;
  lease.client_->Connect(address, tls, server_name);
  return lease;
}

void Pools::GiveBack(std::unique_ptr<http::H1Client> client, TargetPool& pool, uint64_t serial) {
  pool.leased--;
  if (!sweep_.armed()) sweep_.SetAfter(kSweepEvery);
  bool worn = pool.requests != 0 && client->requests() >= pool.requests;
  bool keep = client->Detach() && pool.serial == serial && pool.idle_count < pool.keep && !worn;
  if (!keep) {
    client->Close();
    loop_.DestroyLater(std::move(client));
    return;
  }
  client->idle_since = loop_.Now();
  client->Rest(*this);
  pool.idle.PushFront(*client);
  client->pool = &pool;
  pool.idle_count++;
  idle_++;
  client.release();  // owned by the list: Take, Drop and CloseIdle give it an owner again
}

void Pools::Drop(http::H1Client& client, TargetPool& pool) {
  client.Unlink();
  pool.idle_count--;
  idle_--;
  client.Close();
  loop_.DestroyLater(std::unique_ptr<http::H1Client>(&client));
}

void Pools::OnIdleClosed(http::H1Client& client) { Drop(client, *static_cast<TargetPool*>(client.pool)); }

void Pools::Sweep(TargetPool& pool, Nanoseconds now) {
  while (http::H1Client* oldest = pool.idle.back()) {
    if (oldest->idle_since + pool.idle_limit > now) return;
    Drop(*oldest, pool);
  }
}

void Pools::OnSweep(void* self) {
  Pools& pools = *static_cast<Pools*>(self);
  Nanoseconds now = pools.loop_.Now();
  for (auto& pool : pools.by_target_) {
    if (pool) pools.Sweep(*pool, now);
  }
  for (auto& [key, pool] : pools.by_address_) pools.Sweep(*pool, now);
  // Addresses are a script's to choose: what nobody uses is forgotten.
  std::erase_if(pools.by_address_,
                [](const auto& entry) { return entry.second->idle_count + entry.second->leased == 0; });
  if (pools.idle_ > 0 || !pools.by_address_.empty()) pools.sweep_.SetAfter(kSweepEvery);
}

void Pools::CloseAll(TargetPool& pool) {
  while (http::H1Client* client = pool.idle.front()) Drop(*client, pool);
}

void Pools::CloseIdle() {
  for (auto& pool : by_target_) {
    if (pool) CloseAll(*pool);
  }
  for (auto& [key, pool] : by_address_) CloseAll(*pool);
}

}  // namespace mg::upstream
