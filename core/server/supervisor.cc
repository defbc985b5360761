#include "server/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/syntax.h"
#include "server/channel.h"
#include "server/gateway.h"
#include "server/worker.h"

namespace mg::server {

namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr Nanoseconds kFirstBackOff = kSecond / 10, kLongestBackOff = 5 * kSecond;
constexpr Nanoseconds kStable = 10 * kSecond;        // a worker that lived so long is restarted at once
constexpr Nanoseconds kStopPatience = 10 * kSecond;  // between asking a worker to stop and ending it

class Supervisor {
 public:
  explicit Supervisor(const RunOptions& options) : options_(options) {}
  ~Supervisor() {
    for (auto& [key, fds] : sockets_) CloseSockets(key, fds);
  }

  int Run() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int s : {SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGCHLD}) sigaddset(&signals, s);
    sigprocmask(SIG_BLOCK, &signals, &inherited_mask_);
    signal(SIGPIPE, SIG_IGN);
    signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    StartWorker();
    while (!done_) Turn();
    close(signal_fd_);
    if (!pid_file_.empty()) unlink(pid_file_.c_str());
    return exit_code_;
  }

 private:
  void Turn() {
    pollfd fds[2] = {{signal_fd_, POLLIN, 0}, {channel_ ? channel_->fd() : -1, POLLIN, 0}};
    int timeout = -1;
    if (restart_at_ != 0)
      timeout = static_cast<int>(std::max<Nanoseconds>(0, restart_at_ - MonotonicNow()) / 1'000'000 + 1);
    if (kill_at_ != 0) timeout = static_cast<int>(std::max<Nanoseconds>(0, kill_at_ - MonotonicNow()) / 1'000'000 + 1);
    poll(fds, 2, timeout);
    if (fds[1].revents != 0) OnWorkerMessage();
    if (fds[0].revents != 0) OnSignals();
    Nanoseconds now = MonotonicNow();
    if (restart_at_ != 0 && now >= restart_at_) StartWorker();
    if (kill_at_ != 0 && now >= kill_at_ && worker_ > 0) kill(worker_, SIGKILL);
  }

  void StartWorker() {
    restart_at_ = 0;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
      MG_LOG(kCrit, "no socket pair for a worker");
      return PlanRestart();
    }
    pid_t parent = getpid();
    worker_ = fork();
    if (worker_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);  // a worker without its supervisor stops
      if (getppid() != parent) _exit(0);
      close(pair[0]);
      close(signal_fd_);
      channel_.reset();
      for (auto& [address, fds] : sockets_) {
        for (int fd : fds) close(fd);  // it asks for them anew
      }
      sigprocmask(SIG_SETMASK, &inherited_mask_, nullptr);
      Channel channel(pair[1]);
      int code = RunWorker({options_.config_file, last_good_}, channel);
      _exit(code);
    }
    close(pair[1]);
    channel_ = std::make_unique<Channel>(pair[0]);
    started_at_ = MonotonicNow();
    if (worker_ < 0) {
      MG_LOG(kCrit, "a worker could not be started");
      PlanRestart();
    }
  }

  void PlanRestart() {
    if (MonotonicNow() - started_at_ > kStable) back_off_ = 0;
    back_off_ = std::clamp(back_off_ * 2, kFirstBackOff, kLongestBackOff);
    restart_at_ = MonotonicNow() + back_off_;
  }

  void OnWorkerMessage() {
    std::optional<Message> message = channel_->Receive();
    if (!message) {
      channel_.reset();  // SIGCHLD tells the rest
      return;
    }
    switch (message->kind) {
      case Message::kOpen: channel_->Send(Open(message->text)); return;
      case Message::kKeep: Keep(message->text); return;
      case Message::kFile: {
        size_t end = message->text.find('\0');
        if (end != std::string::npos) coming_[message->text.substr(0, end)] = message->text.substr(end + 1);
        return;
      }
      case Message::kReady:
        last_good_ = std::move(coming_);
        coming_.clear();
        was_ready_ = true;
        return;
      case Message::kPidFile: WritePidFile(message->text); return;
      case Message::kFailed: refused_ = true; return;
      case Message::kSockets:
      case Message::kError: return;
    }
  }

  // Beside it, then renamed: nobody reads half of it, and a worker's restart leaves it whole.
  void WritePidFile(const std::string& path) {
    std::error_code failed;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
    std::string written = path + ".new";
    std::ofstream file(written, std::ios::trunc);
    file << getpid() << "\n";
    file.close();
    if (file) std::filesystem::rename(written, path, failed);
    if (file && !failed) {
      pid_file_ = path;
    } else {
      MG_LOG(kError, "the pid file {} cannot be written", path);
    }
  }

  // "COUNT BACKLOG ADDRESS"
  Message Open(const std::string& text) {
    size_t first = text.find(' '), second = text.find(' ', first + 1);
    if (first == std::string::npos || second == std::string::npos) return {Message::kError, "a malformed request", {}};
    int count = ParseDecimal<int>(std::string_view(text).substr(0, first)).value_or(1);
    std::string address = text.substr(second + 1);
    auto found = sockets_.find(address);
    if (found != sockets_.end()) return {Message::kSockets, {}, found->second};
    config::Listener listener;
    listener.backlog = ParseDecimal<int>(std::string_view(text).substr(first + 1, second - first - 1)).value_or(4096);
    Result<config::Address> parsed = config::ParseAddress(address, "/");
    if (!parsed) return {Message::kError, parsed.error().message, {}};
    listener.address = *parsed;
    Result<std::vector<int>> fds = OpenSockets(listener, count);
    if (!fds) return {Message::kError, fds.error().message, {}};
    for (int fd : *fds) fcntl(fd, F_SETFD, FD_CLOEXEC);
    sockets_[address] = *fds;
    return {Message::kSockets, {}, *fds};
  }

  void Keep(const std::string& lines) {
    std::erase_if(sockets_, [&](auto& entry) {
      if (("\n" + lines).find("\n" + entry.first + "\n") != std::string::npos) return false;
      CloseSockets(entry.first, entry.second);
      return true;
    });
  }

  void OnSignals() {
    signalfd_siginfo info;
    while (read(signal_fd_, &info, sizeof info) == sizeof info) {
      int number = static_cast<int>(info.ssi_signo);
      if (number == SIGCHLD) {
        Reap();
        continue;
      }
      bool stopping = number == SIGTERM || number == SIGINT || number == SIGQUIT;
      if (stopping) {
        stopping_ = true;
        restart_at_ = 0;
        if (number != SIGQUIT) kill_at_ = MonotonicNow() + kStopPatience;
      }
      if (worker_ > 0) {
        kill(worker_, number);
      } else if (stopping) {
        done_ = true;
      }
    }
  }

  void Reap() {
    int status = 0;
    while (worker_ > 0 && waitpid(worker_, &status, WNOHANG) == worker_) {
      worker_ = -1;
      while (channel_ && Pending()) OnWorkerMessage();
      channel_.reset();
      coming_.clear();
      if (stopping_ || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
        done_ = true;
        return;
      }
      if (refused_ && !was_ready_) {
        exit_code_ = 1;
        done_ = true;
        return;
      }
      if (WIFSIGNALED(status)) {
        MG_LOG(kAlert, "the worker was ended by signal {}; starting another", WTERMSIG(status));
      } else {
        MG_LOG(kAlert, "the worker exited with code {}; starting another", WEXITSTATUS(status));
      }
      PlanRestart();
    }
  }

  bool Pending() const {
    pollfd fd{channel_->fd(), POLLIN, 0};
    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLIN) != 0;
  }

  RunOptions options_;
  std::string pid_file_;
  sigset_t inherited_mask_{};
  int signal_fd_ = -1;
  pid_t worker_ = -1;
  std::unique_ptr<Channel> channel_;
  std::map<std::string, std::vector<int>> sockets_;  // by the address as written
  std::map<std::string, std::string> coming_, last_good_;
  Nanoseconds started_at_ = 0, back_off_ = 0, restart_at_ = 0, kill_at_ = 0;
  bool stopping_ = false, done_ = false, was_ready_ = false, refused_ = false;
  int exit_code_ = 0;
};

}  // namespace

int RunSupervised(const RunOptions& options) { return Supervisor(options).Run(); }

}  // namespace mg::server
