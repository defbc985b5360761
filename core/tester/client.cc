#include "tester/client.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace mg::tester {

int Deadline::left_ms() const {
  Nanoseconds left = at_ - MonotonicNow();
  return left <= 0 ? 0 : static_cast<int>(std::min<Nanoseconds>((left + 999'999) / 1'000'000, 1'000'000));
}

Result<void> Client::Connect(const net::SocketAddress& to, Deadline deadline) {
  Close();
  fd_ = socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) return FailErrno("socket");
  int one = 1;
  if (to.family() != AF_UNIX) setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd_, to.raw(), to.length()) == 0) return {};
  if (errno != EINPROGRESS) return FailErrno("connect to " + to.ToString());
  pollfd wait{fd_, POLLOUT, 0};
  if (poll(&wait, 1, deadline.left_ms()) <= 0)
    return Fail(ErrorCode::kTimeout, "connect to " + to.ToString() + ": timeout");
  socklen_t size = sizeof errno;
  int failed = 0;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &failed, &size);
  if (failed == 0) return {};
  errno = failed;
  return FailErrno("connect to " + to.ToString());
}

void Client::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void Client::ShutdownSend() { shutdown(fd_, SHUT_WR); }

bool Client::Turn(short events, short& ready, Deadline deadline) {
  pollfd wait{fd_, events, 0};
  int count;
  do {
    count = poll(&wait, 1, deadline.left_ms());
  } while (count < 0 && errno == EINTR);
  ready = wait.revents;
  if (count <= 0) return false;
  if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0 && !ended_) ReadWhatIsThere();
  return true;
}

void Client::ReadWhatIsThere() {
  std::array<char, 65536> piece;
  for (;;) {
    ssize_t size = recv(fd_, piece.data(), piece.size(), 0);
    if (size > 0) {
      if (!reader_.Feed({piece.data(), static_cast<size_t>(size)})) return;
      continue;
    }
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    ended_ = true;
    reset_ = size < 0;
    reader_.End();
    return;
  }
}

Client::Outcome Client::Send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    if (!reader_.error().empty()) return Outcome::kProtocol;
    ssize_t size = ended_ ? -1 : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size > 0) {
      bytes.remove_prefix(static_cast<size_t>(size));
      continue;
    }
    if (size < 0 && errno == EINTR) continue;
    if (ended_ || (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK)) return Outcome::kEnded;
    short ready = 0;
    if (!Turn(POLLIN | POLLOUT, ready, deadline)) return Outcome::kTimeout;
  }
  return Outcome::kDone;
}

Client::Outcome Client::ReadResponses(size_t count, Deadline deadline) {
  for (;;) {
    if (!reader_.error().empty()) return Outcome::kProtocol;
    if (reader_.responses().size() >= count && !reader_.switched()) return Outcome::kDone;
    if (ended_) return reader_.responses().size() >= count ? Outcome::kDone : Outcome::kEnded;
    short ready = 0;
    if (!Turn(POLLIN, ready, deadline)) return Outcome::kTimeout;
  }
}

Client::Outcome Client::ReadSomething(Deadline deadline) {
  while (!reader_.TakeProgress()) {
    if (!reader_.error().empty()) return Outcome::kProtocol;
    if (ended_) return Outcome::kEnded;
    short ready = 0;
    if (!Turn(POLLIN, ready, deadline)) return Outcome::kTimeout;
  }
  return Outcome::kDone;
}

Client::Outcome Client::ReadEnd(Deadline deadline) {
  while (!ended_) {
    if (!reader_.error().empty()) return Outcome::kProtocol;
    short ready = 0;
    if (!Turn(POLLIN, ready, deadline)) return Outcome::kTimeout;
  }
  return reader_.error().empty() ? Outcome::kDone : Outcome::kProtocol;
}

}  // namespace mg::tester
