#include "tester/mock_redis.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/strings.h"
#include "tester/loopback.h"

namespace mg::tester {

// One accepted connection and the thread that serves it.
class MockRedis::Connection {
 public:
  Connection(MockRedis& mock, int fd) : mock_(mock), fd_(fd), thread_([this] { Serve(); }) {}
  ~Connection() {
    thread_.join();
    close(fd_);
  }

 private:
  void Serve() {
    std::vector<std::string> command;
    for (;;) {
      Taken taken = TakeCommand(buffer_, command);
      if (taken == Taken::kBroken || (taken == Taken::kCommand && !Reply(command))) break;
      if (taken == Taken::kMore && !ReadMore()) break;
    }
    shutdown(fd_, SHUT_RDWR);
  }

  // False: the mock stops.
  bool WaitFor(short events, int milliseconds) {
    std::array<pollfd, 2> wait = {{{events == 0 ? -1 : fd_, events, 0}, {mock_.stop_, POLLIN, 0}}};
    poll(wait.data(), wait.size(), milliseconds);
    return wait[1].revents == 0;
  }

  bool ReadMore() {
    std::array<char, 65536> piece;
    for (;;) {
      if (!WaitFor(POLLIN, -1)) return false;
      ssize_t size = recv(fd_, piece.data(), piece.size(), MSG_DONTWAIT);
      if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (size <= 0) return false;
      buffer_.append(piece.data(), static_cast<size_t>(size));
      return true;
    }
  }

  bool SendAll(std::string_view bytes) {
    while (!bytes.empty()) {
      if (!WaitFor(POLLOUT, -1)) return false;
      ssize_t size = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (size < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(size));
    }
    return true;
  }

  // What a client begins a connection with is granted where the block says nothing of it.
  static std::optional<std::string> Granted(const std::string& name) {
    if (EqualsIgnoreCase(name, "PING")) return "+PONG\r\n";
    if (EqualsIgnoreCase(name, "AUTH") || EqualsIgnoreCase(name, "SELECT")) return "+OK\r\n";
    return std::nullopt;
  }

  // False: the connection is done with.
  bool Reply(const std::vector<std::string>& command) {
    RedisReply reply;
    {
      std::lock_guard lock(mock_.mutex_);
      const RedisReply* chosen = mock_.script_.Choose(command);
      std::optional<std::string> granted = Granted(command[0]);
      if (chosen == nullptr && granted) {
        reply.bytes = std::move(*granted);
      } else {
        mock_.received_.push_back({command, chosen != nullptr});
        reply = chosen != nullptr ? *chosen : RedisReply{.bytes = "-ERR the test has no reply for this command\r\n"};
      }
    }
    if (reply.delay.count() > 0 && !WaitFor(0, static_cast<int>(reply.delay.count()))) return false;
    if (reply.kind == RedisReply::Kind::kClose) return false;
    if (reply.kind == RedisReply::Kind::kBytes) return SendAll(reply.bytes);
    while (ReadMore()) buffer_.clear();  // kStall
    return false;
  }

  MockRedis& mock_;
  int fd_;
  std::string buffer_;
  std::thread thread_;  // last: it uses the others
};

MockRedis::MockRedis(RedisScript script) : script_(std::move(script)) {
  stop_ = eventfd(0, EFD_CLOEXEC);
  listening_ = BindLoopback(port_);
  if (listening_ < 0 || listen(listening_, 64) != 0) port_ = 0;
  if (port_ != 0) acceptor_ = std::thread([this] { Accept(); });
}

MockRedis::~MockRedis() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t ignored = write(stop_, &one, sizeof one);
  if (acceptor_.joinable()) acceptor_.join();
  connections_.clear();
  if (listening_ >= 0) close(listening_);
  close(stop_);
}

std::vector<MockRedis::Received> MockRedis::Take() const {
  std::lock_guard lock(mutex_);
  return received_;
}

void MockRedis::Accept() {
  for (;;) {
    std::array<pollfd, 2> wait = {{{listening_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    if (poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return;
    if (wait[1].revents != 0) return;
    if ((wait[0].revents & POLLIN) == 0) continue;
    int fd = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connections_.push_back(std::make_unique<Connection>(*this, fd));
  }
}

}  // namespace mg::tester
