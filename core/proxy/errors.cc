// The answers the gateway makes itself when something fails: problem+json (RFC 9457) with the request id, never a stack
// trace or an internal address.
#include "base/json.h"
#include "proxy/pipeline.h"

namespace mg::proxy {

void MakeErrorResponse(Exchange& x) {
  ResponsePart& response = x.response;
  http::HeaderList& headers = response.head.headers;
  int status = x.failure.status != 0 ? x.failure.status : 500;
  if (response.from_upstream) headers.Clear();  // none of the upstream's; what hooks set for an error stays
  response.head.reason = {};
  response.head.status = static_cast<uint16_t>(status);
  response.from_upstream = response.from_script = response.started = response.input_ended = false;
  response.filter_busy = response.last_filtered = response.head_filtered = false;
  response.is_error = true;
  response.queued.Clear();
  response.filtered.Clear();

  headers.Remove(http::HeaderId::kContentEncoding);
  if (x.is_subrequest()) {  // whoever asked for it gets the status
    response.body = {};
    return;
  }

  std::string_view title = x.failure.title.empty() ? http::ReasonPhrase(status) : x.failure.title;
  std::string body = "{\"type\":\"about:blank\",\"title\":";
  AppendJsonString(body, title);
  body += ",\"status\":" + std::to_string(status);
  if (!x.failure.detail.empty()) {
    body += ",\"detail\":";
    AppendJsonString(body, x.failure.detail);
  }
  body += ",\"request_id\":";
  AppendJsonString(body, x.RequestId());
  body += "}\n";
  headers.Set(x.arena, http::HeaderId::kContentType, "application/problem+json");
  response.body = x.arena.Copy(body);
  if (x.request.framing != http::BodyFraming::kNone && !x.in.body_ended && x.stream != nullptr && status >= 500) {
    x.stream->DisableKeepAlive();
  }
}

void MakeRedirectNote(Exchange& x) {
  uint16_t status = x.response.head.status;
  bool redirect = (status >= 301 && status <= 303) || status == 307 || status == 308;
  if (!redirect || x.is_subrequest()) return;
  x.response.head.headers.Set(x.arena, http::HeaderId::kContentType, "text/html");
  if (!http::ResponseHasBody(x.request.method, status)) return;
  std::string what = std::to_string(status) + " " + std::string(http::ReasonPhrase(status));
  x.response.queued.Append("<!DOCTYPE html>\n<title>" + what + "</title>\n<h1>" + what + "</h1>\n");
}

bool TurnToErrorPage(Exchange& x) {
  if (x.in.error_status != 0 || x.is_subrequest()) return false;  // an error page that fails is not replaced again
  auto status = static_cast<uint16_t>(x.failure.status);
  const std::string* page = nullptr;
  auto look_up = [&](const std::map<uint16_t, std::string>& pages) {
    auto found = pages.find(status);
    if (page == nullptr && found != pages.end()) page = &found->second;
  };
  if (x.route != nullptr) look_up(x.route->conf->error_pages);
  look_up(x.snapshot().config->error_pages);
  if (page == nullptr) return false;
  bool named = page->starts_with('@');
  if (named) {
    x.RerouteNamed(std::string_view(*page).substr(1));
  } else if (!x.Reroute(*page, {})) {
    return false;
  }
  if (x.response.from_upstream) x.response.head.headers.Clear();
  http::HeaderList kept = x.response.head.headers;  // what hooks have set, as WWW-Authenticate
  x.response = {};
  x.response.head.headers = kept;
  x.response.head.status = status;  // what the page's scripts read, and what is sent unless they say otherwise
  if (x.in.body_state == BodyState::kStreaming || x.in.body_state == BodyState::kStreamed) {
    x.in.body_state = BodyState::kUnread;  // what has gone to an upstream cannot be sent again
    x.DiscardBody();
  }
  if (!named) {  // a named route has the request as it was
    if (x.request.method != http::Method::kHead) x.SetMethod("GET");
    x.DiscardBody();
  }
  x.upstream.upstream = nullptr;  // the page may have one of its own
  x.upstream.balance = {};
  x.upstream.fell_back = false;
  x.total.Cancel();
  x.failure = {};
  x.in.error_status = status;
  return true;
}

}  // namespace mg::proxy
