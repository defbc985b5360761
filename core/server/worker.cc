#include "server/worker.h"

#include <fmt/format.h>
#include <grp.h>
#include <malloc.h>
#include <poll.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <optional>
#include <set>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/load.h"
#include "net/tls.h"
#include "observe/line_writer.h"
#include "proxy/trace.h"
#include "script/profiler.h"
#include "server/control_socket.h"
#include "server/file_watch.h"
#include "server/gateway.h"

namespace mg::server {

namespace {

constexpr Nanoseconds kTrimAfter = 1'000'000'000;
constexpr int kSettle = 8;  // ms without a further change before watched files are read: editors save in several steps

// Listening sockets that the supervisor opens and keeps.
class SupervisorSockets final : public SocketSource {
 public:
  explicit SupervisorSockets(Channel& channel) : channel_(channel) {}

  Result<std::vector<int>> Open(const config::Listener& listener, int count) override {
    std::string key = SocketKey(listener);
    auto found = sockets_.find(key);
    if (found != sockets_.end()) return found->second;
    channel_.Send({Message::kOpen, fmt::format("{} {} {}", count, listener.backlog, key), {}});
    std::optional<Message> answer = channel_.Receive();
    if (!answer) return Fail(ErrorCode::kSystem, "the supervisor has gone");
    if (answer->kind != Message::kSockets) return Fail(ErrorCode::kSystem, answer->text);
    return sockets_[key] = answer->descriptors;
  }

  void Keep(const std::vector<config::Listener>& listeners) override {
    std::string lines;
    std::map<std::string, std::vector<int>> kept;
    for (const config::Listener& listener : listeners) {
      std::string key = SocketKey(listener);
      lines += key + "\n";
      auto found = sockets_.find(key);
      if (found != sockets_.end()) kept.insert(sockets_.extract(found));
    }
    for (auto& [key, fds] : sockets_) {
      for (int fd : fds) close(fd);
    }
    sockets_ = std::move(kept);
    channel_.Send({Message::kKeep, lines, {}});
  }

 private:
  Channel& channel_;
  std::map<std::string, std::vector<int>> sockets_;
};

// The files of the disk, and what was looked for and not found: it may come.
class WatchedFiles final : public config::FileSource {
 public:
  bool Read(const std::string& path, std::string& content, std::string& error) override {
    bool found = disk_.Read(path, content, error);
    if (!found && std::filesystem::is_directory(std::filesystem::path(path).parent_path())) missing_.insert(path);
    return found;
  }
  std::vector<std::string> Glob(const std::string& pattern) override { return disk_.Glob(pattern); }

  const config::FileList& files() const { return disk_.files(); }
  const std::vector<std::string>& patterns() const { return disk_.patterns(); }
  const std::set<std::string>& missing() const { return missing_; }

 private:
  config::DiskFiles disk_;
  std::set<std::string> missing_;
};

void LogLines(std::string_view lines) {
  while (!lines.empty()) {
    size_t end = lines.find('\n');
    MG_LOG(kError, "{}", lines.substr(0, end));
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
}

// A connection takes a descriptor, a proxied request a second one: as many as the system lets it have.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) MG_LOG(kWarn, "cannot raise the limit of open files: errno {}", errno);
}

class Worker {
 public:
  Worker(const WorkerOptions& options, Channel& supervisor)
      : options_(options), supervisor_(supervisor), sockets_(supervisor) {}

  int Run() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int s : {SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1}) sigaddset(&signals, s);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread is made
    signal(SIGPIPE, SIG_IGN);
    RaiseDescriptorLimit();
    signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (!Start()) {
      supervisor_.Send({Message::kFailed, {}, {}});
      return 1;
    }
    while (!done_) {
      Turn();
      if (trim_at_ == 0 || MonotonicNow() < trim_at_) continue;
      malloc_trim(0);
      trim_at_ = 0;
    }
    gateway_->Stop();
    SetLogSink(nullptr);
    return 0;
  }

 private:
  // --- generations

  // Loads from `files`; the errors, empty when it went live.
  std::string Load(config::FileSource& files) {
    config::Diagnostics diagnostics;
    std::unique_ptr<config::Config> conf = config::Load(options_.config_file, files, diagnostics);
    if (conf && !gateway_) {
      auto before_first = [this](const config::Config& first, config::Diagnostics& errors) { Settle(first, errors); };
      gateway_ = std::make_unique<Gateway>(
          GatewayOptions{static_cast<int>(std::max(conf->workers, 1u)), &sockets_, &writer_, before_first});
    }
    if (!conf && gateway_) gateway_->CountRefused();
    if (!conf || !gateway_->Load(std::move(conf), files, diagnostics)) return diagnostics.ToString();
    for (const config::Diagnostic& warning : diagnostics.all()) MG_LOG(kWarn, "{}", warning.ToString());
    ApplyLog(*gateway_->snapshot()->config);
    return {};
  }

