// From the choice of a target to the answer's head: the steps, and what the connection of an attempt calls. What comes
// after a failure is in retry.cc.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "http/url.h"
#include "proxy/deadline.h"
#include "proxy/hedging.h"
#include "proxy/pipeline.h"
#include "proxy/variables.h"

namespace mg::proxy {

namespace {

constexpr Nanoseconds kMillisecond = 1'000'000;

// The time for all attempts begins: the upstream's, or what a trusted peer says is left.
Next BeginUpstream(Exchange& x) {
  UpstreamPart& up = x.upstream;
  const config::Upstream& conf = x.route->upstream->conf();
  up.upstream = x.route->upstream;
  up.timeouts = conf.timeouts;
  Nanoseconds now = x.context.loop.Now(), left = conf.timeouts.total.count() * kMillisecond;
  if (!conf.deadline_header.empty() && x.snapshot().trusted.Contains(x.peer_ip())) {
    const http::Header* field = x.request.headers.Find(conf.deadline_header);
    std::optional<Nanoseconds> asked =
        field != nullptr ? ParseDeadline(conf.deadline_header, field->value) : std::nullopt;
    if (asked && *asked == 0) return FailWith(x, 504, "the deadline of the request has passed");
    if (asked && (left == 0 || *asked < left)) left = *asked;
  }
  up.deadline_at = left > 0 ? now + left : 0;
  if (left > 0) x.total.SetAt(up.deadline_at);
  return Next::kGo;
}

// To ask for with TLS: what a hook says, the upstream, or the client's Host.
std::string ServerName(const Exchange& x) {
  const UpstreamPart& up = x.upstream;
  if (!up.balance.host.empty()) return std::string(up.balance.host);
  const std::string& name = up.upstream->conf().tls.server_name;
  if (!name.empty()) return name;
  std::optional<http::Authority> authority = http::ParseAuthority(x.request.authority);
  return std::string(authority ? authority->host : x.request.authority);
}

upstream::KeepAlive KeepAliveOf(const UpstreamPart& up) {
  if (up.balance.keepalive) return *up.balance.keepalive;
  const auto& conf = up.upstream->conf().keepalive;
  return {conf.per_worker, conf.requests, conf.idle.count() * kMillisecond};
}

}  // namespace

Next PickTarget(Exchange& x) {
  UpstreamPart& up = x.upstream;
  bool body_missing = x.in.body_state == BodyState::kUnread || x.in.body_state == BodyState::kReading;
  if (x.client_gone && body_missing) {
    x.CutOff(499);
    return Go(x, Step::kLog);
  }
  if (x.in.body_state == BodyState::kReading) return Next::kSuspend;  // a hook left it half read: OnBody goes on
  if (x.in.body_state == BodyState::kPulled) {                        // what a script has taken cannot go on
    x.ReplaceBody(std::string_view());
    x.BodyPulled();
  }
  if (up.upstream == nullptr && BeginUpstream(x) == Next::kFail) return Next::kFail;
  if (!x.route->Has(Phase::kBalance) || up.fell_back) return Go(x, Step::kConnect);
  up.balance.address.reset();
  up.balance.target = nullptr;
  up.balance.plan.reset();
  up.balance.host = {};
  return RunHook(x, Phase::kBalance, Step::kConnect);
}

Next Connect(Exchange& x) {
  UpstreamPart& up = x.upstream;
  switch (x.OpenAttempt(up.lease, false)) {
    case Exchange::Opened::kRefused: return AnswerFallback(x);
    case Exchange::Opened::kNoTarget: return FailWith(x, 503, "no upstream target is available");
    case Exchange::Opened::kYes: break;
  }
  up.current = static_cast<uint8_t>(up.count - 1);
  return Go(x, Step::kSendRequest);
}

Exchange::Opened Exchange::OpenAttempt(upstream::Lease& lease, bool elsewhere) {
  UpstreamPart& up = upstream;
  const upstream::Guard& guard = up.upstream->guard();
  Nanoseconds now = context.loop.Now();
  if (up.count == up.attempts.size()) return Opened::kNoTarget;
  Attempt attempt;
  attempt.upstream = up.upstream;
  attempt.began = now;
  if (!guard.AdmitUpstream(attempt.pass, now)) return Opened::kRefused;
  // A connection that had waited and was closed says nothing about its target; but others may be as old.
  bool after_stale = up.count > 0 && up.attempts[up.count - 1].stale;
  auto reuse = after_stale ? upstream::Pools::Reuse::kNo : upstream::Pools::Reuse::kYes;
  ssl_ctx_st* tls = up.balance.plain ? nullptr : up.upstream->tls();
  if (up.balance.address) {
    attempt.listed = false;
    attempt.address = arena.Copy(up.balance.address->ToString());
    lease = context.pools.AcquireAddress(*up.balance.address, tls, tls != nullptr ? ServerName(*this) : "", reuse,
                                         KeepAliveOf(up));
  } else {
    Opened opened = OpenListed(attempt, elsewhere);
    if (opened != Opened::kYes) {
      guard.Abandon(attempt.pass);
      return opened;
    }
    upstream::Target& target = *attempt.target;
    attempt.address = arena.Copy(target.text);
    attempt.counted = true;
    up.upstream->Begin(target);
    bool unlike = tls != up.upstream->tls();  // a hook wants it without TLS
    lease = unlike ? context.pools.AcquireAddress(target.address, nullptr, "", reuse, KeepAliveOf(up))
                   : context.pools.Acquire(*up.upstream, target, reuse);
  }
  attempt.reused = lease.reused();
  up.attempts[up.count++] = attempt;
  return Opened::kYes;
}

// One of the upstream's targets: the hook's choice, or the balancer's among those whose breakers let it through.
Exchange::Opened Exchange::OpenListed(Attempt& attempt, bool elsewhere) {
  UpstreamPart& up = upstream;
  const upstream::Guard& guard = up.upstream->guard();
  if (up.balance.target != nullptr && !elsewhere) {
    attempt.target = up.balance.target;
    bool admitted = guard.AdmitTarget(attempt.pass, attempt.target->breaker, attempt.began);
    return admitted ? Opened::kYes : Opened::kRefused;
  }
  std::array<upstream::Target*, 64> tried;
  size_t count = 0;
  for (size_t i = 0; i < up.count; i++) {
    const Attempt& earlier = up.attempts[i];
    bool counts = earlier.listed && earlier.upstream == up.upstream && (elsewhere || !earlier.stale);
    if (counts) tried[count++] = earlier.target;
  }
  const size_t asked = count;
  while (count < tried.size()) {
    Result<upstream::Target*> picked =
        up.upstream->Pick({tried.data(), count}, HashKey(*this), attempt.began, context.loop.index());
    if (!picked) {
      if (!elsewhere) MG_LOG(kWarn, "route {}: {}", route->conf->name, picked.error().message);
      return Opened::kNoTarget;
    }
    attempt.target = *picked;
    auto is_in = [&](size_t from, size_t to) {
      return std::find(tried.begin() + from, tried.begin() + to, attempt.target) != tried.begin() + to;
    };
    if (is_in(asked, count)) return Opened::kRefused;  // the breakers of all others are open
    if (elsewhere && is_in(0, asked)) return Opened::kNoTarget;
    if (guard.AdmitTarget(attempt.pass, attempt.target->breaker, attempt.began)) return Opened::kYes;
    tried[count++] = attempt.target;
  }
  return Opened::kRefused;
}

Next SendRequest(Exchange& x) {
  UpstreamPart& up = x.upstream;
  http::H1Client& client = up.lease.client();
  http::BodyFraming framing = http::BodyFraming::kNone;
  client.Begin(x, x.request.method);
  std::string_view head = EncodeUpstreamRequest(x, framing);
  if (head.empty()) {
    x.EndAttempt(Exchange::AttemptEnd::kCancelled);
    return FailWith(x, 500, "the request could not be rewritten");
  }
  client.SendHead(head, framing);
  if (client.connected()) {
    if (x.in.body_state != BodyState::kNone && !x.SendRequestBody()) return Next::kFail;
    x.SetDeadline();
  } else {
    x.deadline.SetAfter(up.timeouts.connect.count());
    if (x.in.body_state == BodyState::kRead && !x.in.file) x.SendRequestBody();
  }
  if (x.MayHedge()) x.ArmHedging();
  x.step = Step::kReadHead;
  return Next::kSuspend;
}

// Entered when the head has come (Exchange::OnResponseHead).
Next ReadHead(Exchange& x) {
  UpstreamPart& up = x.upstream;
  CleanUpstreamResponse(up.head);
  // Fields that hooks set before the upstream answered take the place of its own; cookies come beside them.
  http::HeaderList earlier = x.response.head.headers;
  x.response.head = up.head;
  http::HeaderList& headers = x.response.head.headers;
  const LogSet* logs = LogsOf(x);
  if (x.route->Has(Phase::kLog) || (logs != nullptr && (logs->needs & kNeedsUpstreamHead) != 0)) {
    headers = {};  // a list of its own: the upstream's stays as it came
    headers.Reserve(x.arena, up.head.headers.size() + earlier.size());
    for (const http::Header& header : up.head.headers) headers.Append(x.arena, header);
  }
  for (const http::Header& header : earlier) {
    if (header.id != http::HeaderId::kSetCookie) headers.Remove(header.name);
  }
  for (const http::Header& header : earlier) headers.Append(x.arena, header);
  x.response.from_upstream = true;
  return Go(x, Step::kHeaderFilter);
}

// --- from the connection of the current attempt

void Exchange::OnClientConnected() {
  upstream.attempt().connected = context.loop.Now();
  if ((in.body_state == BodyState::kUnread || in.file) && !SendRequestBody()) {
    FailNow();
    return;
  }
  upstream.lease.client().Flush();
  SetDeadline();
}

void Exchange::SetDeadline() {
  if (response.from_upstream || upstream.tunnel) return;  // the response's own is set as it comes
  http::H1Client& client = upstream.lease.client();
  if (client.pending() > 0) {
    upstream.sent_mark = client.transport().bytes_written();
    deadline.SetAfter(upstream.timeouts.send.count());
  } else if (in.body_state == BodyState::kStreaming) {
    deadline.Cancel();
  } else {
    deadline.SetAfter(upstream.timeouts.first_byte.count());
  }
}

void Exchange::OnInformational(const http::ResponseHead& head) {
  if (head.status == 100 || stream == nullptr) return;
  http::ResponseHead cleaned = head;
  CleanUpstreamResponse(cleaned);
  stream->SendInformational(cleaned);
}

void Exchange::OnResponseHead(http::ResponseHead& head) {
  Attempt& attempt = upstream.attempt();
  attempt.first_byte = context.loop.Now();
  attempt.status = head.status;
  ReportHead(attempt);
  if (IsRetriedStatus(head.status)) {  // held back until it is known that no attempt follows
    Error error{ErrorCode::kUnavailable, Origin::kUpstream, Retryable::kYes, fmt::format("status {}", head.status)};
    FollowUp next = DecideFollowUp(error);
    if (next != FollowUp::kNothing) {
      FailAttempt(error, next);
      return;
    }
  }
  if (head.status == 101 && !upstream.upgrading) {
    AttemptFailed({ErrorCode::kProtocol, Origin::kUpstream, Retryable::kNo, "a 101 that nobody asked for"});
    return;
  }
  if (hedging_) hedging_->Cancel();
  upstream.retrying.Release();
  deadline.SetAfter(upstream.timeouts.between.count());
  upstream.head = head;
  if (head.status == 101) PauseUpstream();  // until the client has it
  Advance();                                // from kReadHead
  if (upstream.tunnel && upstream.lease) upstream.lease.client().ResumeResponse();
}

void Exchange::OnRequestDrained() {
  SetDeadline();
  if (in.file && in.body_state == BodyState::kRead && in.file_sent < in.file->size() && !SendBodyFile()) {
    FailNow();
    return;
  }
  if (in.body_state == BodyState::kStreaming && stream != nullptr) stream->ResumeBody();
}

void Exchange::OnFailed(const Error& error) { AttemptFailed(error); }

}  // namespace mg::proxy
