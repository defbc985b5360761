// The response's way back: from the upstream or a script, through the filters, to the client.
#include "proxy/exchange.h"

#include <utility>

#include "http/h1_encoder.h"
#include "proxy/pipeline.h"

namespace mg::proxy {

namespace {
constexpr size_t kOutputAtOnce = 32 * 1024;  // of script output collected before it is sent
}

// --- from the upstream

void Exchange::OnResponseBody(std::string_view data, http::End end) {
  bool last = end == http::End::kYes;
  upstream.attempt().body_bytes += data.size();
  if (!last && !upstream.tunnel) deadline.SetAfter(upstream.timeouts.between.count());
  if (last) EndAttempt(AttemptEnd::kSucceeded);
  response.input_ended = last;
  if (PassesBody()) {
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

std::optional<net::IoResult> Exchange::RelayResponseBody(net::Transport& from, size_t size) {
  if (!PassesBody()) return std::nullopt;
  std::optional<net::IoResult> moved = stream->Relay(from, size);
  if (!moved || moved->bytes == 0) return moved;
  deadline.SetAfter(upstream.timeouts.between.count());
  upstream.attempt().body_bytes += moved->bytes;
  body_bytes_sent_ += moved->bytes;
  if (stream->pending() > 0 && upstream.lease) PauseUpstream();
  return moved;
}

void Exchange::OnResponseTrailers(std::string_view lines) {
  if (stream != nullptr) stream->SetTrailers(TrailersToForward(lines, nullptr, arena));
}

void Exchange::OnResponsePause() {
  if (stream != nullptr) stream->Flush();
}

// --- through the filters, to the client

// Whether what comes of the body goes on as it is.
bool Exchange::PassesBody() const {
  return response.head_sent && response.queued.empty() && stream != nullptr &&
         (route == nullptr || !route->Has(Phase::kBodyFilter));
}

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
      BeginPhase(Phase::kHeaderFilter);
      HookStatus status = generation->program->Run(*this, Phase::kHeaderFilter);
      if (status == HookStatus::kSuspended) return status;
      EndPhase(Phase::kHeaderFilter);
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
  BeginPhase(Phase::kBodyFilter);
  HookStatus status = generation->program->FilterBody(*this, response.piece, response.filtering_last);
  if (status == HookStatus::kSuspended) return status;
  EndPhase(Phase::kBodyFilter);
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
  bool switching = head.status == 101 && response.from_script && request.upgrade;
  if (head.status < 200 && !switching) head.status = 500;
  if (stream == nullptr) return;
  if (switching) stream->DisableKeepAlive();  // what follows is the script's, through ngx.req.socket(true)
  if (FiltersBody()) {
    head.headers.Remove(http::HeaderId::kContentLength);  // filters may change it
  } else if (response.from_script && response.input_ended && !is_subrequest() &&
             http::ResponseHasBody(request.method, head.status) &&
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

// --- made by a script

void Exchange::NameContent() {
  if (response.started || response.type_set || !http::ResponseHasBody(http::Method::kGet, response.head.status) ||
      response.head.headers.Find(http::HeaderId::kContentType) != nullptr)
    return;
  response.head.headers.Append(arena, http::HeaderId::kContentType, "text/plain");
}

OutputStatus Exchange::ScriptOutput(std::string_view data) {
  if (response.ended || response.input_ended || in.raw) return OutputStatus::kEnded;
  if (stream == nullptr) return OutputStatus::kClosed;
  response.started = response.from_script = true;
  response.queued.Append(data);
  if (Collects() && response.queued.size() < kOutputAtOnce) return OutputStatus::kOk;
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

bool Exchange::Collects() const {
  return request.minor == 0 && response.from_script && !response.head_sent && !response.input_ended && !in.raw &&
         !is_subrequest() && response.head.headers.Find(http::HeaderId::kContentLength) == nullptr;
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
  NameContent();
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

}  // namespace mg::proxy
