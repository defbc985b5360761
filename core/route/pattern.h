// The path patterns of a route's `match.path`, parsed. Pure; any thread.
//
//   /a/b          exactly that path
//   /a/{id}/b     {name} stands for one segment that is not empty
//   /a/*          /a and everything below it; {name} may stand before
//   ^~ /p         every path that begins with those bytes, "/px" too
//   ~ ^/re$       a regular expression (PCRE2), searched for in the path; "~*" regardless of case
//
// Requests' paths are normalised before they are matched (http/url.h), so literals are put into the same form here.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace mg::route {

struct PathPattern {
  enum Kind : uint8_t {
    kExact,      // `text`
    kSegments,   // `segments`, at least one of them a parameter
    kRawPrefix,  // `text`
    kRegex,      // `text`
    kPrefix,     // `segments`, then anything
    kAny,        // no pattern at all: matches "*" of OPTIONS too
  } kind = kAny;
  struct Segment {
    std::string text;  // a parameter's name, or the literal
    bool parameter = false;
  };
  std::string text;
  std::vector<Segment> segments;
  bool ignore_case = false;  // kRegex
};

// The error says what is wrong and, where it can, what to write instead.
std::expected<PathPattern, std::string> ParsePathPattern(std::string_view text);

}  // namespace mg::route
