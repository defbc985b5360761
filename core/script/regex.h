// Regex: a regular expression of a script's (ngx.re), matched by PCRE2 within limits of steps, memory and the run's CPU
// time. Regexes: those of a VM, by number.
//
// Owner: a Vm. Thread: the one that runs the VM; working memory is the thread's own.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

struct pcre2_real_code_8;

namespace mg::script {

class Limits;

class Regex {
 public:
  // `options`: MG_REGEX_*. The error is PCRE2's, with the pattern and where in it.
  static std::expected<std::unique_ptr<Regex>, std::string> Compile(std::string_view pattern, int options);

  // PCRE's numbers of errors as scripts know them (those of its first version).
  static constexpr int kNoMatch = 0, kMatchLimit = -8;

  struct Search {
    std::string_view subject;
    size_t from = 0;
    bool seen = false;  // up to `from` it was searched before: its encoding is known to be good
    uint64_t match_limit = 0;
    size_t jit_stack = 0;
  };
  // kNoMatch, or an error; else 1, and `ends` has the begin and end of the whole match and of each group, as far as
  // there is room; -1 for one that took no part. Comes back early when the run's time is over.
  int Match(const Search& search, std::span<int> ends);

  // Where to search on after an empty match at `at`: after one character more.
  size_t NextCharacter(std::string_view subject, size_t at) const;

  uint32_t groups() const { return groups_; }
  struct Name {
    std::string text;
    int group;
  };
  const std::vector<Name>& names() const { return names_; }

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  void CompileToMachineCode();
  void ReadNames();

  std::unique_ptr<pcre2_real_code_8, Free> code_;
  uint32_t groups_ = 0;
  bool longest_ = false;  // d: all ways at once, the longest wins; no groups
  bool utf_ = false;
  bool checks_ = false;         // that a subject is valid UTF-8, as a whole: once is enough
  uint32_t slow_searches_ = 0;  // without machine code
  std::vector<Name> names_;
};

// A replacement with $0, $1, ${1}, $$ in it.
class Replacement {
 public:
  // The error tells what is wrong with it.
  static std::expected<Replacement, std::string> Parse(std::string_view text);
  void Append(std::string_view subject, std::span<const int> ends, std::string& out) const;

 private:
  struct Part {
    std::string text;  // then
    int group = -1;    // -1: none
  };
  std::vector<Part> parts_;
};

class Regexes {
 public:
  explicit Regexes(const config::LuaRegex& conf) : conf_(conf) {}
  ~Regexes();

  int Add(std::unique_ptr<Regex> regex);
  void Remove(int id);
  Regex* Find(int id);

  // From the offset on, with this VM's limits.
  int Match(Regex& regex, std::string_view subject, size_t from, bool seen, std::span<int> ends) const;
  // Replaces the first match, or all. The number of matches, or an error (then `out` is of no use).
  int Replace(Regex& regex, std::string_view subject, const Replacement& with, bool all, Limits& limits,
              std::string& out) const;

  size_t cache_size() const { return conf_.cache; }
  // What one match may use as a stack. False: too late, some are compiled.
  bool SetJitStack(size_t bytes);

 private:
  config::LuaRegex conf_;
  size_t jit_stack_ = 1024 * 1024;
  std::vector<std::unique_ptr<Regex>> regexes_;
  std::vector<int> free_;
};

}  // namespace mg::script
