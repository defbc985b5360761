#include "upstream/registry.h"

#include "base/encoding.h"
#include "crypto/digest.h"

namespace mg::upstream {

namespace {

// Connections at rest were verified with these settings: others must not find them.
std::string TlsIdentity(const config::UpstreamTls& tls, const std::string& server) {
  if (!tls.enabled) return "";
  std::string settings;
  for (const std::string& part : {tls.ca_pem, tls.cert_pem, tls.key_pem})
    settings += std::to_string(part.size()) + ":" + part;
  std::string digest = HexEncode(crypto::ComputeDigest(crypto::Digest::kSha256, settings));
  return "|tls|" + server + (tls.verify ? "|verified|" : "|any|") + digest;
}

}  // namespace

Member Registry::MakeMember(const config::Upstream& conf, const config::Target& from, const Resolved& resolved,
                            bool settled) {
  using Kind = config::Address::Kind;
  bool named = from.address.kind == Kind::kName;
  TargetName name;
  name.address = resolved.address;
  name.text = named ? resolved.address.ToString() : from.address.text;
  name.host = from.address.kind == Kind::kUnix ? "localhost" : from.address.text;
  if (from.srv) name.host = resolved.host + ":" + std::to_string(resolved.address.port());
  name.server = conf.tls.server_name.empty() ? resolved.host : conf.tls.server_name;
  name.identity =
      conf.name + "|" + from.address.text + "|" + name.host + "|" + name.text + TlsIdentity(conf.tls, name.server);
  name.upstream = conf.name;
  bool made = false;
  Member member;
  member.target = targets_.Find(std::move(name), made);
  member.weight = from.weight * std::max<uint32_t>(resolved.weight, 1);
  member.group = uint64_t{from.priority} << 32 | resolved.rank;
  if (made && conf.active && conf.active->starts_unhealthy) member.target->unhealthy = true;
  if (made && settled) member.target->back_since = MonotonicNow();
  return member;
}

Member Registry::MemberOf(const Upstream& upstream, size_t index, const Resolved& resolved) {
  return MakeMember(upstream.conf(), upstream.conf().targets[index], resolved, upstream.shared().settled);
}

Result<std::shared_ptr<Upstream>> Registry::Build(const config::Upstream& conf) {
  std::shared_ptr<SharedState>& shared = shared_[conf.name];
  if (!shared) shared = std::make_shared<SharedState>();
  std::vector<Member> statics;
  bool named = false;
  for (const config::Target& target : conf.targets) {
    if (target.address.kind == config::Address::Kind::kName) {
      statics.emplace_back();
      named = true;
      continue;
    }
    Result<net::SocketAddress> address = net::SocketAddress::From(target.address);
    if (!address) return std::unexpected(address.error());
    statics.push_back(MakeMember(conf, target, {*address, target.address.host}, shared->settled));
  }
  std::unique_ptr<net::ClientTls> tls;
  if (conf.tls.enabled) {
    Result<std::unique_ptr<net::ClientTls>> made = net::ClientTls::Make(conf.tls);
    if (!made) return std::unexpected(made.error());
    tls = std::move(*made);
  }
  if (!named) shared->settled = true;
  auto upstream = std::make_shared<Upstream>(conf, std::move(statics), shared, std::move(tls), loops_);
  std::shared_ptr<RetryBudget>& budget = budgets_[conf.name];
  if (!budget) budget = std::make_shared<RetryBudget>();
  std::shared_ptr<Breaker>& breaker = breakers_[conf.name];
  if (!breaker) breaker = std::make_shared<Breaker>("upstream " + conf.name);
  upstream->Protect(conf.breaker ? Guard(*conf.breaker, breaker) : Guard(), budget);
  return upstream;
}

void Registry::Forget() {
  targets_.Forget();
  shared_.clear();
  breakers_.clear();
  budgets_.clear();
}

}  // namespace mg::upstream
