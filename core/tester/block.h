// Blocks of a .t file, as parsed: Test::Nginx's block format, which is Test::Base's. Plain values; the runner owns
// them.
//
//   === TEST 1: its title
//   a description, which is not used
//   --- section filters
//   lines
//   --- section: a value
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mg::tester {

struct Section {
  std::string name;
  std::vector<std::string> filters;
  std::string text;      // without the blank lines around it, filters applied
  size_t line = 0;       // of the "---" line, from 1
  size_t text_line = 0;  // of the first line of `text`
  bool in_line = false;  // "--- name: value"; then `text` ends in no newline

  bool HasFilter(std::string_view filter) const;
};

struct Block {
  std::string title;
  std::string description;
  size_t line = 0;  // of the "===" line
  std::vector<Section> sections;

  const Section* Find(std::string_view name) const;
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
};

// What is wrong in a file, and where. `block` is the place of the block it belongs to, or kNoBlock.
struct Problem {
  static constexpr size_t kNoBlock = static_cast<size_t>(-1);
  size_t line = 0;
  std::string message;
  size_t block = kNoBlock;
};

struct ParsedFile {
  std::vector<Block> blocks;
  std::vector<Problem> problems;
};

}  // namespace mg::tester
