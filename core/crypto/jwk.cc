#include "crypto/jwk.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>

#include "base/encoding.h"
#include "crypto/openssl.h"

namespace mg::crypto {

namespace {

constexpr std::array<std::string_view, 13> kAlgorithmNames{"HS256", "HS384", "HS512", "RS256", "RS384",
                                                           "RS512", "PS256", "PS384", "PS512", "ES256",
                                                           "ES384", "ES512", "EdDSA"};

constexpr int kLeastRsaBits = 2048;  // RFC 7518 section 3.3
constexpr int kMostRsaBits = 8192;   // the time to check grows with its square
constexpr size_t kMaxJwkSetBytes = size_t{1} << 20;

struct Curve {
  std::string_view name;
  KeyKind kind;
  const char* group;
  size_t coordinate;  // bytes
};
constexpr std::array<Curve, 3> kCurves{{{"P-256", KeyKind::kP256, "prime256v1", 32},
                                        {"P-384", KeyKind::kP384, "secp384r1", 48},
                                        {"P-521", KeyKind::kP521, "secp521r1", 66}}};

std::unexpected<Error> Broken(std::string message) { return Fail(ErrorCode::kInvalid, std::move(message)); }

Result<std::string> Member(JsonValue key, std::string_view name) {
  JsonValue value = key.Find(name);
  if (!value.is_string()) return Broken("JWK without \"" + std::string(name) + "\"");
  std::optional<std::string> bytes = Base64Decode(value.string(), Base64::kUrl);
  if (!bytes || bytes->empty()) return Broken("JWK: \"" + std::string(name) + "\" is not base64url");
  return std::move(*bytes);
}

// Names the kind of the key and refuses what is too weak, too large or not a valid point.
Result<KeyKind> CheckKind(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    int bits = EVP_PKEY_get_bits(key);
    if (bits < kLeastRsaBits || bits > kMostRsaBits) return Broken("RSA key of less than 2048 or more than 8192 bits");
    return KeyKind::kRsa;
  }
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return KeyKind::kEd25519;
  char group[64];
  if (EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) == 1) {
    for (const Curve& curve : kCurves) {
      if (std::string_view(group) != curve.group) continue;
      PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
      if (!context || EVP_PKEY_public_check(context.get()) != 1) return Broken("EC key: " + TakeOpenSslError());
      return curve.kind;
    }
  }
  return Fail(ErrorCode::kNotFound, "key of an unknown type");
}

Result<Jwk> FromPkey(std::shared_ptr<EVP_PKEY> key) {
  Result<KeyKind> kind = CheckKind(key.get());
  if (!kind) return std::unexpected(kind.error());
  Jwk jwk;
  jwk.kind = *kind;
  jwk.key = std::move(key);
  return jwk;
}

Result<Jwk> FromParameters(const char* type, OSSL_PARAM_BLD* builder) {
  ParamsPtr parameters(OSSL_PARAM_BLD_to_param(builder));
  PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return Broken("JWK: " + TakeOpenSslError());
  }
  return FromPkey(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

Result<Jwk> ParseRsa(JsonValue value) {
  Result<std::string> modulus = Member(value, "n"), exponent = Member(value, "e");
  if (!modulus) return std::unexpected(modulus.error());
  if (!exponent) return std::unexpected(exponent.error());
  if (modulus->size() > kMostRsaBits / 8 + 1 || exponent->size() > 8) return Broken("RSA key is too large");
  BignumPtr n(BN_bin2bn(Bytes(*modulus), static_cast<int>(modulus->size()), nullptr));
  BignumPtr e(BN_bin2bn(Bytes(*exponent), static_cast<int>(exponent->size()), nullptr));
  if (!n || !e || !BN_is_odd(n.get()) || !BN_is_odd(e.get()) || BN_is_one(e.get()))
    return Broken("JWK: not an RSA key");
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return Broken("JWK: " + TakeOpenSslError());
  }
  return FromParameters("RSA", builder.get());
}

Result<Jwk> ParseEc(JsonValue value) {
  std::string_view name = value.Find("crv").string();
  for (const Curve& curve : kCurves) {
    if (name != curve.name) continue;
    Result<std::string> x = Member(value, "x"), y = Member(value, "y");
    if (!x) return std::unexpected(x.error());
    if (!y) return std::unexpected(y.error());
    if (x->size() != curve.coordinate || y->size() != curve.coordinate)
      return Broken("JWK: coordinate of a wrong size");
    std::string point = '\x04' + *x + *y;  // uncompressed, SEC 1 section 2.3.3
    ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
    if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
      return Broken("JWK: " + TakeOpenSslError());
    }
    return FromParameters("EC", builder.get());
  }
  return Fail(ErrorCode::kNotFound, "JWK of an unknown curve");
}

Result<Jwk> ParseEd25519(JsonValue value) {
  if (value.Find("crv").string() != "Ed25519") return Fail(ErrorCode::kNotFound, "JWK of an unknown curve");
  Result<std::string> x = Member(value, "x");
  if (!x) return std::unexpected(x.error());
  std::shared_ptr<EVP_PKEY> key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(*x), x->size()),
                                EVP_PKEY_free);
  if (!key) return Broken("JWK: " + TakeOpenSslError());
  return FromPkey(std::move(key));
}

