// Patterns of any text, and look-ups of any path among them. The input's lines: patterns, an empty line, then a target
// and a host. What Find says, Explain says too.
#include <fmt/format.h>

#include <cstdint>

#include "base/result.h"
#include "http/url.h"
#include "route/matcher.h"
#include "route/test_util.h"

using namespace mg;
using namespace mg::route;

namespace {

std::string_view TakeLine(std::string_view& text) {
  size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return line;
}

std::vector<RouteSpec> ReadSpecs(std::string_view& text) {
  std::vector<RouteSpec> specs;
  for (std::string_view line = TakeLine(text); !line.empty() && specs.size() < 32; line = TakeLine(text)) {
    RouteSpec spec;
    spec.path = line;
    // The length decides about the rest: the fuzzer turns it as it turns anything else.
    if (line.size() % 3 == 1) spec.hosts.emplace_back(line.size() % 2 == 0 ? "*.a" : "b.a");
    if (line.size() % 5 == 1) spec.methods.emplace_back("POST");
    if (line.size() % 7 == 1) spec.priority = static_cast<int>(specs.size() % 3);
    if (line.size() % 11 == 1) spec.hosts.emplace_back(line);
    specs.push_back(spec);
  }
  return specs;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<RouteSpec> specs = ReadSpecs(text);
  auto matcher = Matcher::Build(specs);
  if (!matcher) {
    for (const RouteError& error : matcher.error()) MG_CHECK(error.route < specs.size() && !error.message.empty());
    return 0;
  }
  std::string_view target = TakeLine(text);
  TestRequest request("GET", TakeLine(text), target);
  std::array<Param, kMaxParams> params;
  Match match = matcher->Find(request.head(), params);
  std::string story = matcher->Explain(request.head());
  if (match.kind != Match::kRoute) {
    MG_CHECK(story.starts_with("no route"));
    MG_CHECK((match.kind == Match::kMethodNotAllowed) == !matcher->AllowText(match.allowed).empty());
    return 0;
  }
  MG_CHECK(match.route < specs.size() && match.params <= kMaxParams);
  MG_CHECK(story.starts_with(fmt::format("route #{}\n", match.route + 1)));
  std::string_view path = request.head().path;
  for (uint32_t i = 0; i < match.params; i++) {
    MG_CHECK(!params[i].name.empty());
    MG_CHECK(params[i].value.empty() || (params[i].value.data() >= path.data() &&
                                         params[i].value.data() + params[i].value.size() <= path.data() + path.size()));
  }
  return 0;
}
