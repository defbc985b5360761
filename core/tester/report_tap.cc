#include <fmt/format.h>

#include "tester/report.h"
#include "tester/sections.h"

namespace mg::tester {
namespace {

// A description may not begin a directive, nor hold a newline.
std::string Description(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '#') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

}  // namespace

void TapReport::Begin(size_t count) {
  fmt::print(out_, "TAP version 13\n1..{}\n", count);
  std::fflush(out_);
}

void TapReport::Add(const Outcome& outcome) {
  std::string line = fmt::format("{} {} - {} {}", outcome.kind == Outcome::Kind::kFailed ? "not ok" : "ok", ++number_,
                                 Description(outcome.file), Description(outcome.title));
  if (outcome.kind == Outcome::Kind::kSkipped) line += " # SKIP " + Description(outcome.reason);
  if (outcome.todo && outcome.kind != Outcome::Kind::kSkipped) line += " # TODO " + Description(outcome.todo_reason);
  fmt::print(out_, "{}\n", line);
  for (const std::string& text : outcome.diagnostics) Comment(text);
  std::fflush(out_);
}

void TapReport::Comment(std::string_view text) {
  if (text.empty()) fmt::print(out_, "#\n");
  for (std::string_view line : SplitLines(text)) fmt::print(out_, "# {}\n", line);
  std::fflush(out_);
}

}  // namespace mg::tester
