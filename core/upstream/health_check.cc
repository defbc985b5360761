#include "upstream/health_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "http/h1_encoder.h"

namespace mg::upstream {

using Kind = config::ActiveHealth::Kind;

HealthCheck::HealthCheck(net::Loop& loop, std::shared_ptr<const Upstream> upstream, std::shared_ptr<Target> target)
    : loop_(loop),
      upstream_(std::move(upstream)),
      target_(std::move(target)),
      timer_(
          loop, [](void* self) { static_cast<HealthCheck*>(self)->OnTimer(); }, this),
      arena_(loop.blocks()) {
  // The first comes at once, but not all of an upstream's in one moment.
  int64_t spread = upstream_->conf().active->interval.count() * upstream_->conf().active->jitter_percent / 100;
  timer_.SetAfter(spread > 0 ? static_cast<Milliseconds>(random_() % static_cast<uint64_t>(spread)) : 0);
}

HealthCheck::~HealthCheck() { Disconnect(); }

void HealthCheck::OnTimer() {
  if (!client_) return Begin();
  Ended(false, fmt::format("no answer within {} ms", upstream_->conf().active->timeout.count()));
}

void HealthCheck::Begin() {
  if (next_) upstream_ = std::move(next_);
  const config::ActiveHealth& active = *upstream_->conf().active;
  arena_.Release();  // of the check before
  began_ = loop_.Now();
  timer_.SetAfter(active.timeout.count());
  client_ = std::make_unique<http::H1Client>(loop_, http::ParseLimits{});
  net::SocketAddress to = active.port != 0 ? target_->address.WithPort(active.port) : target_->address;
  client_->Connect(to, active.kind == Kind::kTcp ? nullptr : upstream_->tls(), target_->server);
  client_->Begin(*this, http::Method::kGet);
  if (active.kind == Kind::kHttp) SendRequest();
}

void HealthCheck::SendRequest() {
  const config::ActiveHealth& active = *upstream_->conf().active;
  const std::string& host = active.host.empty() ? target_->host : active.host;
  http::HeadWriter writer(arena_, active.path.size() + host.size() + 128);
  writer.Put("GET ");
  writer.Put(active.path);
  writer.Put(" HTTP/1.1\r\n");
  writer.PutField("Host", host);
  writer.PutField("User-Agent", "moongate-health-check");
  writer.PutField("Connection", "close");
  writer.Put("\r\n");
  client_->SendHead(writer.text(), http::BodyFraming::kNone);
}

void HealthCheck::OnClientConnected() {
  if (upstream_->conf().active->kind == Kind::kHttp) return client_->Flush();
  Ended(true, "it takes connections");
}

void HealthCheck::OnResponseHead(http::ResponseHead& head) {
  const std::vector<uint16_t>& wanted = upstream_->conf().active->statuses;
  bool good =
      wanted.empty() ? head.status >= 200 && head.status < 400 : std::ranges::find(wanted, head.status) != wanted.end();
  Ended(good, fmt::format("it answers {}", head.status));
}

void HealthCheck::OnFailed(const Error& error) { Ended(false, error.message); }

void HealthCheck::Disconnect() {
  if (!client_) return;
  client_->Detach();  // it tells nothing more, though there may be more to read
  client_->Close();
  loop_.DestroyLater(std::move(client_));
}

// From the beginning of this check to that of the next.
Milliseconds HealthCheck::NextWait() {
  const config::ActiveHealth& active = *upstream_->conf().active;
  int64_t interval = active.interval.count(), spread = interval * active.jitter_percent / 100;
  if (spread > 0) interval += static_cast<int64_t>(random_() % static_cast<uint64_t>(2 * spread + 1)) - spread;
  return std::max<Milliseconds>(1, interval - (loop_.Now() - began_) / 1'000'000);
}

void HealthCheck::Ended(bool good, const std::string& reason) {
  Disconnect();
  timer_.SetAfter(NextWait());
  const config::ActiveHealth& active = *upstream_->conf().active;
  bool unhealthy = target_->unhealthy.load(std::memory_order_relaxed);
  bool first = !target_->checked.exchange(true, std::memory_order_relaxed);
  good_ = good ? good_ + 1 : 0;
  bad_ = good ? 0 : bad_ + 1;
  if (good && unhealthy && (first || good_ >= active.healthy)) {
    target_->back_since.store(loop_.Now(), std::memory_order_relaxed);
    target_->unhealthy.store(false, std::memory_order_relaxed);
    upstream_->Changed();
    MG_LOG(kNotice, "upstream {}: target {} is healthy: {}", upstream_->conf().name, target_->text, reason);
  } else if (!good && !unhealthy && bad_ >= active.unhealthy) {
    target_->unhealthy.store(true, std::memory_order_relaxed);
    upstream_->Changed();
    MG_LOG(kWarn, "upstream {}: target {} is unhealthy: {}", upstream_->conf().name, target_->text, reason);
  }
}

}  // namespace mg::upstream