Result<Jwk> ParseByType(JsonValue value) {
  std::string_view type = value.Find("kty").string();
  if (type == "RSA") return ParseRsa(value);
  if (type == "EC") return ParseEc(value);
  if (type == "OKP") return ParseEd25519(value);
  if (type == "oct") {
    Result<std::string> secret = Member(value, "k");
    if (!secret) return std::unexpected(secret.error());
    return MakeSecretKey(*secret);
  }
  if (type.empty()) return Broken("JWK without \"kty\"");
  return Fail(ErrorCode::kNotFound, "JWK of an unknown type");
}

bool MayVerify(JsonValue value) {
  JsonValue use = value.Find("use"), operations = value.Find("key_ops");
  if (use && use.string() != "sig") return false;
  if (!operations) return true;
  for (JsonValue operation : operations) {
    if (operation.string() == "verify") return true;
  }
  return false;
}

}  // namespace

std::string_view JwsAlgorithmName(JwsAlgorithm algorithm) { return kAlgorithmNames[static_cast<size_t>(algorithm)]; }

std::optional<JwsAlgorithm> FindJwsAlgorithm(std::string_view name) {
  for (size_t i = 0; i < kAlgorithmNames.size(); i++) {
    if (kAlgorithmNames[i] == name) return static_cast<JwsAlgorithm>(i);
  }
  return std::nullopt;
}

Digest JwsDigest(JwsAlgorithm algorithm) {
  constexpr std::array<Digest, 3> kDigests{Digest::kSha256, Digest::kSha384, Digest::kSha512};
  return kDigests[static_cast<size_t>(algorithm) % 3];
}

bool Jwk::Serves(JwsAlgorithm wanted) const {
  if (algorithm && *algorithm != wanted) return false;
  switch (kind) {
    case KeyKind::kSecret: return wanted <= JwsAlgorithm::kHs512;
    case KeyKind::kRsa: return wanted >= JwsAlgorithm::kRs256 && wanted <= JwsAlgorithm::kPs512;
    case KeyKind::kP256: return wanted == JwsAlgorithm::kEs256;
    case KeyKind::kP384: return wanted == JwsAlgorithm::kEs384;
    case KeyKind::kP521: return wanted == JwsAlgorithm::kEs512;
    case KeyKind::kEd25519: return wanted == JwsAlgorithm::kEdDsa;
  }
  return false;
}

Result<Jwk> ParseJwk(JsonValue value) {
  if (!value.is_object()) return Broken("JWK is not an object");
  if (!MayVerify(value)) return Fail(ErrorCode::kNotFound, "JWK is not for checking signatures");
  Result<Jwk> key = ParseByType(value);
  if (!key) return key;
  key->id = std::string(value.Find("kid").string());
  if (JsonValue name = value.Find("alg")) {
    std::optional<JwsAlgorithm> algorithm = FindJwsAlgorithm(name.string());
    if (!algorithm) return Fail(ErrorCode::kNotFound, "JWK of an unknown algorithm");
    key->algorithm = algorithm;
    if (!key->Serves(*algorithm)) return Broken("JWK: \"alg\" does not fit \"kty\"");
  }
  return key;
}

Result<JwkSet> ParseJwkSet(std::string_view json) {
  Result<JsonDocument> document = JsonDocument::Parse(json, {.bytes = kMaxJwkSetBytes, .depth = 8});
  if (!document) return std::unexpected(document.error());
  JwkSet set;
  JsonValue root = document->root(), keys = root.Find("keys");
  if (!keys && root.Find("kty")) {
    Result<Jwk> key = ParseJwk(root);
    if (!key) return std::unexpected(key.error());
    set.keys.push_back(std::move(*key));
    return set;
  }
  if (!keys.is_array()) return Broken("JWK set without an array \"keys\"");
  if (keys.size() > kMaxKeysInSet) return Fail(ErrorCode::kTooLarge, "JWK set of more than 256 keys");
  for (JsonValue value : keys) {
    Result<Jwk> key = ParseJwk(value);
    if (key) {
      set.keys.push_back(std::move(*key));
    } else {
      set.skipped++;
    }
  }
  return set;
}

Result<Jwk> ParsePemPublicKey(std::string_view pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min<size_t>(pem.size(), kMaxJwkSetBytes))));
  if (pem.find("-----BEGIN CERTIFICATE-----") != std::string_view::npos) {
    std::unique_ptr<X509, FreeWith<X509_free>> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    EVP_PKEY* key = certificate ? X509_get_pubkey(certificate.get()) : nullptr;
    if (key == nullptr) return Broken("not a PEM certificate: " + TakeOpenSslError());
    return FromPkey(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
  }
  EVP_PKEY* key = PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr);
  if (key == nullptr) return Broken("not a PEM public key: " + TakeOpenSslError());
  return FromPkey(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

Result<Jwk> ParsePemPrivateKey(std::string_view pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min<size_t>(pem.size(), kMaxJwkSetBytes))));
  auto no_password = [](char*, int, int, void*) { return -1; };  // never ask a terminal
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr);
  if (key == nullptr) return Broken("not an unencrypted PEM private key: " + TakeOpenSslError());
  return FromPkey(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

Result<Jwk> MakeSecretKey(std::string_view secret) {
  if (secret.empty()) return Broken("empty secret");
  Jwk key;
  key.secret = std::string(secret);
  return key;
}

}  // namespace mg::crypto
