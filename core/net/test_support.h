// What the tests of net share. Not part of the library.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>

#include "net/listener.h"
#include "net/loop.h"
#include "net/transport.h"

namespace mg::net::test {

// Turns the loop until `done` holds. The bound only ends a test that fails.
inline bool RunUntil(Loop& loop, const std::function<bool()>& done) {
  Nanoseconds end = MonotonicNow() + 20'000'000'000;
  while (!done()) {
    if (MonotonicNow() > end) return false;
    loop.RunOnce(100);
  }
  return true;
}

// A transport that collects what it reads and remembers what happened.
class Peer : public TransportHandler {
 public:
  explicit Peer(Loop& loop) : transport(loop, *this) {}

  void OnConnected(Result<void> result) override {
    connected = result.has_value();
    failure = result.has_value() ? "" : result.error().message;
    connects++;
    if (on_connected) on_connected();
  }
  void OnReadable() override {
    readables++;
    if (on_readable) {
      on_readable();
    } else {
      Drain();
    }
  }
  void OnWritable() override {
    writables++;
    if (on_writable) on_writable();
  }

  // Reads as a consumer that stops on a short read does.
  void Drain() {
    while (transport.readable() && ReadSome()) {
    }
  }
  // Until there is nothing: a reset that came with the last bytes shows in no event.
  void DrainAll() {
    while (ReadSome()) {
    }
  }
  bool ReadSome() {
    if (!transport.open() || ended || failed) return false;
    std::span<char> buffer = transport.loop().read_buffer();
    IoResult result = transport.Read(buffer.data(), buffer.size());
    if (result.status == IoResult::kOk) received.append(buffer.data(), result.bytes);
    if (result.status == IoResult::kEnd) ended = true;
    if (result.status == IoResult::kError) failed = true;
    return result.status != IoResult::kAgain;
  }

  Transport transport;
  std::string received, failure;
  bool connected = false, ended = false, failed = false;
  int connects = 0, readables = 0, writables = 0;
  std::function<void()> on_connected, on_readable, on_writable;
};

inline std::array<int, 2> Pair() {
  std::array<int, 2> fds{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
  return fds;
}

// The two ends of a TCP connection over loopback; both non-blocking.
inline std::array<int, 2> TcpPair() {
  int listening = *OpenListeningSocket(*SocketAddress::FromIp("127.0.0.1", 0), 1, ReusePort::kNo);
  sockaddr_storage raw{};
  socklen_t length = sizeof raw;
  getsockname(listening, reinterpret_cast<sockaddr*>(&raw), &length);
  int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(connect(one, reinterpret_cast<sockaddr*>(&raw), length), 0);
  fcntl(one, F_SETFL, O_NONBLOCK);
  int other = accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  EXPECT_GE(other, 0);
  close(listening);
  return {one, other};
}

inline SocketAddress AddressOf(int fd) {
  sockaddr_storage raw{};
  socklen_t length = sizeof raw;
  getsockname(fd, reinterpret_cast<sockaddr*>(&raw), &length);
  return SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&raw), length);
}

}  // namespace mg::net::test
