// What comes after an attempt at an upstream: its outcome is told to whoever keeps count of it, and another attempt
// follows where that is safe, allowed and within the budget.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/log.h"
#include "proxy/hedging.h"
#include "proxy/pipeline.h"

namespace mg::proxy {

namespace {

// The answer's status, and what clients are told. Never an address.
struct Told {
  int status;
  std::string_view detail;
};

Told TellFailure(const Error& error, bool connected) {
  switch (error.code) {
    case ErrorCode::kTimeout:
      return {504, connected ? "the upstream did not answer in time" : "no connection to the upstream in time"};
    case ErrorCode::kConnect: return {502, "the upstream could not be reached"};
    case ErrorCode::kResolve: return {502, "the name of the upstream could not be resolved"};
    case ErrorCode::kTls: return {502, "no secure connection to the upstream could be made"};
    case ErrorCode::kReset: return {502, "the upstream closed the connection before its answer was complete"};
    case ErrorCode::kProtocol: return {502, "the answer of the upstream was not valid HTTP"};
    default: return {502, "the upstream failed"};
  }
}

// Between nothing and base, doubled for each further retry, up to max: those that failed together do not come together.
Milliseconds Backoff(const config::Retries& retries, int retry) {
  int64_t most = retries.backoff_base.count();
  for (int i = 1; i < retry && most < retries.backoff_max.count(); i++) most *= 2;
  most = std::min<int64_t>(most, retries.backoff_max.count());
  if (most <= 0) return 0;
  thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_int_distribution<int64_t>(0, most)(random);
}

}  // namespace

void Exchange::Deadline() {
  if (!upstream.lease) {  // the wait before the next attempt is over
    Advance();
    return;
  }
  http::H1Client& client = upstream.lease.client();
  bool connecting = !client.connected();
  if (!connecting && client.pending() > 0 && client.transport().bytes_written() != upstream.sent_mark) {
    SetDeadline();  // slow, but it takes them
    return;
  }
  auto elapsed = (context.loop.Now() - timing.began) / 1'000'000;
  std::string message = connecting ? fmt::format("no connection within {} ms", upstream.timeouts.connect.count())
                                   : fmt::format("no answer after {} ms", elapsed);
  AttemptFailed({ErrorCode::kTimeout, Origin::kUpstream, Retryable::kYes, std::move(message)});
}

// The time for all attempts is over: there is no other.
void Exchange::TotalDeadline() {
  if (hedging_) hedging_->Cancel();
  if (upstream.lease && IsClientsTurn()) {  // the upstream is not to blame
    EndAttempt(AttemptEnd::kCancelled);
    if (stream != nullptr) stream->DisableKeepAlive();
    Fail(408, "the request did not come, or its answer was not taken, in time");
    FailNow();
    return;
  }
  if (upstream.lease) {
    AttemptFailed({ErrorCode::kTimeout, Origin::kUpstream, Retryable::kNo, "no answer within the total time"});
    return;
  }
  Fail(504, "the upstream did not answer in time");
  FailNow();
}

bool Exchange::IsClientsTurn() const {
  if (response.from_upstream) return !deadline.armed();  // PauseUpstream
  return in.body_state == BodyState::kStreaming && upstream.lease.client().connected() &&
         upstream.lease.client().pending() == 0;
}

bool Exchange::IsRetriedStatus(uint16_t status) const {
  const std::vector<uint16_t>& statuses = upstream.upstream->conf().retries.statuses;
  return std::ranges::find(statuses, status) != statuses.end();
}

bool Exchange::MayRetry(const Error& error) const {
  if (upstream.tunnel || error.retryable == Retryable::kNo) return false;
  const config::Retries& retries = upstream.upstream->conf().retries;
  if (response.started || stream == nullptr || !upstream.body_replayable) return false;
  if (upstream.count == upstream.attempts.size()) return false;
  const Attempt& last = upstream.attempts[upstream.current];
  uint32_t fresh = 0;
  for (uint8_t i = 0; i < upstream.count; i++) fresh += upstream.attempts[i].stale ? 0 : 1;
  uint32_t most = upstream.balance.most_attempts != 0 ? upstream.balance.most_attempts : retries.attempts + 1;
  bool connecting = last.connected == 0 && !last.reused;  // nothing was sent: any method will do
  if (connecting) return retries.on_connect && fresh < most;
  bool method_allowed = retries.methods.empty()
                            ? http::IsIdempotent(request.method)
                            : std::ranges::find(retries.methods, request.method_text) != retries.methods.end();
  if (!method_allowed) return false;
  if (last.stale) return true;
  if (fresh >= most) return false;
  switch (error.code) {
    case ErrorCode::kReset: return retries.on_reset;
    case ErrorCode::kTimeout: return retries.on_timeout;
    case ErrorCode::kUnavailable: return true;  // a status in the list
    default: return false;
  }
}

upstream::RetryBudget::Hold Exchange::TakeRetry() const {
  const config::Retries& retries = upstream.upstream->conf().retries;
  return upstream.upstream->budget().Take(retries.budget_percent, retries.budget_floor, upstream.upstream->live());
}

Exchange::FollowUp Exchange::DecideFollowUp(const Error& error) {
  if (hedging_ && hedging_->runs()) return FollowUp::kHedge;
  if (!MayRetry(error)) return FollowUp::kNothing;
  if (upstream.attempt().stale || upstream.retrying) return FollowUp::kRetry;
  upstream.retrying = TakeRetry();
  if (upstream.retrying) return FollowUp::kRetry;
  MG_LOG(kInfo, "route {}: upstream {}: the retry budget is spent", route->conf->name, upstream.upstream->conf().name);
  return FollowUp::kNothing;
}

void Exchange::AttemptFailed(const Error& error) {
  Attempt& attempt = upstream.attempt();
  // A connection at rest may be closed by its server at any time (RFC 9112 9.3.1): that says nothing about the target.
  attempt.stale = attempt.reused && error.code == ErrorCode::kReset && !upstream.lease.client().response_begun();
  FailAttempt(error, DecideFollowUp(error));
}

void Exchange::FailAttempt(const Error& error, FollowUp next) {
  Attempt& attempt = upstream.attempt();
  attempt.failed = true;
  attempt.error = error.code;
  bool stale = attempt.stale, connected = attempt.connected != 0 || attempt.reused;
  LogFailure(attempt, error, next == FollowUp::kNothing ? "" : ", trying again");
  EndAttempt(AttemptEnd::kFailed);
  switch (next) {
    case FollowUp::kHedge: hedging_->TakeOver(); return;
    case FollowUp::kRetry:
      CountRetry(*this);
      PrepareRetry(stale);
      return;
    case FollowUp::kNothing: break;
  }
  Told told = TellFailure(error, connected);
  Fail(told.status, told.detail);
  FailNow();
}

void Exchange::LogFailure(const Attempt& attempt, const Error& error, std::string_view what_follows) {
  if (attempt.stale) return;
  Count(context.counters.upstream_errors);
  MG_LOG(
      kWarn, "route {}: upstream {} at {}: {}{}", route != nullptr ? std::string_view(route->conf->name) : tunnel_route,
      upstream.upstream != nullptr ? upstream.upstream->conf().name : "", attempt.address, error.message, what_follows);
}

// Nothing of the body has gone out: what there is goes to the next attempt, at once or after a wait.
void Exchange::PrepareRetry(bool at_once) {
  if (in.body_state == BodyState::kStreaming) {
    stream->PauseBody();
    in.body_state = BodyState::kUnread;
  } else if (in.body_state == BodyState::kStreamed) {  // it was empty
    in.body_state = BodyState::kRead;
  }
  step = Step::kPickTarget;
  int fresh = 0;
  for (uint8_t i = 0; i < upstream.count; i++) fresh += upstream.attempts[i].stale ? 0 : 1;
  Milliseconds wait = at_once ? 0 : Backoff(upstream.upstream->conf().retries, fresh);
  if (wait > 0) {
    deadline.SetAfter(wait);
  } else {
    Advance();
  }
}

// --- the end of attempts

void Exchange::EndAttempt(AttemptEnd end) {
  deadline.Cancel();
  if (end == AttemptEnd::kSucceeded) total.Cancel();
  if (hedging_ && end == AttemptEnd::kCancelled) hedging_->Cancel();
  if (upstream.lease) SettleAttempt(upstream.attempt(), upstream.lease, end);
}

Nanoseconds Exchange::Waited(const Attempt& attempt, Nanoseconds now) const {
  return in.body_state == BodyState::kStreaming ? 0 : now - std::max(attempt.began, attempt.sent);
}

void Exchange::ReportHead(Attempt& attempt) {
  const upstream::Guard& guard = attempt.upstream->guard();
  if (!guard.on()) return;
  bool failed = guard.IsFailure(attempt.status, Waited(attempt, attempt.first_byte));
  guard.ReportHead(attempt.pass, failed, attempt.first_byte);
}

void Exchange::SettleAttempt(Attempt& attempt, upstream::Lease& lease, AttemptEnd end) {
  attempt.ended = context.loop.Now();
  lease.Release();
  bool counted = std::exchange(attempt.counted, false);
  if (upstream.tunnel) {  // it has let go of its generation
    if (counted) attempt.target->active.fetch_sub(1, std::memory_order_release);
    return;
  }
  CountAttempt(*this, attempt, static_cast<AttemptResult>(end));
  const upstream::Upstream& asked = *attempt.upstream;
  const upstream::Guard& guard = asked.guard();
  bool failed = end == AttemptEnd::kFailed && !attempt.stale;
  if (guard.on()) {
    bool by_status = attempt.error == ErrorCode::kUnavailable;  // the head told what there is to tell
    bool gave_up = end == AttemptEnd::kCancelled && attempt.first_byte == 0;
    if ((failed && !by_status) || (gave_up && guard.IsSlow(Waited(attempt, attempt.ended)))) {
      guard.Report(attempt.pass, true, attempt.ended);
    } else {
      guard.Abandon(attempt.pass);
    }
  }
  if (!counted) return;
  upstream::Outcome outcome;
  if (end == AttemptEnd::kSucceeded) outcome.kind = upstream::Outcome::kAnswered;
  if (failed) outcome.kind = upstream::Outcome::kFailed;
  outcome.status = attempt.status;
  outcome.latency = (attempt.first_byte != 0 ? attempt.first_byte : attempt.ended) - attempt.began;
  asked.Finish(*attempt.target, outcome, attempt.ended);
}

}  // namespace mg::proxy
