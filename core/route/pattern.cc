#include "route/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/arena.h"
#include "base/strings.h"
#include "http/url.h"

namespace mg::route {
namespace {

using Segment = PathPattern::Segment;

// A literal as it stands in a normalised path: what must be percent-encoded is. nullopt: an invalid encoding, or a
// segment that no normalised path has.
std::optional<std::string> NormaliseLiteral(std::string_view text) {
  std::string encoded = "/";
  for (char c : text) {
    if (c == '%') {
      encoded.push_back(c);
    } else {
      encoded += http::EncodePath(std::string_view(&c, 1));
    }
  }
  BlockPool pool(1);
  Arena arena(pool);
  std::optional<std::string_view> path = http::NormalisePath(encoded, arena);
  if (!path || (path->size() == 1 && !text.empty())) return std::nullopt;
  return std::string(path->substr(1));
}

bool IsName(std::string_view name) {
  return !name.empty() && !IsDigit(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) { return IsAlpha(c) || IsDigit(c) || c == '_' || c == '-'; });
}

std::expected<Segment, std::string> ParseSegment(std::string_view text) {
  if (text.find_first_of("{}") == std::string_view::npos) {
    if (text.find('*') != std::string_view::npos) {
      return std::unexpected(fmt::format("\"{}\": \"*\" stands only as the last segment, as in /a/*", text));
    }
    std::optional<std::string> literal = NormaliseLiteral(text);
    if (!literal) {
      return std::unexpected(fmt::format("\"{}\" is no segment that a request can have after normalisation", text));
    }
    return Segment{*literal, false};
  }
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') {
    return std::unexpected(fmt::format("\"{}\": a parameter is a whole segment, as in /a/{{id}}/b", text));
  }
  std::string_view name = text.substr(1, text.size() - 2);
  if (!IsName(name)) {
    return std::unexpected(
        fmt::format("\"{}\": a parameter's name has letters, digits, \"_\" and \"-\", no digit first", text));
  }
  return Segment{std::string(name), true};
}

// A name stands once, and "rest" is what "/*" calls the remainder.
std::string CheckNames(const PathPattern& pattern) {
  std::vector<std::string_view> names;
  if (pattern.kind == PathPattern::kPrefix) names.push_back("rest");
  for (const Segment& segment : pattern.segments) {
    if (!segment.parameter) continue;
    if (std::find(names.begin(), names.end(), segment.text) != names.end()) {
      return fmt::format("the parameter \"{}\" stands twice{}", segment.text,
                         segment.text == "rest" ? " (\"rest\" is what /* matches)" : "");
    }
    names.push_back(segment.text);
  }
  return {};
}

std::expected<PathPattern, std::string> ParseSegments(std::string_view text) {
  PathPattern out;
  out.kind = PathPattern::kExact;
  std::string_view rest = text.substr(1);
  if (text.ends_with("/*")) {
    out.kind = PathPattern::kPrefix;
    rest = text.size() == 2 ? std::string_view() : text.substr(1, text.size() - 3);
    if (rest.empty() && text.size() > 2) return std::unexpected("\"//\": requests' paths have no empty segments");
  }
  while (out.kind == PathPattern::kExact || !rest.empty()) {
    size_t slash = rest.find('/');
    std::string_view part = rest.substr(0, slash);
    bool last = slash == std::string_view::npos;
    if (part.empty() && (!last || out.kind == PathPattern::kPrefix)) {
      return std::unexpected("\"//\": requests' paths have no empty segments");
    }
    std::expected<Segment, std::string> segment = ParseSegment(part);
    if (!segment) return std::unexpected(segment.error());
    out.segments.push_back(*segment);
    if (last) break;
    rest.remove_prefix(slash + 1);
    if (rest.empty() && out.kind == PathPattern::kPrefix) {
      return std::unexpected("\"//\": requests' paths have no empty segments");
    }
  }
  std::string wrong = CheckNames(out);
  if (!wrong.empty()) return std::unexpected(wrong);

  bool parameters = std::any_of(out.segments.begin(), out.segments.end(), [](const Segment& s) { return s.parameter; });
  if (out.kind == PathPattern::kPrefix) return out;
  if (parameters) {
    out.kind = PathPattern::kSegments;
    return out;
  }
  for (const Segment& segment : out.segments) out.text += "/" + segment.text;
  out.segments.clear();
  return out;
}

std::expected<PathPattern, std::string> ParseRawPrefix(std::string_view text) {
  PathPattern out;
  out.kind = PathPattern::kRawPrefix;
  if (!text.starts_with('/')) return std::unexpected("after \"^~ \" a path that begins with \"/\" must stand");
  if (text.find_first_of("{}*") != std::string_view::npos) {
    return std::unexpected("a raw prefix (^~) has neither {parameters} nor \"*\"");
  }
  std::string_view rest = text.substr(1);
  while (true) {
    size_t slash = rest.find('/');
    std::string_view part = rest.substr(0, slash);
    bool last = slash == std::string_view::npos;
    // The last segment may be the beginning of one: "/." of "/.well-known".
    bool dots = last && (part == "." || part == "..");
    std::optional<std::string> literal = dots ? std::string(part) : NormaliseLiteral(part);
    if (!literal || (part.empty() && !last)) {
      return std::unexpected(fmt::format("\"{}\" is no segment that a request can have after normalisation", part));
    }
    out.text += "/" + *literal;
    if (last) return out;
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace

std::expected<PathPattern, std::string> ParsePathPattern(std::string_view text) {
  if (text.empty()) return PathPattern();
  bool ignore_case = text.starts_with("~*");
  if (text.starts_with('~')) {
    std::string_view rest = text.substr(ignore_case ? 2 : 1);
    std::string_view expression = Trim(rest);
    if (expression.empty() || (rest[0] != ' ' && rest[0] != '\t')) {
      return std::unexpected("after \"~\" or \"~*\" a space and a regular expression must stand");
    }
    PathPattern out;
    out.kind = PathPattern::kRegex;
    out.text = expression;
    out.ignore_case = ignore_case;
    return out;
  }
  if (text.find_first_of("?#") != std::string_view::npos) {
    return std::unexpected("a path has no \"?\" and no \"#\": conditions on the query stand in match.query");
  }
  if (text.starts_with("^~")) return ParseRawPrefix(Trim(text.substr(2)));
  if (!text.starts_with('/')) return std::unexpected("a path begins with \"/\", \"^~ /\", \"~ \" or \"~* \"");
  return ParseSegments(text);
}

}  // namespace mg::route
