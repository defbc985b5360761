#include "upstream/upstream.h"

#include <algorithm>
#include <random>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/digest.h"

namespace mg::upstream {

struct SharedState {
  std::atomic<uint64_t> position{0};  // of round robin, for all loops
};

namespace {

// One whole turn of smooth weighted round robin: each target as often as its weight says, spread evenly.
std::vector<uint16_t> SmoothSequence(const std::vector<Target>& targets) {
  constexpr uint64_t kLongest = 4096;
  uint64_t total = 0;
  for (const Target& target : targets) total += target.backup ? 0 : target.weight;
  std::vector<int64_t> current(targets.size(), 0);
  std::vector<int64_t> weight(targets.size(), 0);
  for (size_t i = 0; i < targets.size(); i++) {
    if (targets[i].backup || targets[i].weight == 0) continue;
    uint64_t scaled = total > kLongest ? targets[i].weight * kLongest / total : targets[i].weight;
    weight[i] = static_cast<int64_t>(std::max<uint64_t>(scaled, 1));
  }
  int64_t turn = 0;
  for (int64_t w : weight) turn += w;
  std::vector<uint16_t> sequence;
  for (int64_t step = 0; step < turn; step++) {
    size_t best = targets.size();
    for (size_t i = 0; i < targets.size(); i++) {
      if (weight[i] == 0) continue;
      current[i] += weight[i];
      if (best == targets.size() || current[i] > current[best]) best = i;
    }
    current[best] -= turn;
    sequence.push_back(static_cast<uint16_t>(best));
  }
  return sequence;
}

bool Usable(const Target& target, Nanoseconds now) {
  return !target.state->unhealthy.load(std::memory_order_relaxed) &&
         target.state->ejected_until.load(std::memory_order_relaxed) <= now;
}

// Connections at rest were verified with these settings: others must not find them.
std::string TlsIdentity(const config::UpstreamTls& tls, const std::string& server) {
  if (!tls.enabled) return "";
  std::string settings;
  for (const std::string& part : {tls.ca_pem, tls.cert_pem, tls.key_pem})
    settings += std::to_string(part.size()) + ":" + part;
  std::string digest = HexEncode(crypto::ComputeDigest(crypto::Digest::kSha256, settings));
  return "|tls|" + server + (tls.verify ? "|verified|" : "|any|") + digest;
}

bool Contains(std::span<const uint16_t> list, size_t index) { return std::ranges::find(list, index) != list.end(); }

}  // namespace

Upstream::Upstream(const config::Upstream& conf, std::vector<Target> targets, std::shared_ptr<SharedState> shared,
                   std::unique_ptr<net::ClientTls> tls)
    : conf_(conf),
      targets_(std::move(targets)),
      sequence_(SmoothSequence(targets_)),
      shared_(std::move(shared)),
      tls_(std::move(tls)) {}

Upstream::~Upstream() = default;

ssl_ctx_st* Upstream::tls() const { return tls_ ? tls_->context() : nullptr; }

// Fewest requests in flight for its weight; among equals the one whose turn it is.
std::optional<size_t> Upstream::LeastBusy(std::span<const uint16_t> tried, uint64_t turn, Nanoseconds now) const {
  std::optional<size_t> best;
  double best_load = 0;
  for (size_t i = 0; i < targets_.size(); i++) {
    size_t index = (turn + i) % targets_.size();
    const Target& target = targets_[index];
    if (target.backup || target.weight == 0 || Contains(tried, index) || !Usable(target, now)) continue;
    double load = (target.state->active.load(std::memory_order_relaxed) + 1.0) / target.weight;
    if (!best || load < best_load) {
      best = index;
      best_load = load;
    }
  }
  return best;
}

// Two places of the sequence at random; of them the less busy.
std::optional<size_t> Upstream::BetterOfTwo(std::span<const uint16_t> tried, Nanoseconds now) const {
  thread_local std::minstd_rand random{std::random_device{}()};
  std::optional<size_t> best;
  for (int i = 0; i < 2; i++) {
    size_t index = sequence_[random() % sequence_.size()];
    if (Contains(tried, index) || !Usable(targets_[index], now)) continue;
    auto active = [&](size_t of) { return targets_[of].state->active.load(std::memory_order_relaxed); };
    if (!best || active(index) < active(*best)) best = index;
  }
  return best;
}

Result<size_t> Upstream::Pick(std::span<const uint16_t> tried, uint64_t hash, Nanoseconds now) const {
  using Balance = config::Upstream::Balance;
  if (!sequence_.empty()) {
    uint64_t start = conf_.balance == Balance::kHash ? hash : shared_->position.fetch_add(1, std::memory_order_relaxed);
    std::optional<size_t> picked;
    if (conf_.balance == Balance::kLeastConn) picked = LeastBusy(tried, start, now);
    if (conf_.balance == Balance::kRandom) picked = BetterOfTwo(tried, now);
    if (picked) return *picked;
    for (size_t step = 0; step < sequence_.size(); step++) {
      size_t index = sequence_[(start + step) % sequence_.size()];
      if (!Contains(tried, index) && Usable(targets_[index], now)) return index;
    }
  }
  for (size_t i = 0; i < targets_.size(); i++) {  // the backups, in order
    if (targets_[i].backup && !Contains(tried, i) && Usable(targets_[i], now)) return i;
  }
  // None is healthy, or all were tried: one that was not tried beats none, one that was tried beats an error.
  for (size_t i = 0; i < targets_.size(); i++) {
    if (!Contains(tried, i)) return i;
  }
  if (!tried.empty()) return tried.front();
  return Fail(ErrorCode::kUnavailable, "upstream " + conf_.name + " has no target");
}

uint64_t Upstream::live() const {
  uint64_t live = 0;
  for (const Target& target : targets_) live += target.state->active.load(std::memory_order_relaxed);
  return live;
}

void Upstream::Succeeded(size_t target) const {
  TargetState& state = *targets_[target].state;
  if (state.failures.load(std::memory_order_relaxed) != 0) state.failures.store(0, std::memory_order_relaxed);
}

void Upstream::Failed(size_t target, Nanoseconds now) const {
  TargetState& state = *targets_[target].state;
  state.errors.fetch_add(1, std::memory_order_relaxed);
  uint32_t failures = state.failures.fetch_add(1, std::memory_order_relaxed) + 1;
  if (!conf_.passive || failures < conf_.passive->failures) return;
  size_t ejected = 0;
  for (const Target& other : targets_) {
    if (other.state->ejected_until.load(std::memory_order_relaxed) > now) ejected++;
  }
  if ((ejected + 1) * 100 > targets_.size() * conf_.passive->max_ejected_percent) return;
  state.ejected_until.store(now + conf_.passive->eject.count() * 1'000'000, std::memory_order_relaxed);
  state.failures.store(0, std::memory_order_relaxed);
  MG_LOG(kWarn, "upstream {}: target {} ejected for {} ms after {} failures", conf_.name, targets_[target].address.text,
         conf_.passive->eject.count(), failures);
}

Result<std::unique_ptr<Upstream>> Registry::Build(const config::Upstream& conf) {
  std::vector<Target> targets;
  for (const config::Target& from : conf.targets) {
    Target target;
    target.address = from.address;
    target.weight = from.weight;
    target.backup = from.backup;
    target.server = conf.tls.server_name.empty() ? from.address.host : conf.tls.server_name;
    target.host = from.address.kind == config::Address::Kind::kUnix ? "localhost" : from.address.text;
    if (from.address.kind != config::Address::Kind::kName) {
      Result<net::SocketAddress> address = net::SocketAddress::From(from.address);
      if (!address) return std::unexpected(address.error());
      target.resolved = *address;
    }
    std::string identity = conf.name + "|" + from.address.text + TlsIdentity(conf.tls, target.server);
    target.state = targets_[identity].lock();
    if (!target.state) {
      target.state = std::make_shared<TargetState>(identity, next_number_++,
                                                   "upstream " + conf.name + ", target " + from.address.text);
      targets_[identity] = target.state;
    }
    targets.push_back(std::move(target));
  }
  std::shared_ptr<SharedState>& shared = shared_[conf.name];
  if (!shared) shared = std::make_shared<SharedState>();
  std::unique_ptr<net::ClientTls> tls;
  if (conf.tls.enabled) {
    Result<std::unique_ptr<net::ClientTls>> made = net::ClientTls::Make(conf.tls);
    if (!made) return std::unexpected(made.error());
    tls = std::move(*made);
  }
  auto upstream = std::make_unique<Upstream>(conf, std::move(targets), shared, std::move(tls));
  std::shared_ptr<RetryBudget>& budget = budgets_[conf.name];
  if (!budget) budget = std::make_shared<RetryBudget>();
  std::shared_ptr<Breaker>& breaker = breakers_[conf.name];
  if (!breaker) breaker = std::make_shared<Breaker>("upstream " + conf.name);
  upstream->Protect(conf.breaker ? Guard(*conf.breaker, breaker) : Guard(), budget);
  return upstream;
}

}  // namespace mg::upstream
