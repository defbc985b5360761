// A request's life: what comes from the session and the upstream, and what ends it. Its body is in request_body.cc, the
// way back in response.cc, attempts at upstreams in attempts.cc and retry.cc.
#include "proxy/exchange.h"

#include <utility>

#include "base/log.h"
#include "http/url.h"
#include "proxy/hedging.h"  // for the destructor
#include "proxy/pipeline.h"
#include "proxy/variables.h"

namespace mg::proxy {

namespace {
constexpr size_t kPulledAtOnce = 64 * 1024;  // of a body that a script has not taken yet
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
  step = Step::kServerRewrite;
  in = {};
  response = {};
  static_cast<UpstreamState&>(upstream) = {};
  identity = {};
  timing = {};
  script = {};
  failure = {};
  trace.reset();
  depth = 0;
  variables = nullptr;
  phase_times = nullptr;
  local_ip = {};
  local_port = 0;
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
  Count(context.counters.waiting);
  timing.began = context.loop.Now();
  timing.wall = context.loop.WallTime();
  connection = stream->connection();
  if (connection.tls != nullptr) net::RetainTls(connection.tls);
  listener = connection.listener;
}

// A loop that is late refuses what has not begun, so that what has begun ends in time.
bool Exchange::Overloaded() {
  Nanoseconds most = snapshot().limits->lag.count() * 1'000'000;
  return most != 0 && !is_subrequest() && context.loop.InTurn() > most;
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
  bool wanted = in.body_state == BodyState::kReading || in.body_state == BodyState::kStreaming ||
                in.body_state == BodyState::kPulled;
  if (!wanted) return;
  in.body_bytes += data.size();
  if (in.body_limit != 0 && in.body_bytes > in.body_limit && !upstream.tunnel && !in.raw) {
    stream->PauseBody();
    OnBodyFailed({ErrorCode::kTooLarge, Origin::kDownstream, Retryable::kNo, "the request body is too large"}, 413);
    return;
  }
  switch (in.body_state) {
    case BodyState::kReading:
      if (auto kept = KeepBody(data); !kept) {
        MG_LOG(kError, "a request body could not be kept: {}", kept.error().message);
        stream->PauseBody();
        OnBodyFailed({ErrorCode::kSystem, Origin::kGateway, Retryable::kNo, "the request body could not be kept"}, 500);
        return;
      }
      if (!last) return;
      in.body_state = BodyState::kRead;
      if (step == Step::kPickTarget && !in_hook) {
        Advance();  // it waits for the body that a hook began to read
      } else if (generation->program) {
        generation->program->BodyArrived(*this);
      }
      return;
    case BodyState::kPulled:
      in.body.Append(data);
      if (in.body.size() >= kPulledAtOnce && !last) stream->PauseBody();
      if (generation->program) generation->program->BodyArrived(*this);
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
  LetGo();
  ClientGone();
}

// Hooks go on without the client; what waits for something of it is told that it will not come. May finish the
// exchange.
void Exchange::LeaveHooksAlone() {
  HookProgram& program = *generation->program;
  if (in.body_state == BodyState::kReading || in.body_state == BodyState::kPulled) in.body_state = BodyState::kFailed;
  if (in.body_state == BodyState::kFailed && failure.status == 0) Fail(kClientClosed, {});
  program.OutputDrained(*this);
  if (script.state != nullptr) program.BodyArrived(*this);
}

void Exchange::ClientGone() {
  if (!client_gone) Count(context.counters.clients_closed);
  client_gone = true;
  abort_grace.Cancel();
  if (step == Step::kLog || step == Step::kFinish) return;
  bool hooks_ended = in_hook || response.filter_busy;
  if (hooks_ended) {
    if (IgnoresAbort()) {
      LeaveHooksAlone();
      return;
    }
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

// --- its end

void Exchange::EndStream(std::string_view data) {
  if (stream == nullptr) return;
  body_bytes_sent_ += data.size();
  http::Stream* to = LetGo();
  abort_grace.Cancel();
  to->SendBody(data, http::End::kYes);
  bytes_received_ = to->bytes_received();  // a session is destroyed at the end of the turn at the earliest
  bytes_sent_ = to->bytes_sent();
}

void Exchange::AbortStream() {
  if (stream == nullptr) return;
  LetGo()->Abort();
}

http::Stream* Exchange::LetGo() {
  CountDown(context.counters.waiting);
  const LogSet* logs = generation != nullptr ? LogsOf(*this) : nullptr;
  if (generation == nullptr || (logs != nullptr && (logs->needs & kNeedsLocalAddress) != 0)) {
    net::SocketAddress local = stream->LocalAddress();  // of a tunnel: who will ask is not known yet
    local_ip = arena.Copy(local.Ip());
    local_port = local.port();
  }
  bytes_received_ = stream->bytes_received();
  bytes_sent_ = stream->bytes_sent();
  return std::exchange(stream, nullptr);
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
  CountAttempt(*this, upstream.attempt(), AttemptResult::kCancelled);  // it has no end to be timed
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
  if (stream != nullptr) {
    response.cut = true;
    Count(context.counters.responses_cut);
  }
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
    case Phase::kServerRewrite: GoOn(AfterHook(status, Step::kMatchRoute)); return;
    case Phase::kSet: GoOn(AfterHook(status, Step::kRewrite)); return;
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
  EndPhase(phase);
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
  in.query_set = false;
  in.is_internal = true;
  in.jumps++;
  return true;
}

void Exchange::RerouteNamed(std::string_view name) {
  in.named = arena.Copy(name);
  in.is_internal = true;
  in.jumps++;
}

void Exchange::ScriptExit(int status) {
  // What has been set stands, as in OpenResty, and has no body; only that there can be none comes before it.
  if (response.status_set && status >= 200 && status < 300 && status != 204) return;
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
  // An empty text is a value, no text at all is none.
  std::string_view kept = value.data() != nullptr && value.empty() ? std::string_view("") : arena.Copy(value);
  for (Variable* v = variables; v != nullptr; v = v->next) {
    if (v->name == name) {
      v->value = kept;
      return;
    }
  }
  variables = arena.New<Variable>(Variable{arena.Copy(name), kept, variables});
}

}  // namespace mg::proxy
