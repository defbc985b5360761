// LogCapture: the log lines of the block that runs, in place of standard error. Installed while it lives.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"

namespace mg::tester {

class LogCapture final : public LogSink {
 public:
  LogCapture() { SetLogSink(this); }
  ~LogCapture() override { SetLogSink(nullptr); }

  // From any thread: kept as "[error] the line".
  void Write(LogLevel level, std::string_view line) override;

  void Clear();
  std::vector<std::string> Lines() const;
  // Waits until `enough` holds of the lines, at most this long; asks again whenever a line has come.
  void WaitUntil(const std::function<bool(const std::vector<std::string>&)>& enough, std::chrono::milliseconds limit);

 private:
  // A runaway script may log without end.
  static constexpr size_t kMaxLines = 100'000;
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::string> lines_;
};

}  // namespace mg::tester
