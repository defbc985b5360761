// Reports: TAP version 13 on standard output as the run goes, and JUnit XML at its end. The tester's thread.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace mg::tester {

// What became of one block (or of a file that could not be parsed).
struct Outcome {
  enum class Kind : uint8_t { kPassed, kFailed, kSkipped } kind = Kind::kPassed;
  std::string file;
  std::string title;
  std::string reason;  // of a skip
  bool todo = false;   // a failure does not count
  std::string todo_reason;
  std::vector<std::string> diagnostics;  // lines
  double seconds = 0;

  bool counts_as_failure() const { return kind == Kind::kFailed && !todo; }
};

class TapReport {
 public:
  explicit TapReport(std::FILE* out) : out_(out) {}
  void Begin(size_t count);  // the version and the plan
  void Add(const Outcome& outcome);
  void Comment(std::string_view text);  // "# " before each line

 private:
  std::FILE* out_;
  size_t number_ = 0;
};

// The whole document (Ant's form: a testsuite a file).
std::string JunitXml(const std::vector<Outcome>& outcomes);

}  // namespace mg::tester
