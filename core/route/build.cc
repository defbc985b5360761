// Matcher::Build: specifications in, index out, every error named.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/strings.h"
#include "http/url.h"
#include "route/index.h"
#include "route/pattern.h"

namespace mg::route {
namespace {

constexpr size_t kMaxOtherMethods = 32 - Index::kKnownMethods;

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlpha(c) || IsDigit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

class Builder {
 public:
  explicit Builder(std::span<const RouteSpec> specs) : specs_(specs), index_(std::make_unique<Index>()) {
    index_->routes.resize(specs.size());
    index_->labels.resize(specs.size());
  }

  void AddAll() {
    for (spec_ = 0; spec_ < specs_.size(); spec_++) Add(specs_[spec_]);
    Index& x = *index_;
    for (size_t i = 0; i < x.leaves.size(); i++) Fill(x.leaves[i], leaf_routes_[i]);
    for (Index::Table& table : x.tables) std::sort(table.raw_lengths.rbegin(), table.raw_lengths.rend());
    x.nodes.shrink_to_fit();
    x.leaves.shrink_to_fit();
    x.tables.shrink_to_fit();
  }

  std::vector<RouteError>& errors() { return errors_; }
  std::unique_ptr<const Index> Take() { return std::move(index_); }

 private:
  Index::Route& route() { return index_->routes[spec_]; }
  Index::Label& label() { return index_->labels[spec_]; }

  void Fault(std::string key, std::string_view message) {
    const std::string& name = specs_[spec_].name;
    std::string who = name.empty() ? fmt::format("route #{}", spec_ + 1) : fmt::format("route \"{}\"", name);
    errors_.push_back({spec_, std::move(key), fmt::format("{}: {}", who, message)});
  }

  void Add(const RouteSpec& spec) {
    size_t before = errors_.size();
    route().priority = spec.priority;
    route().internal = spec.internal;
    label().name = spec.name;
    label().path = spec.path;
    AddMethods(spec);
    AddConditions(spec.headers, "headers", route().headers);
    AddConditions(spec.query, "query", route().query);
    label().weight = static_cast<uint32_t>((spec.methods.empty() ? 0 : 1) + spec.headers.size() + spec.query.size());

    std::expected<PathPattern, std::string> pattern = ParsePathPattern(spec.path);
    uint32_t regex = kNone;
    if (!pattern) {
      Fault("path", pattern.error());
    } else {
      if (pattern->kind == PathPattern::kRegex) {
        Regex::Case mode = pattern->ignore_case ? Regex::Case::kIgnore : Regex::Case::kSensitive;
        regex = AddRegex(pattern->text, mode, "path");
      }
      NameParams(*pattern, regex);
    }
    std::vector<std::string> hosts = CheckHosts(spec);
    if (errors_.size() != before) return;
    for (const std::string& host : hosts) Place(TableOf(host), *pattern, regex);
  }

  void AddMethods(const RouteSpec& spec) {
    for (size_t i = 0; i < spec.methods.size(); i++) {
      const std::string& name = spec.methods[i];
      http::Method method = http::ParseMethod(name);
      if (method != http::Method::kOther) {
        route().methods |= uint32_t{1} << static_cast<uint32_t>(method);
        continue;
      }
      std::string key = fmt::format("methods[{}]", i);
      std::string upper = name;
      for (char& c : upper) c = IsAlpha(c) ? static_cast<char>(c & ~0x20) : c;
      if (!IsToken(name)) {
        Fault(key, fmt::format("\"{}\" is no method", name));
      } else if (http::ParseMethod(upper) != http::Method::kOther) {
        Fault(key, fmt::format("methods are case-sensitive: write {} instead of \"{}\"", upper, name));
      } else {
        AddOtherMethod(name, key);
      }
    }
  }

  void AddOtherMethod(const std::string& name, const std::string& key) {
    std::vector<std::string>& others = index_->other_methods;
    size_t at = static_cast<size_t>(std::find(others.begin(), others.end(), name) - others.begin());
    if (at == kMaxOtherMethods) {
      return Fault(key, fmt::format("there may be at most {} methods besides the standard ones", kMaxOtherMethods));
    }
    if (at == others.size()) others.push_back(name);
    route().methods |= uint32_t{1} << (Index::kKnownMethods + at);
  }

  void AddConditions(const std::vector<Condition>& conditions, std::string_view kind, std::vector<Index::Check>& out) {
    for (const Condition& condition : conditions) {
      std::string key = fmt::format("{}.{}", kind, condition.name);
      Index::Check check;
      check.condition = condition;
      if (kind == "headers") {
        if (!IsToken(condition.name)) Fault(key, fmt::format("\"{}\" is no field name", condition.name));
        check.id = http::IdentifyHeader(condition.name);
      } else if (condition.name.empty()) {
        Fault(key, "a query argument needs a name");
      }
      if (condition.kind == Condition::kRegex) check.regex = AddRegex(condition.value, Regex::Case::kSensitive, key);
      out.push_back(std::move(check));
    }
  }

