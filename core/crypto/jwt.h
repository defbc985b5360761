// JwtVerifier: decides whether a JSON Web Token (RFC 7519, signed: RFC 7515, compact form) is good, following the
// advice of RFC 8725: a key serves its own algorithms only, `none` does not exist, an unknown `crit` is refused, and
// nothing of the claims is believed before the signature is checked.
//
// Owner: a snapshot's policy (or, for keys fetched from an URL, whoever fetches them: new keys make a new verifier).
// Threads: immutable after Create, used by all. Verified tokens are remembered per thread until they expire
// (jwt_cache.h); a new verifier never sees the tokens of an old one.
#pragma once

#include <cstdint>
#include <expected>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "crypto/jwk.h"
#include "crypto/jws.h"

namespace mg::crypto {

// Why a token was refused. The names are stable: they reach clients, logs and metrics.
enum class JwtReason : uint8_t {
  kMalformed,   // not three parts of base64url and JSON, claims of a wrong type, a `crit` header, too large
  kAlgorithm,   // not an allowed one, or not the key's
  kUnknownKey,  // no key for the header's `kid` and algorithm: the keys may be out of date
  kSignature,
  kExpired,
  kNotYetValid,
  kIssuer,
  kAudience,
  kMissingClaim,
  kScope,  // good, but without a scope asked for (403 rather than 401, RFC 6750 section 3.1)
};
std::string_view JwtReasonName(JwtReason reason);  // "malformed", "unknown_key", "not_yet_valid", ...

struct JwtError {
  JwtReason reason;
  std::string_view detail;  // a constant text, without anything of the token
};

struct VerifiedToken {
  static constexpr int64_t kNoExpiry = std::numeric_limits<int64_t>::max();

  JsonDocument claims;  // its source() is the claims' JSON text
  JwsAlgorithm algorithm = JwsAlgorithm::kHs256;
  int64_t expires = kNoExpiry;  // "exp" in seconds since 1970, rounded up
  int64_t not_before = std::numeric_limits<int64_t>::min();

  JsonValue claim(std::string_view name) const { return claims.root().Find(name); }
};

struct JwtOptions {
  std::vector<Jwk> keys;                     // may be empty (not fetched yet): every token meets kUnknownKey
  std::vector<JwsAlgorithm> algorithms;      // allowed; at least one
  std::vector<std::string> issuers;          // `iss` is one of these; none: not checked
  std::vector<std::string> audiences;        // `aud` names one of these; none: not checked
  std::vector<std::string> required_claims;  // present and not null
  std::vector<std::string> scopes;           // all of them in `scope` (words) or `scp` (array or words)
  int64_t leeway_seconds = 0;                // for `exp` and `nbf`
  size_t max_token_bytes = 16384;
};

class JwtVerifier {
 public:
  // kInvalid for options that cannot be right: no algorithm, a negative leeway.
  static Result<std::unique_ptr<JwtVerifier>> Create(JwtOptions options);

  // `token` is the bare token, `now` in seconds since 1970.
  std::expected<VerifiedToken, JwtError> Verify(std::string_view token, int64_t now) const;

  // The same without the memory of earlier tokens.
  std::expected<VerifiedToken, JwtError> VerifyAnew(std::string_view token, int64_t now) const;

 private:
  struct Header;
  explicit JwtVerifier(JwtOptions options);
  std::expected<Header, JwtError> ReadHeader(std::string_view part) const;
  std::expected<void, JwtError> CheckSignature(const Header& header, std::string_view input,
                                               std::string_view signature) const;
  std::expected<void, JwtError> CheckTimes(const VerifiedToken& token, int64_t now) const;
  std::expected<void, JwtError> CheckClaims(const VerifiedToken& token) const;

  JwtOptions options_;  // its keys are in keys_
  JwsKeys keys_;
  uint64_t identity_;  // never used twice in a process
};

// A compact token with the claims (a JSON object), for `moongate jwt sign` and tests. `kid` is key.id unless that is
// empty. kInvalid if the claims are no JSON object or the key cannot sign.
Result<std::string> SignJwt(const Jwk& key, JwsAlgorithm algorithm, std::string_view claims_json);

}  // namespace mg::crypto
