// A flame graph: folded stacks ("a;b;c 12", a line each) as an SVG picture. Each frame is a box as wide as its share of
// the samples, above the one that called it; a box tells its name, its samples and its share when it is pointed at.
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace mg::server {

// Lines that are none are passed over.
std::string FlameGraph(std::string_view folded, std::string_view title);

// How many samples there are.
uint64_t CountSamples(std::string_view folded);

}  // namespace mg::server
