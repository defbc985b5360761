// Who the caller is, problems as answers, request ids.
#include "base/strings.h"
#include "proxy/exchange.h"
#include "script/policy_objects.h"

using mg::script::Give;
using mg::script::PolicyObjects;
using mg::script::t_active;
using mg::script::View;

namespace mg::script {
namespace {

// The policy "request_id": the id under which a request is known, to the logs, the upstream and the client.
class RequestIdPolicy final : public PolicyObject {
 public:
  static constexpr char kKind = 0;
  RequestIdPolicy() : PolicyObject(&kKind) {}

  std::string Read(const PolicyConf& conf) {
    header_ = conf.Text("header", "X-Request-ID");
    respond_ = conf.Flag("respond", true);
    std::string trust = conf.Text("trust", "proxies");
    trust_ = trust == "always" ? Trust::kAlways : trust == "never" ? Trust::kNever : Trust::kProxies;
    return {};
  }

  void Apply(proxy::Exchange& exchange) const {
    Arena& arena = exchange.arena;
    http::HeaderList& headers = exchange.request.headers;
    std::string_view given = trust_ == Trust::kNever ? std::string_view() : headers.Get(std::string_view(header_));
    if (Fits(given) && (trust_ == Trust::kAlways || exchange.snapshot().trusted.Contains(exchange.peer_ip()))) {
      exchange.request_id = given;
    }
    std::string_view id = exchange.RequestId();
    headers.Set(arena, header_, id);
    if (respond_) exchange.response.head.headers.Set(arena, header_, id);
  }

 private:
  enum class Trust : uint8_t { kProxies, kAlways, kNever };

  // It goes into logs and headers: a short word of plain characters.
  static bool Fits(std::string_view id) {
    if (id.empty() || id.size() > 128) return false;
    for (char c : id) {
      if (!IsAlpha(c) && !IsDigit(c) && std::string_view("-_.:/+=@").find(c) == std::string_view::npos) return false;
    }
    return true;
  }

  std::string header_;
  bool respond_ = true;
  Trust trust_ = Trust::kProxies;
};

}  // namespace
}  // namespace mg::script

extern "C" {

int mg_identity_claims(mg_string* out) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Give(out, t_active.exchange->identity.claims);
  return t_active.exchange->identity.claims.empty() ? MG_DECLINED : MG_OK;
}

int mg_identity_consumer(mg_string* out) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Give(out, t_active.exchange->identity.consumer);
  return t_active.exchange->identity.consumer.empty() ? MG_DECLINED : MG_OK;
}

int mg_identity_set(const char* consumer, size_t size, const char* claims, size_t claims_size) noexcept {
  mg::proxy::Exchange* exchange = t_active.exchange;
  if (exchange == nullptr) return MG_NO_REQUEST;
  exchange->identity.consumer = exchange->arena.Copy(View(consumer, size));
  exchange->identity.claims = exchange->arena.Copy(View(claims, claims_size));
  return MG_OK;
}

int mg_problem_set(int status, const char* detail, size_t size, const char* title, size_t title_size) noexcept {
  mg::proxy::Exchange* exchange = t_active.exchange;
  if (exchange == nullptr) return MG_NO_REQUEST;
  if (exchange->response.started) return MG_LATE;
  exchange->Fail(status, exchange->arena.Copy(View(detail, size)), exchange->arena.Copy(View(title, title_size)));
  return MG_OK;
}

int mg_request_id(mg_string* out) noexcept {
  if (t_active.exchange == nullptr) return MG_NO_REQUEST;
  Give(out, t_active.exchange->RequestId());
  return MG_OK;
}

int mg_request_id_create(const char* conf, size_t size, mg_string* error) noexcept {
  return mg::script::CreatePolicyObject<mg::script::RequestIdPolicy>(View(conf, size), error);
}

void mg_request_id_apply(int number) noexcept {
  auto* policy = PolicyObjects::Current().Find<mg::script::RequestIdPolicy>(number);
  if (policy != nullptr && t_active.exchange != nullptr) policy->Apply(*t_active.exchange);
}

}  // extern "C"

namespace mg::script {
void LinkIdentity() {}
}  // namespace mg::script
