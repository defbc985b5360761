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
  headers.Remove(http::HeaderId::kContentEncoding);
  headers.Set(x.arena, http::HeaderId::kContentType, "application/problem+json");
  response.body = x.arena.Copy(body);
  if (x.request.framing != http::BodyFraming::kNone && !x.in.body_ended && x.stream != nullptr && status >= 500) {
    x.stream->DisableKeepAlive();
  }
}

}  // namespace mg::proxy
