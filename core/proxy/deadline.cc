#include "proxy/deadline.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/strings.h"

namespace mg::proxy {

namespace {

constexpr Nanoseconds kMillisecond = 1'000'000, kSecond = 1'000 * kMillisecond;
constexpr Nanoseconds kMost = 366 * 24 * 3600 * kSecond;
constexpr int64_t kMostDigits = 99'999'999;  // eight, of grpc-timeout

bool IsGrpc(std::string_view name) { return EqualsIgnoreCase(name, "grpc-timeout"); }

std::optional<Nanoseconds> UnitOf(char unit) {
  switch (unit) {
    case 'H': return 3600 * kSecond;
    case 'M': return 60 * kSecond;
    case 'S': return kSecond;
    case 'm': return kMillisecond;
    case 'u': return 1'000;
    case 'n': return 1;
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<Nanoseconds> ParseDeadline(std::string_view name, std::string_view value) {
  Nanoseconds unit = kMillisecond;
  if (IsGrpc(name)) {
    std::optional<Nanoseconds> given = value.empty() ? std::nullopt : UnitOf(value.back());
    if (!given || value.size() > 9) return std::nullopt;
    unit = *given;
    value.remove_suffix(1);
  }
  std::optional<int64_t> count = ParseDecimal<int64_t>(value);
  if (!count || *count > kMost / unit) return std::nullopt;
  return *count * unit;
}

std::string FormatDeadline(std::string_view name, Nanoseconds left) {
  int64_t milliseconds = std::max<Nanoseconds>(left, 0) / kMillisecond;
  if (!IsGrpc(name)) return std::to_string(milliseconds);
  if (milliseconds <= kMostDigits) return fmt::format("{}m", milliseconds);
  return fmt::format("{}S", std::min(milliseconds / 1'000, kMostDigits));
}

}  // namespace mg::proxy