  bool Start() {
    WatchedFiles disk;
    std::string errors = Load(disk);
    if (errors.empty()) {
      WentLive(disk.files(), disk);
    } else if (!options_.last_good.empty()) {
      MG_LOG(kError, "the configuration on disk is refused, the last good one is served instead");
      LogLines(errors);
      config::MemoryFiles memory(config::FileList(options_.last_good.begin(), options_.last_good.end()));
      std::string older = Load(memory);
      if (!older.empty()) return false;
      WentLive(config::FileList(options_.last_good.begin(), options_.last_good.end()), disk);
    } else {
      std::fputs(errors.c_str(), stderr);
      return false;
    }
    return true;
  }

  // What takes the rights that this process began with, and the end of these.
  void Settle(const config::Config& conf, config::Diagnostics& diagnostics) {
    ApplyLog(conf);
    if (!conf.pid_file.empty()) supervisor_.Send({Message::kPidFile, conf.pid_file, {}});
    if (!control_) OpenControl();  // where root's `moongate reload` looks for it
    if (!conf.user.empty() && getuid() == 0) DropPrivileges(conf, diagnostics);
  }

  // HUP, `moongate reload`, a watched file: the answer for whoever asked.
  std::string Reload() {
    Nanoseconds began = MonotonicNow();
    WatchedFiles disk;
    std::string errors = Load(disk);
    if (!errors.empty()) {
      MG_LOG(kError, "reload refused, generation {} stays", gateway_->generation());
      LogLines(errors);
      // What was read, or was not there, is watched all the same: the next save may mend it.
      std::vector<std::string> names = live_files_;
      for (const auto& [path, content] : disk.files()) names.push_back(path);
      names.insert(names.end(), disk.missing().begin(), disk.missing().end());
      if (watching_) watch_.Watch(names, disk.patterns());
      return "error\n" + errors;
    }
    WentLive(disk.files(), disk);
    double ms = static_cast<double>(MonotonicNow() - began) / 1e6;
    MG_LOG(kNotice, "generation {} is live after {:.1f} ms", gateway_->generation(), ms);
    return fmt::format("ok\ngeneration {} is live after {:.1f} ms\n", gateway_->generation(), ms);
  }

  // `sought`: where more is watched for.
  void WentLive(const config::FileList& files, const WatchedFiles& sought) {
    live_files_.clear();
    for (const auto& [path, content] : files) {
      live_files_.push_back(path);
      supervisor_.Send({Message::kFile, path + '\0' + content, {}});
    }
    supervisor_.Send({Message::kReady, {}, {}});
    watching_ = gateway_->snapshot()->config->watch;
    if (watching_) {
      std::vector<std::string> names = live_files_;
      names.insert(names.end(), sought.missing().begin(), sought.missing().end());
      if (watch_.Watch(names, sought.patterns())) changed_ = changed_ || DiffersFromDisk(files, sought);
    } else {
      watch_.Watch({}, {});
    }
    if (trim_at_ == 0) trim_at_ = MonotonicNow() + kTrimAfter;
  }

  // What was saved between reading it and watching it.
  static bool DiffersFromDisk(const config::FileList& files, const WatchedFiles& sought) {
    config::DiskFiles disk;
    std::string content, ignored;
    for (const auto& [path, known] : files) {
      if (!disk.Read(path, content, ignored) || content != known) return true;
    }
    auto exists = [](const std::string& path) { return access(path.c_str(), F_OK) == 0; };
    if (std::ranges::any_of(sought.missing(), exists)) return true;
    for (const std::string& pattern : sought.patterns()) {
      for (const std::string& match : disk.Glob(pattern)) {
        if (std::ranges::find(files, match, &config::FileList::value_type::first) == files.end()) return true;
      }
    }
    return false;
  }

  void ApplyLog(const config::Config& conf) {
    SetLogLevel(conf.log_level);
    Result<observe::LineWriter::Output> output = writer_.Open(OutputTarget(conf.log_output));
    if (!output) {
      MG_LOG(kError, "log.output: {}", output.error().message);
      return;
    }
    if (log_) {
      log_->SetOutput(*output);
    } else {
      log_ = std::make_unique<observe::LogToWriter>(writer_, *output);
      SetLogSink(log_.get());
    }
  }

  void DropPrivileges(const config::Config& conf, config::Diagnostics& diagnostics) {
    passwd* user = getpwnam(conf.user.c_str());
    if (user == nullptr) {
      diagnostics.ErrorIn(conf.file, 0, 0, "user", fmt::format("there is no user \"{}\" on this machine", conf.user));
    } else if (initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
      diagnostics.ErrorIn(conf.file, 0, 0, "user", fmt::format("cannot become \"{}\"", conf.user));
    }
  }

