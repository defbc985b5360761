// What a TLS connection says of itself and of its peer.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/strings.h"
#include "net/tls.h"
#include "net/tls_context.h"

namespace mg::net {

namespace {

std::string Take(BIO* out) {
  char* bytes = nullptr;
  long size = BIO_get_mem_data(out, &bytes);
  std::string text(bytes, static_cast<size_t>(std::max(size, 0L)));
  BIO_free(out);
  return text;
}

std::string NameText(const X509_NAME* name) {
  BIO* out = BIO_new(BIO_s_mem());
  X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253);
  return Take(out);
}

std::string SerialText(X509* certificate) {
  std::string text;
  if (BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr); number != nullptr) {
    char* hex = BN_bn2hex(number);
    if (hex != nullptr) text = hex;
    OPENSSL_free(hex);
    BN_free(number);
  }
  return text;
}

// What a name may hold, but for what would end it or begin another: that is percent-encoded.
void AppendName(std::string& names, std::string_view kind, const ASN1_STRING* text) {
  if (!names.empty()) names += ',';
  names += kind;
  const auto* bytes = ASN1_STRING_get0_data(text);
  for (int i = 0; i < ASN1_STRING_length(text); i++) {
    bool plain = bytes[i] > 0x20 && bytes[i] < 0x7f && bytes[i] != ',' && bytes[i] != '%';
    names += plain ? std::string(1, static_cast<char>(bytes[i])) : fmt::format("%{:02X}", bytes[i]);
  }
}

std::string NamesText(X509* certificate) {
  std::string names;
  auto* list = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, i);
    switch (name->type) {
      case GEN_DNS: AppendName(names, "DNS:", name->d.dNSName); break;
      case GEN_EMAIL: AppendName(names, "email:", name->d.rfc822Name); break;
      case GEN_URI: AppendName(names, "URI:", name->d.uniformResourceIdentifier); break;
      case GEN_IPADD: {
        char text[INET6_ADDRSTRLEN];
        int size = ASN1_STRING_length(name->d.iPAddress);
        if (size != 4 && size != 16) break;
        if (!names.empty()) names += ',';
        names += "IP:";
        names += inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text);
        break;
      }
      default: break;
    }
  }
  GENERAL_NAMES_free(list);
  return names;
}

std::string Fingerprint(X509* certificate, const EVP_MD* digest) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  X509_digest(certificate, digest, bytes, &size);
  std::string text;
  for (unsigned i = 0; i < size; i++) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

}  // namespace

TlsInfo DescribeTls(ssl_st* tls) {
  TlsInfo info;
  auto text = [](const char* from) { return from == nullptr ? std::string_view() : std::string_view(from); };
  info.version = text(SSL_get_version(tls));
  info.cipher = text(SSL_get_cipher_name(tls));
  info.server_name = text(SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name));
  const unsigned char* alpn = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(tls, &alpn, &size);
  info.alpn = {reinterpret_cast<const char*>(alpn), size};
  info.resumed = SSL_session_reused(tls) != 0;
  return info;
}

std::string PeerCertificate(ssl_st* tls, PeerField field) {
  X509* certificate = SSL_get0_peer_certificate(tls);
  long verdict = SSL_get_verify_result(tls);
  if (field == PeerField::kVerify) {
    if (certificate == nullptr) return "NONE";
    return verdict == X509_V_OK ? "SUCCESS" : std::string("FAILED:") + X509_verify_cert_error_string(verdict);
  }
  if (certificate == nullptr) return {};
  switch (field) {
    case PeerField::kSha256: return Fingerprint(certificate, EVP_sha256());
    case PeerField::kSha1: return Fingerprint(certificate, EVP_sha1());
    case PeerField::kPem: {
      BIO* out = BIO_new(BIO_s_mem());
      PEM_write_bio_X509(out, certificate);
      return Take(out);
    }
    default: break;
  }
  if (verdict != X509_V_OK) return {};
  switch (field) {
    case PeerField::kSubject: return NameText(X509_get_subject_name(certificate));
    case PeerField::kIssuer: return NameText(X509_get_issuer_name(certificate));
    case PeerField::kSerial: return SerialText(certificate);
    case PeerField::kNames: return NamesText(certificate);
    default: return {};
  }
}

void RetainTls(ssl_st* tls) { SSL_up_ref(tls); }
void ReleaseTls(ssl_st* tls) { SSL_free(tls); }

}  // namespace mg::net
