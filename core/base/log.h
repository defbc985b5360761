// The log's front: any thread may write a line; where it goes is set once by whoever owns the process (LogSink).
// A line carries no secret: what may be one is passed as Redacted().
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace mg {

// nginx's levels and numbers, which ngx.log uses.
enum class LogLevel : uint8_t { kEmerg = 1, kAlert, kCrit, kError, kWarn, kNotice, kInfo, kDebug };

std::string_view LogLevelName(LogLevel level);  // "error", "warn", ...

class LogSink {
 public:
  virtual ~LogSink() = default;
  // Called on any thread, must not block. `line` has no newline at its end.
  virtual void Write(LogLevel level, std::string_view line) = 0;
};

// Null restores the default: standard error, unbuffered.
void SetLogSink(LogSink* sink);
void SetLogLevel(LogLevel level);
LogLevel GetLogLevel();
// Sees each line that this thread writes, beside the sink; may not write one itself. Null: none.
using LogTap = void (*)(LogLevel level, std::string_view line);
void SetThreadLogTap(LogTap tap);

namespace internal {
extern std::atomic<uint8_t> log_level;
}

inline bool LogEnabled(LogLevel level) {
  return static_cast<uint8_t>(level) <= internal::log_level.load(std::memory_order_relaxed);
}

void LogLine(LogLevel level, std::string_view line);

}  // namespace mg

// MG_LOG(kWarn, "upstream {}: {}", name, reason): {fmt}'s syntax; arguments are not evaluated below the level.
#define MG_LOG(level, ...)                                                                                         \
  do {                                                                                                             \
    if (::mg::LogEnabled(::mg::LogLevel::level)) ::mg::LogLine(::mg::LogLevel::level, ::fmt::format(__VA_ARGS__)); \
  } while (false)
