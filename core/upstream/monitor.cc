#include "upstream/monitor.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <fmt/format.h>

namespace mg::upstream {

namespace {
constexpr std::chrono::milliseconds kMostPatience{3'000};  // of a reload, with DNS that does not answer
}

// The watch of a target's name: the one that is there, or a new one, which is not started yet.
NameWatch* Monitor::NameOf(const config::Target& target, const config::Resolver& conf, Names& before) {
  if (target.address.kind != config::Address::Kind::kName) return nullptr;
  std::string key = fmt::format("{}|{}|{}", target.srv ? "srv" : "host", target.address.host, target.address.port);
  auto& place = names_[key];
  if (place) return place.get();
  if (auto known = before.find(key); known != before.end()) {
    place = std::move(known->second);
    place->SetConf(conf);
  } else {
    place = std::make_unique<NameWatch>(loop_, resolver_, conf, target.address.host, target.srv, target.address.port,
                                        [this] { NameChanged(); });
  }
  return place.get();
}

void Monitor::Watch(const Upstreams& upstreams, const config::Resolver& conf, std::function<void()> ready) {
  watching_ = true;
  ready_ = std::move(ready);
  resolver_.Configure(conf);
  std::vector<Watched> before = std::exchange(watched_, {});
  Names names_before = std::exchange(names_, {});
  for (const std::shared_ptr<Upstream>& upstream : upstreams) {
    Watched& watched = watched_.emplace_back();
    watched.upstream = upstream;
    for (const config::Target& target : upstream->conf().targets)
      watched.names.push_back(NameOf(target, conf, names_before));
    // Checks of the same name go on: their counts, and when the next is due.
    auto old = std::ranges::find_if(before,
                                    [&](const Watched& w) { return w.upstream->conf().name == upstream->conf().name; });
    if (old != before.end()) watched.checks = std::move(old->checks);
  }
  for (auto& [key, name] : names_) {
    if (!name->known()) name->Start();
  }
  for (Watched& watched : watched_) {
    for (auto& [target, check] : watched.checks) {
      if (watched.upstream->conf().active) check->SetUpstream(watched.upstream);
    }
    Compose(watched);
  }
  watching_ = false;
  TellWhenReady();
}

void Monitor::NameChanged() {
  if (watching_) return;  // it composes them all
  for (Watched& watched : watched_) {
    if (std::ranges::any_of(watched.names, [](const NameWatch* name) { return name != nullptr; })) Compose(watched);
  }
  TellWhenReady();
}

// Sets an upstream's members: the targets written as addresses, and what names have brought so far.
void Monitor::Compose(Watched& watched) {
  const Upstream& upstream = *watched.upstream;
  bool named = false, complete = true;
  std::vector<Member> members;
  for (size_t i = 0; i < watched.names.size(); i++) {
    const NameWatch* name = watched.names[i];
    if (name == nullptr) {
      members.push_back(upstream.statics()[i]);
      continue;
    }
    named = true;
    complete = complete && name->known();
    for (const Resolved& resolved : name->addresses()) members.push_back(registry_.MemberOf(upstream, i, resolved));
  }
  if (named) upstream.SetMembers(std::move(members), loop_.Now());
  if (named && complete) upstream.shared().settled = true;
  CheckMembers(watched);
}

// A check for each member, and for nobody else. What is not checked is not unhealthy.
void Monitor::CheckMembers(Watched& watched) {
  const Upstream& upstream = *watched.upstream;
  std::shared_ptr<const Plan> plan = upstream.plan();
  if (!upstream.conf().active) {
    watched.checks.clear();
    for (const Member& member : plan->members) {
      if (member.target->unhealthy.exchange(false)) upstream.Changed();
    }
    return;
  }
  decltype(watched.checks) checks;
  for (const Member& member : plan->members) {
    auto& check = checks[member.target.get()];
    if (check) continue;
    auto known = watched.checks.find(member.target.get());
    check = known != watched.checks.end() ? std::move(known->second)
                                          : std::make_unique<HealthCheck>(loop_, watched.upstream, member.target);
  }
  watched.checks = std::move(checks);
}

void Monitor::TellWhenReady() {
  if (!ready_ || !std::ranges::all_of(names_, [](const auto& entry) { return entry.second->known(); })) return;
  std::exchange(ready_, nullptr)();
}

size_t Monitor::checks() const {
  size_t count = 0;
  for (const Watched& watched : watched_) count += watched.checks.size();
  return count;
}

// --- the thread

MonitorThread::MonitorThread(Registry& registry)
    : registry_(registry), loop_(std::make_unique<net::Loop>()), thread_([this] {
        monitor_ = std::make_unique<Monitor>(*loop_, registry_);
        loop_->Run();
        monitor_.reset();
      }) {}

void MonitorThread::Watch(Monitor::Upstreams upstreams, config::Resolver conf) {
  struct Waiting {
    std::mutex mutex;
    std::condition_variable condition;
    bool ready = false;
  };
  auto waiting = std::make_shared<Waiting>();  // its answer may come when nobody waits any more
  auto patience = std::min(conf.timeout * conf.attempts + std::chrono::milliseconds(100), kMostPatience);
  loop_->Post([this, upstreams = std::move(upstreams), conf = std::move(conf), waiting] {
    monitor_->Watch(upstreams, conf, [waiting] {
      std::lock_guard lock(waiting->mutex);
      waiting->ready = true;
      waiting->condition.notify_one();
    });
  });
  std::unique_lock lock(waiting->mutex);
  waiting->condition.wait_for(lock, patience, [&] { return waiting->ready; });
}

void MonitorThread::Stop() {
  if (!thread_.joinable()) return;
  loop_->Stop();
  thread_.join();
  loop_.reset();
}

}  // namespace mg::upstream
