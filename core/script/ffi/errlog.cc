// What ngx.errlog keeps: the last lines that this loop's thread has written, up to lua.capture_error_log bytes.
#include <deque>

#include "base/log.h"
#include "proxy/exchange.h"
#include "script/program.h"
#include "script/surface.h"

namespace mg::script {
namespace {

constexpr int kAllLevels = 8;

struct Line {
  int level;
  Nanoseconds time;  // of day
  std::string text;
  size_t cost() const { return text.size() + sizeof(Line); }
};

// Of the loop's thread; generations take it over.
struct Capture {
  size_t capacity = 0;
  int filter = kAllLevels;
  size_t used = 0;
  std::deque<Line> lines;
};
thread_local Capture t_capture;

void Keep(LogLevel level, std::string_view text) {
  Capture& capture = t_capture;
  if (static_cast<int>(level) > capture.filter) return;
  Line line{static_cast<int>(level), WallNow(), std::string(text.substr(0, capture.capacity / 2))};
  capture.used += line.cost();
  capture.lines.push_back(std::move(line));
  while (capture.used > capture.capacity) {
    capture.used -= capture.lines.front().cost();
    capture.lines.pop_front();
  }
}

}  // namespace

void CaptureErrorLog(size_t capacity) {
  t_capture.capacity = capacity;
  t_capture.filter = kAllLevels;
  SetThreadLogTap(capacity != 0 ? Keep : nullptr);
  if (capacity == 0) t_capture = {};
}

void LinkErrorLog() {}

}  // namespace mg::script

using mg::script::t_active;
using mg::script::t_capture;

extern "C" {

int mg_errlog_captures(void) noexcept { return t_capture.capacity != 0; }
int mg_errlog_level(void) noexcept { return static_cast<int>(mg::GetLogLevel()); }
void mg_errlog_filter(int level) noexcept { t_capture.filter = level; }

int mg_errlog_take(double* time, mg_string* line) noexcept {
  auto& lines = t_capture.lines;
  if (lines.empty()) return MG_DECLINED;
  int level = lines.front().level;
  *time = static_cast<double>(lines.front().time / 1'000'000) / 1e3;
  t_capture.used -= lines.front().cost();
  mg::script::GiveScratch(line, std::move(lines.front().text));
  lines.pop_front();
  return level;
}

}  // extern "C"
