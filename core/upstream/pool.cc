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
    query_ = std::move(other.query_);
    pools_ = other.pools_;
    pool_ = other.pool_;
    reused_ = other.reused_;
  }
  return *this;
}

void Lease::Release() {
  query_.reset();
  if (client_) pools_->GiveBack(std::move(client_), *pool_);
}

Pools::Pools(net::Loop& loop, net::Resolver& resolver)
    : loop_(loop), resolver_(resolver), sweep_(loop, &Pools::OnSweep, this) {}

Pools::~Pools() { CloseIdle(); }

Lease Pools::Take(TargetPool& pool) {
  Lease lease;
  lease.pools_ = this;
  lease.pool_ = &pool;
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

Lease Pools::Acquire(const Upstream& upstream, size_t index, Reuse reuse) {
  const Target& target = upstream.targets()[index];
  uint32_t number = target.state->number;
  if (number >= by_target_.size()) by_target_.resize(number + 1);
  if (!by_target_[number]) by_target_[number] = std::make_unique<TargetPool>();
  TargetPool& pool = *by_target_[number];
  pool.keep = upstream.conf().keepalive.per_worker;
  pool.requests = upstream.conf().keepalive.requests;
  pool.idle_limit = upstream.conf().keepalive.idle.count() * 1'000'000;
  if (reuse == Reuse::kYes) {
    Lease lease = Take(pool);
    if (lease) return lease;
  }
  if (target.resolved) return Connect(pool, *target.resolved, upstream.tls(), target.server);

  Lease lease;
  lease.pools_ = this;
  lease.pool_ = &pool;
  lease.client_ = std::make_unique<http::H1Client>(loop_, http::ParseLimits{});
  pool.leased++;
  http::H1Client* client = lease.client_.get();
  lease.query_ = resolver_.Resolve(
      target.address.host, target.address.port,
      [this, client, tls = upstream.tls(), server = target.server](Result<std::vector<net::SocketAddress>> found) {
        if (found && !found->empty()) {
          client->Connect(found->front(), tls, server);
          return;
        }
        Error error = found ? Error{ErrorCode::kResolve, Origin::kUpstream, Retryable::kYes, "no address for " + server}
                            : found.error();
        // Never from within Acquire: the exchange has not begun yet.
        loop_.Defer([client, error] { client->OnConnected(std::unexpected(error)); });
      });
  return lease;
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
  lease.client_ = std::make_unique<http::H1Client>(loop_, http::ParseLimits{});
  pool.leased++;
  lease.client_->Connect(address, tls, server_name);
  return lease;
}

void Pools::GiveBack(std::unique_ptr<http::H1Client> client, TargetPool& pool) {
  pool.leased--;
  if (!sweep_.armed()) sweep_.SetAfter(kSweepEvery);
  bool worn = pool.requests != 0 && client->requests() >= pool.requests;
  bool keep = client->Detach() && pool.idle_count < pool.keep && !worn;
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

void Pools::CloseIdle() {
  auto close_all = [this](TargetPool& pool) {
    while (http::H1Client* client = pool.idle.front()) Drop(*client, pool);
  };
  for (auto& pool : by_target_) {
    if (pool) close_all(*pool);
  }
  for (auto& [key, pool] : by_address_) close_all(*pool);
}

}  // namespace mg::upstream
