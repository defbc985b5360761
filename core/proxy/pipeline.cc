// The life of a request, top to bottom:
//
//   server rewrite -> match route -> set -> rewrite -> access -> answer (respond | redirect | content | on to the
//   upstream)
//     -> pick target -> connect -> send request -> read head
//     -> header filter -> send body (body filters, streaming) -> log -> finish
//
// A step is a function of the exchange. It sets exchange.step to what comes next and answers kGo, or answers kSuspend
// and is gone on from by the event it waits for. Two steps are entered again: match route (exec, error pages) and pick
// target (retries). A failure goes to send error. Log runs once, always.
#include "proxy/pipeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "http/h1_encoder.h"
#include "proxy/variables.h"

namespace mg::proxy {

namespace {

constexpr int kMostJumps = 10;

}  // namespace

Next Go(Exchange& x, Step step) {
  x.step = step;
  return Next::kGo;
}

Next FailWith(Exchange& x, int status, std::string_view detail) {
  x.Fail(status, detail);
  return Next::kFail;
}

Next RunHook(Exchange& x, Phase phase, Step next) {
  if (!x.route->Has(phase)) return Go(x, next);
  x.in_hook = true;
  x.BeginPhase(phase);
  HookStatus status = x.generation->program->Run(x, phase);
  if (status == HookStatus::kSuspended) return Next::kSuspend;
  return x.AfterHook(status, next);
}

namespace {

// --- server rewrite: once for a client's request, before its route is known

Next ServerRewrite(Exchange& x) {
  const Snapshot& snapshot = x.snapshot();
  if (Traces::Get().Armed(x.context.loop.Now())) [[unlikely]]
    BeginTrace(x);
  RemoveNamedFields(x.request.headers);
  if (!snapshot.KeepsIdentity(x.listener)) snapshot.identity_headers.Strip(x.request.headers);
  for (const auto& [name, value] : snapshot.vars) DefineVariable(x, name, value);
  const RouteTable* table = snapshot.TableFor(x.listener);
  if (table == nullptr) return FailWith(x, 404, "this listener has been removed");
  if (!table->server_rewrite) return Go(x, Step::kMatchRoute);
  x.in_hook = true;
  HookStatus status = x.generation->program->Run(x, Phase::kServerRewrite);
  if (status == HookStatus::kSuspended) return Next::kSuspend;
  return x.AfterHook(status, Step::kMatchRoute);
}

// --- match route

Next EnterRoute(Exchange& x, const RouteEntry& route) {
  x.route = &route;
  if (const LogSet* logs = LogsOf(x); logs != nullptr && (logs->needs & kNeedsPhaseTimes) != 0 && !x.phase_times)
    x.phase_times = x.arena.New<PhaseTimes>();
  if (route.has_vars) {
    for (const auto& [name, value] : route.vars) DefineVariable(x, name, value);
  }
  x.in.body_limit = route.body_limit;
  if (x.in.body_limit != 0 && x.request.framing == http::BodyFraming::kLength &&
      x.request.content_length > x.in.body_limit && x.in.body_state == BodyState::kUnread) {
    return FailWith(x, 413, "the request body is larger than this route takes");
  }
  return Go(x, Step::kSet);
}

// The route that exec or an error page has named.
Next EnterNamedRoute(Exchange& x, const RouteTable& table) {
  const Snapshot& snapshot = x.snapshot();
  std::string_view name = std::exchange(x.in.named, {});
  auto found = snapshot.route_names.find(name);
  // A route is reached on its listeners only, by name as by path.
  if (found == snapshot.route_names.end() || !std::ranges::binary_search(table.routes, found->second)) {
    MG_LOG(kError, "could not find named location \"@{}\"", name);
    return FailWith(x, 500, {});
  }
  x.param_count = 0;
  return EnterRoute(x, snapshot.routes[table.first_route + found->second]);
}

Next MatchRoute(Exchange& x) {
  const Snapshot& snapshot = x.snapshot();
  route::Access access = x.in.is_internal ? route::Access::kInternal : route::Access::kClient;
  const RouteTable* table = snapshot.TableFor(x.listener);
  if (table == nullptr) return FailWith(x, 404, "this listener has been removed");
  if (!x.in.named.empty()) return EnterNamedRoute(x, *table);
  route::Match match = table->matcher->Find(x.request, x.params, access);
  switch (match.kind) {
    case route::Match::kRoute: break;
    case route::Match::kNone: return FailWith(x, 404, "no route matches this request");
    case route::Match::kLimit: return FailWith(x, 500, "a route's regular expression gave up on this request");
    case route::Match::kMethodNotAllowed:
      x.response.head.headers.Set(x.arena, "Allow", x.arena.Copy(table->matcher->AllowText(match.allowed)));
      return FailWith(x, 405, "the route does not take this method");
  }
  x.param_count = match.params;
  return EnterRoute(x, snapshot.routes[table->first_route + table->routes[match.route]]);
}

// --- set, rewrite, access; a subrequest is let in by its parent

Next Set(Exchange& x) { return RunHook(x, Phase::kSet, Step::kRewrite); }

Next Rewrite(Exchange& x) { return RunHook(x, Phase::kRewrite, Step::kAccess); }

Next Access(Exchange& x) {
  if (x.is_subrequest()) return Go(x, Step::kAnswer);
  return RunHook(x, Phase::kAccess, Step::kAnswer);
}

// --- answer: what the route itself says

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// A location made from what a client sent, decoded: what cannot stand in a URI is encoded again, so that it can neither
// end the field nor begin another.
std::string_view PercentEncoded(Exchange& x, std::string_view location) {
  auto plain = [](char c) { return !IsControl(c) && c != ' ' && static_cast<unsigned char>(c) < 0x80; };
  if (std::ranges::all_of(location, plain)) return location;
  std::string out;
  for (char c : location) {
    if (plain(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return x.arena.Copy(out);
}

// The first field of a name takes the place of what hooks have set, further ones of that name are added.
void SetRespondHeaders(Exchange& x) {
  const config::Respond& respond = *x.route->conf->respond;
  http::HeaderList& headers = x.response.head.headers;
  for (size_t i = 0; i < respond.headers.size(); i++) {
    const auto& [name, text] = respond.headers[i];
    std::string_view value = respond.is_template ? FieldValue(x, Evaluate(x, x.route->respond_headers[i])) : text;
    bool first = std::none_of(respond.headers.begin(), respond.headers.begin() + static_cast<ptrdiff_t>(i),
                              [&](const auto& earlier) { return EqualsIgnoreCase(earlier.first, name); });
    if (first) {
      headers.Set(x.arena, name, value);
    } else {
      headers.Append(x.arena, name, value);
    }
  }
}

Next Answer(Exchange& x) {
  const config::Route& route = *x.route->conf;
  if (x.route->upstream != nullptr) {
    if (!IsLastHop(x)) return Go(x, Step::kPickTarget);
    if (x.request.method == http::Method::kTrace) return FailWith(x, 501, "TRACE ends here and is not supported");
    x.response.head.status = 204;
    return Go(x, Step::kHeaderFilter);
  }
  if (!route.content.empty()) {
    x.response.from_script = true;
    return RunHook(x, Phase::kContent, Step::kHeaderFilter);
  }
  http::ResponseHead& head = x.response.head;
  if (route.redirect) {
    head.status = route.redirect->status;
    head.headers.Set(x.arena, http::HeaderId::kLocation, PercentEncoded(x, Evaluate(x, x.route->redirect)));
    return Go(x, Step::kHeaderFilter);
  }
  if (!route.respond) return FailWith(x, 500, "no policy of this route has answered");
  head.status = route.respond->status;
  SetRespondHeaders(x);
  x.response.body =
      route.respond->is_template ? Evaluate(x, x.route->respond_body) : std::string_view(route.respond->body);
  return Go(x, Step::kHeaderFilter);
}

// --- the way back

Next HeaderFilter(Exchange& x) {
  ResponsePart& response = x.response;
  if (!response.from_upstream) x.total.Cancel();
  if (!response.from_upstream && !response.from_script && !response.started) {
    if (http::ResponseHasBody(x.request.method, response.head.status) || x.request.method == http::Method::kHead) {
      http::HeadWriter digits(x.arena, 20);
      digits.PutDecimal(response.body.size());
      response.head.headers.Set(x.arena, http::HeaderId::kContentLength, digits.text());
    }
    if (x.FiltersBody()) response.queued.Append(std::exchange(response.body, {}));
    response.input_ended = true;
  }
  if (response.from_script) {
    response.input_ended = true;
    x.NameContent();
  }
  if (x.in.error_status != 0 && response.head.status == 200 && !response.from_script)
    response.head.status = x.in.error_status;
  response.started = true;
  return Go(x, Step::kSendBody);
}

Next SendBody(Exchange& x) {
  HookStatus status = x.Pump();
  if (status == HookStatus::kFailed) return Next::kFail;
  if (!x.response.ended) return Next::kSuspend;
  return Go(x, Step::kLog);
}

Next SendError(Exchange& x) {
  x.failed_meanwhile = false;
  if (x.response.head_sent || x.client_gone || x.stream == nullptr) {
    x.CutOff(x.failure.status);
    return Go(x, Step::kLog);
  }
  x.EndAttempt(Exchange::AttemptEnd::kCancelled);
  if (TurnToErrorPage(x)) return Go(x, Step::kMatchRoute);
  if (x.in.body_state == BodyState::kUnread) x.stream->PauseBody();
  bool again = x.response.is_error;  // the error's own filters failed: send it without them
  MakeErrorResponse(x);
  if (again) x.response.head_filtered = x.response.last_filtered = true;
  return Go(x, Step::kHeaderFilter);
}

// A tunnel had let go of its generation: it is logged by the newest one's route of the same name.
void RejoinGeneration(Exchange& x) {
  x.generation = x.context.current.get();
  x.generation->live++;
  const Snapshot& snapshot = x.snapshot();
  auto found = snapshot.route_names.find(x.tunnel_route);
  if (found != snapshot.route_names.end()) x.route = &snapshot.routes[found->second];
}

Next Log(Exchange& x) {
  if (x.is_subrequest()) return Go(x, Step::kFinish);
  if (x.generation == nullptr) RejoinGeneration(x);
  x.timing.ended = x.context.loop.Now();
  if (x.trace) [[unlikely]]
    x.trace->Answered();
  x.deadline.Cancel();
  x.total.Cancel();
  WriteAccessLog(x);
  CountRequest(x);
  LoopCounters& counters = x.context.counters;
  if (x.response.head.status >= 500) Count(counters.responses_5xx);
  if (x.route == nullptr || !x.route->Has(Phase::kLog)) return Go(x, Step::kFinish);
  HookStatus status = x.generation->program->Run(x, Phase::kLog);
  if (status == HookStatus::kSuspended) return Next::kSuspend;
  return Go(x, Step::kFinish);
}

Next Finish(Exchange& x) {
  LoopContext& context = x.context;
  Generation& generation = *x.generation;
  if (x.trace) [[unlikely]]
    EndTrace(x);
  if (generation.program) generation.program->Release(x);
  generation.live--;
  bool retired = generation.retired;
  if (x.is_subrequest()) context.subrequests--;
  x.Reset();
  context.GiveExchange(&x);
  if (retired) context.ReapSoon();
  return Next::kDone;
}

constexpr StepFunction kSteps[] = {
    ServerRewrite, MatchRoute, Set,          Rewrite,  Access,    Answer, PickTarget, Connect,
    SendRequest,   ReadHead,   HeaderFilter, SendBody, SendError, Log,    Finish,
};

}  // namespace

StepFunction FunctionOf(Step step) { return kSteps[static_cast<size_t>(step)]; }

void Exchange::Advance() {
  for (;;) {
    switch (FunctionOf(step)(*this)) {
      case Next::kGo: continue;
      case Next::kSuspend:
      case Next::kDone: return;
      case Next::kFail: step = Step::kSendError; continue;
    }
  }
}

Next Exchange::AfterHook(HookStatus status, Step next) {
  in_hook = false;
  if (status == HookStatus::kSuspended) {
    in_hook = true;
    return Next::kSuspend;
  }
  if (phase_times != nullptr) {
    for (Phase phase : {Phase::kRewrite, Phase::kAccess, Phase::kContent, Phase::kBalance}) phase_times->End(phase);
  }
  if (std::exchange(failed_meanwhile, false)) return Next::kFail;
  if (client_gone && !IgnoresAbort()) {
    CutOff(499);
    return Go(*this, Step::kLog);
  }
  switch (status) {
    case HookStatus::kDone:
      if (response.started && next != Step::kHeaderFilter) break;  // it has begun to answer
      if (in.body_state == BodyState::kFailed && !response.started) return Next::kFail;
      return Go(*this, next);
    case HookStatus::kSuspended: return Next::kSuspend;
    case HookStatus::kRerouted:
      if (response.started) return FailWith(*this, 500, "a jump after the answer has begun");
      response.from_script = false;
      if (in.jumps <= kMostJumps) return Go(*this, Step::kMatchRoute);
      MG_LOG(kError, "rewrite or internal redirection cycle while internally redirecting to \"{}\"", request.path);
      return FailWith(*this, 500, "too many internal redirects");
    case HookStatus::kFailed:
      if (failure.status == 0) Fail(500, "a policy failed");
      return Next::kFail;
    case HookStatus::kAnswered: break;
  }
  response.from_script = true;
  if (response.started) return Go(*this, Step::kHeaderFilter);
  if (failure.status != 0) return Next::kFail;
  if (response.exited && response.head.status >= 400) {
    if (response.head.status == 444) {  // nginx's: close without an answer
      CutOff(444);
      return Go(*this, Step::kLog);
    }
    return FailWith(*this, response.head.status, {});
  }
  if (response.exited) MakeRedirectNote(*this);
  return Go(*this, Step::kHeaderFilter);
}

}  // namespace mg::proxy
