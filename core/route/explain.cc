// Matcher::Explain: the walk of Find without its short cuts, told in words.
#include <fmt/format.h>

#include <algorithm>

#include "route/walk.h"

namespace mg::route {
namespace {

using Outcome = Regex::Outcome;

struct Candidate {
  uint32_t route;
  const Index::Table* table;
  size_t place;          // in the order they were found
  size_t pattern;        // which of the patterns that fit, in the order of preference
  std::string obstacle;  // why it does not match; "": it does
  std::vector<Param> params;
};

class Explainer {
 public:
  Explainer(const Index& index, const http::RequestHead& head, Access access, Match found)
      : index_(index), head_(head), access_(access), found_(found) {}

  bool Wants(int) const { return true; }

  void Offer(const Index::Table& table, const Index::Leaf& leaf, const Captures& captures) {
    patterns_++;
    for (uint32_t number : index_.RoutesOf(leaf)) {
      const Index::Route& route = index_.routes[number];
      Candidate candidate{number, &table, candidates_.size(), patterns_, Obstacle(route), {}};
      std::span<const std::string> names = index_.ParamsOf(route);
      for (size_t i = 0; i < std::min(names.size(), captures.count); i++) {
        candidate.params.push_back({names[i], captures.values[i]});
      }
      candidates_.push_back(std::move(candidate));
    }
  }

  void GiveUp(const Index::Table& table, const Index::Leaf& leaf) {
    patterns_++;
    for (uint32_t number : index_.RoutesOf(leaf)) {
      candidates_.push_back({number,
                             &table,
                             candidates_.size(),
                             patterns_,
                             "its regular expression exceeds the limit of steps: 500",
                             {}});
    }
  }

  std::string Text() {
    // They were found in the order of host, path, conditions and file.
    std::sort(candidates_.begin(), candidates_.end(), [this](const Candidate& a, const Candidate& b) {
      int first = index_.routes[a.route].priority, second = index_.routes[b.route].priority;
      return first != second ? first > second : a.place < b.place;
    });
    const Candidate* winner = nullptr;
    for (const Candidate& c : candidates_) {
      if (c.obstacle.empty() && winner == nullptr) winner = &c;
    }
    std::string text = Verdict(winner);
    for (size_t i = 0; i < candidates_.size(); i++) {
      text += fmt::format("{:>3}. {}: {}\n", i + 1, Title(candidates_[i]), Fate(candidates_[i], winner));
    }
    std::vector<uint32_t> seen;
    for (const Candidate& c : candidates_) seen.push_back(c.route);
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    size_t others = index_.routes.size() - seen.size();
    if (others != 0) text += fmt::format("     {} other route(s): another host or path\n", others);
    return text;
  }

 private:
  std::string Verdict(const Candidate* winner) const {
    Match::Kind kind = found_.kind;
    if (kind == Match::kLimit) return "no route can be chosen: a regular expression exceeds the limit of steps (500)\n";
    if (winner != nullptr) return fmt::format("route {}\n", Name(winner->route));
    return kind == Match::kMethodNotAllowed ? "no route: the method is not allowed (405)\n" : "no route (404)\n";
  }

  std::string Name(uint32_t number) const {
    const std::string& name = index_.labels[number].name;
    return name.empty() ? fmt::format("#{}", number + 1) : fmt::format("\"{}\"", name);
  }

  std::string Title(const Candidate& c) const {
    const Index::Route& route = index_.routes[c.route];
    std::string text = Name(c.route);
    std::string_view host = c.table->host, path = index_.labels[c.route].path;
    text += fmt::format(" (host {}, path {}", host.empty() ? "any" : host, path.empty() ? "any" : path);
    if (route.priority != 0) text += fmt::format(", priority {}", route.priority);
    return text + ")";
  }

  std::string Fate(const Candidate& c, const Candidate* winner) const {
    if (!c.obstacle.empty()) return c.obstacle;
    if (&c == winner) {
      std::string text = "wins";
      for (const Param& param : c.params) text += fmt::format(", {} = \"{}\"", param.name, param.value);
      return text;
    }
    const Index::Route& route = index_.routes[c.route];
    const Index::Route& better = index_.routes[winner->route];
    if (route.priority != better.priority) return "would match, but has a lower priority";
    if (c.table != winner->table) return "would match, but for a less specific host";
    if (c.pattern != winner->pattern) return "would match, but its path pattern ranks lower";
    if (index_.labels[c.route].weight != index_.labels[winner->route].weight)
      return "would match, but has fewer conditions";
    return "would match, but stands later in the file";
  }

  // Why a route whose host and path fit is passed over.
  std::string Obstacle(const Index::Route& route) const {
    if (route.internal && access_ != Access::kInternal) return "is internal";
    for (const Index::Check& check : route.headers) {
      Outcome outcome = index_.HeaderHolds(check, head_);
      if (outcome != Outcome::kMatch) return Unmet("header", check.condition, outcome);
    }
    for (const Index::Check& check : route.query) {
      Outcome outcome = index_.QueryHolds(check, head_);
      if (outcome != Outcome::kMatch) return Unmet("query argument", check.condition, outcome);
    }
    if (route.methods != 0 && (route.methods & index_.MethodBit(head_)) == 0) {
      return fmt::format("the method {} is not among its own", head_.method_text);
    }
    return {};
  }

  static std::string Unmet(std::string_view what, const Condition& condition, Outcome outcome) {
    if (outcome == Outcome::kLimit) {
      return fmt::format("the regular expression for {} {} exceeds the limit of steps: 500", what, condition.name);
    }
    switch (condition.kind) {
      case Condition::kEquals: return fmt::format("{} {} is not \"{}\"", what, condition.name, condition.value);
      case Condition::kRegex: return fmt::format("{} {} does not match \"{}\"", what, condition.name, condition.value);
      case Condition::kPresent: return fmt::format("{} {} is missing", what, condition.name);
      case Condition::kAbsent: break;
    }
    return fmt::format("{} {} is present", what, condition.name);
  }

  const Index& index_;
  const http::RequestHead& head_;
  Access access_;
  const Match found_;  // what Find says
  size_t patterns_ = 0;
  std::vector<Candidate> candidates_;
};

}  // namespace

std::string Matcher::Explain(const http::RequestHead& head, Access access) const {
  Explainer explainer(*index_, head, access, Find(head, {}, access));
  Walk(*index_, explainer, head.path).Run(head.authority);
  return explainer.Text();
}

}  // namespace mg::route