  // --- the control thread's turn

  void OpenControl() {
    Result<ControlSocket> opened = ControlSocket::Open(ControlSocketPath(options_.config_file));
    if (opened) {
      control_.emplace(std::move(*opened));
    } else {
      MG_LOG(kWarn, "`moongate reload` and `stop` will not reach this gateway (signals do): {}",
             opened.error().message);
    }
  }

  void Turn() {
    pollfd fds[4] = {{signal_fd_, POLLIN, 0},
                     {watch_.fd(), POLLIN, 0},
                     {control_ ? control_->fd() : -1, POLLIN, 0},
                     {supervisor_.fd(), POLLIN, 0}};
    Milliseconds rotation = gateway_->snapshot()->config->ticket_rotation.count();
    Milliseconds tickets = std::min<Milliseconds>(rotation_.Check(MonotonicNow(), rotation), 3'600'000);
    int idle = static_cast<int>(trim_at_ != 0 ? std::min<Milliseconds>(tickets, 100) : tickets);
    int timeout = draining_ ? 50 : changed_ ? kSettle : idle;
    int ready = poll(fds, 4, timeout);
    if (ready == 0 && changed_) {
      changed_ = false;
      Reload();
    }
    if (fds[1].revents != 0 && watch_.Changed()) changed_ = true;
    if (fds[2].revents != 0) control_->Serve([this](const std::string& line) { return Answer(line); });
    if (fds[0].revents != 0) OnSignals();
    if (fds[3].revents != 0) done_ = true;  // the supervisor has gone
    if (draining_ && gateway_->Drained()) done_ = true;
  }

  std::string Answer(const std::string& line) {
    if (line == "reload") return Reload();
    if (line == "stop") {
      done_ = true;
      return "ok\n";
    }
    if (line == "quit") {
      Drain();
      return "ok\n";
    }
    if (line == "status")
      return fmt::format("ok\ngeneration {}\nfiles {}\n", gateway_->generation(), live_files_.size());
    if (line == "generations") return "ok\n" + gateway_->Generations();
    if (line == "trace arm") return AnswerOf(proxy::Traces::Get().Arm(MonotonicNow()));
    if (line.starts_with("trace take ")) return AnswerOf(proxy::Traces::Get().Take(line.substr(11), MonotonicNow()));
    if (line == "profile take") return "ok\n" + script::Profiler::Get().Take();
    if (line.starts_with("profile start ")) return StartProfile(line.substr(14));
    return "error\nknown are: reload, stop, quit, status, generations, profile, trace\n";
  }

  static std::string AnswerOf(const Result<std::string>& result) {
    return result ? "ok\n" + *result : "error\n" + result.error().message + "\n";
  }

  // "SECONDS ROUTE".
  std::string StartProfile(const std::string& what) {
    size_t space = what.find(' ');
    auto seconds = ParseDecimal<int>(what.substr(0, space));
    if (space == std::string::npos || !seconds || *seconds < 1 || *seconds > 600)
      return "error\nprofile start takes seconds and a route\n";
    std::string route = what.substr(space + 1);
    if (!gateway_->snapshot()->route_names.contains(route))
      return fmt::format("error\nthere is no route \"{}\"\n", route);
    auto started = script::Profiler::Get().Start(route, Nanoseconds{*seconds} * 1'000'000'000);
    return started ? "ok\n" : "error\n" + started.error().message + "\n";
  }

  void OnSignals() {
    signalfd_siginfo info;
    while (read(signal_fd_, &info, sizeof info) == sizeof info) {
      switch (info.ssi_signo) {
        case SIGHUP: Reload(); break;
        case SIGTERM:
        case SIGINT: done_ = true; break;
        case SIGQUIT: Drain(); break;
        case SIGUSR1: writer_.Reopen(); break;
        default: break;
      }
    }
  }

  void Drain() {
    if (draining_) return;
    draining_ = true;
    MG_LOG(kNotice, "draining: no new connections, what is under way is finished");
    gateway_->Drain();
  }

  WorkerOptions options_;
  Channel& supervisor_;
  SupervisorSockets sockets_;
  observe::LineWriter writer_;
  std::unique_ptr<observe::LogToWriter> log_;
  std::unique_ptr<Gateway> gateway_;
  std::optional<ControlSocket> control_;
  FileWatch watch_;
  net::TicketRotation rotation_;
  std::vector<std::string> live_files_;
  int signal_fd_ = -1;
  bool watching_ = false, changed_ = false, draining_ = false, done_ = false;
  Nanoseconds trim_at_ = 0;  // when to give back what building took and what the generation before held; 0: not
};

}  // namespace

int RunWorker(const WorkerOptions& options, Channel& supervisor) { return Worker(options, supervisor).Run(); }

}  // namespace mg::server
