#include "route/matcher.h"

#include <algorithm>

#include "http/url.h"
#include "route/walk.h"

namespace mg::route {
namespace {

using Outcome = Regex::Outcome;

// Keeps the best route seen so far: in the order of the walk, a later one must have a higher priority.
class Finder {
 public:
  Finder(const Index& index, const http::RequestHead& head, std::span<Param> params, Access access)
      : index_(index), head_(head), params_(params), access_(access), method_(index.MethodBit(head)) {}

  bool Wants(int priority) const {
    if (match_.kind == Match::kLimit) return false;
    return match_.kind != Match::kRoute || priority > priority_;
  }

  void Offer(const Index::Table&, const Index::Leaf& leaf, const Captures& captures) {
    for (uint32_t number : index_.RoutesOf(leaf)) {
      const Index::Route& route = index_.routes[number];
      if (!Wants(route.priority)) return;
      if (route.internal && access_ != Access::kInternal) continue;
      if (!ConditionsHold(route)) continue;
      if (route.methods != 0 && (route.methods & method_) == 0) {
        match_.allowed |= route.methods;
        continue;
      }
      Take(number, route, captures);
      return;
    }
  }

  void GiveUp(const Index::Table&, const Index::Leaf&) { match_.kind = Match::kLimit; }

  Match Result() const {
    Match out = match_;
    if (out.kind == Match::kNone && out.allowed != 0) out.kind = Match::kMethodNotAllowed;
    if (out.kind != Match::kMethodNotAllowed) out.allowed = 0;
    return out;
  }

 private:
  bool ConditionsHold(const Index::Route& route) {
    for (const Index::Check& check : route.headers) {
      if (!Counts(index_.HeaderHolds(check, head_))) return false;
    }
    for (const Index::Check& check : route.query) {
      if (!Counts(index_.QueryHolds(check, head_))) return false;
    }
    return true;
  }
  bool Counts(Outcome outcome) {
    if (outcome == Outcome::kLimit) match_.kind = Match::kLimit;
    return outcome == Outcome::kMatch;
  }

  void Take(uint32_t number, const Index::Route& route, const Captures& captures) {
    match_.kind = Match::kRoute;
    match_.route = number;
    priority_ = route.priority;
    std::span<const std::string> names = index_.ParamsOf(route);
    size_t count = std::min({names.size(), captures.count, params_.size()});
    for (size_t i = 0; i < count; i++) params_[i] = {names[i], captures.values[i]};
    match_.params = static_cast<uint32_t>(count);
  }

  const Index& index_;
  const http::RequestHead& head_;
  std::span<Param> params_;
  Access access_;
  uint32_t method_;
  Match match_;
  int priority_ = 0;  // of match_.route
};

Outcome From(bool holds) { return holds ? Outcome::kMatch : Outcome::kNoMatch; }

}  // namespace

uint32_t Index::MethodBit(const http::RequestHead& head) const {
  if (head.method != http::Method::kOther) return uint32_t{1} << static_cast<uint32_t>(head.method);
  for (size_t i = 0; i < other_methods.size(); i++) {
    if (other_methods[i] == head.method_text) return uint32_t{1} << (kKnownMethods + i);
  }
  return 0;
}

Outcome Index::HeaderHolds(const Check& check, const http::RequestHead& head) const {
  const Condition& condition = check.condition;
  for (const http::Header& header : head.headers) {
    if (header.id != check.id) continue;
    if (check.id == http::HeaderId::kOther && !EqualsIgnoreCase(header.name, condition.name)) continue;
    switch (condition.kind) {
      case Condition::kPresent: return Outcome::kMatch;
      case Condition::kAbsent: return Outcome::kNoMatch;
      case Condition::kEquals:
        if (header.value == condition.value) return Outcome::kMatch;
        break;
      case Condition::kRegex:
        Outcome outcome = regexes[check.regex].Search(header.value);
        if (outcome != Outcome::kNoMatch) return outcome;
        break;
    }
  }
  return From(condition.kind == Condition::kAbsent);
}

Outcome Index::QueryHolds(const Check& check, const http::RequestHead& head) const {
  const Condition& condition = check.condition;
  std::optional<std::string_view> value = http::QueryArgument(head.query, condition.name);
  switch (condition.kind) {
    case Condition::kPresent: return From(value.has_value());
    case Condition::kAbsent: return From(!value.has_value());
    case Condition::kEquals: return From(value && http::QueryTextIs(*value, condition.value));
    case Condition::kRegex: break;
  }
  if (!value) return Outcome::kNoMatch;
  const Regex& regex = regexes[check.regex];
  if (value->find_first_of("%+") == std::string_view::npos) return regex.Search(*value);
  return regex.Search(http::DecodeLenient(*value, http::Plus::kSpace));
}

Matcher::Matcher(std::unique_ptr<const Index> index) : index_(std::move(index)) {}
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;
Matcher::~Matcher() = default;

Match Matcher::Find(const http::RequestHead& head, std::span<Param> params, Access access) const {
  Finder finder(*index_, head, params, access);
  Walk(*index_, finder, head.path).Run(head.authority);
  return finder.Result();
}

std::string Matcher::AllowText(uint32_t methods) const {
  std::string text;
  for (uint32_t bit = 0; bit < Index::kKnownMethods + index_->other_methods.size(); bit++) {
    if ((methods >> bit & 1) == 0) continue;
    if (!text.empty()) text += ", ";
    text += bit < Index::kKnownMethods ? http::MethodName(static_cast<http::Method>(bit))
                                       : index_->other_methods[bit - Index::kKnownMethods];
  }
  return text;
}

size_t Matcher::size() const { return index_->routes.size(); }

std::span<const std::string> Matcher::ParamNames(uint32_t route) const {
  return index_->ParamsOf(index_->routes.at(route));
}

size_t Matcher::footprint() const {
  auto text = [](const std::string& s) { return s.capacity() > 15 ? s.capacity() + 1 : 0; };
  auto bytes = [](const auto& vector) { return vector.capacity() * sizeof(vector[0]); };
  const Index& x = *index_;
  size_t sum = sizeof(x) + x.map.footprint() + bytes(x.nodes) + bytes(x.leaves) + bytes(x.leaf_routes) +
               bytes(x.routes) + bytes(x.labels) + bytes(x.params) + bytes(x.tables) + bytes(x.path_regexes) +
               bytes(x.buckets) + bytes(x.regexes) + bytes(x.other_methods);
  for (const Index::Label& label : x.labels) sum += text(label.name) + text(label.path);
  for (const std::string& name : x.params) sum += text(name);
  for (const Index::Table& table : x.tables) sum += text(table.host) + bytes(table.raw_lengths) + bytes(table.regexes);
  for (const Index::PathRegex& regex : x.path_regexes) sum += text(regex.prefix);
  for (const auto& bucket : x.buckets) sum += bytes(bucket);
  for (const Index::Route& route : x.routes) {
    sum += bytes(route.headers) + bytes(route.query);
    for (const auto* checks : {&route.headers, &route.query}) {
      for (const Index::Check& check : *checks) sum += text(check.condition.name) + text(check.condition.value);
    }
  }
  return sum;
}

}  // namespace mg::route
