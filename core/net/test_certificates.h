// Certificates made for a test. Not part of the library.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <string>

namespace mg::net::test {

struct Identity {
  std::string cert_pem, key_pem;
};

class Authority {
 public:
  explicit Authority(const std::string& name = "Test CA") : key_(EVP_EC_gen("P-256")) {
    cert_ = New(name, "critical,CA:TRUE", "", key_, 3600);
    Sign(cert_, key_);
  }
  ~Authority() {
    X509_free(cert_);
    EVP_PKEY_free(key_);
  }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  std::string pem() const { return CertPem(cert_); }

  // `names`: "DNS:example.com,IP:127.0.0.1". `valid` seconds from now; negative: expired.
  Identity Issue(const std::string& common_name, const std::string& names, bool rsa = false, long valid = 3600) const {
    EVP_PKEY* key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509* cert = New(common_name, "CA:FALSE", names, key, valid);
    X509_set_issuer_name(cert, X509_get_subject_name(cert_));
    Sign(cert, key_);
    Identity identity{CertPem(cert), KeyPem(key)};
    X509_free(cert);
    EVP_PKEY_free(key);
    return identity;
  }

  static std::string KeyPem(EVP_PKEY* key, const char* passphrase = nullptr) {
    BIO* out = BIO_new(BIO_s_mem());
    EXPECT_EQ(PEM_write_bio_PrivateKey(out, key, passphrase == nullptr ? nullptr : EVP_aes_128_cbc(), nullptr, 0,
                                       nullptr, const_cast<char*>(passphrase)),
              1);
    return Take(out);
  }
  EVP_PKEY* key() const { return key_; }

  // What this authority says of a certificate's state, in DER; valid for so many seconds from now.
  std::string Ocsp(const Identity& of, int status = V_OCSP_CERTSTATUS_GOOD, long valid = 3600) const {
    BIO* in = BIO_new_mem_buf(of.cert_pem.data(), static_cast<int>(of.cert_pem.size()));
    X509* cert = PEM_read_bio_X509(in, nullptr, nullptr, nullptr);
    BIO_free(in);
    OCSP_BASICRESP* basic = OCSP_BASICRESP_new();
    OCSP_CERTID* id = OCSP_cert_to_id(EVP_sha1(), cert, cert_);
    ASN1_TIME *since = X509_gmtime_adj(nullptr, -7200), *until = X509_gmtime_adj(nullptr, valid);
    ASN1_TIME* revoked = status == V_OCSP_CERTSTATUS_REVOKED ? since : nullptr;
    OCSP_basic_add1_status(basic, id, status, OCSP_REVOKED_STATUS_NOSTATUS, revoked, since, until);
    EXPECT_EQ(OCSP_basic_sign(basic, cert_, key_, EVP_sha256(), nullptr, 0), 1);
    OCSP_RESPONSE* response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    unsigned char* der = nullptr;
    int size = i2d_OCSP_RESPONSE(response, &der);
    std::string text(reinterpret_cast<char*>(der), static_cast<size_t>(size));
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(since);
    ASN1_TIME_free(until);
    X509_free(cert);
    return text;
  }

 private:
  static X509* New(const std::string& name, const char* constraints, const std::string& names, EVP_PKEY* key,
                   long valid) {
    static long serial = 4096;
    X509* cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -7200);
    X509_gmtime_adj(X509_getm_notAfter(cert), valid);
    X509_set_pubkey(cert, key);
    X509_NAME* subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                               -1, 0);
    X509_set_issuer_name(cert, subject);
    Extend(cert, NID_basic_constraints, constraints);
    if (!names.empty()) Extend(cert, NID_subject_alt_name, names.c_str());
    return cert;
  }
  static void Extend(X509* cert, int nid, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    ASSERT_NE(extension, nullptr) << value;
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
  }
  static void Sign(X509* cert, EVP_PKEY* key) { ASSERT_GT(X509_sign(cert, key, EVP_sha256()), 0); }
  static std::string CertPem(X509* cert) {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(out, cert);
    return Take(out);
  }
  static std::string Take(BIO* out) {
    char* bytes = nullptr;
    long size = BIO_get_mem_data(out, &bytes);
    std::string text(bytes, static_cast<size_t>(size));
    BIO_free(out);
    return text;
  }

  EVP_PKEY* key_;
  X509* cert_;
};

}  // namespace mg::net::test
