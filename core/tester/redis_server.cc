#include "tester/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fmt/format.h>

#include "base/strings.h"
#include "tester/sections.h"

namespace mg::tester {
namespace {

std::string FindProgram(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path;
  while (!rest.empty()) {
    std::string candidate = fmt::format("{}/{}", rest.substr(0, rest.find(':')), name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(rest.find(':'), rest.size() - 1) + 1);
  }
  return "";
}

int ConnectTo(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

uint16_t FreePort() {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  bool good = fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
              getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  if (fd >= 0) close(fd);
  return good ? ntohs(address.sin_port) : 0;
}

}  // namespace

RedisServer::~RedisServer() {
  if (fd_ >= 0) close(fd_);
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);  // nothing in it is to be kept
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<void> RedisServer::Start() {
  if (tried_) return started_;
  tried_ = true;
  std::string program = FindProgram("redis-server");
  if (program.empty()) return started_ = Fail(ErrorCode::kNotFound, "redis-server is not installed");
  for (int attempt = 0; attempt < 3; attempt++) {  // another process may have taken the port
    started_ = Launch(program);
    if (started_) break;
  }
  return started_;
}

Result<void> RedisServer::Launch(const std::string& program) {
  port_ = FreePort();
  std::string port = std::to_string(port_);
  pid_t parent = getpid();
  std::array<const char*, 13> arguments = {program.c_str(), "--port", port.c_str(),   "--bind", "127.0.0.1",
                                           "--save",        "",       "--appendonly", "no",     "--dir",
                                           folder_.c_str(), nullptr};
  pid_ = fork();
  if (pid_ < 0) return FailErrno("fork");
  if (pid_ == 0) {  // only what is safe between fork and exec in a process with threads
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    execv(program.c_str(), const_cast<char**>(arguments.data()));
    _exit(127);
  }
  for (int turn = 0; turn < 500; turn++) {
    fd_ = ConnectTo(port_);
    if (fd_ >= 0 && Command("PING")) return {};
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return Fail(ErrorCode::kSystem, "redis-server ended at once");
    }
    poll(nullptr, 0, 10);
  }
  return Fail(ErrorCode::kTimeout, "redis-server does not answer");
}

// One inline command and the first line of its reply (a bulk's or an array's rest is read and dropped).
Result<void> RedisServer::Command(std::string_view line) {
  std::string bytes = fmt::format("{}\r\nPING\r\n", line);  // the PONG tells where the reply ends
  if (send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
    return FailErrno("redis-server");
  std::string reply;
  while (!reply.ends_with("+PONG\r\n")) {
    std::array<char, 4096> piece;
    pollfd wait{fd_, POLLIN, 0};
    if (poll(&wait, 1, 2000) <= 0) return Fail(ErrorCode::kTimeout, "redis-server does not answer");
    ssize_t size = recv(fd_, piece.data(), piece.size(), 0);
    if (size <= 0) return Fail(ErrorCode::kReset, "redis-server closed the connection");
    reply.append(piece.data(), static_cast<size_t>(size));
  }
  if (reply.starts_with('-'))
    return Fail(ErrorCode::kInvalid, fmt::format("{}: {}", line, reply.substr(1, reply.find('\r') - 1)));
  return {};
}

Result<void> RedisServer::Prepare(std::string_view commands) {
  if (auto done = Command("FLUSHALL"); !done) return done;
  if (auto done = Command("SCRIPT FLUSH"); !done) return done;
  for (std::string_view line : SplitLines(commands)) {
    if (Trim(line).empty()) continue;
    if (auto done = Command(Trim(line)); !done) return done;
  }
  return {};
}

}  // namespace mg::tester
