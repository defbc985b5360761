#include "crypto/jwt.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "base/encoding.h"
#include "crypto/jwt_cache.h"

namespace mg::crypto {

namespace {

constexpr size_t kMaxCachedToken = 4096;  // larger ones are checked each time, so that the cache stays small
constexpr size_t kMaxCandidates = 8;      // keys tried for a token without a `kid`
constexpr JsonLimits kHeaderLimits{.bytes = 16384, .depth = 8, .values = 256};
constexpr JsonLimits kClaimsLimits{.bytes = 65536, .depth = 32, .values = 4096};

std::unexpected<JwtError> Refuse(JwtReason reason, std::string_view detail) {
  return std::unexpected(JwtError{reason, detail});
}

struct Parts {
  std::string_view header, claims, signature, input;
};

std::expected<Parts, JwtError> Split(std::string_view token) {
  size_t first = token.find('.');
  size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return Refuse(JwtReason::kMalformed, "not three parts");
  }
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1),
               token.substr(0, second)};
}

std::expected<JsonDocument, JwtError> ReadObject(std::string_view part, const JsonLimits& limits) {
  std::optional<std::string> json = Base64Decode(part, Base64::kUrl);
  if (!json) return Refuse(JwtReason::kMalformed, "a part is not base64url");
  Result<JsonDocument> document = JsonDocument::Parse(*json, limits);
  if (!document || !document->root().is_object()) return Refuse(JwtReason::kMalformed, "a part is not a JSON object");
  return std::move(*document);
}

// A NumericDate (RFC 7519 section 2): any number. Rounded up, since `now` is in whole seconds; clamped far past what a
// clock shows.
bool ReadDate(JsonValue value, int64_t& date) {
  if (!value) return true;
  std::optional<double> number = value.number();
  if (!number) return false;
  constexpr double kFar = 9e15;
  date = static_cast<int64_t>(std::ceil(std::clamp(*number, -kFar, kFar)));
  return true;
}

bool Contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool HasWord(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    size_t space = words.find(' ');
    if (words.substr(0, space) == word) return true;
    if (space == std::string_view::npos) break;
    words.remove_prefix(space + 1);
  }
  return false;
}

bool HasScope(JsonValue value, std::string_view scope) {
  if (value.is_string()) return HasWord(value.string(), scope);
  if (!value.is_array()) return false;
  for (JsonValue element : value) {
    if (element.is_string() && element.string() == scope) return true;
  }
  return false;
}

bool AudienceMatches(JsonValue value, const std::vector<std::string>& audiences) {
  if (value.is_string()) return Contains(audiences, value.string());
  if (!value.is_array()) return false;
  for (JsonValue element : value) {
    if (element.is_string() && Contains(audiences, element.string())) return true;
  }
  return false;
}

std::atomic<uint64_t> next_identity{1};

}  // namespace

struct JwtVerifier::Header {
  JwsAlgorithm algorithm;
  std::optional<std::string> key_id;
};

std::string_view JwtReasonName(JwtReason reason) {
  constexpr std::array<std::string_view, 10> kNames{"malformed",     "algorithm",     "unknown_key", "signature",
                                                    "expired",       "not_yet_valid", "issuer",      "audience",
                                                    "missing_claim", "scope"};
  return kNames[static_cast<size_t>(reason)];
}

Result<std::unique_ptr<JwtVerifier>> JwtVerifier::Create(JwtOptions options) {
  if (options.algorithms.empty()) return Fail(ErrorCode::kInvalid, "no algorithm is allowed");
  if (options.leeway_seconds < 0 || options.leeway_seconds > 86400) {
    return Fail(ErrorCode::kInvalid, "the leeway is not between 0 and one day");
  }
  return std::unique_ptr<JwtVerifier>(new JwtVerifier(std::move(options)));
}

JwtVerifier::JwtVerifier(JwtOptions options)
    : options_(std::move(options)),
      keys_(std::move(options_.keys)),
      identity_(next_identity.fetch_add(1, std::memory_order_relaxed)) {}

std::expected<JwtVerifier::Header, JwtError> JwtVerifier::ReadHeader(std::string_view part) const {
  auto document = ReadObject(part, kHeaderLimits);
  if (!document) return std::unexpected(document.error());
  JsonValue root = document->root();
  if (root.Find("crit")) return Refuse(JwtReason::kMalformed, "a critical extension is not known");
  JsonValue name = root.Find("alg"), key_id = root.Find("kid");
  if (!name.is_string()) return Refuse(JwtReason::kMalformed, "no algorithm");
  if (key_id && !key_id.is_string()) return Refuse(JwtReason::kMalformed, "the key id is not a string");
  std::optional<JwsAlgorithm> algorithm = FindJwsAlgorithm(name.string());
  if (!algorithm ||
      std::find(options_.algorithms.begin(), options_.algorithms.end(), *algorithm) == options_.algorithms.end()) {
    return Refuse(JwtReason::kAlgorithm, "the algorithm is not allowed");
  }
  Header header{*algorithm, std::nullopt};
  if (key_id) header.key_id = std::string(key_id.string());
  return header;
}