  // Equal expressions are compiled once. kNone: it is faulty, which has been noted.
  uint32_t AddRegex(const std::string& pattern, Regex::Case mode, const std::string& key) {
    auto [at, added] = regex_numbers_.try_emplace({pattern, mode}, kNone);
    if (!added && at->second != kNone) return at->second;
    std::expected<Regex, std::string> regex = Regex::Compile(pattern, mode);
    if (!regex) {
      Fault(key, fmt::format("the regular expression \"{}\": {}", pattern, regex.error()));
      return kNone;
    }
    at->second = static_cast<uint32_t>(index_->regexes.size());
    index_->regexes.push_back(std::move(*regex));
    return at->second;
  }

  void NameParams(const PathPattern& pattern, uint32_t regex) {
    std::vector<std::string> names;
    for (const PathPattern::Segment& segment : pattern.segments) {
      if (segment.parameter) names.push_back(segment.text);
    }
    if (pattern.kind == PathPattern::kPrefix) names.push_back("rest");
    if (regex != kNone) {
      const Regex& expression = index_->regexes[regex];
      for (uint32_t group = 1; group <= expression.group_count(); group++) names.push_back(std::to_string(group));
      for (const Regex::Named& named : expression.names()) names.push_back(named.name);
    }
    if (names.size() > kMaxParams) {
      return Fault("path", fmt::format("it captures {} parameters, at most {} are possible", names.size(), kMaxParams));
    }
    std::vector<std::string>& all = index_->params;
    auto [known, added] = param_names_.try_emplace(names, static_cast<uint32_t>(all.size()));
    if (added) all.insert(all.end(), names.begin(), names.end());
    route().first_param = known->second;
    route().param_count = static_cast<uint16_t>(names.size());
  }

  // The hosts in lower case, each once; "" stands for every host.
  std::vector<std::string> CheckHosts(const RouteSpec& spec) {
    std::vector<std::string> out;
    for (size_t i = 0; i < spec.hosts.size(); i++) {
      std::string host = Lower(spec.hosts[i]);
      if (host == "*") {
        host.clear();
      } else {
        std::string_view name = host;
        bool wildcard = name.starts_with("*.");
        if (wildcard) name.remove_prefix(2);
        // An IPv6 address may come with or without its brackets.
        std::string bracketed = name.find(':') != std::string_view::npos && !name.starts_with('[') && !wildcard
                                    ? fmt::format("[{}]", name)
                                    : std::string(name);
        std::optional<http::Authority> authority = http::ParseAuthority(bracketed);
        if (!authority || authority->port != 0 || (wildcard && authority->is_ipv6)) {
          Fault(fmt::format("hosts[{}]", i),
                fmt::format("\"{}\" is no host: write a name or an address without a port, or \"*.\" and a name",
                            spec.hosts[i]));
          continue;
        }
        std::string plain(authority->host);
        if (plain.ends_with('.')) plain.pop_back();
        host = (wildcard ? "*." : "") + plain;
      }
      if (std::find(out.begin(), out.end(), host) == out.end()) out.push_back(host);
    }
    if (spec.hosts.empty()) out.emplace_back();
    return out;
  }

  uint32_t NewNode() {
    index_->nodes.emplace_back();
    return static_cast<uint32_t>(index_->nodes.size() - 1);
  }
  uint32_t Ensure(uint32_t& node) { return node != kNone ? node : node = NewNode(); }

  uint32_t TableOf(const std::string& host) {
    Index& x = *index_;
    bool wildcard = host.starts_with("*.");
    if (wildcard) {
      size_t dots = static_cast<size_t>(std::count(host.begin() + 2, host.end(), '.'));
      x.wildcard_dots = std::max(x.wildcard_dots, dots);
    }
    uint32_t& number = host.empty() ? x.any_host
                       : wildcard   ? x.map.Insert(Ensure(x.wildcards), std::string_view(host).substr(2))
                                    : x.map.Insert(Ensure(x.hosts), host);
    if (number == kNone) {
      number = static_cast<uint32_t>(x.tables.size());
      x.tables.emplace_back();
      x.tables.back().host = host;
      x.tables.back().priority = route().priority;
    }
    x.tables[number].priority = std::max(x.tables[number].priority, route().priority);
    return number;
  }

