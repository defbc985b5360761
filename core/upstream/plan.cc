#include "upstream/plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <queue>

#include "base/log.h"

namespace mg::upstream {

namespace {

constexpr uint64_t kLongestTurn = 4096;
constexpr double kLeastShare = 0.1;  // what slow start begins with
constexpr int kSlowSteps = 32;
constexpr Nanoseconds kShortestStep = 50'000'000;
constexpr uint32_t kMostPoints = 16'384;  // of one target on the ring

Nanoseconds NanosecondsOf(config::Duration duration) { return duration.count() * 1'000'000; }

// Ejections that are over end here; those that are not say when the next plan is due.
void SettleEjection(const config::Upstream& conf, Target& target, Nanoseconds now, Plan& plan) {
  Nanoseconds until = target.ejected_until.load(std::memory_order_relaxed);
  if (until == 0) return;
  if (until > now) {
    plan.changes_at = std::min(plan.changes_at, until);
    return;
  }
  if (!target.ejected_until.compare_exchange_strong(until, 0, std::memory_order_relaxed)) return;
  target.back_since.store(now, std::memory_order_relaxed);
  MG_LOG(kNotice, "upstream {}: target {} is back, its ejection is over", conf.name, target.text);
}

// What of its weight a target gets while it starts.
double ShareOf(const config::Upstream& conf, const Target& target, Nanoseconds now, Plan& plan) {
  Nanoseconds since = target.back_since.load(std::memory_order_relaxed), length = NanosecondsOf(conf.slow_start);
  if (since == 0 || length == 0 || now >= since + length) return 1;
  plan.changes_at =
      std::min(plan.changes_at, std::min(since + length, now + std::max(length / kSlowSteps, kShortestStep)));
  double passed = static_cast<double>(std::max<Nanoseconds>(now - since, 0)) / static_cast<double>(length);
  return std::max(kLeastShare, passed);
}

struct Group {
  std::vector<const Member*> all, fit;
};

// The first group with enough fit targets; else the first with any; else the first. Whether only fit ones are used.
std::pair<const Group*, bool> GroupInUse(const config::Upstream& conf, const std::map<uint64_t, Group>& groups) {
  const Group* degraded = nullptr;
  for (const auto& [number, group] : groups) {
    if (group.fit.empty()) continue;
    if (group.fit.size() * 100 >= group.all.size() * conf.panic_percent) return {&group, true};
    if (degraded == nullptr) degraded = &group;
  }
  if (degraded != nullptr) return {degraded, false};
  return {&groups.begin()->second, conf.panic_percent == 0};
}

void BuildSequence(Plan& plan) {
  bool whole =
      std::ranges::all_of(plan.choices, [](const Plan::Choice& c) { return c.weight == std::floor(c.weight); });
  std::vector<uint64_t> weights;
  for (const Plan::Choice& choice : plan.choices)
    weights.push_back(static_cast<uint64_t>(std::max(1.0, std::round(choice.weight * (whole ? 1 : 100)))));
  plan.sequence = SmoothSequence(std::move(weights));
}

// Points by weight relative to the least of all members, fit or not: who is left keeps its points when another goes.
void BuildRing(Plan& plan) {
  uint32_t least = UINT32_MAX;
  for (const Member& member : plan.members) least = std::min(least, member.weight);
  for (size_t i = 0; i < plan.choices.size(); i++) {
    double points = std::round(HashRing::kPoints * plan.choices[i].weight / least);
    auto count = static_cast<uint32_t>(std::clamp<double>(points, 1, kMostPoints));
    plan.ring.Add(plan.choices[i].target->text, count, static_cast<uint16_t>(i));
  }
  plan.ring.Build();
}

}  // namespace

// Whose next turn is due first goes first: turn k of a target of weight w is due at (k + 1/2) / w.
std::vector<uint16_t> SmoothSequence(std::vector<uint64_t> weights) {
  uint64_t total = std::accumulate(weights.begin(), weights.end(), uint64_t{0}), divisor = 0;
  uint64_t longest = std::max<uint64_t>(kLongestTurn, weights.size());
  for (uint64_t& weight : weights) {
    if (total > longest) weight = std::max<uint64_t>(1, weight * longest / total);
    divisor = std::gcd(divisor, weight);
  }
  struct Turn {
    double due;
    uint16_t index;
    bool operator>(const Turn& other) const { return due != other.due ? due > other.due : index > other.index; }
  };
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns;
  size_t length = 0;
  for (size_t i = 0; i < weights.size(); i++) {
    if (weights[i] == 0) continue;
    weights[i] /= divisor;
    length += weights[i];
    turns.push({0.5 / static_cast<double>(weights[i]), static_cast<uint16_t>(i)});
  }
  std::vector<uint16_t> sequence;
  sequence.reserve(length);
  std::vector<uint64_t> taken(weights.size());
  while (sequence.size() < length) {
    uint16_t index = turns.top().index;
    turns.pop();
    sequence.push_back(index);
    if (++taken[index] == weights[index]) continue;
    turns.push({(static_cast<double>(taken[index]) + 0.5) / static_cast<double>(weights[index]), index});
  }
  return sequence;
}

std::shared_ptr<const Plan> MakePlan(const config::Upstream& conf, std::vector<Member> members, Nanoseconds now) {
  auto plan = std::make_shared<Plan>();
  plan->members = std::move(members);
  if (plan->members.empty()) return plan;
  std::map<uint64_t, Group> groups;
  for (const Member& member : plan->members) {
    SettleEjection(conf, *member.target, now, *plan);
    Group& group = groups[member.group];
    group.all.push_back(&member);
    if (member.target->Fit(now)) group.fit.push_back(&member);
  }
  auto [group, only_fit] = GroupInUse(conf, groups);
  plan->panic = !only_fit;
  for (const Member* member : only_fit ? group->fit : group->all) {
    double weight = member->weight * ShareOf(conf, *member->target, now, *plan);
    plan->choices.push_back({member->target.get(), weight});
    plan->total_weight += weight;
  }
  for (const auto& [number, other] : groups) {
    if (&other == group) continue;
    for (const Member* member : other.fit) plan->reserve.push_back(member->target.get());
  }
  BuildSequence(*plan);
  if (conf.balance == config::Upstream::Balance::kHash) BuildRing(*plan);
  return plan;
}

}  // namespace mg::upstream
