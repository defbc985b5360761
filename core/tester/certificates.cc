#include "tester/certificates.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <fstream>
#include <memory>
#include <utility>
#include <vector>

namespace mg::tester {

namespace {

struct Closing {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
template <class T>
using Owned = std::unique_ptr<T, Closing>;

struct Identity {
  Owned<X509> certificate;
  Owned<EVP_PKEY> key;
};

void Extend(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by `issuer`, or by itself.
Identity Make(const std::vector<std::pair<const char*, const char*>>& subject, const std::string& names,
              const Identity* issuer) {
  static long serial = 0x1000;
  Identity made{Owned<X509>(X509_new()), Owned<EVP_PKEY>(EVP_EC_gen("P-256"))};
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
  X509_set_pubkey(certificate, made.key.get());
  for (const auto& [field, text] : subject) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(text), -1, -1, 0);
  }
  const Identity& by = issuer != nullptr ? *issuer : made;
  X509_set_issuer_name(certificate, X509_get_subject_name(by.certificate.get()));
  Extend(certificate, NID_basic_constraints, issuer != nullptr ? "CA:FALSE" : "critical,CA:TRUE");
  if (!names.empty()) Extend(certificate, NID_subject_alt_name, names);
  X509_sign(certificate, by.key.get(), EVP_sha256());
  return made;
}

std::string Text(BIO* out) {
  char* bytes = nullptr;
  long size = BIO_get_mem_data(out, &bytes);
  return {bytes, static_cast<size_t>(size)};
}

using Files = std::vector<std::pair<std::string, std::string>>;  // name, content

void Add(Files& files, const std::string& name, const Identity& identity) {
  Owned<BIO> certificate(BIO_new(BIO_s_mem())), key(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate.get(), identity.certificate.get());
  PEM_write_bio_PrivateKey(key.get(), identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  files.emplace_back(name + ".crt", Text(certificate.get()));
  files.emplace_back(name + ".key", Text(key.get()));
}

Files MakeFiles() {
  Files files;
  Identity authority = Make({{"CN", "Test Authority"}}, "", nullptr);
  Identity other = Make({{"CN", "Another Authority"}}, "", nullptr);
  Add(files, "server", Make({{"CN", "server"}}, "DNS:localhost,IP:127.0.0.1", &authority));
  Add(files, "example", Make({{"CN", "example"}}, "DNS:example.com,DNS:*.example.org", &authority));
  Add(files, "client",
      Make({{"CN", "alice"}, {"O", "Moongate"}}, "email:alice@example.com,URI:spiffe://example/alice", &authority));
  Add(files, "stranger", Make({{"CN", "mallory"}}, "", &other));
  Owned<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), authority.certificate.get());
  files.emplace_back("ca.pem", Text(out.get()));
  return files;
}

}  // namespace

Result<void> WriteCertificates(const std::string& folder) {
  static const Files files = MakeFiles();
  for (const auto& [name, content] : files) {
    std::ofstream out(folder + "/" + name, std::ios::binary | std::ios::trunc);
    out << content;
    out.close();
    if (!out) return Fail(ErrorCode::kSystem, folder + "/" + name + " cannot be written");
  }
  return {};
}

}  // namespace mg::tester
