// The request as scripts read and change it, and variables.
#include <algorithm>

#include "http/url.h"
#include "proxy/exchange.h"
#include "proxy/variables.h"
#include "script/ffi/fields.h"
#include "script/program.h"
#include "script/surface.h"

using mg::proxy::BodyState;
using mg::proxy::Exchange;
using mg::proxy::HookStatus;
using mg::script::Give;
using mg::script::GiveScratch;
using mg::script::t_active;
using mg::script::View;

namespace {

// To scripts, a query that one has set is a text even if it is empty.
void SetScriptQuery(Exchange& exchange, std::string_view query) {
  exchange.SetQuery(query);
  exchange.in.query_set = true;
}

// What the route's path has captured: by name, or by its number from 1. Decoded, in the arena.
std::optional<std::string_view> Capture(Exchange& exchange, std::string_view name) {
  std::optional<std::string_view> value = exchange.PathParam(name);
  if (!value) {
    std::optional<uint32_t> number = mg::ParseDecimal<uint32_t>(name);
    // The groups of a regular expression have their numbers for names.
    bool named = exchange.param_count > 0 && mg::ParseDecimal<uint32_t>(exchange.params[0].name);
    if (!number || *number == 0 || *number > exchange.param_count || named) return std::nullopt;
    value = exchange.params[*number - 1].value;
  }
  if (value->find('%') == std::string_view::npos) return value;
  return exchange.arena.Copy(mg::http::DecodeLenient(*value, mg::http::Plus::kKeep));
}

// The fields tell of the body that there is now.
void BodyReplaced(Exchange& exchange) {
  exchange.in.body_asked = true;
  exchange.in.body_discarded = false;
  mg::http::HeaderList& headers = exchange.request.headers;
  headers.Remove(mg::http::HeaderId::kTransferEncoding);
  headers.Set(exchange.arena, mg::http::HeaderId::kContentLength,
              exchange.arena.Copy(std::to_string(exchange.in.BodySize())));
}

bool IsOwn(const Exchange& exchange, std::string_view name) {
  for (const mg::proxy::Variable* v = exchange.variables; v != nullptr; v = v->next) {
    if (v->name == name) return true;
  }
  return false;
}

// The fields that are variables of their own in nginx: others are not known to be variables before they are read.
bool IsNamedHeader(std::string_view variable) {
  constexpr std::string_view kNames[] = {
      "http_cookie",
      "http_host",
      "http_referer",
      "http_user_agent",
      "http_via",
      "http_x_forwarded_for",
      "sent_http_cache_control",
      "sent_http_connection",
      "sent_http_content_length",
      "sent_http_content_type",
      "sent_http_keep_alive",
      "sent_http_last_modified",
      "sent_http_link",
      "sent_http_location",
      "sent_http_transfer_encoding",
  };
  return std::ranges::find(kNames, variable) != std::end(kNames);
}

// Names of the gateway's variables may be written in any case.
bool HasUpper(std::string_view name) {
  return std::ranges::any_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
}

// A variable of the gateway without a value is nil to a script, but for some that are texts always; a field, a cookie,
// an argument and a script's own may be empty.
bool MayBeEmpty(const Exchange& exchange, std::string_view name) {
  if (name == "args" || name == "query_string") return exchange.in.query_set;
  return name == "is_args" || name == "https" || name == "request_completion" || mg::proxy::IsFamily(name) ||
         IsOwn(exchange, name);
}

}  // namespace

extern "C" {

int mg_request_method(mg_string* out) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Give(out, t_active.exchange->request.method_text);
  return MG_OK;
}

int mg_request_set_method(const char* method, size_t size) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  t_active.exchange->SetMethod(View(method, size));
  return MG_OK;
}

int mg_request_headers(mg_header* out, int most) noexcept {
  if (t_active.exchange == nullptr) return 0;
  return mg::script::ListFields(t_active.exchange->request.headers, out, most);
}

int mg_request_set_header(const char* name, size_t size, const mg_string* values, int count, int add) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Exchange& exchange = *t_active.exchange;
  std::string_view field = View(name, size);
  mg::script::ReplaceFields(exchange.request.headers, exchange.arena, field, {values, static_cast<size_t>(count)},
                            add != 0 ? mg::script::Keep::kYes : mg::script::Keep::kNo);
  if (count > 0 && mg::EqualsIgnoreCase(field, "host")) {
    exchange.request.authority = exchange.request.headers.Get(mg::http::HeaderId::kHost);
  }
  return MG_OK;
}

int mg_request_raw_header(int without_line, mg_string* out) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  std::string_view raw = t_active.exchange->raw_head;
  if (without_line != 0) {
    size_t line = raw.find('\n');
    raw.remove_prefix(line == std::string_view::npos ? raw.size() : line + 1);
  }
  Give(out, raw);
  return MG_OK;
}

double mg_request_http_version(void) noexcept {
  if (t_active.exchange == nullptr) return 0;
  const mg::http::RequestHead& head = t_active.exchange->request;
  return head.major + head.minor / 10.0;
}

double mg_request_start_time(void) noexcept {
  if (t_active.exchange == nullptr) return 0;
  return static_cast<double>(t_active.exchange->timing.wall / 1'000'000) / 1e3;
}

int mg_request_is_internal(void) noexcept { return t_active.exchange != nullptr && t_active.exchange->in.is_internal; }

int mg_request_is_subrequest(void) noexcept {
  return t_active.exchange != nullptr && t_active.exchange->is_subrequest();
}

int mg_request_query(mg_string* out) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Give(out, t_active.exchange->request.query);
  return t_active.exchange->request.query.empty() ? MG_DECLINED : MG_OK;
}

