// Opening listening sockets: on the supervisor, which may wait.
#include <dirent.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "net/listener.h"

namespace mg::net {

namespace {

class Socket {
 public:
  explicit Socket(int family) : fd_(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  bool Set(int level, int option) const {
    int one = 1;
    return setsockopt(fd_, level, option, &one, sizeof one) == 0;
  }
  bool Bind(const SocketAddress& address) const { return bind(fd_, address.raw(), address.length()) == 0; }

 private:
  int fd_;
};

std::unexpected<Error> FailListen(const SocketAddress& address, int error) {
  std::string what = fmt::format("cannot listen on {}: ", address.ToString());
  switch (error) {
    case EADDRINUSE:
      what += "the address is already in use by another process: stop that one or choose another address";
      break;
    case EACCES:
      what += address.family() == AF_UNIX
                  ? "permission denied for the socket's directory"
                  : "permission denied: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE";
      break;
    case EADDRNOTAVAIL: what += "no interface of this machine has this address"; break;
    default: {
      char text[128];
      what += strerror_r(error, text, sizeof text);
    }
  }
  return Fail(ErrorCode::kSystem, std::move(what));
}

// Whether this process itself listens on the address: sockets of sister loops, of the generation before, or inherited.
bool ListensHere(const SocketAddress& address) {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return false;
  bool found = false;
  while (dirent* entry = found ? nullptr : readdir(directory)) {
    auto fd = ParseDecimal<int>(entry->d_name);
    if (!fd) continue;
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(*fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) continue;
    sockaddr_storage raw{};
    socklen_t length = sizeof raw;
    if (getsockname(*fd, reinterpret_cast<sockaddr*>(&raw), &length) != 0) continue;
    found = SocketAddress::FromRaw(reinterpret_cast<sockaddr*>(&raw), length) == address;
  }
  closedir(directory);
  return found;
}

// Removes a unix socket's file that nobody listens on; an error when it is in use or no socket.
Result<void> RemoveStale(const SocketAddress& address) {
  std::string path = address.ToString().substr(strlen("unix:"));
  struct stat file {};
  if (lstat(path.c_str(), &file) != 0) return {};  // nothing there; bind tells of anything else
  if (!S_ISSOCK(file.st_mode)) {
    return Fail(ErrorCode::kSystem,
                fmt::format("cannot listen on {}: the file exists and is not a socket", address.ToString()));
  }
  Socket probe(AF_UNIX);
  if (probe.fd() < 0) return FailListen(address, errno);
  if (connect(probe.fd(), address.raw(), address.length()) == 0 || errno == EAGAIN) {
    return FailListen(address, EADDRINUSE);
  }
  if (errno != ECONNREFUSED) return FailListen(address, errno);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return FailListen(address, errno);
  return {};
}

// SO_REUSEPORT would let us in beside a stranger of the same user, who would then get a part of the connections.
Result<void> RefuseStrangers(const SocketAddress& address) {
  Socket probe(address.family());
  if (probe.fd() < 0) return FailListen(address, errno);
  probe.Set(SOL_SOCKET, SO_REUSEADDR);
  if (address.family() == AF_INET6) probe.Set(IPPROTO_IPV6, IPV6_V6ONLY);
  if (probe.Bind(address)) return {};
  int error = errno;
  if (error == EADDRINUSE && ListensHere(address)) return {};
  return FailListen(address, error);
}

}  // namespace

Result<int> OpenListeningSocket(const SocketAddress& address, int backlog, ReusePort reuse_port) {
  bool local = address.family() == AF_UNIX;
  bool shared = reuse_port == ReusePort::kYes && !local;
  Result<void> free;
  if (local) free = RemoveStale(address);
  if (shared && address.port() != 0) free = RefuseStrangers(address);
  if (!free) return std::unexpected(std::move(free.error()));

  Socket socket(address.family());
  if (socket.fd() < 0) return FailListen(address, errno);
  if (!local) {
    if (!socket.Set(SOL_SOCKET, SO_REUSEADDR)) return FailListen(address, errno);
    if (shared && !socket.Set(SOL_SOCKET, SO_REUSEPORT)) return FailListen(address, errno);
    if (address.family() == AF_INET6 && !socket.Set(IPPROTO_IPV6, IPV6_V6ONLY)) return FailListen(address, errno);
    socket.Set(IPPROTO_TCP, TCP_NODELAY);
  }
  if (!socket.Bind(address) || listen(socket.fd(), backlog) != 0) return FailListen(address, errno);
  return socket.Release();
}

}  // namespace mg::net
