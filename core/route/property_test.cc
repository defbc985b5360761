// The matcher against a naive one that looks at every route and sorts: random route sets, random requests.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <regex.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "base/strings.h"
#include "route/matcher.h"
#include "route/test_util.h"

namespace mg::route {
namespace {

using Random = std::mt19937;

size_t Below(Random& random, size_t count) { return random() % count; }

template <class T, size_t N>
const T& Pick(Random& random, const T (&from)[N]) {
  return from[Below(random, N)];
}

constexpr const char* kHosts[] = {"a.x.org", "b.x.org", "*.x.org", "*.org",         "x.org", "*.a.x.org",
                                  "*",       "X.Org",   "*.X.org", "*.e.d.a.x.org", "org",   "*.b.org"};
constexpr const char* kSegments[] = {"a", "b", "c", "{p}", "{q}", "{r}"};
// Expressions that PCRE2 and POSIX read alike.
constexpr const char* kRegexes[] = {"~ ^/a/.*b", "~ c$",       "~* ^/A",  "~ ^/(a|b)/([a-c]+)$",
                                    "~ ^/b/c?",  "~ ^/b/c/d*", "~* B/C$", "~ ^/c/a$",
                                    "~ /a/b/",   "~ ^/a/b"};
constexpr const char* kNames[] = {"m", "n", "accept"};  // of fields and arguments
constexpr const char* kValues[] = {"1", "2", "12", "3 x", ""};
constexpr const char* kMethods[] = {"GET", "POST", "PUT", "PURGE"};

std::string RandomPattern(Random& random) {
  if (Below(random, 12) == 0) return "";
  if (Below(random, 6) == 0) return Pick(random, kRegexes);
  if (Below(random, 8) == 0)
    return fmt::format("^~ /{}", std::string("abcb").substr(Below(random, 4), Below(random, 3)));
  std::string path;
  std::set<std::string> used;
  for (size_t i = Below(random, 4); i > 0; i--) {
    std::string segment = Pick(random, kSegments);
    if (segment[0] == '{' && !used.insert(segment).second) segment = "a";
    path += "/" + segment;
  }
  size_t end = Below(random, 5);
  if (end == 0 || path.empty()) path += "/";
  if (end == 1) path += path.ends_with('/') ? "*" : "/*";
  return path;
}

Condition RandomCondition(Random& random) {
  constexpr Condition::Kind kinds[] = {Condition::kEquals, Condition::kPresent, Condition::kAbsent, Condition::kRegex};
  constexpr const char* patterns[] = {"^1", "2$", "^.$", "[23]", "^(1|3 x)$"};
  Condition condition{Pick(random, kinds), Pick(random, kNames), Pick(random, kValues)};
  if (condition.kind == Condition::kRegex) condition.value = Pick(random, patterns);
  return condition;
}

RouteSpec RandomSpec(Random& random) {
  RouteSpec spec;
  spec.path = RandomPattern(random);
  for (size_t i = Below(random, 3); i > 0; i--) spec.hosts.emplace_back(Pick(random, kHosts));
  if (Below(random, 3) == 0) {
    for (size_t i = Below(random, 3); i > 0; i--) spec.methods.emplace_back(Pick(random, kMethods));
  }
  for (size_t i = Below(random, 8); i < 2; i++) spec.headers.push_back(RandomCondition(random));
  for (size_t i = Below(random, 8); i < 2; i++) spec.query.push_back(RandomCondition(random));
  if (Below(random, 5) == 0) spec.priority = static_cast<int>(Below(random, 5)) - 2;
  spec.internal = Below(random, 12) == 0;
  return spec;
}

using Texts = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method, host, path;
  Texts headers, query;  // a name may stand twice
};

Request RandomRequest(Random& random) {
  constexpr const char* hosts[] = {"a.x.org", "b.x.org",    "c.x.org", "x.org",         "d.a.x.org", "y.org",  "org",
                                   "h",       "A.x.ORG:80", "x.org.",  "f.e.d.a.x.org", "c.b.org",   ".x.org", ""};
  constexpr const char* segments[] = {"a", "b", "c", "d", "bc"};
  Request out;
  out.method = Pick(random, kMethods);
  out.host = Pick(random, hosts);
  for (size_t i = Below(random, 5); i > 0; i--) out.path += std::string("/") + Pick(random, segments);
  if (out.path.empty() || Below(random, 6) == 0) out.path += "/";
  if (Below(random, 40) == 0) out.path = "*";
  for (Texts* texts : {&out.headers, &out.query}) {
    for (size_t i = Below(random, 5); i > 0; i--) texts->emplace_back(Pick(random, kNames), Pick(random, kValues));
  }
  return out;
}

std::vector<std::string> Split(std::string_view path) {
  std::vector<std::string> out;
  for (path.remove_prefix(1);;) {
    size_t slash = path.find('/');
    out.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

bool IsParameter(const std::string& segment) { return segment.size() > 1 && segment[0] == '{'; }

// Where a pattern ranks among those that fit (smaller is better), and what it captures.
struct Fit {
  std::vector<int> rank;
  std::string params;
};

std::optional<Fit> FitSegments(const std::string& pattern, const std::string& path) {
  bool prefix = pattern.ends_with("/*");
  std::vector<std::string> want = Split(prefix ? pattern.substr(0, pattern.size() - 2) + "/" : pattern);
  std::vector<std::string> have = Split(path);
  if (prefix) want.pop_back();
  if (prefix ? have.size() < want.size() : have.size() != want.size()) return std::nullopt;
  Fit fit;
  bool parameters = std::any_of(want.begin(), want.end(), IsParameter);
  fit.rank.push_back(prefix ? 5 : parameters ? 2 : 1);
  for (size_t i = 0; i < want.size(); i++) {
    if (IsParameter(want[i]) ? have[i].empty() : want[i] != have[i]) return std::nullopt;
    fit.rank.push_back(IsParameter(want[i]) ? 1 : 0);
    if (IsParameter(want[i])) fit.params += " " + want[i].substr(1, want[i].size() - 2) + "=" + have[i];
  }
  if (!prefix) return fit;
  fit.rank.push_back(2);  // ends here: after all that go on
  fit.params += " rest=";
  for (size_t i = want.size(); i < have.size(); i++) fit.params += (i > want.size() ? "/" : "") + have[i];
  return fit;
}

std::optional<Fit> FitRegex(const std::string& pattern, const std::string& path, int place) {
  regex_t compiled;
  int flags = REG_EXTENDED | (pattern[1] == '*' ? REG_ICASE : 0);
  if (regcomp(&compiled, pattern.c_str() + pattern.find(' ') + 1, flags) != 0) throw std::invalid_argument(pattern);
  regmatch_t groups[4];
  int outcome = regexec(&compiled, path.c_str(), std::size(groups), groups, 0);
  size_t count = compiled.re_nsub;
  regfree(&compiled);
  if (outcome != 0) return std::nullopt;
  Fit fit{{4, place}, {}};
  for (size_t i = 1; i <= count; i++) {
    std::string value =
        path.substr(static_cast<size_t>(groups[i].rm_so), static_cast<size_t>(groups[i].rm_eo - groups[i].rm_so));
    fit.params += fmt::format(" {}={}", i, value);
  }
  return fit;
}

class Naive {
 public:
  explicit Naive(const std::vector<RouteSpec>& specs) : specs_(specs) {}

  std::string Look(const Request& request, Access access) const {
    struct Found {
      std::vector<int> order;
      size_t route;
      std::string params;
    };
    std::vector<Found> found;
    std::set<std::string> allowed;
    for (size_t i = 0; i < specs_.size(); i++) {
      const RouteSpec& spec = specs_[i];
      if (spec.internal && access == Access::kClient) continue;
      std::vector<std::string> hosts = spec.hosts;
      if (hosts.empty()) hosts.push_back("*");
      for (const std::string& host : hosts) {
        std::optional<std::vector<int>> host_rank = HostRank(Lower(host), HostOf(request.host));
        std::optional<Fit> fit = host_rank ? FitPath(i, host, request.path) : std::nullopt;
        if (!fit || !All(spec.headers, request.headers, true) || !All(spec.query, request.query, false)) continue;
        const auto& methods = spec.methods;
        if (!methods.empty() && std::find(methods.begin(), methods.end(), request.method) == methods.end()) {
          allowed.insert(methods.begin(), methods.end());
          continue;
        }
        std::vector<int> order = {-spec.priority};
        order.insert(order.end(), host_rank->begin(), host_rank->end());
        // Only fits of one kind are compared further, and of these none is the beginning of another.
        order.insert(order.end(), fit->rank.begin(), fit->rank.end());
        order.push_back(-static_cast<int>(spec.headers.size() + spec.query.size() + (methods.empty() ? 0 : 1)));
        order.push_back(static_cast<int>(i));
        found.push_back({order, i, fit->params});
      }
    }
    if (!found.empty()) {
      auto best = std::min_element(found.begin(), found.end(), [](auto& a, auto& b) { return a.order < b.order; });
      return std::to_string(best->route) + best->params;
    }
    std::string text = allowed.empty() ? "404" : "405";
    for (const char* method : kMethods) text += allowed.contains(method) ? fmt::format(" {}", method) : "";
    return text;
  }

 private:
  static std::optional<std::vector<int>> HostRank(const std::string& pattern, const std::string& host) {
    if (pattern == "*") return std::vector{2, 0};
    if (!pattern.starts_with("*.")) return pattern == host ? std::optional(std::vector{0, 0}) : std::nullopt;
    std::string suffix = pattern.substr(1);
    if (!host.ends_with(suffix)) return std::nullopt;
    return std::vector{1, -static_cast<int>(suffix.size())};
  }

  std::optional<Fit> FitPath(size_t route, const std::string& host, const std::string& path) const {
    const std::string& pattern = specs_[route].path;
    if (pattern.empty()) return Fit{{6}, {}};
    if (path[0] != '/') return std::nullopt;
    if (pattern[0] == '~') return FitRegex(pattern, path, Place(route, host));
    if (pattern.starts_with("^~ ")) {
      std::string prefix = pattern.substr(3);
      return path.starts_with(prefix) ? std::optional(Fit{{3, -static_cast<int>(prefix.size())}, {}}) : std::nullopt;
    }
    return FitSegments(pattern, path);
  }

  // The first route of the same expression, priority and host.
  int Place(size_t route, const std::string& host) const {
    for (size_t i = 0; i < specs_.size(); i++) {
      const RouteSpec& other = specs_[i];
      bool same_host = std::any_of(other.hosts.begin(), other.hosts.end(),
                                   [&](const std::string& name) { return Lower(name) == Lower(host); }) ||
                       (host == "*" && other.hosts.empty());
      if (same_host && other.path == specs_[route].path && other.priority == specs_[route].priority) {
        return static_cast<int>(i);
      }
    }
    return -1;
  }

  // Of several fields any may fulfil a condition, of several arguments only the first counts.
  static bool All(const std::vector<Condition>& conditions, const Texts& texts, bool any) {
    return std::all_of(conditions.begin(), conditions.end(), [&](const Condition& c) {
      std::vector<std::string> values;
      for (const auto& [name, value] : texts) {
        if (name == c.name && (any || values.empty())) values.push_back(value);
      }
      auto fulfils = [&](const std::string& value) {
        return c.kind == Condition::kRegex ? Matches(c.value, value) : value == c.value;
      };
      if (c.kind == Condition::kPresent || c.kind == Condition::kAbsent) {
        return values.empty() == (c.kind == Condition::kAbsent);
      }
      return std::any_of(values.begin(), values.end(), fulfils);
    });
  }

  static bool Matches(const std::string& pattern, const std::string& text) {
    regex_t compiled;
    if (regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) throw std::invalid_argument(pattern);
    int outcome = regexec(&compiled, text.c_str(), 0, nullptr, 0);
    regfree(&compiled);
    return outcome == 0;
  }

  // In lower case, without a port and a final dot.
  static std::string HostOf(const std::string& authority) {
    std::string host = Lower(authority.substr(0, authority.find(':')));
    if (host.ends_with('.')) host.pop_back();
    return host;
  }

  const std::vector<RouteSpec>& specs_;
};

std::string Encoded(const std::string& value) { return value == "3 x" ? "%33+x" : value; }

std::string Look(const Matcher& matcher, const Request& request, Access access, bool& explained) {
  std::string target = request.path;
  for (const auto& [name, value] : request.query)
    target += (target.find('?') == std::string::npos ? "?" : "&") + name + "=" + Encoded(value);
  std::vector<std::pair<std::string_view, std::string_view>> fields(request.headers.begin(), request.headers.end());
  TestRequest head(request.method, request.host, target, fields);
  std::array<Param, kMaxParams> params;
  Match match = matcher.Find(head.head(), params, access);
  std::string story = matcher.Explain(head.head(), access);
  if (match.kind == Match::kRoute) {
    explained = story.starts_with(fmt::format("route #{}\n", match.route + 1)) &&
                story.find(fmt::format(" #{} (", match.route + 1)) != std::string::npos;
    std::string text = std::to_string(match.route);
    for (size_t i = 0; i < match.params; i++) text += fmt::format(" {}={}", params[i].name, params[i].value);
    return text;
  }
  explained = story.starts_with("no route") && story.find("wins") == std::string::npos;
  if (match.kind == Match::kNone) return "404";
  std::string text = "405";
  std::string allow = ", " + matcher.AllowText(match.allowed) + ",";
  for (const char* method : kMethods)
    text += allow.find(fmt::format(", {},", method)) != std::string::npos ? fmt::format(" {}", method) : "";
  return text;
}

TEST(Property, AgreesWithANaiveMatcher) {
  constexpr uint32_t kSets = 1500, kRequests = 20;
  std::map<std::string, size_t> kinds;
  for (uint32_t seed = 1; seed <= kSets; seed++) {
    Random random(seed);
    std::vector<RouteSpec> specs;
    for (size_t i = Below(random, 2) == 0 ? 3 : 30; i > 0; i--) specs.push_back(RandomSpec(random));
    auto matcher = Matcher::Build(specs);
    ASSERT_TRUE(matcher) << matcher.error()[0].message;
    Naive naive(specs);
    for (uint32_t i = 0; i < kRequests; i++) {
      Request request = RandomRequest(random);
      Access access = Below(random, 8) == 0 ? Access::kInternal : Access::kClient;
      bool explained = false;
      std::string got = Look(*matcher, request, access, explained);
      ASSERT_EQ(got, naive.Look(request, access))
          << "seed " << seed << ": " << request.method << " " << request.host << request.path;
      ASSERT_TRUE(explained) << "seed " << seed;
      kinds[got.starts_with("40") ? got.substr(0, 3) : "route"]++;
    }
  }
  // The random cases reach every outcome.
  EXPECT_GT(kinds["404"], 1000u);
  EXPECT_GT(kinds["405"], 500u);
  EXPECT_GT(kinds["route"], 10000u);
}

}  // namespace
}  // namespace mg::route
