#include "base/log.h"

#include <unistd.h>

#include <ctime>

namespace mg {

namespace internal {
std::atomic<uint8_t> log_level{static_cast<uint8_t>(LogLevel::kInfo)};
}

namespace {
std::atomic<LogSink*> sink{nullptr};
constinit thread_local LogTap tap = nullptr;

void WriteToStandardError(LogLevel level, std::string_view line) {
  std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z [{}] {}\n", utc.tm_year + 1900, utc.tm_mon + 1,
                                 utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, LogLevelName(level), line);
  [[maybe_unused]] ssize_t ignored = write(STDERR_FILENO, text.data(), text.size());
}
}  // namespace

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kEmerg: return "emerg";
    case LogLevel::kAlert: return "alert";
    case LogLevel::kCrit: return "crit";
    case LogLevel::kError: return "error";
    case LogLevel::kWarn: return "warn";
    case LogLevel::kNotice: return "notice";
    case LogLevel::kInfo: return "info";
    case LogLevel::kDebug: return "debug";
  }
  return "unknown";
}

void SetLogSink(LogSink* next) { sink.store(next, std::memory_order_release); }

void SetLogLevel(LogLevel level) { internal::log_level.store(static_cast<uint8_t>(level), std::memory_order_relaxed); }

LogLevel GetLogLevel() { return static_cast<LogLevel>(internal::log_level.load(std::memory_order_relaxed)); }

void SetThreadLogTap(LogTap next) { tap = next; }

void LogLine(LogLevel level, std::string_view line) {
  if (tap != nullptr) tap(level, line);
  LogSink* to = sink.load(std::memory_order_acquire);
  if (to != nullptr) {
    to->Write(level, line);
  } else {
    WriteToStandardError(level, line);
  }
}

}  // namespace mg
