#include "upstream/upstream.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "upstream/balancer.h"

namespace mg::upstream {

namespace {

constexpr Nanoseconds kFailureLatency = 1'000'000'000;  // a failure counts as an answer that took this at least

Nanoseconds NanosecondsOf(config::Duration duration) { return duration.count() * 1'000'000; }

}  // namespace

Upstream::Upstream(const config::Upstream& conf, std::vector<Member> statics, std::shared_ptr<SharedState> shared,
                   std::unique_ptr<net::ClientTls> tls, int loops)
    : conf_(conf),
      statics_(std::move(statics)),
      shared_(std::move(shared)),
      tls_(std::move(tls)),
      views_(static_cast<size_t>(loops)) {
  std::vector<Member> known;
  for (const Member& member : statics_) {
    if (member.target) known.push_back(member);
  }
  SetMembers(std::move(known), MonotonicNow());
}

Upstream::~Upstream() = default;

ssl_ctx_st* Upstream::tls() const { return tls_ ? tls_->context() : nullptr; }

// --- the plan

std::shared_ptr<const Plan> Upstream::plan() const {
  std::lock_guard lock(publishing_);
  return latest_;
}

void Upstream::SetMembers(std::vector<Member> members, Nanoseconds now) const {
  std::lock_guard lock(making_);
  Publish(std::move(members), now);
}

// With `making_` held. The old plan goes where its last reader lets go of it.
void Upstream::Publish(std::vector<Member> members, Nanoseconds now) const {
  uint64_t changes = shared_->changes.load(std::memory_order_acquire);
  auto made = std::const_pointer_cast<Plan>(MakePlan(conf_, std::move(members), now));
  made->made_for = changes;
  std::shared_ptr<const Plan> old = std::move(made);
  std::lock_guard lock(publishing_);
  latest_.swap(old);
  version_.fetch_add(1, std::memory_order_release);
}

const Plan& Upstream::Current(Nanoseconds now, int loop) const {
  View& view = views_[static_cast<size_t>(loop)];
  auto refresh = [&] {
    if (view.version == version_.load(std::memory_order_acquire)) return;
    std::lock_guard lock(publishing_);
    view.plan = latest_;
    view.version = version_.load(std::memory_order_relaxed);
  };
  auto outdated = [&] {
    return now >= view.plan->changes_at || view.plan->made_for != shared_->changes.load(std::memory_order_acquire);
  };
  refresh();
  if (!outdated()) return *view.plan;
  if (std::unique_lock lock(making_, std::try_to_lock); lock) {  // else another is at it: the old one does for now
    refresh();
    if (outdated()) Publish(view.plan->members, now);
  }
  refresh();
  return *view.plan;
}

Result<Target*> Upstream::Pick(std::span<Target* const> tried, uint64_t hash, Nanoseconds now, int loop) const {
  const Plan& plan = Current(now, loop);
  Choosing choosing{tried, 0, hash, now};
  if (conf_.balance != config::Upstream::Balance::kHash || !tried.empty())
    choosing.turn = shared_->turn.fetch_add(1, std::memory_order_relaxed);
  if (Target* target = Choose(conf_, plan, choosing)) return target;
  return Fail(ErrorCode::kUnavailable,
              fmt::format("upstream {} has no {}", conf_.name, plan.members.empty() ? "target" : "target that is fit"));
}

uint64_t Upstream::live() const {
  uint64_t live = 0;
  for (const Member& member : plan()->members) live += member.target->active.load(std::memory_order_relaxed);
  return live;
}

// --- passive health

bool Upstream::Fails(const Outcome& outcome) const {
  if (outcome.kind == Outcome::kFailed) return true;
  return conf_.passive && std::ranges::find(conf_.passive->statuses, outcome.status) != conf_.passive->statuses.end();
}

void Upstream::Finish(Target& target, const Outcome& outcome, Nanoseconds now) const {
  if (outcome.kind != Outcome::kCancelled) {
    bool failed = Fails(outcome);
    if (failed) target.errors.fetch_add(1, std::memory_order_relaxed);
    target.latency.Add(failed ? std::max(outcome.latency, kFailureLatency) : outcome.latency, now);
    if (conf_.passive && conf_.passive->failure_percent != 0)
      target.window.Count(failed, now, NanosecondsOf(conf_.passive->window));
    if (failed) {
      CountFailure(target, now);
    } else if (target.failures.load(std::memory_order_relaxed) != 0) {
      target.failures.store(0, std::memory_order_relaxed);
    }
  }
  target.active.fetch_sub(1, std::memory_order_release);
}

void Upstream::CountFailure(Target& target, Nanoseconds now) const {
  if (!conf_.passive) {
    target.failures.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const config::PassiveHealth& passive = *conf_.passive;
  Nanoseconds window = NanosecondsOf(passive.window);
  Nanoseconds before = target.failed_at.exchange(now, std::memory_order_relaxed);
  if (before + window < now) target.failures.store(0, std::memory_order_relaxed);
  uint32_t row = target.failures.fetch_add(1, std::memory_order_relaxed) + 1;
  if (row >= passive.failures) return Eject(target, fmt::format("{} failures in a row", row), now);
  if (passive.failure_percent == 0) return;
  FailureWindow::Sums sums = target.window.Sum(now, window);
  if (sums.calls < passive.minimum || sums.failures * 100 < sums.calls * passive.failure_percent) return;
  Eject(target, fmt::format("{} of {} requests failed within {} ms", sums.failures, sums.calls, passive.window.count()),
        now);
}

void Upstream::Eject(Target& target, const std::string& why, Nanoseconds now) const {
  std::shared_ptr<const Plan> listed = plan();
  size_t ejected = 0;
  bool member = false;
  for (const Member& other : listed->members) {
    member = member || other.target.get() == &target;
    if (other.target->ejected_until.load(std::memory_order_relaxed) > now) ejected++;
  }
  if (!member || (ejected + 1) * 100 > listed->members.size() * conf_.passive->max_ejected_percent) return;
  Nanoseconds until = target.ejected_until.load(std::memory_order_relaxed);
  if (until > now) return;  // already; these requests had begun before
  if (!target.ejected_until.compare_exchange_strong(until, now + NanosecondsOf(conf_.passive->eject),
                                                    std::memory_order_relaxed))
    return;  // another loop was faster
  target.failures.store(0, std::memory_order_relaxed);
  target.window.Clear();
  Changed();
  MG_LOG(kWarn, "upstream {}: target {} is ejected for {} ms: {}", conf_.name, target.text,
         conf_.passive->eject.count(), why);
}

}  // namespace mg::upstream
