#include "script/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "script/scheduler.h"
#include "script/surface.h"

extern char** environ;

namespace mg::script {
namespace {

constexpr size_t kMostKept = 64 * 1024 * 1024;  // of an output that a script reads as a whole

// A pipe; both ends are closed on exec.
struct PipeEnds {
  int read = -1, write = -1;
  bool Open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
  static int Take(int& fd) { return std::exchange(fd, -1); }
  ~PipeEnds() {
    if (read >= 0) close(read);
    if (write >= 0) close(write);
  }
};

// What a child starts with: its streams, no other descriptor, no blocked or ignored signal.
class SpawnSetup {
 public:
  SpawnSetup() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  int Run(const ChildOptions& options, int in, int out, int err, pid_t& pid) {
    posix_spawn_file_actions_adddup2(&actions_, in, 0);
    posix_spawn_file_actions_adddup2(&actions_, out, 1);
    posix_spawn_file_actions_adddup2(&actions_, err, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    std::vector<char*> command = Pointers(options.command), environment = Pointers(options.environment);
    return posix_spawnp(&pid, command[0], &actions_, &attributes_, command.data(),
                        options.has_environment ? environment.data() : environ);
  }

 private:
  static std::vector<char*> Pointers(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
  }
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

int PushFailure(lua_State* L, const char* why) {
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

}  // namespace

// Held by the coroutine that waits: its time, and what is to be undone when it is killed.
class Child::Waiting final : public Operation {
 public:
  Waiting(std::shared_ptr<Child> child, Stream stream, Nanoseconds due)
      : child_(std::move(child)),
        stream_(stream),
        handle_(child_->lanes_[stream].handle),
        timer_(child_->loop_, OnDue, this) {
    if (due != 0) timer_.SetAt(due);
  }
  ~Waiting() override {
    if (!Current()) return;
    Lane& lane = child_->lanes_[stream_];
    lane.waits = false;
    if (stream_ != kEnd && lane.has_event) event_del(&lane.ready);
  }

 private:
  static void OnDue(void* self) {
    auto* waiting = static_cast<Waiting*>(self);
    if (waiting->Current()) waiting->child_->Fail(waiting->stream_, "timeout");
  }
  // Whether the stream's operation is still the one that this was made for.
  bool Current() const {
    const Lane& lane = child_->lanes_[stream_];
    return lane.waits && lane.handle.wait == handle_.wait && lane.handle.slot == handle_.slot &&
           lane.handle.generation == handle_.generation;
  }
  std::shared_ptr<Child> child_;
  Stream stream_;
  Handle handle_;
  net::Timer timer_;
};

Result<std::shared_ptr<Child>> Child::Spawn(const ChildOptions& options, net::Loop& loop) {
  PipeEnds in, out, err;
  if (!in.Open() || !out.Open() || (!options.merge_stderr && !err.Open())) {
    return mg::Fail(ErrorCode::kSystem, std::string("pipe() failed: ") + strerror(errno));
  }
  std::shared_ptr<Child> child(new Child(loop));
  int failed = SpawnSetup().Run(options, in.read, out.write, options.merge_stderr ? out.write : err.write, child->pid_);
  if (failed != 0) return mg::Fail(ErrorCode::kSystem, strerror(failed));
  int watch = static_cast<int>(syscall(SYS_pidfd_open, child->pid_, 0));
  if (watch < 0) {
    int error = errno;
    kill(child->pid_, SIGKILL);
    waitpid(child->pid_, nullptr, 0);
    return mg::Fail(ErrorCode::kSystem, std::string("pidfd_open() failed: ") + strerror(error));
  }
  child->merged_ = options.merge_stderr;
  child->read_size_ = std::max<size_t>(options.buffer_size, 1);
  child->Open(kIn, PipeEnds::Take(in.write), EV_WRITE);
  child->Open(kOut, PipeEnds::Take(out.read), EV_READ);
  if (!options.merge_stderr) child->Open(kErr, PipeEnds::Take(err.read), EV_READ);
  child->Open(kEnd, watch, EV_READ);
  event_add(&child->lanes_[kEnd].ready, nullptr);
  return child;
}

Child::~Child() {
  for (Stream stream : {kIn, kOut, kErr, kEnd}) {
    Lane& lane = lanes_[stream];
    if (lane.has_event) event_del(&lane.ready);
    if (lane.fd >= 0) close(lane.fd);
  }
  if (pid_ > 0 && !exited_) {  // its loop has gone, too
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void Child::Open(Stream stream, int fd, short events) {
  Lane& lane = lanes_[stream];
  lane.fd = fd;
  if (stream != kEnd) fcntl(fd, F_SETFL, O_NONBLOCK);
  watches_[stream] = {this, stream};
  event_assign(&lane.ready, loop_.base(), fd, events, OnReady, &watches_[stream]);
  lane.has_event = true;
}

void Child::OnReady(int, short, void* self) {
  auto* watch = static_cast<Watch*>(self);
  std::shared_ptr<Child> child = watch->child->shared_from_this();
  if (watch->stream == kEnd) {
    if (waitpid(child->pid_, &child->status_, WNOHANG) != child->pid_) {
      event_add(&child->lanes_[kEnd].ready, nullptr);
      return;
    }
    child->exited_ = true;
    child->Close(kIn);
    if (child->lanes_[kEnd].waits) child->TellEnd();
    child->loop_.LetGo(child.get());
    return;
  }
  child->Progress(watch->stream);
}

// --- operations

bool Child::busy(Stream stream) const { return lanes_[stream].waits && Scheduler::Waits(lanes_[stream].handle); }

void Child::Begin(Stream stream, Scheduler& scheduler) {
  Lane& lane = lanes_[stream];
  lane.waits = true;
  lane.handle = Scheduler::BeginWait(nullptr);
  Nanoseconds due = lane.timeout != 0 ? scheduler.DueIn(lane.timeout) : 0;
  Scheduler::SetOperation(lane.handle, std::make_unique<Waiting>(shared_from_this(), stream, due));
}

void Child::Finish(Stream stream, Push push) {
  Lane& lane = lanes_[stream];
  if (!lane.waits) return;
  lane.waits = false;
  if (stream != kEnd && lane.has_event) event_del(&lane.ready);
  Scheduler::Wake(lane.handle, std::move(push));
}

// With what a reader has got so far.
void Child::Fail(Stream stream, const char* why) {
  Lane& lane = lanes_[stream];
  if (!lane.waits) return;
  if (stream != kOut && stream != kErr) {
    return Finish(stream, [why](lua_State* L) { return PushFailure(L, why); });
  }
  Finish(stream, [why, partial = std::exchange(lane.buffer, {})](lua_State* L) {
    PushFailure(L, why);
    lua_pushlstring(L, partial.data(), partial.size());
    return 3;
  });
}

void Child::Write(std::string data, Scheduler& scheduler) {
  Lane& lane = lanes_[kIn];
  lane.buffer = std::move(data);
  lane.done = 0;
  Begin(kIn, scheduler);
  ProgressWrite();
}

void Child::ProgressWrite() {
  Lane& lane = lanes_[kIn];
  while (lane.waits && lane.done < lane.buffer.size()) {
    ssize_t n = write(lane.fd, lane.buffer.data() + lane.done, lane.buffer.size() - lane.done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      event_add(&lane.ready, nullptr);
      return;
    }
    if (n < 0) return Fail(kIn, errno == EPIPE ? "closed" : strerrordesc_np(errno));
    lane.done += static_cast<size_t>(n);
  }
  if (lane.waits) lane.buffer.clear();
  Finish(kIn, [size = lane.done](lua_State* L) {
    lua_pushnumber(L, static_cast<lua_Number>(size));
    return 1;
  });
}

void Child::ReadFrom(Stream stream, Read how, size_t size, Scheduler& scheduler) {
  Lane& lane = lanes_[stream];
  lane.how = how;
  lane.size = size;
  Begin(stream, scheduler);
  Progress(stream);
}

void Child::Progress(Stream stream) {
  if (stream == kIn) return ProgressWrite();
  Lane& lane = lanes_[stream];
  while (lane.waits && !Deliver(stream)) {
    if (lane.buffer.size() > kMostKept) return Fail(stream, "too much data");
    if (!Fill(lane)) {
      event_add(&lane.ready, nullptr);
      return;
    }
  }
}

bool Child::Fill(Lane& lane) {
  size_t before = lane.buffer.size();
  lane.buffer.resize(before + read_size_);
  ssize_t n;
  do {
    n = read(lane.fd, lane.buffer.data() + before, read_size_);
  } while (n < 0 && errno == EINTR);
  lane.buffer.resize(before + static_cast<size_t>(std::max<ssize_t>(n, 0)));
  if (n < 0 && errno == EAGAIN) return false;
  if (n <= 0) lane.ended = true;
  return true;
}

bool Child::Deliver(Stream stream) {
  Lane& lane = lanes_[stream];
  size_t take = std::string::npos, drop = 0;
  switch (lane.how) {
    case Read::kAll:
      if (lane.ended && !lane.told) take = lane.buffer.size();
      break;
    case Read::kLine: {
      size_t end = lane.buffer.find('\n');
      if (end == std::string::npos) break;
      take = end > 0 && lane.buffer[end - 1] == '\r' ? end - 1 : end;
      drop = end + 1 - take;
      break;
    }
    case Read::kBytes:
      if (lane.buffer.size() >= lane.size) take = lane.size;
      break;
    case Read::kAny:
      if (!lane.buffer.empty()) take = std::min(lane.size, lane.buffer.size());
      break;
  }
  if (lane.how == Read::kAll && lane.ended) lane.told = true;
  if (take == std::string::npos) {
    if (lane.ended) Fail(stream, "closed");
    return lane.ended;
  }
  std::string text = lane.buffer.substr(0, take);
  lane.buffer.erase(0, take + drop);
  Finish(stream, [text = std::move(text)](lua_State* L) {
    lua_pushlstring(L, text.data(), text.size());
    return 1;
  });
  return true;
}

void Child::WaitForEnd(Scheduler& scheduler) {
  Begin(kEnd, scheduler);
  if (exited_) TellEnd();
}

void Child::TellEnd() {
  waited_for_ = true;
  Finish(kEnd, [status = status_](lua_State* L) {
    bool left = WIFEXITED(status);
    int number = left ? WEXITSTATUS(status) : WTERMSIG(status);
    lua_pushboolean(L, left && number == 0);
    lua_pushstring(L, left ? "exit" : "signal");
    lua_pushinteger(L, number);
    return 3;
  });
}

void Child::Close(Stream stream) {
  Lane& lane = lanes_[stream];
  if (lane.fd < 0) return;
  if (lane.has_event) event_del(&lane.ready);
  lane.has_event = false;
  close(std::exchange(lane.fd, -1));
  Fail(stream, stream == kIn && exited_ ? "closed" : "aborted");
  lane.buffer.clear();
}

int Child::Kill(int signal) { return kill(pid_, signal) == 0 ? 0 : errno; }

void Child::Drop() {
  if (dropped_) return;
  dropped_ = true;
  for (Stream stream : {kIn, kOut, kErr}) Close(stream);
  if (exited_) return;
  kill(pid_, SIGKILL);
  loop_.Keep(shared_from_this());  // dropped, not reaped yet
}

// --- those of a VM

Result<uint64_t> Pipes::Spawn(const ChildOptions& options, net::Loop& loop) {
  auto child = Child::Spawn(options, loop);
  if (!child) return std::unexpected(child.error());
  all_[++last_] = std::move(*child);
  return last_;
}

std::shared_ptr<Child> Pipes::Find(uint64_t number) const {
  auto found = all_.find(number);
  return found != all_.end() ? found->second : nullptr;
}

void Pipes::Free(uint64_t number) {
  auto found = all_.find(number);
  if (found == all_.end()) return;
  found->second->Drop();
  all_.erase(found);
}

Pipes::~Pipes() {
  for (auto& [number, child] : all_) child->Drop();
}

}  // namespace mg::script
