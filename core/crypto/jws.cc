#include "crypto/jws.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <array>
#include <cstring>

#include "crypto/openssl.h"
#include "crypto/random.h"

namespace mg::crypto {

namespace {

constexpr size_t CoordinateSize(KeyKind kind) {
  switch (kind) {
    case KeyKind::kP256: return 32;
    case KeyKind::kP384: return 48;
    case KeyKind::kP521: return 66;
    default: return 0;
  }
}

constexpr bool IsPss(JwsAlgorithm algorithm) {
  return algorithm >= JwsAlgorithm::kPs256 && algorithm <= JwsAlgorithm::kPs512;
}

// A positive INTEGER in DER (X.690 section 8.3): no leading zeros, but one before a set upper bit.
size_t WriteDerInteger(std::string_view number, unsigned char* to) {
  while (number.size() > 1 && number[0] == 0) number.remove_prefix(1);
  bool zero = (static_cast<uint8_t>(number[0]) & 0x80) != 0;
  size_t size = number.size() + (zero ? 1 : 0);
  *to++ = 0x02;
  *to++ = static_cast<unsigned char>(size);
  if (zero) *to++ = 0;
  std::memcpy(to, number.data(), number.size());
  return size + 2;
}

constexpr size_t kMaxDerSignature = 3 + 2 * (2 + 67);

// r and s side by side (RFC 7518 section 3.4) as OpenSSL takes them: SEQUENCE { r, s }.
size_t ToDer(std::string_view signature, unsigned char* to) {
  unsigned char numbers[kMaxDerSignature];
  size_t half = signature.size() / 2;
  size_t size = WriteDerInteger(signature.substr(0, half), numbers);
  size += WriteDerInteger(signature.substr(half), numbers + size);
  unsigned char* at = to;
  *at++ = 0x30;
  if (size >= 0x80) *at++ = 0x81;
  *at++ = static_cast<unsigned char>(size);
  std::memcpy(at, numbers, size);
  return static_cast<size_t>(at - to) + size;
}

Result<std::string> FromDer(std::string_view der, size_t coordinate) {
  const unsigned char* at = Bytes(der);
  std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>> parsed(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string raw(coordinate * 2, '\0');
  int size = static_cast<int>(coordinate);
  if (!parsed || BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), Bytes(raw), size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), Bytes(raw) + size, size) != size) {
    return Fail(ErrorCode::kInternal, "ECDSA: " + TakeOpenSslError());
  }
  return raw;
}

bool SetUp(EVP_PKEY_CTX* context, KeyKind kind, JwsAlgorithm algorithm) {
  if (EVP_PKEY_CTX_set_signature_md(context, FetchedDigest(JwsDigest(algorithm))) != 1) return false;
  if (kind != KeyKind::kRsa) return true;
  if (!IsPss(algorithm)) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

}  // namespace

// One key, set up for one algorithm (the first used, and again whenever another comes), on one thread.
struct JwsKeys::KeyContext {
  std::optional<JwsAlgorithm> algorithm;
  MacCtxPtr mac;
  PkeyCtxPtr pkey;
  MdCtxPtr ed25519;

  bool Prepare(const Jwk& key, JwsAlgorithm wanted) {
    if (algorithm == wanted) return true;
    algorithm.reset();
    bool done = key.kind == KeyKind::kSecret    ? PrepareMac(key, wanted)
                : key.kind == KeyKind::kEd25519 ? PrepareEd25519(key)
                                                : PreparePkey(key, wanted);
    if (done) algorithm = wanted;
    return done;
  }

