#include "crypto/digest.h"

#include <openssl/core_names.h>

#include "base/result.h"
#include "crypto/openssl.h"

namespace mg::crypto {

namespace {

struct Fetched {
  std::array<MdPtr, kDigestCount> digests;
  MacPtr hmac;
  Fetched() {
    for (size_t i = 0; i < kDigestCount; i++) {
      digests[i].reset(EVP_MD_fetch(nullptr, DigestName(static_cast<Digest>(i)), nullptr));
      MG_CHECK(digests[i] != nullptr);
    }
    hmac.reset(EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr));
    MG_CHECK(hmac != nullptr);
  }
};

const Fetched& Algorithms() {
  static const Fetched& fetched = *new Fetched;  // outlives every thread
  return fetched;
}

struct ThreadContexts {
  std::array<MdCtxPtr, kDigestCount> digests;
  std::array<MacCtxPtr, kDigestCount> macs;

  EVP_MD_CTX* ForDigest(Digest digest) {
    MdCtxPtr& context = digests[static_cast<size_t>(digest)];
    if (!context) context.reset(EVP_MD_CTX_new());
    MG_CHECK(context != nullptr && EVP_DigestInit_ex2(context.get(), FetchedDigest(digest), nullptr) == 1);
    return context.get();
  }

  EVP_MAC_CTX* ForHmac(Digest digest) {
    MacCtxPtr& context = macs[static_cast<size_t>(digest)];
    if (!context) {
      context.reset(EVP_MAC_CTX_new(Algorithms().hmac.get()));
      OSSL_PARAM parameters[] = {
          OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(DigestName(digest)), 0),
          OSSL_PARAM_construct_end()};
      MG_CHECK(context != nullptr && EVP_MAC_CTX_set_params(context.get(), parameters) == 1);
    }
    return context.get();
  }
};
thread_local ThreadContexts contexts;

}  // namespace

const char* DigestName(Digest digest) {
  constexpr std::array<const char*, kDigestCount> kNames{"MD5", "SHA1", "SHA256", "SHA384", "SHA512"};
  return kNames[static_cast<size_t>(digest)];
}

const evp_md_st* FetchedDigest(Digest digest) { return Algorithms().digests[static_cast<size_t>(digest)].get(); }

void ComputeDigest(Digest digest, std::string_view data, void* to) {
  EVP_MD_CTX* context = contexts.ForDigest(digest);
  MG_CHECK(EVP_DigestUpdate(context, data.data(), data.size()) == 1 &&
           EVP_DigestFinal_ex(context, static_cast<unsigned char*>(to), nullptr) == 1);
}

std::string ComputeDigest(Digest digest, std::string_view data) {
  std::string bytes(DigestSize(digest), '\0');
  ComputeDigest(digest, data, bytes.data());
  return bytes;
}

void ComputeHmac(Digest digest, std::string_view key, std::string_view data, void* to) {
  EVP_MAC_CTX* context = contexts.ForHmac(digest);
  const char* bytes = key.empty() ? "" : key.data();  // null would mean "the key of last time"
  size_t size = 0;
  MG_CHECK(EVP_MAC_init(context, reinterpret_cast<const unsigned char*>(bytes), key.size(), nullptr) == 1 &&
           EVP_MAC_update(context, Bytes(data), data.size()) == 1 &&
           EVP_MAC_final(context, static_cast<unsigned char*>(to), &size, kLargestDigest) == 1 &&
           size == DigestSize(digest));
}

std::string ComputeHmac(Digest digest, std::string_view key, std::string_view data) {
  unsigned char bytes[kLargestDigest];
  ComputeHmac(digest, key, data, bytes);
  return std::string(reinterpret_cast<char*>(bytes), DigestSize(digest));
}

void Hasher::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Hasher::Hasher(Digest digest) : digest_(digest), context_(EVP_MD_CTX_new()) {
  MG_CHECK(context_ != nullptr);
  Reset();
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::Reset() { MG_CHECK(EVP_DigestInit_ex2(context_.get(), FetchedDigest(digest_), nullptr) == 1); }

void Hasher::Update(std::string_view data) {
  MG_CHECK(EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1);
}

std::string Hasher::Finish() {
  std::string bytes(DigestSize(digest_), '\0');
  MG_CHECK(EVP_DigestFinal_ex(context_.get(), Bytes(bytes), nullptr) == 1);
  return bytes;
}

}  // namespace mg::crypto
