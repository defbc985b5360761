#include "proxy/hedging.h"

#include <algorithm>

#include <fmt/format.h>

#include "proxy/pipeline.h"

namespace mg::proxy {

Hedging::Hedging(Exchange& exchange)
    : exchange_(exchange),
      timer_(
          exchange.context.loop, [](void* self) { static_cast<Hedging*>(self)->Fire(); }, this),
      runners_{Runner(*this), Runner(*this), Runner(*this)} {}

void Hedging::Arm() {
  started_ = 0;
  timer_.SetAfter(exchange_.upstream.upstream->conf().retries.hedge.after.count());
}

void Hedging::Cancel() {
  timer_.Cancel();
  for (Runner& runner : runners_) {
    if (runner.runs()) runner.End(false);
  }
}

bool Hedging::runs() const {
  return std::ranges::any_of(runners_, [](const Runner& runner) { return runner.runs(); });
}

void Hedging::Fire() {
  Exchange& x = exchange_;
  UpstreamPart& up = x.upstream;
  if (x.step != Step::kReadHead || !up.lease || up.count == up.attempts.size()) return;
  const config::Hedge& conf = up.upstream->conf().retries.hedge;
  auto free = std::ranges::find_if(runners_, [](const Runner& runner) { return !runner.runs(); });
  if (started_ == conf.max || free == runners_.end()) return;
  Runner& runner = *free;
  runner.hold = x.TakeRetry();
  if (!runner.hold) return;
  if (x.OpenAttempt(runner.lease, true) != Exchange::Opened::kYes) {
    runner.hold.Release();
    return;
  }
  CountHedge(x);
  started_++;
  runner.index = static_cast<uint8_t>(up.count - 1);
  http::H1Client& client = runner.lease.client();
  client.Begin(runner, x.request.method);
  http::BodyFraming framing = http::BodyFraming::kNone;
  client.SendHead(EncodeUpstreamRequest(x, framing), framing);
  runner.timer.SetAfter(client.connected() ? up.timeouts.first_byte.count() : up.timeouts.connect.count());
  if (started_ < conf.max) timer_.SetAfter(conf.after.count());
}

void Hedging::Take(Runner& runner) {
  UpstreamPart& up = exchange_.upstream;
  runner.timer.Cancel();
  up.lease = std::move(runner.lease);
  up.current = runner.index;
  up.retrying = std::move(runner.hold);
  up.lease.client().HandOver(exchange_);
}

void Hedging::TakeOver() {
  auto running = std::ranges::find_if(runners_, [](const Runner& runner) { return runner.runs(); });
  if (running == runners_.end()) return;
  Nanoseconds due = running->timer.due();
  Take(*running);
  exchange_.deadline.SetAt(due);
}

// --- for the exchange

// A request that may be made twice and has no body, when nobody has chosen where it goes.
bool Exchange::MayHedge() const {
  const config::Upstream& conf = upstream.upstream->conf();
  return conf.retries.hedge.after.count() > 0 && upstream.count == 1 && in.body_state == BodyState::kNone &&
         http::IsIdempotent(request.method) && !upstream.upgrading && !route->Has(Phase::kBalance);
}

void Exchange::ArmHedging() {
  if (!hedging_) hedging_ = std::make_unique<Hedging>(*this);
  hedging_->Arm();
}

// --- one further attempt

Hedging::Runner::Runner(Hedging& hedging)
    : timer(
          hedging.exchange_.context.loop, [](void* self) { static_cast<Runner*>(self)->Overdue(); }, this),
      hedging_(hedging) {}

Attempt& Hedging::Runner::attempt() { return hedging_.exchange_.upstream.attempts[index]; }

Arena& Hedging::Runner::response_arena() { return hedging_.exchange_.arena; }

void Hedging::Runner::End(bool failed) {
  timer.Cancel();
  hold.Release();
  hedging_.exchange_.SettleAttempt(attempt(), lease,
                                   failed ? Exchange::AttemptEnd::kFailed : Exchange::AttemptEnd::kCancelled);
}

void Hedging::Runner::OnClientConnected() {
  attempt().connected = hedging_.exchange_.context.loop.Now();
  lease.client().Flush();
  timer.SetAfter(hedging_.exchange_.upstream.timeouts.first_byte.count());
}

void Hedging::Runner::OnResponseHead(http::ResponseHead& head) {
  Exchange& x = hedging_.exchange_;
  if (x.IsRetriedStatus(head.status)) {  // no answer to prefer to one that may still come
    attempt().first_byte = x.context.loop.Now();
    attempt().status = head.status;
    x.ReportHead(attempt());
    return OnFailed(
        {ErrorCode::kUnavailable, Origin::kUpstream, Retryable::kNo, fmt::format("status {}", head.status)});
  }
  x.SettleAttempt(x.upstream.attempt(), x.upstream.lease, Exchange::AttemptEnd::kCancelled);
  hedging_.Take(*this);
  x.OnResponseHead(head);
}

void Hedging::Runner::OnFailed(const Error& error) {
  Attempt& failed = attempt();
  failed.failed = true;
  failed.error = error.code;
  failed.stale = failed.reused && error.code == ErrorCode::kReset && !lease.client().response_begun();
  hedging_.exchange_.LogFailure(failed, error, ", another attempt still runs");
  End(true);
}

void Hedging::Runner::Overdue() {
  bool connected = lease.client().connected();
  OnFailed({ErrorCode::kTimeout, Origin::kUpstream, Retryable::kNo,
            connected ? "no answer in time" : "no connection in time"});
}

}  // namespace mg::proxy
