// Pattern: what a section searches a text for: a literal, or a regular expression (PCRE2, "." matches newlines too).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "route/regex.h"

namespace mg::tester {

class Pattern {
 public:
  enum class Kind : bool { kLiteral, kRegex };
  // `whole`: the regular expression must match all of the text.
  enum class Extent : bool { kAnywhere, kWhole };
  // Without the newline at the text's end.
  static Result<Pattern> Make(std::string_view text, Kind kind, Extent extent = Extent::kAnywhere);

  // Where it first occurs, or nothing. (A search that gives up finds nothing.)
  std::optional<std::string_view> Find(std::string_view text) const;
  bool In(std::string_view text) const { return Find(text).has_value(); }

 private:
  std::string literal_;
  std::optional<route::Regex> regex_;
};

}  // namespace mg::tester