// The keys of the header's `kid`; without one in the header or at the key, any that serves the algorithm.
std::expected<void, JwtError> JwtVerifier::CheckSignature(const Header& header, std::string_view input,
                                                          std::string_view signature) const {
  bool named = false, tried = false;
  size_t candidates = 0;
  const std::vector<Jwk>& keys = keys_.keys();
  for (size_t i = 0; i < keys.size() && candidates < kMaxCandidates; i++) {
    if (header.key_id && !keys[i].id.empty() && keys[i].id != *header.key_id) continue;
    named = named || (header.key_id && !keys[i].id.empty());
    if (!keys[i].Serves(header.algorithm)) continue;
    tried = true;
    candidates++;
    if (keys_.Verify(i, header.algorithm, input, signature)) return {};
  }
  if (tried) return Refuse(JwtReason::kSignature, "the signature is wrong");
  if (named) return Refuse(JwtReason::kAlgorithm, "the key is for another algorithm");
  return Refuse(JwtReason::kUnknownKey, "no key for this token");
}

std::expected<void, JwtError> JwtVerifier::CheckTimes(const VerifiedToken& token, int64_t now) const {
  if (token.expires != VerifiedToken::kNoExpiry && now - options_.leeway_seconds >= token.expires) {
    return Refuse(JwtReason::kExpired, "the token has expired");
  }
  if (now + options_.leeway_seconds < token.not_before) {
    return Refuse(JwtReason::kNotYetValid, "the token is not valid yet");
  }
  return {};
}

std::expected<void, JwtError> JwtVerifier::CheckClaims(const VerifiedToken& token) const {
  if (!options_.issuers.empty()) {
    JsonValue issuer = token.claim("iss");
    if (!issuer.is_string() || !Contains(options_.issuers, issuer.string())) {
      return Refuse(JwtReason::kIssuer, "the issuer is not trusted");
    }
  }
  if (!options_.audiences.empty() && !AudienceMatches(token.claim("aud"), options_.audiences)) {
    return Refuse(JwtReason::kAudience, "the token is for another audience");
  }
  for (const std::string& name : options_.required_claims) {
    JsonValue claim = token.claim(name);
    if (!claim || claim.is_null()) return Refuse(JwtReason::kMissingClaim, "a required claim is missing");
  }
  for (const std::string& scope : options_.scopes) {
    if (!HasScope(token.claim("scope"), scope) && !HasScope(token.claim("scp"), scope)) {
      return Refuse(JwtReason::kScope, "a required scope is missing");
    }
  }
  return {};
}

std::expected<VerifiedToken, JwtError> JwtVerifier::VerifyAnew(std::string_view token, int64_t now) const {
  if (token.size() > options_.max_token_bytes) return Refuse(JwtReason::kMalformed, "the token is too large");
  auto parts = Split(token);
  if (!parts) return std::unexpected(parts.error());
  auto header = ReadHeader(parts->header);
  if (!header) return std::unexpected(header.error());
  std::optional<std::string> signature = Base64Decode(parts->signature, Base64::kUrl);
  if (!signature) return Refuse(JwtReason::kMalformed, "a part is not base64url");
  auto checked = CheckSignature(*header, parts->input, *signature);
  if (!checked) return std::unexpected(checked.error());

  auto claims = ReadObject(parts->claims, kClaimsLimits);
  if (!claims) return std::unexpected(claims.error());
  VerifiedToken verified;
  verified.claims = std::move(*claims);
  verified.algorithm = header->algorithm;
  if (!ReadDate(verified.claim("exp"), verified.expires) || !ReadDate(verified.claim("nbf"), verified.not_before)) {
    return Refuse(JwtReason::kMalformed, "a time is not a number");
  }
  checked = CheckTimes(verified, now);
  if (checked) checked = CheckClaims(verified);
  if (!checked) return std::unexpected(checked.error());
  return verified;
}

std::expected<VerifiedToken, JwtError> JwtVerifier::Verify(std::string_view token, int64_t now) const {
  if (token.size() > kMaxCachedToken) return VerifyAnew(token, now);
  JwtCache& cache = JwtCache::OfThread();
  JwtCache::Key key = JwtCache::KeyOf(token, identity_);
  if (const VerifiedToken* known = cache.Find(key)) {
    auto timely = CheckTimes(*known, now);
    if (timely) return *known;
    cache.Erase(key);
    return std::unexpected(timely.error());
  }
  auto verified = VerifyAnew(token, now);
  if (verified) cache.Insert(key, *verified);
  return verified;
}

Result<std::string> SignJwt(const Jwk& key, JwsAlgorithm algorithm, std::string_view claims_json) {
  Result<JsonDocument> claims = JsonDocument::Parse(claims_json, kClaimsLimits);
  if (!claims) return std::unexpected(claims.error());
  if (!claims->root().is_object()) return Fail(ErrorCode::kInvalid, "the claims are not a JSON object");
  std::string header = "{\"alg\":" + JsonString(JwsAlgorithmName(algorithm)) + ",\"typ\":\"JWT\"";
  if (!key.id.empty()) header += ",\"kid\":" + JsonString(key.id);
  header += '}';
  std::string token = Base64Encode(header, Base64::kUrl) + '.' + Base64Encode(claims_json, Base64::kUrl);
  Result<std::string> signature = SignJws(key, algorithm, token);
  if (!signature) return signature;
  return token + '.' + Base64Encode(*signature, Base64::kUrl);
}

}  // namespace mg::crypto