  bool PrepareMac(const Jwk& key, JwsAlgorithm wanted) {
    MacPtr hmac(EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr));
    mac.reset(EVP_MAC_CTX_new(hmac.get()));
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(DigestName(JwsDigest(wanted))), 0),
        OSSL_PARAM_construct_end()};
    return mac != nullptr && EVP_MAC_init(mac.get(), Bytes(key.secret), key.secret.size(), parameters) == 1;
  }

  bool PreparePkey(const Jwk& key, JwsAlgorithm wanted) {
    pkey.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key.key.get(), nullptr));
    return pkey != nullptr && EVP_PKEY_verify_init(pkey.get()) == 1 && SetUp(pkey.get(), key.kind, wanted);
  }

  bool PrepareEd25519(const Jwk& key) {
    ed25519.reset(EVP_MD_CTX_new());
    return ed25519 != nullptr && EVP_DigestVerifyInit(ed25519.get(), nullptr, nullptr, nullptr, key.key.get()) == 1;
  }

  bool VerifyMac(JwsAlgorithm wanted, std::string_view input, std::string_view signature) {
    unsigned char expected[kLargestDigest];
    size_t size = 0;
    if (EVP_MAC_init(mac.get(), nullptr, 0, nullptr) != 1 ||  // again, with the same key
        EVP_MAC_update(mac.get(), Bytes(input), input.size()) != 1 ||
        EVP_MAC_final(mac.get(), expected, &size, sizeof expected) != 1 || size != DigestSize(JwsDigest(wanted))) {
      return false;
    }
    return ConstantTimeEquals(std::string_view(reinterpret_cast<char*>(expected), size), signature);
  }

  bool VerifyPkey(const Jwk& key, JwsAlgorithm wanted, std::string_view input, std::string_view signature) {
    unsigned char digest[kLargestDigest];
    unsigned char der[kMaxDerSignature];
    if (size_t coordinate = CoordinateSize(key.kind)) {
      if (signature.size() != 2 * coordinate) return false;
      signature = std::string_view(reinterpret_cast<char*>(der), ToDer(signature, der));
    }
    ComputeDigest(JwsDigest(wanted), input, digest);
    return EVP_PKEY_verify(pkey.get(), Bytes(signature), signature.size(), digest, DigestSize(JwsDigest(wanted))) == 1;
  }
};

JwsKeys::JwsKeys(std::vector<Jwk> keys) : keys_(std::move(keys)) {}
JwsKeys::~JwsKeys() = default;

bool JwsKeys::Verify(size_t index, JwsAlgorithm algorithm, std::string_view input, std::string_view signature) const {
  const Jwk& key = keys_[index];
  if (!key.Serves(algorithm)) return false;
  std::unique_ptr<Contexts> spare;
  KeyContext& context = contexts_.Get(spare, [this] { return std::make_unique<Contexts>(keys_.size()); })[index];
  bool good = false;
  if (context.Prepare(key, algorithm)) {
    switch (key.kind) {
      case KeyKind::kSecret: good = context.VerifyMac(algorithm, input, signature); break;
      case KeyKind::kEd25519:
        good = EVP_DigestVerify(context.ed25519.get(), Bytes(signature), signature.size(), Bytes(input),
                                input.size()) == 1;
        break;
      default: good = context.VerifyPkey(key, algorithm, input, signature);
    }
  }
  if (!good) ERR_clear_error();
  return good;
}

Result<std::string> SignJws(const Jwk& key, JwsAlgorithm algorithm, std::string_view input) {
  if (!key.Serves(algorithm)) return Fail(ErrorCode::kInvalid, "the key does not serve this algorithm");
  if (key.kind == KeyKind::kSecret) return ComputeHmac(JwsDigest(algorithm), key.secret, input);
  MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* pkey = nullptr;
  bool ed25519 = key.kind == KeyKind::kEd25519;
  const EVP_MD* digest = ed25519 ? nullptr : FetchedDigest(JwsDigest(algorithm));
  size_t size = 0;
  if (!context || EVP_DigestSignInit(context.get(), &pkey, digest, nullptr, key.key.get()) != 1 ||
      (key.kind == KeyKind::kRsa && !SetUp(pkey, key.kind, algorithm)) ||
      EVP_DigestSign(context.get(), nullptr, &size, Bytes(input), input.size()) != 1) {
    return Fail(ErrorCode::kInvalid, "cannot sign with this key: " + TakeOpenSslError());
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), Bytes(signature), &size, Bytes(input), input.size()) != 1) {
    return Fail(ErrorCode::kInvalid, "cannot sign with this key: " + TakeOpenSslError());
  }
  signature.resize(size);
  size_t coordinate = CoordinateSize(key.kind);
  return coordinate == 0 ? Result<std::string>(std::move(signature)) : FromDer(signature, coordinate);
}

}  // namespace mg::crypto
