#include "proxy/exchange.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "http/h1_encoder.h"
#include "http/url.h"
#include "proxy/hedging.h"
#include "proxy/pipeline.h"
#include "proxy/variables.h"

namespace mg::proxy {

namespace {
constexpr size_t kOutputAtOnce = 32 * 1024;  // of script output collected before it is sent
constexpr Milliseconds kAbortGrace = 1'000;  // a client that only half-closed is still answered within
constexpr int kClientClosed = 499;           // nginx's, for the log
}  // namespace

http::StreamHandler& ExchangeFactory::NewHandler(http::Stream& stream) {
  Exchange* exchange = context_.TakeExchange();
  exchange->stream = &stream;
  return *exchange;
}

Exchange::Exchange(LoopContext& loop)
    : StreamHandler(loop.loop.blocks()),
      context(loop),
      deadline(
          loop.loop, [](void* self) { static_cast<Exchange*>(self)->Deadline(); }, this),
      total(
          loop.loop, [](void* self) { static_cast<Exchange*>(self)->TotalDeadline(); }, this),
      abort_grace(
          loop.loop,
          [](void* self) {
            Exchange& x = *static_cast<Exchange*>(self);
            if (x.response.head_sent) return;  // it may well be reading: if it is not, a write tells
            x.AbortStream();
            x.ClientGone();
          },
          this) {}

Exchange::~Exchange() = default;

void Exchange::Reset() {
  EndAttempt(AttemptEnd::kCancelled);
  arena.Release();
  request = {};
  raw_head = {};
  stream = nullptr;
  generation = nullptr;
  route = nullptr;
  param_count = 0;
  step = Step::kMatchRoute;
  in = {};
  response = {};
  static_cast<UpstreamState&>(upstream) = {};
  identity = {};
  timing = {};
  script = {};
  failure = {};
  parent = nullptr;
  variables = nullptr;
  request_id = tunnel_route = {};
  deadline.Cancel();
  total.Cancel();
  abort_grace.Cancel();
  in_hook = failed_meanwhile = client_gone = false;
  if (connection.tls != nullptr) net::ReleaseTls(connection.tls);
  connection = {};
  bytes_received_ = bytes_sent_ = body_bytes_sent_ = 0;
}

// --- from the session

void Exchange::Begin() {
  generation = context.current.get();
  generation->live++;
  Count(context.counters.requests);
  timing.began = context.loop.Now();
  timing.wall = context.loop.WallTime();
  connection = stream->connection();
  if (connection.tls != nullptr) net::RetainTls(connection.tls);
  listener = connection.listener;
}

// A loop that is late refuses what has not begun, so that what has begun ends in time.
bool Exchange::Overloaded() {
  Nanoseconds most = snapshot().limits->lag.count() * 1'000'000;
  return most != 0 && parent == nullptr && context.loop.InTurn() > most;
}

void Exchange::OnRequest() {
  Begin();
  in.original_target = request.target;
  if (Overloaded()) {
    Count(context.counters.shed);
    stream->DisableKeepAlive();
    response.head.headers.Set(arena, "Retry-After", "1");
    Fail(503, "the gateway is overloaded");
    step = Step::kSendError;
    Advance();
    return;
  }
  if (request.framing != http::BodyFraming::kNone) {
    bool empty = request.framing == http::BodyFraming::kLength && request.content_length == 0;
    in.body_state = empty ? BodyState::kRead : BodyState::kUnread;
    in.body_ended = empty;
    if (!empty) stream->PauseBody();
  }
  Advance();
}

void Exchange::OnRefused(http::ParseError error) {
  Begin();
  request.keep_alive = false;
  MG_LOG(kInfo, "client {}: refused: {}", stream->connection().peer_ip(), http::ParseErrorText(error));
  Fail(http::StatusFor(error), http::ParseErrorText(error));
  step = Step::kSendError;
  Advance();
}

void Exchange::OnBody(std::string_view data, http::End end) {
  bool last = end == http::End::kYes;
  in.body_ended = last;
  if (in.body_state != BodyState::kReading && in.body_state != BodyState::kStreaming) return;  // nobody wants it
  in.body_bytes += data.size();
  if (in.body_limit != 0 && in.body_bytes > in.body_limit && !upstream.tunnel) {
    stream->PauseBody();
    OnBodyFailed({ErrorCode::kTooLarge, Origin::kDownstream, Retryable::kNo, "the request body is too large"}, 413);
    return;
  }
  switch (in.body_state) {
    case BodyState::kReading:
      in.body.Append(data);
      if (!last) return;
      in.body_state = BodyState::kRead;
      if (step == Step::kPickTarget && !in_hook) {
        Advance();  // it waits for the body that a hook began to read
      } else if (generation->program) {
        generation->program->BodyArrived(*this);
      }
      return;
    case BodyState::kStreaming: {
      if (last) in.body_state = BodyState::kStreamed;
      if (!upstream.lease) return;
      if (last) upstream.attempt().sent = context.loop.Now();
      if (!data.empty()) upstream.body_replayable = false;
      http::H1Client& client = upstream.lease.client();
      client.SendBody(data, end);
      if (upstream.tunnel) {
        if (client.pending() > 0) stream->PauseBody();
        return;
      }
      if (client.connected()) SetDeadline();
      if (client.pending() > 0 && !last) stream->PauseBody();
      return;
    }
    default: return;
  }
}

void Exchange::OnTrailers(std::string_view lines) {
  if (in.body_state != BodyState::kStreaming || !upstream.lease || upstream.tunnel) return;
  const IdentityHeaders* reserved = snapshot().KeepsIdentity(listener) ? nullptr : &snapshot().identity_headers;
  upstream.lease.client().SetTrailers(TrailersToForward(lines, reserved, arena));
}

void Exchange::OnBodyFailed(const Error& error, int status) {
  in.body_state = BodyState::kFailed;
  if (error.code == ErrorCode::kReset) {
    AbortStream();
    ClientGone();
    return;
  }
  if (stream != nullptr) stream->DisableKeepAlive();
  Fail(status, error.message);
  if (in_hook && generation->program) {
    generation->program->BodyArrived(*this);  // what waits for the body is told; its outcome decides
    return;
  }
  EndAttempt(AttemptEnd::kCancelled);
  FailNow();
}

void Exchange::FailNow() {
  if (in_hook || response.filter_busy) {
    failed_meanwhile = true;
    return;
  }
  step = Step::kSendError;
  Advance();
}

void Exchange::OnInputPause() {
  if (upstream.lease && upstream.lease.client().connected()) upstream.lease.client().Flush();
}

void Exchange::OnDrained() {
  if (response.from_script && in_hook) {
    generation->program->OutputDrained(*this);
  } else if (upstream.lease && response.from_upstream && !response.filter_busy) {
    ResumeUpstream();
  }
}

void Exchange::PauseUpstream() {
  upstream.lease.client().PauseResponse();
  deadline.Cancel();  // it is the client's turn
}

// The last thing done: what comes may finish the exchange.
void Exchange::ResumeUpstream() {
  if (!upstream.tunnel) deadline.SetAfter(upstream.timeouts.between.count());
  upstream.lease.client().ResumeResponse();
}

bool Exchange::IgnoresAbort() const {
  return route != nullptr && route->conf->client_abort == config::ClientAbort::kIgnore;
}

void Exchange::OnPeerClosed() {
  if (IgnoresAbort()) return;
  if (in_hook) {  // hooks hear of it at once
    AbortStream();
    ClientGone();
  } else {
    abort_grace.SetAfter(kAbortGrace);
  }
}

void Exchange::OnClosed(const Error& error) {
  if (error.code == ErrorCode::kTimeout) MG_LOG(kInfo, "client: {}", error.message);
  bytes_received_ = stream->bytes_received();
  bytes_sent_ = stream->bytes_sent();
  stream = nullptr;
  ClientGone();
}

void Exchange::ClientGone() {
  client_gone = true;
  stream = nullptr;
  abort_grace.Cancel();
  if (step == Step::kLog || step == Step::kFinish) return;
  bool hooks_ended = in_hook || response.filter_busy;
  if (hooks_ended) {
    if (generation->program->Aborted(*this) == HookProgram::AbortOutcome::kContinues) return;
    in_hook = response.filter_busy = false;
  }
  bool body_whole =
      in.body_state == BodyState::kNone || in.body_state == BodyState::kRead || in.body_state == BodyState::kStreamed;
  if (IgnoresAbort() && upstream.lease && body_whole && !hooks_ended) {  // the upstream's answer is read to its end
    if (response.from_upstream) ResumeUpstream();
    return;
  }
  EndAttempt(AttemptEnd::kCancelled);
  if (!response.head_sent) response.head.status = kClientClosed;
  response.ended = true;
  step = Step::kLog;
  Advance();
}

// --- the request body

HookStatus Exchange::ReadBody() {
  switch (in.body_state) {
    case BodyState::kNone:
    case BodyState::kRead:
    case BodyState::kStreamed: return HookStatus::kDone;
    case BodyState::kFailed:
    case BodyState::kStreaming: return HookStatus::kFailed;
    case BodyState::kUnread:
      if (stream == nullptr) return HookStatus::kFailed;
      in.body_state = BodyState::kReading;
      stream->WantBody();
      stream->ResumeBody();
      return HookStatus::kSuspended;
    case BodyState::kReading: return HookStatus::kSuspended;
  }
  return HookStatus::kFailed;
}

void Exchange::DiscardBody() {
  if (in.body_state != BodyState::kUnread) return;
  in.body_state = BodyState::kNone;
  request.framing = http::BodyFraming::kNone;
  if (stream != nullptr) stream->ResumeBody();
}

void Exchange::ReplaceBody(std::string_view bytes) {
  DiscardBody();
  in.body.Clear();
  in.body.Append(bytes);
  in.body_state = BodyState::kRead;
}

void Exchange::SendRequestBody() {
  http::H1Client& client = upstream.lease.client();
  if (in.body_state == BodyState::kUnread) {
    in.body_state = BodyState::kStreaming;
    stream->WantBody();
    stream->ResumeBody();
    return;
  }
  if (in.body_state != BodyState::kRead) return;
  iovec pieces[64];
  int count = in.body.Fill(pieces, 64);
  size_t left = in.body.size();
  for (int i = 0; i < count; i++) {
    left -= pieces[i].iov_len;
    client.SendBody({static_cast<char*>(pieces[i].iov_base), pieces[i].iov_len},
                    left == 0 ? http::End::kYes : http::End::kNo);
  }
  if (left > 0) client.SendBody(in.body.ToString().substr(in.body.size() - left), http::End::kYes);
  if (in.body.empty()) client.SendBody({}, http::End::kYes);
}

// --- the response's body from the upstream

void Exchange::OnResponseBody(std::string_view data, http::End end) {
  bool last = end == http::End::kYes;
  if (!last && !upstream.tunnel) deadline.SetAfter(upstream.timeouts.between.count());
  if (last) EndAttempt(AttemptEnd::kSucceeded);
  response.input_ended = last;
  bool straight = response.head_sent && response.queued.empty() && stream != nullptr &&
                  (route == nullptr || !route->Has(Phase::kBodyFilter));
  if (straight) {
    if (last) {
      response.ended = true;
      EndStream(data);
      GoOn(Next::kGo);
      return;
    }
    body_bytes_sent_ += data.size();
    stream->SendBody(data, http::End::kNo);
  } else {
    response.queued.Append(data);
    HookStatus status = step == Step::kSendBody ? Pump() : HookStatus::kSuspended;
    if (status == HookStatus::kFailed) {
      GoOn(Next::kFail);
      return;
    }
    if (response.ended) {
      GoOn(Next::kGo);
      return;
    }
    if (status == HookStatus::kSuspended && upstream.lease) PauseUpstream();
  }
  if (stream != nullptr && stream->pending() > 0 && upstream.lease) PauseUpstream();
}

void Exchange::OnResponseTrailers(std::string_view lines) {
  if (stream != nullptr) stream->SetTrailers(TrailersToForward(lines, nullptr, arena));
}

void Exchange::OnResponsePause() {
  if (stream != nullptr) stream->Flush();
}

// --- the way back

bool Exchange::FiltersBody() const {
  return route != nullptr && route->Has(Phase::kBodyFilter) && !response.last_filtered;
}

bool Exchange::NeedsFilter() const {
  return route != nullptr &&
         ((route->Has(Phase::kHeaderFilter) && !response.head_filtered) || route->Has(Phase::kBodyFilter));
}

HookStatus Exchange::Pump() {
  if (response.filter_busy) return HookStatus::kSuspended;
  response.started = true;
  if (!response.head_filtered) {
    if (!std::exchange(response.head_edited, true)) EditResponseHeaders(*this);
    if (route != nullptr && route->Has(Phase::kHeaderFilter)) {
      response.filter_busy = true;
      HookStatus status = generation->program->Run(*this, Phase::kHeaderFilter);
      if (status == HookStatus::kSuspended) return status;
      response.filter_busy = false;
      if (status == HookStatus::kFailed) return status;
    }
    response.head_filtered = true;
  }
  if (!response.head_sent) SendHead();
  if (!FiltersBody()) {
    if (response.ended) return HookStatus::kDone;
    if (!response.body.empty()) {  // an answer made at once: whole, and nothing else
      response.ended = true;
      EndStream(response.body);
    } else {
      SendPieces(response.queued, response.input_ended ? http::End::kYes : http::End::kNo);
    }
    return HookStatus::kDone;
  }
  while (!response.ended && (!response.queued.empty() || response.input_ended)) {
    HookStatus status = FilterPiece();
    if (status != HookStatus::kDone) return status;
  }
  return HookStatus::kDone;
}

HookStatus Exchange::FilterPiece() {
  response.piece = response.queued.ToString();
  response.queued.Clear();
  response.filter_busy = true;
  response.filtering_last = response.input_ended;
  HookStatus status = generation->program->FilterBody(*this, response.piece, response.filtering_last);
  if (status == HookStatus::kSuspended) return status;
  response.filter_busy = false;
  if (status == HookStatus::kFailed) return status;
  response.last_filtered = response.filtering_last;
  SendPieces(response.filtered, response.filtering_last ? http::End::kYes : http::End::kNo);
  return HookStatus::kDone;
}

void Exchange::SendHead() {
  response.head_sent = true;
  http::ResponseHead& head = response.head;
  if (response.from_upstream && upstream.head.status == 101 && upstream.lease) {
    head.status = 101;  // whatever filters made of it
    BeginTunnel();
    return;
  }
  if (head.status < 200) head.status = 500;  // no hook can switch protocols
  if (stream == nullptr) return;
  if (FiltersBody()) {
    head.headers.Remove(http::HeaderId::kContentLength);  // filters may change it
  } else if (response.from_script && response.input_ended && http::ResponseHasBody(request.method, head.status) &&
             head.headers.Find(http::HeaderId::kContentLength) == nullptr) {
    http::HeadWriter digits(arena, 20);
    digits.PutDecimal(response.queued.size());
    head.headers.Append(arena, http::HeaderId::kContentLength, digits.text());
  }
  stream->SendHead(head, http::End::kNo);
}

void Exchange::SendPieces(Buffer& pieces, http::End end) {
  while (!pieces.empty()) {
    std::string_view front = pieces.Front();
    bool last = end == http::End::kYes && front.size() == pieces.size();
    if (last) {
      EndStream(front);
    } else if (stream != nullptr) {
      body_bytes_sent_ += front.size();
      stream->SendBody(front, http::End::kNo);
    }
    pieces.Consume(front.size());
    if (last) response.ended = true;
  }
  if (end == http::End::kNo || response.ended) return;
  response.ended = true;
  EndStream({});
}

void Exchange::EndStream(std::string_view data) {
  if (stream == nullptr) return;
  body_bytes_sent_ += data.size();
  http::Stream* to = std::exchange(stream, nullptr);
  abort_grace.Cancel();
  to->SendBody(data, http::End::kYes);
  bytes_received_ = to->bytes_received();  // a session is destroyed at the end of the turn at the earliest
  bytes_sent_ = to->bytes_sent();
}

void Exchange::AbortStream() {
  if (stream == nullptr) return;
  http::Stream* from = std::exchange(stream, nullptr);
  bytes_received_ = from->bytes_received();
  bytes_sent_ = from->bytes_sent();
  from->Abort();
}

// A tunnel (WebSocket, any Upgrade) lives on through reloads: it lets go of its generation, whose script state ends
// now.
void Exchange::BeginTunnel() {
  if (stream == nullptr) {  // the client has gone while a filter waited
    EndAttempt(AttemptEnd::kCancelled);
    response.queued.Clear();
    response.input_ended = true;
    return;
  }
  stream->SendHead(response.head, http::End::kNo);
  stream->Flush();
  upstream.tunnel = true;
  tunnel_route = arena.Copy(route->conf->name);
  for (uint8_t i = 0; i < upstream.count; i++) upstream.attempts[i].address = arena.Copy(upstream.attempts[i].address);
  if (generation->program) generation->program->Release(*this);
  generation->live--;
  bool retired = generation->retired;
  generation = nullptr;
  route = nullptr;
  variables = nullptr;
  upstream.upstream = nullptr;
  upstream.retrying.Release();
  script = {};
  in.body_state = BodyState::kStreaming;
  deadline.Cancel();
  total.Cancel();
  stream->StartTunnel();
  stream->ResumeBody();
  if (retired) context.ReapSoon();
}

void Exchange::CutOff(int logged_status) {
  EndAttempt(AttemptEnd::kCancelled);
  AbortStream();
  if (!response.head_sent && logged_status != 0) response.head.status = static_cast<uint16_t>(logged_status);
  response.ended = true;
}

void Exchange::GoOn(Next next) {
  if (next == Next::kSuspend || next == Next::kDone) return;
  if (next == Next::kFail)
    step = Step::kSendError;
  else if (step == Step::kSendBody && response.ended)
    step = Step::kLog;
  Advance();
}

// --- for hook programs

void Exchange::HookFinished(Phase phase, HookStatus status) {
  switch (phase) {
    case Phase::kRewrite: GoOn(AfterHook(status, Step::kAccess)); return;
    case Phase::kAccess: GoOn(AfterHook(status, Step::kAnswer)); return;
    case Phase::kContent: GoOn(AfterHook(status, Step::kHeaderFilter)); return;
    case Phase::kBalance: GoOn(AfterHook(status, Step::kConnect)); return;
    case Phase::kLog:
      step = Step::kFinish;
      Advance();
      return;
    case Phase::kHeaderFilter:
    case Phase::kBodyFilter: FilterFinished(phase, status); return;
    case Phase::kCount: return;
  }
}

void Exchange::FilterFinished(Phase phase, HookStatus status) {
  response.filter_busy = false;
  if (failed_meanwhile && !in_hook) status = HookStatus::kFailed;
  if (status != HookStatus::kFailed) {
    if (phase == Phase::kHeaderFilter) {
      response.head_filtered = true;
    } else {
      response.last_filtered = response.filtering_last;
      SendPieces(response.filtered, response.filtering_last ? http::End::kYes : http::End::kNo);
    }
    status = Pump();
  }
  if (stream != nullptr) stream->Flush();
  if (status == HookStatus::kSuspended) return;
  if (in_hook) {  // the script that made the output waits for this
    if (status == HookStatus::kFailed) failed_meanwhile = true;
    generation->program->OutputDrained(*this);
  } else if (status == HookStatus::kFailed) {
    GoOn(Next::kFail);
  } else if (response.ended) {
    GoOn(Next::kGo);
  } else if (upstream.lease && (stream == nullptr || stream->pending() == 0)) {
    ResumeUpstream();
  }
}

bool Exchange::SetPath(std::string_view path) {
  std::optional<std::string_view> normal = http::NormalisePath(arena.Copy(path), arena);
  if (!normal) return false;
  request.path = *normal;
  in.uri_changed = true;
  return true;
}

void Exchange::SetQuery(std::string_view query) {
  request.query = arena.Copy(query);
  request.has_query = !query.empty();
  in.uri_changed = true;
}

void Exchange::SetMethod(std::string_view method) {
  request.method = http::ParseMethod(method);
  request.method_text = arena.Copy(method);
}

bool Exchange::Reroute(std::string_view path, std::string_view query) {
  if (!SetPath(path)) return false;
  SetQuery(query);
  in.is_internal = true;
  in.jumps++;
  return true;
}

OutputStatus Exchange::ScriptOutput(std::string_view data) {
  if (response.ended || response.input_ended) return OutputStatus::kEnded;
  if (stream == nullptr) return OutputStatus::kClosed;
  response.started = response.from_script = true;
  response.queued.Append(data);
  if (NeedsFilter()) return OutputStatus::kFilter;
  if (response.queued.size() >= kOutputAtOnce) Pump();
  return OutputStatus::kOk;
}

OutputStatus Exchange::ScriptSendHead() {
  if (stream == nullptr && !response.ended) return OutputStatus::kClosed;
  if (response.head_sent) return OutputStatus::kOk;
  response.started = response.from_script = true;
  if (NeedsFilter()) return OutputStatus::kFilter;
  Pump();
  return OutputStatus::kOk;
}

OutputStatus Exchange::ScriptFlush(bool wait) {
  if (response.ended) return OutputStatus::kOk;
  if (stream == nullptr) return OutputStatus::kClosed;
  if (!response.started) return OutputStatus::kOk;
  if (NeedsFilter() && (!response.queued.empty() || !response.head_filtered)) return OutputStatus::kFilter;
  Pump();
  stream->Flush();
  return wait && stream->pending() > 0 ? OutputStatus::kWait : OutputStatus::kOk;
}

OutputStatus Exchange::ScriptEnd() {
  if (response.ended || response.input_ended) return OutputStatus::kEnded;
  if (stream == nullptr) return OutputStatus::kClosed;
  response.started = response.from_script = response.input_ended = true;
  if (NeedsFilter()) return OutputStatus::kFilter;
  Pump();
  return OutputStatus::kOk;
}

HookStatus Exchange::RunOutputFilters() {
  if (!response.started || response.ended) return HookStatus::kDone;
  HookStatus status = Pump();
  if (stream != nullptr) stream->Flush();
  return status;
}

void Exchange::ScriptExit(int status) {
  response.exited = true;
  if (!response.started) response.head.status = static_cast<uint16_t>(status);
}

void Exchange::Fail(int status, std::string_view detail, std::string_view title) {
  failure.status = status;
  failure.detail = arena.Copy(detail);
  failure.title = arena.Copy(title);
}

std::optional<std::string_view> Exchange::PathParam(std::string_view name) const {
  for (uint32_t i = 0; i < param_count; i++) {
    if (params[i].name == name) return params[i].value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Exchange::GetVariable(std::string_view name) {
  for (Variable* v = variables; v != nullptr; v = v->next) {
    if (v->name == name) return v->value;
  }
  return BuiltinVariable(*this, name);
}

void Exchange::SetVariable(std::string_view name, std::string_view value) {
  std::string_view kept = arena.Copy(value);
  for (Variable* v = variables; v != nullptr; v = v->next) {
    if (v->name == name) {
      v->value = kept;
      return;
    }
  }
  variables = arena.New<Variable>(Variable{arena.Copy(name), kept, variables});
}

}  // namespace mg::proxy
