// The sections and filters that exist, and the small texts in them: escapes, lists, times. Pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tester/block.h"

namespace mg::tester {

// Every section's name.
std::span<const std::string_view> SectionNames();

// Why a section or a filter of this name cannot be used: it is unknown (with the nearest known one), or one of
// Test::Nginx's that has no place here (with what to write instead). Empty: it can.
std::string WhyNotSection(std::string_view name);
std::string WhyNotFilter(std::string_view name);

// Applies the section's filters in order:
//   chomp: without the newline at the end   trim: without white space at both ends   lower: ASCII lower case
//   bytes: escapes are read (see Unescape)  regex: nothing here; patterns in the section are regular expressions
Result<std::string> ApplyFilters(const Section& section);

// \r \n \t \0 \\ \xHH, and a backslash at a line's end, which joins it to the next. Anything else after a backslash is
// an error that names it.
Result<std::string> Unescape(std::string_view text);
// The reverse, for messages: control bytes and bytes above 0x7e are escaped, newlines too.
std::string Escape(std::string_view text);

// The parts between lines that begin with "---8<---". What follows on such a line is the next part's `note`.
struct Part {
  std::string_view text;
  std::string_view note;
  size_t line = 0;  // of its text, relative to the section's first line (0)
};
std::vector<Part> SplitParts(std::string_view text);

// Lines without their newlines; the empty text has none.
std::vector<std::string_view> SplitLines(std::string_view text);

// The words of a list: what spaces and lines (those of "---8<---" do not count) separate.
std::vector<std::string_view> SplitWords(std::string_view text);

// "3" and "1.5" are seconds, "200ms" and "2s" what they say.
std::optional<std::chrono::milliseconds> ParseTime(std::string_view text);

}  // namespace mg::tester
