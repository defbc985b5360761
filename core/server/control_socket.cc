#include "server/control_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <utility>

namespace mg::server {

namespace {

constexpr int kLineWait = 1'000;      // ms
constexpr int kAnswerWait = 120'000;  // ms: a reload compiles

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

bool CanRead(int fd, int timeout) {
  pollfd wait{fd, POLLIN, 0};
  return poll(&wait, 1, timeout) == 1;
}

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

std::string ControlSocketPath(const std::string& config_file) {
  std::error_code ignored;
  std::string absolute = std::filesystem::weakly_canonical(config_file, ignored).string();
  if (absolute.empty()) absolute = config_file;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  std::string base = runtime != nullptr && *runtime != 0 ? runtime : getuid() == 0 ? "/run" : "/tmp";
  uint64_t hash = 14695981039346656037u;
  for (char c : absolute) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return fmt::format("{}/moongate-{}/{:016x}.sock", base, getuid(), hash);
}

Result<ControlSocket> ControlSocket::Open(const std::string& path) {
  std::string directory = std::filesystem::path(path).parent_path();
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return FailErrno("cannot make " + directory);
  struct stat info;
  if (lstat(directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != getuid()) {
    return Fail(ErrorCode::kDenied, directory + " is not a directory of this user's own");
  }
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return Fail(ErrorCode::kInvalid, "the path is too long: " + path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return FailErrno("socket");
  unlink(path.c_str());  // a worker that died left it; a second gateway of the same file fails on its listeners
  sockaddr_un address = AddressOf(path);
  mode_t before = umask(0177);
  int bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  umask(before);
  if (bound != 0 || listen(fd, 16) != 0) {
    auto error = FailErrno("cannot listen on " + path);
    close(fd);
    return error;
  }
  return ControlSocket(fd, path);
}

ControlSocket::ControlSocket(int fd, std::string path) : fd_(fd), spare_(OpenSpare()), path_(std::move(path)) {}

ControlSocket::ControlSocket(ControlSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), spare_(std::exchange(other.spare_, -1)), path_(std::move(other.path_)) {}

ControlSocket::~ControlSocket() {
  if (spare_ >= 0) close(spare_);
  if (fd_ < 0) return;
  close(fd_);
  unlink(path_.c_str());
}

void ControlSocket::Serve(const std::function<std::string(const std::string&)>& answer) {
  int client = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0 && (errno == EMFILE || errno == ENFILE) && spare_ >= 0) {  // who asks is told so
    close(std::exchange(spare_, -1));
    client = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  }
  if (client < 0) return;
  std::string line;
  char c;
  while (line.size() < 256 && CanRead(client, kLineWait) && recv(client, &c, 1, 0) == 1 && c != '\n') line += c;
  std::string text = answer(line);
  timeval patience{1, 0};
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  for (size_t sent = 0; sent < text.size();) {
    ssize_t n = send(client, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;
    sent += static_cast<size_t>(n);
  }
  close(client);
  if (spare_ < 0) spare_ = OpenSpare();
}

Result<std::string> AskGateway(const std::string& path, const std::string& line) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return FailErrno("socket");
  sockaddr_un address = AddressOf(path);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return Fail(ErrorCode::kConnect, "no gateway is running with this configuration file");
  }
  std::string request = line + "\n";
  std::string text;
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    char buffer[4096];
    ssize_t n;
    while (CanRead(fd, kAnswerWait) && (n = recv(fd, buffer, sizeof buffer, 0)) > 0)
      text.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  if (text.empty()) return Fail(ErrorCode::kReset, "the gateway did not answer");
  return text;
}

Result<std::string> AskForText(const std::string& path, const std::string& line) {
  Result<std::string> answer = AskGateway(path, line);
  if (!answer) return answer;
  std::string text = answer->substr(std::min(answer->find('\n') + 1, answer->size()));
  if (answer->starts_with("ok\n")) return text;
  while (text.ends_with('\n')) text.pop_back();
  return Fail(ErrorCode::kDenied, text);
}

}  // namespace mg::server
