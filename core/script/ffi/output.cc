// What scripts send, and the response's status and fields.
#include "proxy/exchange.h"
#include "script/ffi/fields.h"
#include "script/program.h"
#include "script/surface.h"

using mg::http::Header;
using mg::proxy::Exchange;
using mg::proxy::OutputStatus;
using mg::script::Give;
using mg::script::t_active;
using mg::script::View;

namespace {

int CodeOf(OutputStatus status) {
  switch (status) {
    case OutputStatus::kOk: return MG_OK;
    case OutputStatus::kFilter: return MG_FILTER;
    case OutputStatus::kWait:
      t_active.context->output_waiters.push_back(mg::script::Scheduler::BeginWait(nullptr));
      return MG_AGAIN;
    case OutputStatus::kClosed: return MG_CLOSED;
    case OutputStatus::kEnded: return MG_ENDED;
  }
  return MG_ERROR;
}

// Output is text unless the script says what it is.
void NameContent(Exchange& exchange) {
  mg::proxy::ResponsePart& response = exchange.response;
  if (response.started || response.head.headers.Find(mg::http::HeaderId::kContentType) != nullptr) return;
  response.head.headers.Append(exchange.arena, mg::http::HeaderId::kContentType, "text/plain");
}

// Whether the head can still be changed: header filters run after `started`, until it is sent.
bool HeadOpen(const Exchange& exchange) {
  if (exchange.response.head_sent) return false;
  return !exchange.response.started || t_active.coroutine->run->phase == MG_PHASE_HEADER_FILTER;
}

}  // namespace

extern "C" {

int mg_output_write(const char* data, size_t size) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  NameContent(*t_active.exchange);
  return CodeOf(t_active.exchange->ScriptOutput(View(data, size)));
}

int mg_output_head(void) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  NameContent(*t_active.exchange);
  return CodeOf(t_active.exchange->ScriptSendHead());
}

int mg_output_flush(int wait) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  if (!t_active.exchange->response.started) return MG_DECLINED;
  return CodeOf(t_active.exchange->ScriptFlush(wait != 0));
}

int mg_response_status(void) noexcept {
  if (t_active.exchange == nullptr) return 0;
  const mg::proxy::ResponsePart& response = t_active.exchange->response;
  return response.head.status;
}

int mg_response_set_status(int status) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  if (!HeadOpen(*t_active.exchange)) return MG_LATE;
  if (status < 100 || status > 999) return MG_ERROR;
  t_active.exchange->response.head.status = static_cast<uint16_t>(status);
  t_active.exchange->response.head.reason = {};
  return MG_OK;
}

int mg_response_started(void) noexcept { return t_active.exchange != nullptr && t_active.exchange->response.started; }
int mg_response_head_sent(void) noexcept {
  return t_active.exchange != nullptr &&
         (t_active.exchange->response.head_sent || t_active.exchange->response.started) &&
         t_active.coroutine->run->phase != MG_PHASE_HEADER_FILTER;
}
int mg_response_ended(void) noexcept {
  return t_active.exchange != nullptr && (t_active.exchange->response.ended || t_active.exchange->response.input_ended);
}

int mg_response_header(const char* name, size_t size, mg_string* values, int most) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  int count = 0;
  for (const Header& header : t_active.exchange->response.head.headers) {
    if (count == most) break;
    if (mg::EqualsIgnoreCase(header.name, View(name, size))) Give(&values[count++], header.value);
  }
  return count;
}

int mg_response_set_header(const char* name, size_t size, const mg_string* values, int count) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Exchange& exchange = *t_active.exchange;
  if (!HeadOpen(exchange)) return MG_LATE;
  mg::script::ReplaceFields(exchange.response.head.headers, exchange.arena, View(name, size),
                            {values, static_cast<size_t>(count)}, mg::script::Keep::kNo);
  return MG_OK;
}

int mg_response_headers(mg_header* out, int most) noexcept {
  if (t_active.exchange == nullptr) return 0;
  return mg::script::ListFields(t_active.exchange->response.head.headers, out, most);
}

int mg_filter_output(const char* data, size_t size) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  t_active.exchange->response.filtered.Append(View(data, size));
  return MG_OK;
}

}  // extern "C"

namespace mg::script {
void LinkOutput() {}
}  // namespace mg::script
