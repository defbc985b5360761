// What clients get while a circuit breaker is open: the answer of another upstream, of a script, or a fixed one.
#include "base/log.h"
#include "http/h1_encoder.h"
#include "proxy/pipeline.h"

namespace mg::proxy {

namespace {

void SetHeaders(Exchange& x, const config::Fallback& fallback) {
  http::HeaderList& headers = x.response.head.headers;
  for (const auto& [name, value] : fallback.headers) headers.Remove(name);
  for (const auto& [name, value] : fallback.headers) headers.Append(x.arena, name, value);
}

}  // namespace

Next AnswerFallback(Exchange& x) {
  UpstreamPart& up = x.upstream;
  const upstream::Guard& guard = up.upstream->guard();
  const config::Fallback& fallback = guard.conf().fallback;
  up.retrying.Release();
  MG_LOG(kInfo, "route {}: the circuit breaker of upstream {} is open", x.route->conf->name, up.upstream->conf().name);
  // The fallback's own fallback is a fixed answer: requests do not wander.
  bool first = !std::exchange(up.fell_back, true);
  if (first && !fallback.upstream.empty() && x.route->fallback != nullptr) {
    up.upstream = x.route->fallback;
    up.timeouts = up.upstream->conf().timeouts;
    up.balance = {};
    return Go(x, Step::kConnect);
  }
  if (first && !fallback.lua.empty() && x.route->Has(Phase::kContent)) {
    x.total.Cancel();
    x.response.from_script = true;
    return RunHook(x, Phase::kContent, Step::kHeaderFilter);
  }
  SetHeaders(x, fallback);
  http::ResponseHead& head = x.response.head;
  bool names_retry = head.headers.Find("Retry-After") != nullptr;
  if (fallback.status == 503 && !names_retry) {
    http::HeadWriter digits(x.arena, 20);
    digits.PutDecimal(static_cast<uint64_t>(guard.SecondsLeft(x.context.loop.Now())));
    head.headers.Set(x.arena, "Retry-After", digits.text());
  }
  if (fallback.body.empty() && fallback.status >= 400) {
    return FailWith(x, fallback.status, "the circuit breaker of the upstream is open");
  }
  head.status = fallback.status;
  x.response.body = fallback.body;
  return Go(x, Step::kHeaderFilter);
}

}  // namespace mg::proxy
