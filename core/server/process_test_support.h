// A gateway as users run it, for tests: the program beside this test, as supervisor and worker, with its own folder;
// clients and an upstream made of plain blocking sockets. Not part of the library.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/strings.h"

namespace mg::server::test {

constexpr std::chrono::seconds kPatience{20};  // ends a test that fails; never the measure of one that passes

inline bool Eventually(const std::function<bool()>& holds) {
  auto end = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

inline std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

inline int Listen(uint16_t port, uint16_t& bound) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(listen(fd, 1024), 0);
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  bound = ntohs(address.sin_port);
  return fd;
}

// A port that nothing listens on.
inline uint16_t FreePort() {
  uint16_t port = 0;
  close(Listen(0, port));
  return port;
}

// A client's connection.
class Connection {
 public:
  explicit Connection(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    timeval patience{kPatience.count(), 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const { return connected_; }
  bool Send(std::string_view text) {
    return send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  bool Get(std::string_view path, std::string_view fields = "") {
    return Send(fmt::format("GET {} HTTP/1.1\r\nHost: test\r\n{}\r\n", path, fields));
  }

  struct Answer {
    int status = 0;
    std::string head, body;
  };
  // nullopt: the connection ended first.
  std::optional<Answer> Read() {
    size_t end;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return std::nullopt;
    }
    Answer answer;
    answer.head = Take(end + 4);
    answer.status = ParseDecimal<int>(answer.head.substr(9, 3)).value_or(0);
    size_t field = Lower(answer.head).find("content-length: ");
    if (answer.status == 101 || field == std::string::npos) return answer;
    size_t value = field + 16;
    size_t length = ParseDecimal<size_t>(answer.head.substr(value, answer.head.find('\r', value) - value)).value_or(0);
    while (received_.size() < length) {
      if (!Receive()) return std::nullopt;
    }
    answer.body = Take(length);
    return answer;
  }
  // Sends a text and waits for the same one.
  bool Echo(const std::string& text) {
    if (!Send(text)) return false;
    while (received_.size() < text.size()) {
      if (!Receive()) return false;
    }
    return Take(text.size()) == text;
  }

 private:
  bool Receive() {
    char buffer[16384];
    ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
    if (size > 0) received_.append(buffer, static_cast<size_t>(size));
    return size > 0;
  }
  std::string Take(size_t size) {
    std::string text = received_.substr(0, size);
    received_.erase(0, size);
    return text;
  }

  int fd_;
  bool connected_ = false;
  std::string received_;
};

// The status of one request on a connection of its own; 0: none came.
inline int StatusOf(uint16_t port, std::string_view path) {
  Connection client(port);
  if (!client.connected() || !client.Get(path)) return 0;
  auto answer = client.Read();
  return answer ? answer->status : 0;
}

// Answers every request with "upstream\n"; upgrades those that ask for it and echoes from then on; holds those for
// /held until Release.
class Upstream {
 public:
  Upstream() : fd_(Listen(0, port_)), acceptor_([this] { Accept(); }) {}
  ~Upstream() {
    Release();
    shutdown(fd_, SHUT_RDWR);
    acceptor_.join();
    {
      std::lock_guard lock(mutex_);
      for (int fd : open_) shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
    close(fd_);
  }
  uint16_t port() const { return port_; }
  int held() const { return held_; }  // requests that wait
  void Release() { released_ = true; }

 private:
  void Accept() {
    int fd;
    while ((fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0) {
      {
        std::lock_guard lock(mutex_);
        open_.push_back(fd);
      }
      threads_.emplace_back([this, fd] {
        Serve(fd);
        std::lock_guard lock(mutex_);
        std::erase(open_, fd);
        close(fd);
      });
    }
  }
  void Serve(int fd) {
    std::string text;
    char buffer[4096];
    bool upgraded = false;
    ssize_t size;
    while ((size = recv(fd, buffer, sizeof buffer, 0)) > 0) {
      text.append(buffer, static_cast<size_t>(size));
      for (size_t end; !upgraded && (end = text.find("\r\n\r\n")) != std::string::npos; text.erase(0, end + 4)) {
        std::string head = Lower(std::string_view(text).substr(0, end));
        upgraded = head.find("\r\nupgrade: ") != std::string::npos;
        if (head.find("/held") != std::string::npos) {
          held_++;
          while (!released_) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        Send(fd, upgraded ? "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
                          : "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nupstream\n");
      }
      if (upgraded && !text.empty()) {
        Send(fd, text);
        text.clear();
      }
    }
  }
  static void Send(int fd, std::string_view text) { (void)!send(fd, text.data(), text.size(), MSG_NOSIGNAL); }

  uint16_t port_ = 0;
  int fd_;
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::atomic<bool> released_{false};
  std::atomic<int> held_{0};
  std::thread acceptor_;
};

class Running {
 public:
  explicit Running(std::string config) : folder_(MakeFolder()) { Write("g.yaml", config); }
  ~Running() {
    if (pid_ > 0) {
      kill(pid_, SIGTERM);
      Wait();
    }
    std::filesystem::remove_all(folder_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  // As a good editor does: whoever reads sees the old text or the new one.
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(Path(name + ".new")) << text;
    std::filesystem::rename(Path(name + ".new"), Path(name));
  }
  std::string Log() const { return ReadAll(Path("log")); }
  bool Logs(const std::string& text) const {
    return Eventually([&] { return Log().find(text) != std::string::npos; });
  }

  // `descriptors`: how many files it may have open; 0: as many as this process.
  void Start(rlim_t descriptors = 0) { pid_ = Spawn({"run", "-c", Path("g.yaml")}, descriptors); }
  // Runs a verb to its end: its exit code, and what it printed.
  std::pair<int, std::string> Ask(const std::string& verb, std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {verb, "-c", Path("g.yaml")});
    pid_t pid = Spawn(std::move(arguments), 0, "answer");
    int status = 0;
    waitpid(pid, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadAll(Path("answer"))};
  }
  // Waits for its end: its exit code, -1 where a signal ended it.
  int Wait() {
    int status = 0;
    bool ended = Eventually([&] { return waitpid(pid_, &status, WNOHANG) == pid_; });
    if (!ended) {
      ADD_FAILURE() << "it does not end:\n" << Log();
      kill(pid_, SIGKILL);
      waitpid(pid_, &status, 0);
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  pid_t supervisor() const { return pid_; }
  // 0: there is none now.
  pid_t worker() const {
    return ParseDecimal<pid_t>(Trim(ReadAll(fmt::format("/proc/{0}/task/{0}/children", pid_)))).value_or(0);
  }
  void KillWorker() {
    pid_t killed = worker();
    ASSERT_GT(killed, 0);
    kill(killed, SIGKILL);
    ASSERT_TRUE(Eventually([&] { return worker() != killed; }));
  }
  size_t OpenFiles() const {  // of the worker
    std::error_code ignored;
    auto files = std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", worker()), ignored);
    return static_cast<size_t>(std::distance(begin(files), end(files)));
  }
  // What the worker has in memory, in bytes.
  size_t Memory() const {
    std::string rollup = ReadAll(fmt::format("/proc/{}/smaps_rollup", worker()));
    size_t at = rollup.find("Rss:");
    return at == std::string::npos ? 0 : std::strtoull(rollup.c_str() + at + 4, nullptr, 10) * 1024;
  }

 private:
  static std::string MakeFolder() {
    char name[] = "/tmp/moongate_process_XXXXXX";
    std::string folder = mkdtemp(name);
    std::filesystem::permissions(folder, std::filesystem::perms(0755));  // for `user:`
    return folder;
  }
  pid_t Spawn(std::vector<std::string> words, rlim_t descriptors, const std::string& output = "log") const {
    std::string program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "moongate";
    words.insert(words.begin(), program);
    std::string file = Path(output);
    if (output != "log") std::filesystem::remove(file);
    pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int out = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(out, 1);
    dup2(out, 2);
    if (descriptors != 0) {
      rlimit limit{descriptors, descriptors};
      setrlimit(RLIMIT_NOFILE, &limit);
    }
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(127);
  }

  std::string folder_;
  pid_t pid_ = -1;
};

}  // namespace mg::server::test
