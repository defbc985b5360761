// A line-by-line difference of two texts, for the eye. Pure.
#pragma once

#include <string>
#include <string_view>

namespace mg::tester {

// Lines of `expected` marked "-", of `actual` "+", common ones " "; control bytes escaped; each ends in a newline.
std::string Diff(std::string_view expected, std::string_view actual);

}  // namespace mg::tester