  // Puts the current route at the leaf of its pattern.
  void Place(uint32_t table_number, const PathPattern& pattern, uint32_t regex) {
    Index& x = *index_;
    Index::Table& table = x.tables[table_number];
    switch (pattern.kind) {
      case PathPattern::kAny: return AddTo(table.any);
      case PathPattern::kExact: return AddTo(x.map.Insert(Ensure(table.exact), pattern.text));
      case PathPattern::kSegments: return AddTo(x.nodes[Descend(Ensure(table.segments), pattern)].leaf);
      case PathPattern::kPrefix: return AddTo(x.nodes[Descend(Ensure(table.prefixes), pattern)].leaf);
      case PathPattern::kRawPrefix: {
        uint32_t length = static_cast<uint32_t>(pattern.text.size());
        std::vector<uint32_t>& lengths = table.raw_lengths;
        if (std::find(lengths.begin(), lengths.end(), length) == lengths.end()) lengths.push_back(length);
        return AddTo(x.map.Insert(Ensure(table.raw), pattern.text));
      }
      case PathPattern::kRegex: return PlaceRegex(table_number, pattern, regex);
    }
  }

  void PlaceRegex(uint32_t table_number, const PathPattern& pattern, uint32_t regex) {
    Index& x = *index_;
    auto [at, added] = regex_leaves_.try_emplace({table_number, regex, route().priority}, kNone);
    AddTo(at->second);
    if (!added) return;
    uint32_t number = static_cast<uint32_t>(x.path_regexes.size());
    Regex::Case mode = pattern.ignore_case ? Regex::Case::kIgnore : Regex::Case::kSensitive;
    std::string prefix = Regex::LiteralPrefix(pattern.text, mode);
    x.path_regexes.push_back({regex, at->second, prefix});

    Index::Table& table = x.tables[table_number];
    size_t slash = prefix.starts_with('/') ? prefix.find('/', 1) : std::string::npos;
    if (slash == std::string::npos) {
      table.regexes.push_back(number);
      return;
    }
    uint32_t& bucket = x.map.Insert(Ensure(table.buckets), std::string_view(prefix).substr(1, slash - 1));
    if (bucket == kNone) {
      bucket = static_cast<uint32_t>(x.buckets.size());
      x.buckets.emplace_back();
    }
    x.buckets[bucket].push_back(number);
  }

  uint32_t Descend(uint32_t node, const PathPattern& pattern) {
    for (const PathPattern::Segment& segment : pattern.segments) {
      // NewNode may move the nodes, so no reference to one is held over it.
      uint32_t child = segment.parameter ? index_->nodes[node].parameter : index_->map.Insert(node, segment.text);
      if (child == kNone) {
        child = NewNode();
        (segment.parameter ? index_->nodes[node].parameter : index_->map.Insert(node, segment.text)) = child;
      }
      node = child;
    }
    return node;
  }

  void AddTo(uint32_t& leaf) {
    if (leaf == kNone) {
      leaf = static_cast<uint32_t>(index_->leaves.size());
      index_->leaves.emplace_back();
      leaf_routes_.emplace_back();
    }
    leaf_routes_[leaf].push_back(static_cast<uint32_t>(spec_));
  }

  void Fill(Index::Leaf& leaf, std::vector<uint32_t>& routes) {
    Index& x = *index_;
    auto before = [&](uint32_t a, uint32_t b) {
      return std::tuple(-int64_t{x.routes[a].priority}, -int64_t{x.labels[a].weight}, a) <
             std::tuple(-int64_t{x.routes[b].priority}, -int64_t{x.labels[b].weight}, b);
    };
    std::sort(routes.begin(), routes.end(), before);
    leaf.priority = x.routes[routes.front()].priority;
    leaf.first = static_cast<uint32_t>(x.leaf_routes.size());
    leaf.count = static_cast<uint32_t>(routes.size());
    x.leaf_routes.insert(x.leaf_routes.end(), routes.begin(), routes.end());
  }

  std::span<const RouteSpec> specs_;
  std::unique_ptr<Index> index_;
  std::vector<RouteError> errors_;
  size_t spec_ = 0;  // the one at hand
  std::map<std::pair<std::string, Regex::Case>, uint32_t> regex_numbers_;
  std::map<std::vector<std::string>, uint32_t> param_names_;  // where in Index::params
  std::vector<std::vector<uint32_t>> leaf_routes_;            // by leaf
  // By table, expression and priority: routes of another priority do not lend their place in the file.
  std::map<std::tuple<uint32_t, uint32_t, int>, uint32_t> regex_leaves_;
};

}  // namespace

std::expected<Matcher, std::vector<RouteError>> Matcher::Build(std::span<const RouteSpec> specs) {
  Builder builder(specs);
  builder.AddAll();
  if (!builder.errors().empty()) return std::unexpected(std::move(builder.errors()));
  return Matcher(builder.Take());
}

}  // namespace mg::route
