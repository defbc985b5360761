#include "config/units.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/strings.h"

namespace mg::config {
namespace {

// Digits with an optional fraction, at the front of `text`, which is moved past them.
std::optional<double> TakeDecimal(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && (IsDigit(text[length]) || text[length] == '.')) length++;
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + length, value, std::chars_format::fixed);
  if (length == 0 || error != std::errc() || end != text.data() + length) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

std::string_view TakeLetters(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && IsAlpha(text[length])) length++;
  std::string_view letters = text.substr(0, length);
  text.remove_prefix(length);
  return letters;
}

double SecondsOf(std::string_view unit) {
  if (unit == "ms") return 0.001;
  if (unit == "s") return 1;
  if (unit == "m") return 60;
  if (unit == "h") return 3600;
  if (unit == "d") return 86400;
  return 0;
}

constexpr double kLongest = 100.0 * 365 * 86400;  // a hundred years: all that is added to a clock stays in its range

}  // namespace

Result<double> ParseDuration(std::string_view text) {
  if (text == "0") return 0.0;
  double seconds = 0;
  std::string_view rest = text;
  while (!rest.empty() || text.empty()) {
    std::optional<double> number = TakeDecimal(rest);
    if (!number) return Fail(ErrorCode::kInvalid, "not a duration such as 250ms, 1s, 5m or 1h");
    std::string_view unit = TakeLetters(rest);
    if (unit.empty() && rest.empty()) {
      return Fail(ErrorCode::kInvalid, fmt::format("a duration needs a unit: {0}s, {0}ms, {0}m or {0}h", text));
    }
    double factor = SecondsOf(unit);
    if (factor == 0) return Fail(ErrorCode::kInvalid, "not a duration: its units are ms, s, m, h and d");
    seconds += *number * factor;
  }
  if (seconds > kLongest) return Fail(ErrorCode::kTooLarge, "longer than a hundred years");
  return seconds;
}

Result<int64_t> ParseSize(std::string_view text) {
  std::string_view rest = text;
  std::optional<double> number = TakeDecimal(rest);
  if (!number) return Fail(ErrorCode::kInvalid, "not a size such as 512, 16KiB, 10MiB or 1GiB");
  std::string unit = Lower(rest);
  double factor = 0;
  if (unit.empty() || unit == "b") factor = 1;
  if (unit == "k" || unit == "kib") factor = 1024;
  if (unit == "m" || unit == "mib") factor = 1024.0 * 1024;
  if (unit == "g" || unit == "gib") factor = 1024.0 * 1024 * 1024;
  if (unit == "t" || unit == "tib") factor = 1024.0 * 1024 * 1024 * 1024;
  if (unit == "kb" || unit == "mb" || unit == "gb" || unit == "tb") {
    return Fail(ErrorCode::kInvalid, fmt::format("\"{}\" is ambiguous: write {}iB for 1024", rest,
                                                 unit == "kb" ? 'K' : static_cast<char>(unit[0] & ~0x20)));
  }
  if (factor == 0) return Fail(ErrorCode::kInvalid, "not a size: its units are KiB, MiB, GiB and k, m, g");
  double bytes = *number * factor;
  if (bytes != std::floor(bytes)) return Fail(ErrorCode::kInvalid, "not a whole number of bytes");
  if (bytes > 4611686018427387904.0) return Fail(ErrorCode::kTooLarge, "too large a size");
  return static_cast<int64_t>(bytes);
}

Result<double> ParseRate(std::string_view text) {
  std::string_view rest = text;
  std::optional<double> number = TakeDecimal(rest);
  double seconds = 0;
  if (number && rest.starts_with('/')) seconds = rest == "/ms" ? 0 : SecondsOf(rest.substr(1));
  if (seconds == 0) return Fail(ErrorCode::kInvalid, "not a rate such as 10/s, 600/m or 100/h");
  return *number / seconds;
}

Result<double> ParseShare(std::string_view text) {
  std::string_view rest = text;
  std::optional<double> number = TakeDecimal(rest);
  if (!number || rest != "%") return Fail(ErrorCode::kInvalid, "not a share such as 20%");
  if (*number > 100) return Fail(ErrorCode::kInvalid, "a share is at most 100%");
  return *number / 100;
}

std::optional<int64_t> ParseYamlInteger(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) base = 16;
  if (text.starts_with("0o")) base = 8;
  if (base != 10) text.remove_prefix(2);
  bool positive = base == 10 && text.starts_with('+');
  if (positive) text.remove_prefix(1);
  bool negative = base == 10 && !positive && text.starts_with('-');
  size_t first = negative ? 1 : 0;
  if (text.size() <= first || HexDigit(text[first]) < 0) return std::nullopt;
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> ParseYamlNumber(std::string_view text) {
  if (auto integer = ParseYamlInteger(text)) return static_cast<double>(*integer);
  std::string_view digits = text;
  bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  std::string lower = Lower(digits);
  double value = 0;
  if (lower == ".inf") {
    value = std::numeric_limits<double>::infinity();
  } else if (lower == ".nan" && digits.size() == text.size()) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    if (digits.empty() || (!IsDigit(digits[0]) && digits[0] != '.')) return std::nullopt;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  }
  return negative ? -value : value;
}

std::optional<bool> ParseYamlBool(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

std::string FormatDuration(double seconds) {
  double milliseconds = seconds * 1000;
  if (seconds == 0) return "0";
  if (std::fmod(seconds, 86400) == 0) return fmt::format("{}d", seconds / 86400);
  if (std::fmod(seconds, 3600) == 0) return fmt::format("{}h", seconds / 3600);
  if (std::fmod(seconds, 60) == 0) return fmt::format("{}m", seconds / 60);
  if (seconds >= 1) return fmt::format("{}s", seconds);
  return fmt::format("{}ms", milliseconds);
}

std::string FormatSize(int64_t bytes) {
  constexpr const char* kUnits[] = {"", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit < 4) {
    bytes /= 1024;
    unit++;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

std::string FormatShare(double share) { return fmt::format("{}%", share * 100); }

}  // namespace mg::config
