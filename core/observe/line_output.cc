#include "observe/line_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace mg::observe {

namespace {

constexpr size_t kBatch = size_t{256} << 10;
constexpr int kPatience = 1000;  // ms that a pipe or terminal may refuse to take more
constexpr size_t kLargestDatagram = 8192;

// Non-blocking: a named pipe that nobody reads is an error now, and no stop for all other outputs.
Result<int> OpenFile(const std::string& path) {
  int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
  if (fd < 0) return FailErrno("cannot open " + path);
  return fd;
}

Result<int> ConnectSyslog(std::string_view target) {
  std::string path(target.starts_with("syslog:") ? target.substr(7) : "/dev/log");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Fail(ErrorCode::kInvalid, "path too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return FailErrno("socket");
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    auto failure = FailErrno("cannot connect to " + path);
    close(fd);
    return failure;
  }
  return fd;
}

}  // namespace

Result<LineOutput> LineOutput::Open(std::string_view target) {
  std::string name(target);
  if (target == "stderr" || target == "stdout") {
    int fd = fcntl(target == "stderr" ? STDERR_FILENO : STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return FailErrno(name);
    struct stat status {};
    bool file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    return LineOutput(std::move(name), file ? Kind::kFile : Kind::kStream, fd);
  }
  if (target == "syslog" || target.starts_with("syslog:")) {
    Result<int> fd = ConnectSyslog(target);
    if (!fd) return std::unexpected(fd.error());
    return LineOutput(std::move(name), Kind::kSyslog, *fd);
  }
  Result<int> fd = OpenFile(name);
  if (!fd) return std::unexpected(fd.error());
  struct stat status {};
  bool file = fstat(*fd, &status) == 0 && S_ISREG(status.st_mode);
  return LineOutput(std::move(name), file ? Kind::kFile : Kind::kStream, *fd);
}

LineOutput::LineOutput(LineOutput&& other) noexcept
    : target_(std::move(other.target_)),
      kind_(other.kind_),
      fd_(std::exchange(other.fd_, -1)),
      batch_(std::move(other.batch_)),
      lost_(other.lost_) {}

LineOutput::~LineOutput() {
  if (fd_ >= 0) close(fd_);
}

void LineOutput::Take(std::string_view line, uint8_t severity) {
  if (kind_ == Kind::kSyslog) {
    Send(line, severity);
    return;
  }
  batch_.append(line);
  batch_ += '\n';
  if (batch_.size() >= kBatch) Flush();
}

bool LineOutput::Wait() const {
  if (kind_ == Kind::kFile) return true;
  pollfd wait{fd_, POLLOUT, 0};
  int ready;
  do {
    ready = poll(&wait, 1, stuck_ ? 0 : kPatience);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// A pipe that polls as writable takes PIPE_BUF bytes without blocking, so it gets no more at once.
void LineOutput::Flush() {
  std::string_view left = batch_;
  while (!left.empty()) {
    size_t part = kind_ == Kind::kFile ? left.size() : std::min<size_t>(left.size(), PIPE_BUF);
    bool ready = Wait();
    ssize_t written = ready ? write(fd_, left.data(), part) : 0;
    if (written < 0 && errno == EINTR) continue;
    stuck_ = !ready;
    if (written <= 0) {
      lost_ += static_cast<uint64_t>(std::count(left.begin(), left.end(), '\n'));
      break;
    }
    left.remove_prefix(static_cast<size_t>(written));
  }
  batch_.clear();
}

// RFC 3164 section 4, as the system's own syslog() writes it; facility "daemon".
void LineOutput::Send(std::string_view line, uint8_t severity) {
  constexpr int kDaemon = 3;
  std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char when[32];
  std::strftime(when, sizeof when, "%b %e %H:%M:%S", &local);
  std::string datagram = fmt::format("<{}>{} moongate[{}]: {}", kDaemon * 8 + (severity & 7), when, getpid(),
                                     line.substr(0, kLargestDatagram));
  for (int attempt = 0; attempt < 2; attempt++) {
    if (send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return;
    if (errno == EAGAIN || errno == ENOBUFS) break;
    if (!Reopen()) break;  // the daemon has been restarted
  }
  lost_++;
}

Result<void> LineOutput::Reopen() {
  if (target_ == "stderr" || target_ == "stdout") return {};
  Flush();
  Result<int> fd = kind_ == Kind::kSyslog ? ConnectSyslog(target_) : OpenFile(target_);
  if (!fd) return std::unexpected(fd.error());
  close(std::exchange(fd_, *fd));
  return {};
}

}  // namespace mg::observe
