// Text: ASCII only, independent of any locale, allocation-free where the result allows.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mg {

constexpr char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr int HexDigit(char c) {  // -1: none
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string Lower(std::string_view text);
// Without spaces and tabs at either end.
std::string_view Trim(std::string_view text);

// Digits only, no sign, no space, no overflow.
template <class Integer = uint64_t>
std::optional<Integer> ParseDecimal(std::string_view text) {
  Integer value{};
  if (text.empty() || !IsDigit(text[0])) return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Calls each(part) for every comma-separated, trimmed, non-empty part (RFC 9110 5.6.1, without quoted strings).
template <class F>
void ForEachListItem(std::string_view list, F&& each) {
  while (!list.empty()) {
    size_t comma = list.find(',');
    std::string_view part = Trim(list.substr(0, comma));
    if (!part.empty()) each(part);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

// The nearest of `known` to `name` by edit distance, for "did you mean"; empty when none is near.
template <class Range>
std::string_view Nearest(std::string_view name, const Range& known);

// Levenshtein's distance with transpositions, at most `limit` + 1.
size_t EditDistance(std::string_view a, std::string_view b, size_t limit);

template <class Range>
std::string_view Nearest(std::string_view name, const Range& known) {
  size_t limit = name.size() < 4 ? 1 : name.size() / 3 + 1;
  std::string_view best;
  size_t best_distance = limit + 1;
  for (const auto& candidate : known) {
    size_t distance = EditDistance(name, candidate, limit);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace mg
