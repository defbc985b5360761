#include "upstream/name_watch.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/log.h"

namespace mg::upstream {

namespace {
constexpr Nanoseconds kLongestTtl = Nanoseconds{INT32_MAX} * 1'000'000'000;
constexpr Milliseconds kLongestBackOff = 30'000;
}  // namespace

NameWatch::NameWatch(net::Loop& loop, net::Resolver& resolver, const config::Resolver& conf, std::string name, bool srv,
                     uint16_t port, std::function<void()> changed)
    : resolver_(resolver),
      conf_(conf),
      name_(std::move(name)),
      srv_(srv),
      port_(port),
      changed_(std::move(changed)),
      timer_(
          loop, [](void* self) { static_cast<NameWatch*>(self)->Ask(); }, this) {
  if (!srv_) hosts_.push_back({name_, port_});
}

void NameWatch::Start() { Ask(); }

void NameWatch::Ask() {
  queries_.clear();
  failed_ = false;
  error_.clear();
  ttl_ = kLongestTtl;
  if (!srv_) return AskHosts();
  auto query = resolver_.Ask(name_, Type::kSrv, [this](auto records) { ServicesCame(std::move(records)); });
  if (query) queries_.push_back(std::move(query));
}

// What one answer means for the round. An error that is not retryable is DNS' word that there is nothing.
NameWatch::State NameWatch::Note(const Result<net::Resolver::Records>& records) {
  if (records) {
    ttl_ = std::min(ttl_, records->ttl);
    return State::kFound;
  }
  if (error_.empty()) error_ = records.error().message;
  if (records.error().retryable == Retryable::kNo) return State::kNone;
  failed_ = true;
  return State::kFailed;
}

void NameWatch::ServicesCame(Result<net::Resolver::Records> records) {
  State state = Note(records);
  if (state == State::kFailed) return Finish();
  hosts_.clear();
  if (state == State::kNone) return Finish();
  std::set<uint16_t> priorities;
  bool weighted = false;
  for (const net::SrvRecord& record : records->services) {
    priorities.insert(record.priority);
    weighted = weighted || record.weight != 0;
  }
  for (const net::SrvRecord& record : records->services) {
    // "." says that the service is not there (RFC 2782).
    if (record.host.empty() || record.port == 0 || hosts_.size() == kMostHosts) continue;
    auto rank = std::distance(priorities.begin(), priorities.find(record.priority));
    uint32_t weight = weighted ? std::max<uint32_t>(record.weight, 1) : 1;
    hosts_.push_back({record.host, record.port, weight, static_cast<uint32_t>(rank)});
  }
  AskHosts();
}

void NameWatch::AskHosts() {
  std::set<std::pair<std::string, Type>> asked;
  for (const Host& host : hosts_) {
    if (conf_.family != config::Resolver::Family::kIpv6) asked.emplace(host.name, Type::kA);
    if (conf_.family != config::Resolver::Family::kIpv4) asked.emplace(host.name, Type::kAaaa);
  }
  std::erase_if(by_host_, [&](const auto& entry) { return !asked.contains(entry.first); });
  waiting_ = asked.size() + 1;  // the last is ours: answers may come from within the calls
  for (const auto& [host, type] : asked) {
    auto query = resolver_.Ask(
        host, type, [this, name = host, kind = type](auto records) { AddressesCame(name, kind, std::move(records)); });
    if (query) queries_.push_back(std::move(query));
  }
  if (--waiting_ == 0) Finish();
}

// Each family by itself: that one of them fails does not bring down what the other has, nor its own last answer.
void NameWatch::AddressesCame(const std::string& host, Type type, Result<net::Resolver::Records> records) {
  switch (Note(records)) {
    case State::kFound: by_host_[{host, type}] = std::move(records->addresses); break;
    case State::kNone: by_host_.erase({host, type}); break;
    case State::kFailed: break;
  }
  if (--waiting_ == 0) Finish();
}

std::vector<Resolved> NameWatch::Collect() const {
  std::vector<Resolved> all;
  for (const Host& host : hosts_) {
    for (Type type : {Type::kA, Type::kAaaa}) {
      auto found = by_host_.find({host.name, type});
      if (found == by_host_.end()) continue;
      for (const net::SocketAddress& address : found->second) {
        if (all.size() < kMostAddresses)
          all.push_back({address.WithPort(host.port), host.name, host.weight, host.rank});
      }
    }
  }
  // DNS servers turn their answers round: the order must not look like a change.
  std::ranges::sort(all, {},
                    [](const Resolved& r) { return std::tuple(r.rank, r.host, r.address.ToString(), r.weight); });
  auto same = [](const Resolved& a, const Resolved& b) { return a.address == b.address && a.host == b.host; };
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
  return all;
}

void NameWatch::Finish() {
  std::vector<Resolved> before = std::exchange(addresses_, Collect());
  bool first = !std::exchange(known_, true);
  bool lacking = failed_ || addresses_.empty();
  failures_ = lacking ? failures_ + 1 : 0;
  Milliseconds wait = std::clamp<Milliseconds>(ttl_ / 1'000'000, conf_.min_ttl.count(), conf_.max_ttl.count());
  if (lacking) {
    Milliseconds step = conf_.min_ttl.count() << std::min(failures_ - 1, 10u);
    wait = std::min({step, std::max<Milliseconds>(kLongestBackOff, conf_.min_ttl.count()), conf_.max_ttl.count()});
  }
  timer_.SetAfter(wait);
  if (first || failed_ != failing_ || before != addresses_) Report(before);
  failing_ = failed_;
  if (first || before != addresses_) changed_();
}

void NameWatch::Report(const std::vector<Resolved>& before) const {
  if (failed_ && !failing_) {
    MG_LOG(kWarn, "name {}: {}; {} addresses are kept", name_, error_, addresses_.size());
  } else if (addresses_.empty()) {
    MG_LOG(kWarn, "name {}: it has no address: {}", name_, error_);
  } else if (before != addresses_ || failing_) {
    std::string list;
    for (size_t i = 0; i < addresses_.size() && i < 8; i++)
      list += (list.empty() ? "" : ", ") + addresses_[i].address.ToString();
    if (addresses_.size() > 8) list += ", ...";
    MG_LOG(kNotice, "name {}: {} addresses: {}", name_, addresses_.size(), list);
  }
}

}  // namespace mg::upstream
