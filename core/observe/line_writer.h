// LineWriter: writes the lines of all threads (error log, access logs) from a thread of its own, so that no producer
// ever waits for a disk, a pipe or a full socket. What does not fit is dropped and counted.
//
// Owner: the process. A loop thread attaches itself and gets a ring of its own (no lock); other threads share one
// behind a mutex that is held for a copy. Lines of one thread keep their order, those of different threads may swap by
// a few milliseconds. The thread sleeps while there is nothing to write.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "observe/line_output.h"
#include "observe/line_ring.h"

namespace mg::observe {

class LineWriter {
 public:
  struct Options {
    size_t ring_bytes = size_t{1} << 20;  // for each attached thread, and for the others together
    size_t max_line = 32768;              // longer ones are cut
  };
  static constexpr size_t kMaxOutputs = 256;

  // An output's number; valid as long as the writer.
  struct Output {
    uint16_t index = 0;
  };

  // Starts the thread, which takes no signals.
  LineWriter() : LineWriter(Options()) {}
  explicit LineWriter(Options options);
  // Writes what is there and ends the thread. No thread writes any more.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // Opens an output (LineOutput::Open tells what `target` may be), or finds it if it is open. Any thread; may block.
  Result<Output> Open(std::string_view target);

  // Any thread; never blocks. `output` is of this writer. `line` has no newline at its end. False if it was dropped.
  // `severity` is syslog's.
  bool Write(Output output, std::string_view line, uint8_t severity = 6);

  // The calling thread gets a ring, until Detach or the thread's end; at most one thread's worth of writers at a time:
  // attaching to another writer detaches from this one.
  void Attach();
  void Detach();

  // Has paths opened again, soon. Any thread; does not wait.
  void Reopen();
  // Returns when everything written before is with the operating system. Not for loops.
  void Flush();

  // Since the start.
  uint64_t written() const { return written_.load(std::memory_order_relaxed); }
  uint64_t dropped() const;

 private:
  void Run();
  bool Drain();
  void Serve();
  void FindOutputs();
  void Sleep();
  void Wake();
  void TellOfLoss();

  const Options options_;
  const uint64_t identity_;
  int wake_fd_;
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> reopen_{false};
  std::atomic<uint64_t> written_{0};
  std::atomic<uint64_t> lost_{0};  // by outputs, and by rings that are gone

  std::mutex shared_mutex_;  // one producer at a time for shared_
  LineRing shared_;

  mutable std::mutex mutex_;  // rings_, outputs_ (to add), flushes
  std::vector<std::shared_ptr<LineRing>> rings_;
  std::vector<std::unique_ptr<LineOutput>> outputs_;
  std::condition_variable flushed_;
  uint64_t flush_wanted_ = 0, flush_done_ = 0;

  std::vector<std::shared_ptr<LineRing>> draining_;  // the thread's own copies of the lists above
  std::vector<LineOutput*> open_;
  uint64_t told_ = 0;  // of the lines dropped, how many the log knows of
  Nanoseconds told_at_ = 0;
  std::thread thread_;
};

// The log's sink (base/log.h) on a LineWriter: "2026-01-31T12:00:00.123Z [error] text". Control characters are written
// as \n or \xHH, so that nobody can forge a line. Owner: the process, which sets it with SetLogSink and unsets it
// before the end. Any thread.
class LogToWriter : public LogSink {
 public:
  LogToWriter(LineWriter& writer, LineWriter::Output output) : writer_(writer), output_(output.index) {}
  void Write(LogLevel level, std::string_view line) override;
  // Where the lines go from now on (a reload changed it).
  void SetOutput(LineWriter::Output output) { output_.store(output.index, std::memory_order_relaxed); }

 private:
  LineWriter& writer_;
  std::atomic<uint16_t> output_;
};

}  // namespace mg::observe
