#include "script/cosocket_pool.h"

namespace mg::script {

SocketConnection::SocketConnection(net::Loop& loop, SocketPools& pools)
    : transport(loop, *this),
      pools_(pools),
      idle_(
          loop,
          [](void* self) {
            auto& connection = *static_cast<SocketConnection*>(self);
            connection.pools_.Drop(connection);
          },
          this) {}

void SocketConnection::OnReadable() {
  if (!linked()) return;
  char byte;
  if (transport.Read(&byte, 1).status == net::IoResult::kAgain) return;  // TLS spoke to itself
  pools_.Drop(*this);
}

SocketPools::~SocketPools() {
  *alive_ = false;
  for (auto& [key, pool] : pools_) {
    while (SocketConnection* connection = pool->idle.PopFront()) delete connection;  // owned by the list: Keep
  }
}

SocketPool* SocketPools::Find(const std::string& key) {
  auto found = pools_.find(key);
  return found == pools_.end() ? nullptr : found->second.get();
}

SocketPool& SocketPools::Get(const std::string& key, size_t size, int64_t backlog) {
  std::unique_ptr<SocketPool>& pool = pools_[key];
  if (!pool) {
    pool = std::make_unique<SocketPool>();
    pool->key = key;
    pool->size = size;
    pool->backlog = backlog;
  }
  return *pool;
}

std::unique_ptr<SocketConnection> SocketPools::Take(SocketPool& pool) {
  while (SocketConnection* connection = pool.idle.PopFront()) {
    pool.idle_count--;
    std::unique_ptr<SocketConnection> taken(connection);
    taken->idle_.Cancel();
    char byte;
    bool dubious = taken->transport.peer_closed() ||
                   (taken->transport.readable() && taken->transport.Read(&byte, 1).status != net::IoResult::kAgain);
    if (!dubious) {
      taken->reused++;
      return taken;
    }
    Discard(std::move(taken));
  }
  return nullptr;
}

bool SocketPools::Enter(SocketPool& pool) {
  if (pool.backlog != SocketPool::kNoBacklog && pool.connections >= pool.size) return false;
  pool.connections++;
  return true;
}

void SocketPools::Leave(SocketPool& pool) {
  pool.connections--;
  ServeSoon(pool);
}

bool SocketPools::Wait(SocketPool& pool, SocketWaiter& waiter) {
  if (pool.waiting >= static_cast<size_t>(pool.backlog)) return false;
  pool.waiting++;
  pool.waiters.PushBack(waiter);
  return true;
}

void SocketPools::StopWaiting(SocketPool& pool, SocketWaiter& waiter) {
  if (!waiter.linked()) return;
  waiter.Unlink();
  pool.waiting--;
  ServeSoon(pool);
}

void SocketPools::Keep(std::unique_ptr<SocketConnection> connection, SocketPool& pool, Milliseconds timeout) {
  if (connection->pool == nullptr) {
    connection->pool = &pool;
    pool.connections++;
  }
  connection->transport.set_handler(*connection);
  if (timeout > 0) connection->idle_.SetAfter(timeout);
  pool.idle.PushFront(*connection);
  connection.release();  // owned by the list: Take, Drop and the destructor give it an owner again
  pool.idle_count++;
  if (pool.idle_count > pool.size) Drop(*pool.idle.back());
  ServeSoon(pool);
}

void SocketPools::Discard(std::unique_ptr<SocketConnection> connection) {
  connection->transport.Close();
  if (connection->pool != nullptr) Leave(*std::exchange(connection->pool, nullptr));
  loop_.DestroyLater(std::move(connection));
}

void SocketPools::Drop(SocketConnection& idle) {
  idle.Unlink();
  idle.pool->idle_count--;
  idle.idle_.Cancel();
  Discard(std::unique_ptr<SocketConnection>(&idle));
}

// Never at once: it wakes scripts, and a script may be running; and it may forget the pool.
void SocketPools::ServeSoon(SocketPool& pool) {
  if (pool.serving || (pool.waiting == 0 && pool.connections > 0)) return;
  pool.serving = true;
  loop_.Defer([this, key = pool.key, alive = alive_] {
    if (*alive) Serve(key);
  });
}

void SocketPools::Serve(const std::string& key) {
  SocketPool* pool = Find(key);
  if (pool == nullptr) return;
  while (!pool->waiters.empty()) {
    std::unique_ptr<SocketConnection> kept = Take(*pool);
    if (kept == nullptr && !Enter(*pool)) break;
    pool->waiting--;
    pool->waiters.PopFront()->OnTurn(std::move(kept));
  }
  pool->serving = false;
  // Keys are a script's to choose: what nobody uses is forgotten.
  if (pool->connections == 0 && pool->waiting == 0) pools_.erase(key);
}

}  // namespace mg::script
