#include "net/tls_context.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/log.h"
#include "net/tls_errors.h"

namespace mg::net {

namespace {

using BioPtr = std::unique_ptr<BIO, Freeing<BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;

// Mozilla's intermediate profile, without finite-field DHE; AES-128 first: cheaper, and enough.
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kCipherSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "X25519:P-256:P-384";

BioPtr Reader(const std::string& text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::unexpected<Error> FailTls(std::string message) { return Fail(ErrorCode::kInvalid, std::move(message)); }

// A key under a passphrase is refused, never asked for at the terminal.
int NoPassphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

void WarnOfDates(X509* certificate, const std::string& label) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
    MG_LOG(kWarn, "{}: the certificate has expired", label);
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    MG_LOG(kWarn, "{}: the certificate is not valid yet", label);
  }
}

}  // namespace

Result<ContextPtr> NewTlsContext(const SSL_METHOD* method, int min_version) {
  ERR_clear_error();
  ContextPtr context(SSL_CTX_new(method));
  SSL_CTX* ctx = context.get();
  if (ctx == nullptr || SSL_CTX_set_min_proto_version(ctx, min_version) != 1 ||
      SSL_CTX_set_cipher_list(ctx, kCiphers) != 1 || SSL_CTX_set_ciphersuites(ctx, kCipherSuites) != 1 ||
      SSL_CTX_set1_groups_list(ctx, kGroups) != 1) {
    return Fail(ErrorCode::kInternal, "TLS: " + TakeTlsError("no context"));
  }
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

Result<void> UseCertificate(SSL_CTX* context, const std::string& cert_pem, const std::string& key_pem,
                            const std::string& cert_label, const std::string& key_label) {
  ERR_clear_error();
  BioPtr certs = Reader(cert_pem);
  X509Ptr leaf(PEM_read_bio_X509_AUX(certs.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr) return FailTls(cert_label + ": no PEM certificate: " + TakeTlsError("the file is empty"));
  if (SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return FailTls(cert_label + ": " + TakeTlsError("the certificate cannot be used"));
  }
  SSL_CTX_clear_chain_certs(context);
  while (X509* next = PEM_read_bio_X509(certs.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, next) == 1) continue;
    X509_free(next);
    return FailTls(cert_label + ": " + TakeTlsError("the chain cannot be used"));
  }
  unsigned long end = ERR_peek_last_error();
  if (end != 0 && ERR_GET_REASON(end) != PEM_R_NO_START_LINE) {
    return FailTls(cert_label + ": broken chain: " + TakeTlsError("unreadable"));
  }
  ERR_clear_error();
  BioPtr keys = Reader(key_pem);
  bool asked = false;
  KeyPtr key(PEM_read_bio_PrivateKey(keys.get(), nullptr, NoPassphrase, &asked));
  if (key == nullptr) {
    std::string reason = TakeTlsError("the file is empty");
    return FailTls(key_label +
                   (asked ? ": the key has a passphrase: store it without one" : ": no PEM private key: " + reason));
  }
  if (X509_check_private_key(leaf.get(), key.get()) != 1) {
    ERR_clear_error();
    return FailTls(fmt::format("{}: the key does not belong to the certificate in {}", key_label, cert_label));
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return FailTls(key_label + ": " + TakeTlsError("the key cannot be used"));
  }
  WarnOfDates(leaf.get(), cert_label);
  return {};
}

Result<StorePtr> MakeTrustStore(const std::string& pem, const std::string& label) {
  ERR_clear_error();
  StorePtr store(X509_STORE_new());
  BioPtr certs = Reader(pem);
  int count = 0;
  while (X509Ptr certificate{PEM_read_bio_X509_AUX(certs.get(), nullptr, nullptr, nullptr)}) {
    if (X509_STORE_add_cert(store.get(), certificate.get()) != 1) {
      return FailTls(label + ": " + TakeTlsError("the certificate cannot be trusted"));
    }
    count++;
  }
  unsigned long end = ERR_peek_last_error();
  if (count == 0 || ERR_GET_REASON(end) != PEM_R_NO_START_LINE) {
    return FailTls(label + ": no PEM certificates: " + TakeTlsError("the file is empty"));
  }
  ERR_clear_error();
  return store;
}

}  // namespace mg::net
