#include "http/date.h"

#include <cstring>

namespace mg::http {

namespace {
constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void PutTwo(char* to, int number) {
  to[0] = static_cast<char>('0' + number / 10 % 10);
  to[1] = static_cast<char>('0' + number % 10);
}
}  // namespace

std::string_view FormatDate(std::time_t time) {
  thread_local std::time_t last = -1;
  thread_local char text[] = "Thu, 01 Jan 1970 00:00:00 GMT";
  if (time != last) {
    std::tm utc{};
    gmtime_r(&time, &utc);
    std::memcpy(text, kDays[utc.tm_wday], 3);
    PutTwo(text + 5, utc.tm_mday);
    std::memcpy(text + 8, kMonths[utc.tm_mon], 3);
    PutTwo(text + 12, (utc.tm_year + 1900) / 100);
    PutTwo(text + 14, (utc.tm_year + 1900) % 100);
    PutTwo(text + 17, utc.tm_hour);
    PutTwo(text + 20, utc.tm_min);
    PutTwo(text + 23, utc.tm_sec);
    last = time;
  }
  return {text, sizeof text - 1};
}

std::optional<std::time_t> ParseDate(std::string_view text) {
  char copy[64];
  if (text.size() >= sizeof copy) return std::nullopt;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = 0;
  for (const char* format : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm utc{};
    const char* end = strptime(copy, format, &utc);
    if (end != nullptr && *end == 0) return timegm(&utc);
  }
  return std::nullopt;
}

}  // namespace mg::http
