#include "script/jwt_policy.h"

#include <algorithm>

#include "base/log.h"
#include "http/url.h"
#include "proxy/exchange.h"
#include "script/program.h"
#include "script/scheduler.h"

namespace mg::script {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr Nanoseconds kBetweenFetches = 10 * kSecond;  // tokens with unknown keys do not make it ask more often

// "Bearer TOKEN"; the scheme in any case (RFC 9110 section 11.1).
std::string_view WithoutScheme(std::string_view value) {
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() <= kScheme.size() || !EqualsIgnoreCase(value.substr(0, kScheme.size()), kScheme)) return {};
  return Trim(value.substr(kScheme.size()));
}

bool MayStandInField(std::string_view text) {
  for (char c : text) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

// A claim as a field's value: a scalar, or the scalars of an array with commas between. False: it cannot be one.
bool FieldValue(JsonValue claim, std::string& text) {
  switch (claim.type()) {
    case JsonType::kString: text += claim.string(); return MayStandInField(claim.string());
    case JsonType::kInteger:
    case JsonType::kDouble:
    case JsonType::kBoolean: AppendJson(text, claim); return true;
    case JsonType::kArray:
      for (JsonValue each : claim) {
        if (!text.empty()) text += ',';
        if (each.is_array() || each.string().find(',') != std::string_view::npos || !FieldValue(each, text))
          return false;
      }
      return true;
    case JsonType::kObject: return false;
    default: return true;
  }
}

}  // namespace

std::string JwtPolicy::Read(const PolicyConf& conf) {
  crypto::JwtOptions& options = options_;
  for (const std::string& name : conf.Texts("algorithms")) {
    auto algorithm = crypto::FindJwsAlgorithm(name);
    if (!algorithm) return "unknown algorithm \"" + name + "\"";
    options.algorithms.push_back(*algorithm);
  }
  if (std::string wrong = ReadKeys(conf, options); !wrong.empty()) return wrong;
  options.issuers = conf.Texts("issuer");
  options.audiences = conf.Texts("audience");
  options.required_claims = conf.Texts("required_claims");
  options.scopes = conf.Texts("scopes");
  options.leeway_seconds = static_cast<int64_t>(conf.Number("leeway", 0));
  for (const std::string& scope : options.scopes) scope_text_ += (scope_text_.empty() ? "" : " ") + scope;
  realm_ = conf.Text("realm", "moongate");
  for (const std::string* text : {&realm_, &scope_text_}) {
    if (!MayStandInField(*text) || text->find_first_of("\"\\") != std::string::npos) {
      return "realm and scopes may not hold quotes, backslashes or control characters";
    }
  }
  header_ = conf.Text("header", "Authorization");
  header_id_ = http::IdentifyHeader(header_);
  cookie_ = conf.Text("cookie");
  consumer_claim_ = conf.Text("consumer_claim", "sub");
  optional_ = conf.Flag("optional", false);
  forward_ = conf.Flag("forward_token", false);
  std::vector<std::string> names;
  for (JsonValue each : conf.root().Find("headers")) {
    if (each.string().empty()) continue;
    claim_headers_.push_back({std::string(each.string()), std::string(each.key())});
    names.emplace_back(each.key());
  }
  std::ranges::sort(claim_headers_, {}, &ClaimHeader::header);  // Lua's tables have no order
  claimed_names_ = proxy::IdentityHeaders(names);
  auto verifier = crypto::JwtVerifier::Create(options);
  if (!verifier) return verifier.error().message;
  verifier_ = std::move(*verifier);
  return {};
}

