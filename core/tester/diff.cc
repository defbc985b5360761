#include "tester/diff.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tester/sections.h"

namespace mg::tester {
namespace {

constexpr size_t kMaxLines = 1000;

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  for (std::string_view line : SplitLines(text)) lines.push_back(Escape(line));
  if (!text.empty() && !text.ends_with('\n')) lines.back() += "  (no newline at the end)";
  if (lines.size() > kMaxLines) lines.resize(kMaxLines);
  return lines;
}

}  // namespace

// By the longest common subsequence, in a table: the texts are short.
std::string Diff(std::string_view expected, std::string_view actual) {
  std::vector<std::string> a = Lines(expected), b = Lines(actual);
  size_t width = b.size() + 1;
  std::vector<uint32_t> common((a.size() + 1) * width);
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      common[i * width + j] = a[i] == b[j] ? common[(i + 1) * width + j + 1] + 1
                                           : std::max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  std::string out;
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      out.append(" ").append(a[i]).append("\n");
      i++, j++;
    } else if (j == b.size() || (i < a.size() && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      out.append("-").append(a[i++]).append("\n");
    } else {
      out.append("+").append(b[j++]).append("\n");
    }
  }
  return out;
}

}  // namespace mg::tester
