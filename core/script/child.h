// Child: a process with three pipes to it. One coroutine at a time writes, one reads each of the two outputs, one waits
// for its end. Each operation ends with Scheduler::Wake on the handle it was begun with.
//
// Owner: Pipes; an operation that waits and, once dropped, the loop's watch for its end hold it too. Thread: the
// loop's.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "script/pipes.h"

namespace mg::script {

class Child : public std::enable_shared_from_this<Child> {
 public:
  enum Stream : int { kIn = 0, kOut = 1, kErr = 2, kEnd = 3 };  // kEnd: the wait for its end, as if it were one
  enum class Read : int { kAll = 0, kLine = 1, kBytes = 2, kAny = 3 };

  static Result<std::shared_ptr<Child>> Spawn(const ChildOptions& options, net::Loop& loop);
  ~Child();

  pid_t pid() const { return pid_; }
  bool merged() const { return merged_; }
  bool busy(Stream stream) const;
  bool closed(Stream stream) const { return lanes_[stream].fd < 0; }
  bool exited() const { return exited_; }
  bool waited_for() const { return waited_for_; }
  void set_timeout(Stream stream, Nanoseconds timeout) { lanes_[stream].timeout = timeout; }

  // Of the running coroutine: each begins a wait.
  void Write(std::string data, Scheduler& scheduler);
  void ReadFrom(Stream stream, Read how, size_t size, Scheduler& scheduler);
  void WaitForEnd(Scheduler& scheduler);
  // An operation on it is aborted.
  void Close(Stream stream);
  // 0, or errno.
  int Kill(int signal);
  // Kills and closes; it lives on until it is reaped.
  void Drop();

 private:
  class Waiting;
  struct Lane {
    int fd = -1;
    event ready{};
    bool has_event = false;
    Nanoseconds timeout = 10'000'000'000;  // 0: none
    bool waits = false;
    Handle handle;
    std::string buffer;  // read and not taken yet; of kIn: to be written
    size_t done = 0;     // of kIn: written so far
    Read how = Read::kAll;
    size_t size = 0;
    bool ended = false;  // read to its end
    bool told = false;   // and the script knows
  };

  explicit Child(net::Loop& loop) : loop_(loop) {}
  void Open(Stream stream, int fd, short events);
  void Begin(Stream stream, Scheduler& scheduler);
  void Finish(Stream stream, Push push);
  void Fail(Stream stream, const char* why);
  void Progress(Stream stream);
  void ProgressWrite();
  bool Fill(Lane& lane);        // false: nothing more for now
  bool Deliver(Stream stream);  // whether the reader has got what it asked for
  void TellEnd();
  static void OnReady(int fd, short what, void* self);

  net::Loop& loop_;
  pid_t pid_ = -1;
  bool merged_ = false, exited_ = false, waited_for_ = false, dropped_ = false;
  int status_ = 0;  // as waitpid has it
  size_t read_size_ = 4096;
  Lane lanes_[4];
  struct Watch {
    Child* child;
    Stream stream;
  } watches_[4]{};
};

}  // namespace mg::script
