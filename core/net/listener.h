// Listener: accepts connections on one loop from a listening socket, in batches, and hands the sockets out.
// When descriptors run out it keeps a spare one to accept and close with, so that a full table never spins the loop.
#pragma once

#include <functional>
#include <memory>

#include "net/address.h"
#include "net/loop.h"

namespace mg::net {

class Listener {
 public:
  // Called for each accepted socket: non-blocking, close-on-exec, TCP_NODELAY. Owns the descriptor from then on.
  using OnAccept = std::function<void(int fd, const SocketAddress& peer)>;

  // `fd` is a listening, non-blocking socket; the listener does not close it (the process keeps it for its successor).
  Listener(Loop& loop, int fd, OnAccept on_accept);
  ~Listener();
  // Stops and resumes accepting (overload, drain).
  void Pause();
  void Resume();
  uint64_t accepted() const { return accepted_; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  uint64_t accepted_ = 0;
};

// Opens a listening socket, non-blocking. TCP: SO_REUSEADDR, IPv6 without IPv4; with kYes several sockets of this
// process share the address (SO_REUSEPORT), never one of another process. Unix: a stale file (a socket nobody listens
// on) is removed first. The error says what is wrong with the address and what to do. May wait: not for a loop's
// thread.
enum class ReusePort : bool { kNo, kYes };
Result<int> OpenListeningSocket(const SocketAddress& address, int backlog, ReusePort reuse_port);

}  // namespace mg::net
