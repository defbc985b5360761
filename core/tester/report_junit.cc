#include <algorithm>

#include <fmt/format.h>

#include "tester/report.h"

namespace mg::tester {
namespace {

// XML 1.0 text: markup escaped, and what XML cannot hold at all replaced.
std::string Xml(std::string_view text) {
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\n': out += "&#10;"; break;
      default: out += byte < 0x20 || byte > 0x7e ? '?' : c;
    }
  }
  return out;
}

std::string Case(const Outcome& outcome) {
  std::string out = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"", Xml(outcome.file),
                                Xml(outcome.title), outcome.seconds);
  std::string text;
  for (const std::string& line : outcome.diagnostics) text += line + "\n";
  if (outcome.kind == Outcome::Kind::kSkipped) {
    return out + fmt::format("><skipped message=\"{}\"/></testcase>\n", Xml(outcome.reason));
  }
  if (outcome.kind == Outcome::Kind::kFailed && outcome.todo) {
    return out + fmt::format("><skipped message=\"TODO {}\"/></testcase>\n", Xml(outcome.todo_reason));
  }
  if (outcome.kind == Outcome::Kind::kFailed) {
    std::string first = outcome.diagnostics.empty() ? "failed" : outcome.diagnostics[0];
    return out + fmt::format("><failure message=\"{}\">{}</failure></testcase>\n", Xml(first), Xml(text));
  }
  return out + "/>\n";
}

}  // namespace

std::string JunitXml(const std::vector<Outcome>& outcomes) {
  std::vector<std::string> files;
  for (const Outcome& outcome : outcomes) {
    if (std::find(files.begin(), files.end(), outcome.file) == files.end()) files.push_back(outcome.file);
  }
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const std::string& file : files) {
    size_t tests = 0, failures = 0, skipped = 0;
    double seconds = 0;
    std::string cases;
    for (const Outcome& outcome : outcomes) {
      if (outcome.file != file) continue;
      tests++;
      failures += outcome.counts_as_failure();
      skipped += outcome.kind == Outcome::Kind::kSkipped || (outcome.kind == Outcome::Kind::kFailed && outcome.todo);
      seconds += outcome.seconds;
      cases += Case(outcome);
    }
    out += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n{}"
        "  </testsuite>\n",
        Xml(file), tests, failures, skipped, seconds, cases);
  }
  return out + "</testsuites>\n";
}

}  // namespace mg::tester
