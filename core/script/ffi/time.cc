// Time and timers.
#include <ctime>

#include "base/clock.h"
#include "proxy/exchange.h"
#include "script/program.h"
#include "script/surface.h"

using mg::script::GiveScratch;
using mg::script::t_active;
using mg::script::View;

namespace {

constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr double kLongest = 365.0 * 86400 * 100;  // of a sleep or a timer, seconds

mg::net::Loop* LoopOf() {
  mg::script::Program* program = t_active.vm->around.program;
  return program != nullptr && program->loop() != nullptr ? &program->loop()->loop : nullptr;
}

mg::Nanoseconds NanosecondsOf(double seconds) {
  return static_cast<mg::Nanoseconds>(std::min(seconds, kLongest) * 1e9);
}

// One of the three forms of RFC 9110 5.6.7, with or without its time zone; -1: none of them.
double ParseHttpTime(const std::string& text) {
  for (const char* form : {"%a, %d %b %Y %H:%M:%S", "%A, %d-%b-%y %H:%M:%S", "%a %b %d %H:%M:%S %Y"}) {
    tm parts{};
    const char* end = strptime(text.c_str(), form, &parts);
    std::string_view rest = end == nullptr ? "x" : end;
    if (!rest.empty() && rest != " GMT") continue;
    int day = parts.tm_mday;
    time_t time = timegm(&parts);
    return parts.tm_mday == day ? static_cast<double>(time) : -1;  // no 31st of February
  }
  return -1;
}

}  // namespace

extern "C" {

double mg_time_now(void) noexcept {
  mg::net::Loop* loop = LoopOf();
  mg::Nanoseconds now = loop != nullptr ? loop->WallTime() : mg::WallNow();
  return static_cast<double>(now / 1'000'000) / 1e3;
}

void mg_time_update(void) noexcept {
  if (mg::net::Loop* loop = LoopOf()) loop->Refresh();
}

void mg_time_format(int kind, double time, mg_string* out) noexcept {
  constexpr double kFarthest = 253402300799;  // the end of the year 9999; NaN is no time either
  time_t seconds = time > -kFarthest ? static_cast<time_t>(std::min(time, kFarthest)) : 0;
  tm parts{};
  if (kind == 0 || kind == 1) {
    localtime_r(&seconds, &parts);
  } else {
    gmtime_r(&seconds, &parts);
  }
  char text[64];
  int size = 0;
  const char* day = kDays[static_cast<size_t>(parts.tm_wday)];
  const char* month = kMonths[static_cast<size_t>(parts.tm_mon)];
  int year = parts.tm_year + 1900;
  switch (kind) {
    case 0: size = snprintf(text, sizeof text, "%04d-%02d-%02d", year, parts.tm_mon + 1, parts.tm_mday); break;
    case 3:
      size = snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", day, parts.tm_mday, month, year,
                      parts.tm_hour, parts.tm_min, parts.tm_sec);
      break;
    case 4:
      // As browsers have always taken it: two digits of the year where those are enough.
      size = snprintf(text, sizeof text,
                      year > 2037 ? "%s, %02d-%s-%04d %02d:%02d:%02d GMT" : "%s, %02d-%s-%02d %02d:%02d:%02d GMT", day,
                      parts.tm_mday, month, year > 2037 ? year : year % 100, parts.tm_hour, parts.tm_min, parts.tm_sec);
      break;
    default:
      size = snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d", year, parts.tm_mon + 1, parts.tm_mday,
                      parts.tm_hour, parts.tm_min, parts.tm_sec);
  }
  GiveScratch(out, std::string(text, static_cast<size_t>(size)));
}

double mg_time_parse_http(const char* text, size_t size) noexcept { return ParseHttpTime(std::string(text, size)); }

int mg_sleep(double seconds) noexcept {
  if (!mg::script::CanWait()) return MG_ERROR;
  t_active.scheduler->Sleep(NanosecondsOf(seconds));
  return MG_AGAIN;
}

int mg_timer_start(double seconds, uint32_t id, int every) noexcept {
  mg::script::Program* program = t_active.vm->around.program;
  if (program == nullptr || program->loop() == nullptr) return MG_ERROR;
  return program->StartTimer(t_active.vm->kind(), id, NanosecondsOf(seconds), every != 0) ? MG_OK : MG_BUSY;
}

int mg_timer_pending(void) noexcept {
  mg::script::Program* program = t_active.vm->around.program;
  return program != nullptr ? static_cast<int>(program->timers_pending()) : 0;
}

int mg_timer_running(void) noexcept {
  mg::script::Program* program = t_active.vm->around.program;
  return program != nullptr ? static_cast<int>(program->timers_running()) : 0;
}

}  // extern "C"

namespace mg::script {
void LinkTime() {}
}  // namespace mg::script
