#include "tester/pattern.h"

#include <array>

namespace mg::tester {

Result<Pattern> Pattern::Make(std::string_view text, Kind kind, Extent extent) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  Pattern pattern;
  if (kind == Kind::kLiteral) {
    pattern.literal_ = text;
    return pattern;
  }
  // Group 1 is the whole match.
  std::string source = extent == Extent::kWhole ? "\\A((?s:" : "((?s:";
  source.append(text).append(extent == Extent::kWhole ? "))\\z" : "))");
  auto regex = route::Regex::Compile(source, route::Regex::Case::kSensitive);
  if (!regex) return Fail(ErrorCode::kInvalid, "\"" + std::string(text) + "\": " + regex.error());
  pattern.regex_ = std::move(*regex);
  return pattern;
}

std::optional<std::string_view> Pattern::Find(std::string_view text) const {
  if (regex_) {
    std::array<std::string_view, 1> groups;
    if (regex_->Search(text, groups) != route::Regex::Outcome::kMatch) return std::nullopt;
    return groups[0].data() == nullptr ? text.substr(0, 0) : groups[0];
  }
  size_t at = text.find(literal_);
  if (at == std::string_view::npos) return std::nullopt;
  return text.substr(at, literal_.size());
}

}  // namespace mg::tester