std::string JwtPolicy::ReadKeys(const PolicyConf& conf, crypto::JwtOptions& options) {
  if (std::string secret = conf.Text("secret"); !secret.empty()) {
    Result<crypto::Jwk> key = crypto::MakeSecretKey(secret);
    if (!key) return key.error().message;
    options.keys.push_back(std::move(*key));
  }
  if (std::string pem = conf.Text("public_key"); !pem.empty()) {
    Result<crypto::Jwk> key = crypto::ParsePemPublicKey(pem);
    if (!key) return "public_key: " + key.error().message;
    options.keys.push_back(std::move(*key));
  }
  if (std::string json = conf.Text("jwks"); !json.empty()) {
    Result<crypto::JwkSet> set = crypto::ParseJwkSet(json);
    if (!set) return "jwks: " + set.error().message;
    if (set->keys.empty()) return "jwks: none of its keys can check signatures";
    for (crypto::Jwk& key : set->keys) options.keys.push_back(std::move(key));
  }
  url_ = conf.Text("jwks_url");
  ttl_ = static_cast<Nanoseconds>(conf.Number("jwks_ttl", 300) * 1e9);
  have_keys_ = url_.empty();
  if (!url_.empty()) {
    if (Result<http::Url> url = http::ParseUrl(url_); !url) return "jwks_url: " + url.error().message;
    return {};
  }
  for (crypto::JwsAlgorithm algorithm : options.algorithms) {
    bool served = false;
    for (const crypto::Jwk& key : options.keys) served = served || key.Serves(algorithm);
    if (!served) return "no key serves the algorithm " + std::string(crypto::JwsAlgorithmName(algorithm));
  }
  return {};
}

// --- a request

std::string_view JwtPolicy::FindToken(proxy::Exchange& exchange) const {
  const http::HeaderList& headers = exchange.request.headers;
  const http::Header* field =
      header_id_ != http::HeaderId::kOther ? headers.Find(header_id_) : headers.Find(std::string_view(header_));
  if (field != nullptr) {
    std::string_view token = WithoutScheme(field->value);
    if (token.empty() && header_id_ != http::HeaderId::kAuthorization) token = field->value;
    if (!token.empty()) return token;
  }
  if (cookie_.empty()) return {};
  return http::CookieValue(headers.Get(http::HeaderId::kCookie), cookie_).value_or(std::string_view());
}

void JwtPolicy::RemoveToken(proxy::Exchange& exchange) const {
  http::HeaderList& headers = exchange.request.headers;
  if (header_id_ != http::HeaderId::kOther) {
    headers.Remove(header_id_);
  } else {
    headers.Remove(std::string_view(header_));
  }
  if (cookie_.empty()) return;
  for (http::Header& header : headers) {
    if (header.id != http::HeaderId::kCookie) continue;
    std::string kept;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      size_t end = rest.find(';');
      std::string_view pair = Trim(rest.substr(0, end));
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      if (pair.substr(0, pair.find('=')) == cookie_) continue;
      if (!kept.empty()) kept += "; ";
      kept += pair;
    }
    header.value = exchange.arena.Copy(kept);
  }
  headers.RemoveIf(
      [](const http::Header& header) { return header.id == http::HeaderId::kCookie && header.value.empty(); });
}

bool JwtPolicy::Accept(proxy::Exchange& exchange, const crypto::VerifiedToken& token) const {
  Arena& arena = exchange.arena;
  static thread_local std::string text;
  for (const ClaimHeader& each : claim_headers_) {
    JsonValue claim = token.claim(each.claim);
    if (!claim || claim.is_null()) continue;
    text.clear();
    if (!FieldValue(claim, text)) return false;
    exchange.request.headers.Append(arena, each.header, arena.Copy(Trim(text)));
  }
  text.clear();
  if (FieldValue(token.claim(consumer_claim_), text)) exchange.identity.consumer = arena.Copy(text);
  exchange.identity.claims = arena.Copy(token.claims.source());
  return true;
}

// RFC 6750 section 3: without a token no error is named.
int JwtPolicy::RefuseToken(proxy::Exchange& exchange, std::string_view error, std::string_view description) const {
  Arena& arena = exchange.arena;
  bool scope = error == "insufficient_scope";
  std::string_view challenge = arena.Concat("Bearer realm=\"", realm_, "\"");
  if (!error.empty()) {
    challenge = arena.Concat(challenge, ", error=\"", error, "\", error_description=\"", description, "\"");
    if (scope) challenge = arena.Concat(challenge, ", scope=\"", scope_text_, "\"");
  }
  exchange.response.head.headers.Set(arena, "WWW-Authenticate", challenge);
  return Refuse(exchange, scope ? 403 : 401, description);
}

