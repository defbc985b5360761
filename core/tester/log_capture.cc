#include "tester/log_capture.h"

#include <fmt/format.h>

namespace mg::tester {

void LogCapture::Write(LogLevel level, std::string_view line) {
  std::lock_guard lock(mutex_);
  if (lines_.size() < kMaxLines) lines_.push_back(fmt::format("[{}] {}", LogLevelName(level), line));
  came_.notify_all();
}

void LogCapture::Clear() {
  std::lock_guard lock(mutex_);
  lines_.clear();
}

std::vector<std::string> LogCapture::Lines() const {
  std::lock_guard lock(mutex_);
  return lines_;
}

void LogCapture::WaitUntil(const std::function<bool(const std::vector<std::string>&)>& enough,
                           std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  came_.wait_for(lock, limit, [&] { return enough(lines_); });
}

}  // namespace mg::tester
