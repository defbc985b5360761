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

// Once its head is made, a response that has no body takes no output. After a 101 another protocol's bytes follow.
bool HeaderOnly(const Exchange& exchange) {
  return exchange.response.started && exchange.response.head.status != 101 &&
         !mg::http::ResponseHasBody(exchange.request.method, exchange.response.head.status);
}

// Whether the head can still be changed: header filters run after `started`, until it is sent.
bool HeadOpen(const Exchange& exchange) {
  if (exchange.response.head_sent) return false;
  return !exchange.response.started || exchange.Collects() || t_active.coroutine->run->phase == MG_PHASE_HEADER_FILTER;
}

}  // namespace

extern "C" {

int mg_output_write(const char* data, size_t size) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Exchange& exchange = *t_active.exchange;
  if (exchange.in.raw) return MG_RAW;
  if (HeaderOnly(exchange)) return MG_HEADER_ONLY;
  exchange.NameContent();
  return CodeOf(exchange.ScriptOutput(View(data, size)));
}

int mg_output_head(void) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  if (t_active.exchange->in.raw) return MG_RAW;
  t_active.exchange->NameContent();
  return CodeOf(t_active.exchange->ScriptSendHead());
}

int mg_output_flush(int wait) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Exchange& exchange = *t_active.exchange;
  if (exchange.in.raw) return MG_RAW;
  if (HeaderOnly(exchange)) return MG_HEADER_ONLY;
  if (exchange.response.ended || exchange.response.input_ended) return MG_ENDED;
  bool output = !exchange.response.queued.empty() || exchange.BodyBytesSent() > 0;
  if (!exchange.response.started || (!output && wait == 0)) return MG_DECLINED;
  if (exchange.Collects()) return MG_COLLECTS;
  return CodeOf(exchange.ScriptFlush(wait != 0));
}

int mg_response_status(void) noexcept {
  if (t_active.exchange == nullptr) return 0;
  const Exchange& exchange = *t_active.exchange;
  return exchange.HasStatus() ? exchange.response.head.status : exchange.in.error_status;
}

int mg_response_set_status(int status) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  if (!HeadOpen(*t_active.exchange)) return MG_LATE;
  if (status < 100 || status > 999) return MG_ERROR;
  t_active.exchange->response.status_set = true;
  t_active.exchange->response.head.status = static_cast<uint16_t>(status);
  t_active.exchange->response.head.reason = {};
  return MG_OK;
}

int mg_response_started(void) noexcept { return t_active.exchange != nullptr && t_active.exchange->response.started; }
int mg_response_head_sent(void) noexcept {
  return t_active.exchange != nullptr &&
         (t_active.exchange->response.head_sent || t_active.exchange->response.started) &&
         t_active.coroutine->run->phase != MG_PHASE_HEADER_FILTER && !t_active.exchange->Collects();
}
int mg_response_ended(void) noexcept {
  if (t_active.exchange == nullptr) return MG_OK;
  if (t_active.exchange->in.raw) return MG_RAW;
  return t_active.exchange->response.ended || t_active.exchange->response.input_ended ? MG_ENDED : MG_OK;
}

int mg_response_header(const char* name, size_t size, mg_string* values, int most) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  int count = 0;
  for (const Header& header : t_active.exchange->response.head.headers) {
    if (!mg::EqualsIgnoreCase(header.name, View(name, size))) continue;
    if (count < most) Give(&values[count], header.value);
    count++;
  }
  return count;
}

int mg_response_set_header(const char* name, size_t size, const mg_string* values, int count, int add) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Exchange& exchange = *t_active.exchange;
  if (!HeadOpen(exchange)) return MG_LATE;
  std::span<const mg_string> all(values, static_cast<size_t>(count));
  std::string_view field = View(name, size);
  if (mg::http::IdentifyHeader(field) == mg::http::HeaderId::kContentType) {
    exchange.response.type_set = true;
    field = "Content-Type";  // scripts write content_type
  }
  bool single = mg::script::TakesOneValue(field);
  if (single && count > 1) all = all.last(1);
  if (count > 0 && mg::EqualsIgnoreCase(field, "content-length") &&
      !mg::ParseDecimal<uint64_t>(View(all[0].data, all[0].size))) {
    return MG_ERROR;
  }
  mg::script::ReplaceFields(exchange.response.head.headers, exchange.arena, field, all,
                            add != 0 && !single ? mg::script::Keep::kYes : mg::script::Keep::kNo);
  return MG_OK;
}

int mg_response_headers(mg_header* out, int most) noexcept {
  if (t_active.exchange == nullptr) return 0;
  const Exchange& exchange = *t_active.exchange;
  const mg::http::HeaderList& headers = exchange.response.head.headers;
  int count = mg::script::ListFields(headers, out, most);
  auto add = [&](std::string_view name, std::string_view value) {
    if (count < most) {
      Give(&out[count].name, name);
      Give(&out[count].value, value);
    }
    count++;
  };
  // What the protocol says beside them, as far as it is known.
  bool upgraded = exchange.response.head.status == 101;
  if (headers.Find(mg::http::HeaderId::kConnection) == nullptr) {
    add("connection", upgraded ? "upgrade" : exchange.request.keep_alive ? "keep-alive" : "close");
  }
  bool unsized = headers.Find(mg::http::HeaderId::kContentLength) == nullptr && exchange.request.minor > 0 &&
                 mg::http::ResponseHasBody(exchange.request.method, exchange.response.head.status);
  if (exchange.response.started && !HeadOpen(exchange) && unsized) add("transfer-encoding", "chunked");
  return count;
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
