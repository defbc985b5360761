// Regex: a PCRE2 pattern, compiled with the JIT where there is one, matched within limits of steps and memory.
// Immutable: any thread may match; the working memory is the thread's own, taken at its first match.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct pcre2_real_code_8;

namespace mg::route {

class Regex {
 public:
  enum class Case : bool { kSensitive, kIgnore };
  // The error is PCRE2's, with the offset in the pattern.
  static std::expected<Regex, std::string> Compile(std::string_view pattern, Case mode);

  enum class Outcome : uint8_t {
    kNoMatch,
    kMatch,
    kLimit,  // gave up: too many steps or too much memory
  };
  // Searches (an unanchored pattern matches anywhere) and fills the captures: groups 1, 2, ... as far as `groups` has
  // room; "" for one that took no part.
  Outcome Search(std::string_view text, std::span<std::string_view> groups = {}) const;

  uint32_t group_count() const { return group_count_; }
  struct Named {
    std::string name;
    uint32_t group;
  };
  const std::vector<Named>& names() const { return names_; }

  // What every text that matches begins with; "" when that cannot be told from the pattern.
  static std::string LiteralPrefix(std::string_view pattern, Case mode);

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  std::unique_ptr<pcre2_real_code_8, Free> code_;
  uint32_t group_count_ = 0;
  std::vector<Named> names_;
};

}  // namespace mg::route