int JwtPolicy::Check(proxy::Exchange& exchange, Waited waited) {
  claimed_names_.Strip(exchange.request.headers);
  std::string_view bearer = FindToken(exchange);
  if (bearer.empty()) return optional_ ? MG_OK : RefuseToken(exchange, {}, "a bearer token is required");
  if (!url_.empty()) {
    Nanoseconds now = exchange.context.loop.Now();
    loop_ = &exchange.context.loop;
    if (!have_keys_) {
      if (waited == Waited::kNo && AwaitKeys(now) == MG_AGAIN) return MG_AGAIN;
      return Refuse(exchange, 503, "the keys that tokens are checked with are not available");
    }
    if (now - keys_at_ > ttl_) FetchKeys(now);  // what there is serves until newer ones come
  }
  auto verified = verifier_->Verify(bearer, exchange.context.loop.WallTime() / kSecond);
  if (!verified) {
    const crypto::JwtError& error = verified.error();
    if (error.reason == crypto::JwtReason::kUnknownKey && !url_.empty() && waited == Waited::kNo &&
        AwaitKeys(exchange.context.loop.Now()) == MG_AGAIN) {
      return MG_AGAIN;
    }
    MG_LOG(kDebug, "jwt: token refused: {}", crypto::JwtReasonName(error.reason));
    bool scope = error.reason == crypto::JwtReason::kScope;
    return RefuseToken(exchange, scope ? "insufficient_scope" : "invalid_token", error.detail);
  }
  if (!Accept(exchange, *verified)) {
    return RefuseToken(exchange, "invalid_token", "a claim cannot stand in a header field");
  }
  if (!forward_) RemoveToken(exchange);
  return MG_OK;
}

// --- keys from an URL: fetched once for all who wait

int JwtPolicy::AwaitKeys(Nanoseconds now) {
  if (!CanWait() || !FetchKeys(now)) return MG_DECLINED;
  waiters_.push_back(Scheduler::BeginWait(nullptr));
  return MG_AGAIN;
}

// True: a fetch is on its way.
bool JwtPolicy::FetchKeys(Nanoseconds now) {
  if (fetching_) return true;
  Nanoseconds pause = have_keys_ ? kBetweenFetches : kSecond;
  Program* program = t_active.vm->around.program;
  if ((tried_at_ != 0 && now - tried_at_ < pause) || program == nullptr || program->loop() == nullptr) return false;
  proxy::LoopContext& context = *program->loop();
  tried_at_ = now;
  fetching_ = true;
  upstream::FetchRequest request;
  request.url = url_;
  request.headers = {{"Accept", "application/json"}};
  request.limit = size_t{1} << 20;
  fetch_ = upstream::StartFetch(context.loop, context.pools, context.resolver, std::move(request),
                                [this](Result<upstream::FetchResponse> response) { KeysCame(std::move(response)); });
  return true;
}

void JwtPolicy::KeysCame(Result<upstream::FetchResponse> response) {
  fetching_ = false;
  std::string wrong;
  if (!response) {
    wrong = response.error().message;
  } else if (response->status != 200) {
    wrong = "status " + std::to_string(response->status);
  } else if (Result<crypto::JwkSet> set = crypto::ParseJwkSet(response->body); !set) {
    wrong = set.error().message;
  } else {
    crypto::JwtOptions options = options_;
    options.keys = std::move(set->keys);
    if (auto verifier = crypto::JwtVerifier::Create(std::move(options))) {
      verifier_ = std::move(*verifier);
      have_keys_ = true;
      keys_at_ = loop_->Now();
    }
  }
  if (!wrong.empty()) MG_LOG(kError, "jwt: keys from {}: {}", url_, wrong);
  std::vector<Handle> waiters;
  waiters.swap(waiters_);
  for (Handle handle : waiters) Scheduler::Wake(handle);
}

}  // namespace mg::script

extern "C" {

int mg_jwt_create(const char* conf, size_t size, mg_string* error) noexcept {
  return mg::script::CreatePolicyObject<mg::script::JwtPolicy>(mg::script::View(conf, size), error);
}

int mg_jwt_check(int number, int waited) noexcept {
  using mg::script::JwtPolicy;
  auto* policy = mg::script::PolicyObjects::Current().Find<JwtPolicy>(number);
  if (policy == nullptr || mg::script::t_active.exchange == nullptr) return MG_NO_REQUEST;
  return policy->Check(*mg::script::t_active.exchange, waited != 0 ? JwtPolicy::Waited::kYes : JwtPolicy::Waited::kNo);
}

}  // extern "C"

namespace mg::script {
void LinkJwt() {}
}  // namespace mg::script
