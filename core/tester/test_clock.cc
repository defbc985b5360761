#include "tester/test_clock.h"

#include <charconv>
#include <cmath>
#include <ctime>

#include <fmt/format.h>

#include "base/strings.h"
#include "tester/sections.h"

namespace mg::tester {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr double kMostSeconds = 100.0 * 366 * 86'400;  // of one step

std::unexpected<Error> Bad(std::string_view line) {
  return Fail(
      ErrorCode::kInvalid,
      fmt::format("expected a time such as 2026-01-01T00:00:00Z, or a step such as +90s, +500ms, +1h or +2d, not "
                  "\"{}\"",
                  Escape(line)));
}

Result<ClockLine> ParseStep(std::string_view line) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}};
  std::string_view text = line.substr(1);
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error != std::errc() || !std::isfinite(value) || value < 0) return Bad(line);
  for (const auto& [name, seconds] : kUnits) {
    if (unit == name && value * seconds <= kMostSeconds)
      return ClockLine{true, static_cast<Nanoseconds>(std::llround(value * seconds * 1e3)) * 1'000'000};
  }
  return Bad(line);
}

}  // namespace

Result<ClockLine> ParseClockLine(std::string_view line) {
  if (line.starts_with('+')) return ParseStep(line);
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (line.size() < kForm.size() + 1 || !line.ends_with('Z')) return Bad(line);
  for (size_t i = 0; i < kForm.size(); i++) {
    if (kForm[i] == '0' ? !IsDigit(line[i]) : line[i] != kForm[i]) return Bad(line);
  }
  auto number = [&](size_t at, size_t size) { return ParseDecimal<int>(line.substr(at, size)).value_or(0); };
  std::tm parts{};
  parts.tm_year = number(0, 4) - 1900;
  parts.tm_mon = number(5, 2) - 1;
  parts.tm_mday = number(8, 2);
  parts.tm_hour = number(11, 2);
  parts.tm_min = number(14, 2);
  parts.tm_sec = number(17, 2);
  std::tm given = parts;
  std::time_t seconds = timegm(&parts);  // it makes 31 February a day of March
  bool same = parts.tm_mon == given.tm_mon && parts.tm_mday == given.tm_mday && parts.tm_hour == given.tm_hour &&
              parts.tm_min == given.tm_min && parts.tm_sec == given.tm_sec;
  if (!same || seconds <= 0 || parts.tm_year > 2200 - 1900) return Bad(line);
  Nanoseconds fraction = 0;
  std::string_view rest = line.substr(kForm.size(), line.size() - kForm.size() - 1);
  if (!rest.empty()) {
    auto milliseconds = ParseDecimal<int>(rest.substr(1));
    if (rest.size() != 4 || rest[0] != '.' || !milliseconds) return Bad(line);
    fraction = Nanoseconds{*milliseconds} * 1'000'000;
  }
  return ClockLine{false, Nanoseconds{seconds} * kSecond + fraction};
}

Result<std::vector<Nanoseconds>> ParseClock(std::string_view text, Nanoseconds now) {
  std::vector<Nanoseconds> moments;
  for (std::string_view line : SplitLines(text)) {
    line = Trim(line);
    if (line.empty()) continue;
    Result<ClockLine> parsed = ParseClockLine(line);
    if (!parsed) return std::unexpected(parsed.error());
    Nanoseconds before = moments.empty() ? now : moments.back();
    Nanoseconds at = parsed->is_step ? before + parsed->value : parsed->value;
    if (!moments.empty() && at < before)
      return Fail(ErrorCode::kInvalid, fmt::format("the clock does not go back: \"{}\"", Escape(line)));
    moments.push_back(at);
  }
  if (moments.empty()) return Fail(ErrorCode::kInvalid, "a time is wanted, such as 2026-01-01T00:00:00Z");
  return moments;
}

}  // namespace mg::tester