int mg_request_set_query(const char* query, size_t size) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  SetScriptQuery(*t_active.exchange, View(query, size));
  return MG_OK;
}

int mg_request_set_path(const char* path, size_t size) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  std::string_view text = View(path, size);
  if (text.empty() || text[0] != '/') return MG_ERROR;
  if (!t_active.exchange->SetPath(mg::http::EncodePath(text))) return MG_ERROR;
  t_active.exchange->in.is_internal = true;
  return MG_OK;
}

int mg_request_read_body(int can_wait) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  t_active.exchange->in.body_asked = true;
  if (t_active.exchange->in.body_state == BodyState::kPulled) return MG_OK;  // a socket has it
  switch (t_active.exchange->ReadBody()) {
    case HookStatus::kDone: return MG_OK;
    case HookStatus::kSuspended:
      // The bytes may have been there already.
      if (t_active.exchange->in.body_state == BodyState::kRead) return MG_OK;
      if (t_active.exchange->in.body_state == BodyState::kFailed || can_wait == 0) return MG_ERROR;
      t_active.context->body_waiters.push_back(mg::script::Scheduler::BeginWait(nullptr));
      return MG_AGAIN;
    default: return MG_ERROR;
  }
}

int mg_request_body_error(void) noexcept {
  if (t_active.exchange == nullptr) return 500;
  return t_active.exchange->failure.status != 0 ? t_active.exchange->failure.status : 400;
}

int mg_request_discard_body(void) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  mg::proxy::RequestPart& in = t_active.exchange->in;
  in.body_discarded = in.body_discarded || in.body_state == BodyState::kUnread;
  t_active.exchange->DiscardBody();
  return MG_OK;
}

int mg_request_body(mg_string* out) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  const mg::proxy::RequestPart& in = t_active.exchange->in;
  if (in.body_discarded) return MG_DECLINED;
  if (!in.body_asked || in.body_state == BodyState::kReading) return MG_UNREAD;
  if (in.file) return MG_IN_FILE;
  if (in.body_state != BodyState::kRead || in.body.empty()) return MG_DECLINED;
  if (in.body.Front().size() == in.body.size()) {
    Give(out, in.body.Front());
  } else {
    GiveScratch(out, in.body.ToString());
  }
  return MG_OK;
}

int mg_request_body_file(mg_string* out) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  const mg::proxy::RequestPart& in = t_active.exchange->in;
  if (in.body_state != BodyState::kRead || !in.file) return MG_DECLINED;
  Give(out, in.file->path());
  return MG_OK;
}

int mg_request_body_ready(void) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  const mg::proxy::RequestPart& in = t_active.exchange->in;
  return in.body_asked && in.body_state != BodyState::kReading ? MG_OK : MG_UNREAD;
}

int mg_request_set_body(const char* data, size_t size, double in_memory, mg_string* error) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Exchange& exchange = *t_active.exchange;
  size_t most = in_memory < 0 ? exchange.route->body_buffer : static_cast<size_t>(std::min(in_memory, 1e12));
  if (most != 0 && size > most) {
    auto file = mg::proxy::BodyFile::Create();
    auto written = file ? (*file)->Append(View(data, size)) : std::unexpected(file.error());
    if (!written) {
      GiveScratch(error, written.error().message);
      return MG_ERROR;
    }
    exchange.ReplaceBody(std::move(*file));
  } else {
    exchange.ReplaceBody(View(data, size));
  }
  BodyReplaced(exchange);
  return MG_OK;
}

int mg_request_set_body_file(const char* name, size_t size, int clean, mg_string* error) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  auto file = mg::proxy::BodyFile::Open(std::string(name, size), clean != 0);
  if (!file) {
    GiveScratch(error, file.error().message);
    return MG_ERROR;
  }
  t_active.exchange->ReplaceBody(std::move(*file));
  BodyReplaced(*t_active.exchange);
  return MG_OK;
}

int mg_variable_get(const char* name, size_t size, mg_string* out) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  std::string_view text = View(name, size);
  std::optional<std::string_view> value;
  bool numbered = size > 0 && mg::IsDigit(text[0]);
  if (!numbered) value = t_active.exchange->GetVariable(text);
  if (value && value->data() == nullptr && IsOwn(*t_active.exchange, text)) return MG_DECLINED;  // unset
  if (value && value->empty() && !MayBeEmpty(*t_active.exchange, text)) return MG_DECLINED;
  if (!value) value = Capture(*t_active.exchange, text);
  if (!value && HasUpper(text)) value = t_active.exchange->GetVariable(mg::Lower(text));
  if (!value && t_active.exchange->snapshot().variable_names.contains(text)) value = "";  // of another route
  if (!value) return MG_DECLINED;
  Give(out, *value);
  return MG_OK;
}

int mg_variable_defined(const char* name, size_t size) noexcept {
  if (t_active.exchange == nullptr) return 0;
  std::string_view text = View(name, size);
  return IsOwn(*t_active.exchange, text) || t_active.exchange->snapshot().variable_names.contains(text);
}

int mg_variable_set(const char* name, size_t size, const char* value, size_t value_size) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Exchange& exchange = *t_active.exchange;
  std::string_view text = View(name, size);
  if (text == "args") {
    SetScriptQuery(exchange, View(value, value_size));
    if (value == nullptr) exchange.in.query_set = false;
    return MG_OK;
  }
  if (mg_variable_defined(name, size) == 0) {
    bool known = mg::proxy::IsFamily(text) ? IsNamedHeader(text) : exchange.GetVariable(text).has_value();
    return known ? MG_DECLINED : MG_ERROR;
  }
  exchange.SetVariable(text, View(value, value_size));
  return MG_OK;
}

}  // extern "C"

namespace mg::script {
void LinkRequest() {}
}  // namespace mg::script
