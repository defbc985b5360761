#include "upstream/balancer.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace mg::upstream {

namespace {

using Balance = config::Upstream::Balance;

bool Tried(const Choosing& choosing, const Target* target) {
  return std::ranges::find(choosing.tried, target) != choosing.tried.end();
}

double Load(const Plan::Choice& choice) {
  return (choice.target->active.load(std::memory_order_relaxed) + 1.0) / choice.weight;
}

// What a request costs there: the latency to expect, for all that are in flight before it. A target of which nothing is
// known gets one request to find out, and no second one meanwhile.
double Cost(const Plan::Choice& choice, Nanoseconds now) {
  constexpr double kUnknown = 1e12;
  double latency = choice.target->latency.Read(now);
  if (latency == 0) return choice.target->active.load(std::memory_order_relaxed) == 0 ? 0 : kUnknown * Load(choice);
  return latency * Load(choice);
}

// Fewest requests in flight for its weight; equals take turns.
Target* LeastBusy(const Plan& plan, uint64_t turn) {
  double least = 0;
  size_t equals = 0;
  for (const Plan::Choice& choice : plan.choices) {
    double load = Load(choice);
    if (equals == 0 || load < least) {
      least = load;
      equals = 1;
    } else if (load == least) {
      equals++;
    }
  }
  size_t skip = turn % equals;
  for (const Plan::Choice& choice : plan.choices) {
    if (Load(choice) <= least && skip-- == 0) return choice.target;
  }
  return plan.choices[turn % plan.choices.size()].target;  // the loads have changed meanwhile
}

// Two different ones at random, by weight; of them the better.
Target* BetterOfTwo(const Plan& plan, Balance balance, Nanoseconds now) {
  thread_local std::minstd_rand random{std::random_device{}()};
  auto any = [&] { return plan.sequence[random() % plan.sequence.size()]; };
  uint16_t one = any(), other = any();
  for (int i = 0; i < 4 && other == one; i++) other = any();
  const Plan::Choice &a = plan.choices[one], &b = plan.choices[other];
  if (balance == Balance::kRandom) return (Load(b) < Load(a) ? b : a).target;
  return (Cost(b, now) < Cost(a, now) ? b : a).target;
}

// The key's own target; with a bound, or one that was tried, the next on the ring.
Target* OfHash(const config::Upstream& conf, const Plan& plan, const Choosing& choosing) {
  double in_flight = 1;
  if (conf.balance_factor != 0) {
    for (const Plan::Choice& choice : plan.choices) in_flight += choice.target->active.load(std::memory_order_relaxed);
  }
  size_t place = plan.ring.Find(choosing.hash);
  for (size_t step = 0; step < plan.ring.size(); step++, place = plan.ring.Next(place)) {
    const Plan::Choice& choice = plan.choices[plan.ring.member(place)];
    if (Tried(choosing, choice.target)) continue;
    if (conf.balance_factor == 0) return choice.target;
    double most = std::ceil(conf.balance_factor / 100.0 * in_flight * choice.weight / plan.total_weight);
    if (choice.target->active.load(std::memory_order_relaxed) < most) return choice.target;
  }
  return plan.choices[plan.ring.member(plan.ring.Find(choosing.hash))].target;
}

// One that was not tried, by weight: the share of one that fails is spread over all the others. Null: all were.
Target* Untried(const Plan& plan, const Choosing& choosing) {
  double total = 0;
  for (const Plan::Choice& choice : plan.choices) total += Tried(choosing, choice.target) ? 0 : choice.weight;
  double step = static_cast<double>(choosing.turn) * 0.61803398874989485;  // its fractions are spread evenly
  double left = (step - std::floor(step)) * total;
  Target* last = nullptr;
  for (const Plan::Choice& choice : plan.choices) {
    if (Tried(choosing, choice.target)) continue;
    last = choice.target;
    left -= choice.weight;
    if (left < 0) break;
  }
  return last;
}

Target* FirstChoice(const config::Upstream& conf, const Plan& plan, const Choosing& choosing) {
  switch (conf.balance) {
    case Balance::kRoundRobin: break;
    case Balance::kLeastConn: return LeastBusy(plan, choosing.turn);
    case Balance::kRandom:
    case Balance::kEwma: return BetterOfTwo(plan, conf.balance, choosing.now);
    case Balance::kHash: return OfHash(conf, plan, choosing);
  }
  return plan.choices[plan.sequence[choosing.turn % plan.sequence.size()]].target;
}

}  // namespace

Target* Choose(const config::Upstream& conf, const Plan& plan, const Choosing& choosing) {
  if (plan.choices.empty()) return nullptr;
  Target* first = FirstChoice(conf, plan, choosing);
  if (choosing.tried.empty() || !Tried(choosing, first)) return first;
  if (Target* other = Untried(plan, choosing)) return other;
  for (Target* target : plan.reserve) {
    if (!Tried(choosing, target)) return target;
  }
  // An unfit one that was not tried beats one that has just failed.
  for (const Member& member : plan.members) {
    if (!Tried(choosing, member.target.get())) return member.target.get();
  }
  return first;
}

}  // namespace mg::upstream
