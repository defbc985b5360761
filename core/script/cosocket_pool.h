// SocketPools: the connections that cosockets keep alive, and who waits for one where a pool is full. They outlive
// generations: a reload closes none. Owner: the LoopContext. Thread: its loop's.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/list.h"
#include "net/transport.h"

namespace mg::script {

struct SocketPool;
class SocketPools;

// A connection, whoever has it: a cosocket, which then is the transport's handler, or a pool.
class SocketConnection final : public net::TransportHandler, public ListNode<SocketPool> {
 public:
  SocketConnection(net::Loop& loop, SocketPools& pools);

  net::Transport transport;
  uint32_t reused = 0;
  SocketPool* pool = nullptr;  // that counts it
  std::string tls_name;        // that the handshake asked for

  // While it is idle: whatever comes ends it.
  void OnConnected(Result<void>) override {}
  void OnReadable() override;
  void OnWritable() override {}

 private:
  friend class SocketPools;
  SocketPools& pools_;
  net::Timer idle_;
};

// Waits for its turn at a full pool.
class SocketWaiter : public ListNode<SocketWaiter> {
 public:
  virtual ~SocketWaiter() = default;
  // A kept connection, or null: it may make one, which is counted already.
  virtual void OnTurn(std::unique_ptr<SocketConnection> kept) = 0;
};

struct SocketPool {
  static constexpr int64_t kNoBacklog = -1;

  std::string key;
  size_t size = 0;               // kept at most; with a backlog, connections at most
  int64_t backlog = kNoBacklog;  // waiters at most
  size_t connections = 0;        // kept and in use
  size_t idle_count = 0, waiting = 0;
  List<SocketConnection, SocketPool> idle;  // the latest first
  List<SocketWaiter, SocketWaiter> waiters;
  bool serving = false;
};

class SocketPools final : public net::Deferred {
 public:
  explicit SocketPools(net::Loop& loop) : loop_(loop) {}
  ~SocketPools() override;

  net::Loop& loop() { return loop_; }
  SocketPool* Find(const std::string& key);
  // Found, or made with this size and backlog.
  SocketPool& Get(const std::string& key, size_t size, int64_t backlog);

  // The connection kept last, open as far as is known, or null.
  std::unique_ptr<SocketConnection> Take(SocketPool& pool);
  // Whether one more connection may be made; then it is counted until Leave, or until the end of
  // the connection whose `pool` this has become.
  bool Enter(SocketPool& pool);
  void Leave(SocketPool& pool);
  // Puts the waiter in the queue. False: too many wait.
  bool Wait(SocketPool& pool, SocketWaiter& waiter);
  void StopWaiting(SocketPool& pool, SocketWaiter& waiter);

  // Keeps an idle, open connection for `timeout` (0: for ever); the one idle longest makes room.
  void Keep(std::unique_ptr<SocketConnection> connection, SocketPool& pool, Milliseconds timeout);
  // Closes it. It may be in the middle of its own event.
  void Discard(std::unique_ptr<SocketConnection> connection);

 private:
  friend class SocketConnection;
  void Drop(SocketConnection& idle);
  void ServeSoon(SocketPool& pool);
  void Serve(const std::string& key);

  net::Loop& loop_;
  std::unordered_map<std::string, std::unique_ptr<SocketPool>> pools_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mg::script
