// Keys for JOSE: JSON Web Keys and sets of them (RFC 7517, 7518 section 6, 8037), PEM files, shared secrets.
// A Jwk is immutable once made and may be copied and used on any thread; its secret is never printed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "crypto/digest.h"

struct evp_pkey_st;

namespace mg::crypto {

// RFC 7518 section 3.1 and RFC 8037. `none` is not among them.
enum class JwsAlgorithm : uint8_t {
  kHs256,
  kHs384,
  kHs512,
  kRs256,
  kRs384,
  kRs512,
  kPs256,
  kPs384,
  kPs512,
  kEs256,
  kEs384,
  kEs512,
  kEdDsa,
};

enum class KeyKind : uint8_t { kSecret, kRsa, kP256, kP384, kP521, kEd25519 };

std::string_view JwsAlgorithmName(JwsAlgorithm algorithm);            // "RS256"
std::optional<JwsAlgorithm> FindJwsAlgorithm(std::string_view name);  // case matters
Digest JwsDigest(JwsAlgorithm algorithm);                             // not of EdDSA, which has its own

struct Jwk {
  std::string id;  // "kid"; "" if it has none
  KeyKind kind = KeyKind::kSecret;
  std::optional<JwsAlgorithm> algorithm;  // "alg": the only one it serves. Without: those of its kind
  std::string secret;                     // of a kSecret
  std::shared_ptr<evp_pkey_st> key;       // of the others: public, or private for signing

  // A key serves the algorithms of its kind alone: an RSA key never checks an HMAC.
  bool Serves(JwsAlgorithm wanted) const;
};

// One key. kInvalid if it is broken, kNotFound if it is of a type we do not know or not for checking signatures.
Result<Jwk> ParseJwk(JsonValue value);

struct JwkSet {
  std::vector<Jwk> keys;
  size_t skipped = 0;  // keys of unknown type, for encryption, or broken (RFC 7517 section 5: to be ignored)
};
constexpr size_t kMaxKeysInSet = 256;

// {"keys": [...]}, or a single key.
Result<JwkSet> ParseJwkSet(std::string_view json);

// A PEM "PUBLIC KEY" (SubjectPublicKeyInfo) or "CERTIFICATE"; the first in the text.
Result<Jwk> ParsePemPublicKey(std::string_view pem);
// An unencrypted PEM private key: PKCS #8 or the older forms.
Result<Jwk> ParsePemPrivateKey(std::string_view pem);
// A shared secret, any size but none.
Result<Jwk> MakeSecretKey(std::string_view secret);

}  // namespace mg::crypto
