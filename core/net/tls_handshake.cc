#include "net/tls_handshake.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "net/tls_context.h"
#include "net/transport.h"

namespace mg::net {

void FreeTlsObject::operator()(CertificateChain* chain) const { sk_X509_pop_free(chain, X509_free); }
void FreeTlsObject::operator()(PrivateKey* key) const { EVP_PKEY_free(key); }

namespace {

using BioPtr = std::unique_ptr<BIO, Freeing<BIO_free>>;

thread_local HandshakeHooks* t_hooks = nullptr;

int HookIndex() {
  static int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* hook, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<HandshakeHook*>(hook); });
  return index;
}

BioPtr Reader(std::string_view text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::unexpected<Error> Refuse(const char* what) {
  ERR_clear_error();
  return Fail(ErrorCode::kInvalid, what);
}

int GivePassword(char* to, int size, int, void* password) {
  if (password == nullptr) return -1;  // never asked for at a terminal
  const auto& text = *static_cast<const std::string*>(password);
  int length = std::min(size, static_cast<int>(text.size()));
  std::copy_n(text.data(), length, to);
  return length;
}

int VerifyAndGoOn(int, X509_STORE_CTX*) { return 1; }

std::vector<uint16_t> Numbers(std::string_view bytes) {
  std::vector<uint16_t> numbers;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    numbers.push_back(static_cast<uint16_t>(static_cast<uint8_t>(bytes[i]) << 8 | static_cast<uint8_t>(bytes[i + 1])));
  }
  return numbers;
}

}  // namespace

void SetHandshakeHooks(HandshakeHooks* hooks) { t_hooks = hooks; }

HandshakeAnswer RunHandshakeHook(ssl_st* ssl, uint32_t listener, HandshakeStep step) {
  auto* hook = static_cast<HandshakeHook*>(SSL_get_ex_data(ssl, HookIndex()));
  if (hook == nullptr) {
    if (t_hooks == nullptr) return HandshakeAnswer::kGoOn;
    auto& transport = *static_cast<Transport*>(BIO_get_data(SSL_get_rbio(ssl)));
    std::unique_ptr<HandshakeHook> made = t_hooks->Begin(transport, ssl, listener);
    if (!made) return HandshakeAnswer::kGoOn;
    hook = made.get();
    if (SSL_set_ex_data(ssl, HookIndex(), hook) != 1) return HandshakeAnswer::kRefuse;
    made.release();  // NOLINT: the connection's now
  }
  HandshakeAnswer answer = hook->Run(step);
  ERR_clear_error();  // a script's calls may have left some
  return answer;
}

void EndHandshakeHook(ssl_st* ssl) {
  auto* hook = static_cast<HandshakeHook*>(SSL_get_ex_data(ssl, HookIndex()));
  if (hook == nullptr) return;
  SSL_set_ex_data(ssl, HookIndex(), nullptr);
  delete hook;
}

// --- certificates and keys

Result<ChainPtr> ParseChain(std::string_view text, TlsFormat format) {
  BioPtr bio = Reader(text);
  if (bio == nullptr) return Refuse("BIO_new_mem_buf() failed");
  ChainPtr chain(sk_X509_new_null());
  if (chain == nullptr) return Refuse("sk_X509_new_null() failed");
  bool der = format == TlsFormat::kDer;
  for (;;) {
    bool first = sk_X509_num(chain.get()) == 0;
    if (!first && BIO_eof(bio.get())) break;
    X509Ptr next(der     ? d2i_X509_bio(bio.get(), nullptr)
                 : first ? PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)
                         : PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) {
      bool ended = !der && !first && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      if (!ended)
        return Refuse(der     ? "d2i_X509_bio() failed"
                      : first ? "PEM_read_bio_X509_AUX() failed"
                              : "PEM_read_bio_X509() failed");
      ERR_clear_error();
      break;
    }
    if (sk_X509_push(chain.get(), next.get()) == 0) return Refuse("sk_X509_push() failed");
    next.release();  // NOLINT: the chain's
  }
  return chain;
}

Result<PrivateKeyPtr> ParsePrivateKey(std::string_view text, TlsFormat format, const std::string* password) {
  BioPtr bio = Reader(text);
  if (bio == nullptr) return Refuse("BIO_new_mem_buf() failed");
  bool der = format == TlsFormat::kDer;
  PrivateKeyPtr key(
      der ? d2i_PrivateKey_bio(bio.get(), nullptr)
          : PEM_read_bio_PrivateKey(bio.get(), nullptr, GivePassword, const_cast<std::string*>(password)));
  if (key == nullptr) return Refuse(der ? "d2i_PrivateKey_bio() failed" : "PEM_read_bio_PrivateKey() failed");
  return key;
}

std::string ChainToDer(const CertificateChain& chain) {
  std::string der;
  for (int i = 0; i < sk_X509_num(&chain); i++) {
    unsigned char* bytes = nullptr;
    int size = i2d_X509(sk_X509_value(&chain, i), &bytes);
    if (size > 0) der.append(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(bytes);
  }
  return der;
}

Result<std::string> KeyToDer(const PrivateKey& key) {
  unsigned char* bytes = nullptr;
  int size = i2d_PrivateKey(&key, &bytes);
  if (size <= 0) return Refuse("i2d_PrivateKey() failed");
  std::string der(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
  OPENSSL_clear_free(bytes, static_cast<size_t>(size));
  return der;
}

Result<void> UseChain(ssl_st* ssl, const CertificateChain& chain) {
  if (sk_X509_num(&chain) < 1 || SSL_use_certificate(ssl, sk_X509_value(&chain, 0)) != 1)
    return Refuse("SSL_use_certificate() failed");
  SSL_clear_chain_certs(ssl);
  for (int i = 1; i < sk_X509_num(&chain); i++) {
    if (SSL_add1_chain_cert(ssl, sk_X509_value(&chain, i)) != 1) return Refuse("SSL_add1_chain_cert() failed");
  }
  return {};
}

Result<void> UseKey(ssl_st* ssl, const PrivateKey& key) {
  if (SSL_use_PrivateKey(ssl, const_cast<PrivateKey*>(&key)) != 1) return Refuse("SSL_use_PrivateKey() failed");
  return {};
}

void ClearCertificates(ssl_st* ssl) { SSL_certs_clear(ssl); }

Result<void> VerifyClient(ssl_st* ssl, const CertificateChain* authorities, int depth) {
  if (depth >= 0) SSL_set_verify_depth(ssl, depth);
  if (authorities != nullptr) {
    StorePtr store(X509_STORE_new());
    if (store == nullptr) return Refuse("X509_STORE_new() failed");
    STACK_OF(X509_NAME)* names = sk_X509_NAME_new_null();
    for (int i = 0; i < sk_X509_num(authorities); i++) {
      X509* certificate = sk_X509_value(authorities, i);
      if (X509_STORE_add_cert(store.get(), certificate) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return Refuse("X509_STORE_add_cert() failed");
      }
      sk_X509_NAME_push(names, X509_NAME_dup(X509_get_subject_name(certificate)));
    }
    SSL_set_client_CA_list(ssl, names);  // owns it
    if (SSL_set1_verify_cert_store(ssl, store.get()) != 1) return Refuse("SSL_set1_verify_cert_store() failed");
  }
  // A listener that requires a certificate goes on requiring a valid one.
  if ((SSL_get_verify_mode(ssl) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) == 0)
    SSL_set_verify(ssl, SSL_VERIFY_PEER, VerifyAndGoOn);
  return {};
}

// --- the ClientHello

std::optional<std::string_view> HelloExtension(ssl_st* ssl, uint16_t type) {
  const unsigned char* data = nullptr;
  size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, type, &data, &size) != 1) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(data), size);
}

std::vector<uint16_t> HelloExtensions(ssl_st* ssl) {
  int* types = nullptr;
  size_t count = 0;
  std::vector<uint16_t> out;
  if (SSL_client_hello_get1_extensions_present(ssl, &types, &count) != 1) return out;
  for (size_t i = 0; i < count; i++) out.push_back(static_cast<uint16_t>(types[i]));
  OPENSSL_free(types);
  return out;
}

// RFC 6066 3: a list of one name, its length, type 0 and the name's own length before it.
std::string_view HelloServerName(ssl_st* ssl) {
  std::optional<std::string_view> extension = HelloExtension(ssl, TLSEXT_TYPE_server_name);
  if (!extension || extension->size() < 5) return {};
  std::vector<uint16_t> list = Numbers(extension->substr(0, 2)), name = Numbers(extension->substr(3, 2));
  bool sound = list[0] == extension->size() - 2 && (*extension)[2] == TLSEXT_NAMETYPE_host_name &&
               name[0] == extension->size() - 5;
  std::string_view text = sound ? extension->substr(5) : std::string_view();
  return text.size() <= TLSEXT_MAXLEN_host_name && text.find('\0') == std::string_view::npos ? text
                                                                                             : std::string_view();
}

std::vector<uint16_t> HelloVersions(ssl_st* ssl) {
  std::optional<std::string_view> extension = HelloExtension(ssl, TLSEXT_TYPE_supported_versions);
  if (!extension || extension->empty()) return {};
  size_t size = static_cast<uint8_t>((*extension)[0]);
  return size == extension->size() - 1 && size % 2 == 0 ? Numbers(extension->substr(1)) : std::vector<uint16_t>();
}

std::vector<uint16_t> HelloCiphers(ssl_st* ssl) {
  const unsigned char* data = nullptr;
  size_t size = SSL_client_hello_get0_ciphers(ssl, &data);
  return Numbers({reinterpret_cast<const char*>(data), size});
}

std::string_view NegotiatedServerName(ssl_st* ssl) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? std::string_view(name) : std::string_view();
}

int TlsVersion(ssl_st* ssl) { return SSL_version(ssl); }
std::string_view TlsVersionName(ssl_st* ssl) { return SSL_get_version(ssl); }

void AllowVersions(ssl_st* ssl, const std::vector<int>& versions) {
  static constexpr std::pair<int, uint64_t> kOptions[] = {{TLS1_VERSION, SSL_OP_NO_TLSv1},
                                                          {TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
                                                          {TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
                                                          {TLS1_3_VERSION, SSL_OP_NO_TLSv1_3}};
  for (const auto& [version, option] : kOptions) {
    if (std::ranges::find(versions, version) == versions.end()) {
      SSL_set_options(ssl, option);
    } else {
      SSL_clear_options(ssl, option);
    }
  }
}

// --- OCSP

namespace {

struct LeafAndIssuer {
  X509* leaf;
  X509* issuer;
};

Result<LeafAndIssuer> Pair(const CertificateChain& chain) {
  if (sk_X509_num(&chain) < 2) return Refuse("no issuer certificate in chain");
  LeafAndIssuer pair{sk_X509_value(&chain, 0), sk_X509_value(&chain, 1)};
  if (X509_check_issued(pair.issuer, pair.leaf) != X509_V_OK) return Refuse("issuer certificate not next to leaf");
  return pair;
}

using CertIdPtr = std::unique_ptr<OCSP_CERTID, Freeing<OCSP_CERTID_free>>;

}  // namespace

Result<std::string> OcspResponder(const CertificateChain& chain) {
  auto pair = Pair(chain);
  if (!pair) return std::unexpected(std::move(pair.error()));
  STACK_OF(OPENSSL_STRING)* urls = X509_get1_ocsp(pair->leaf);
  std::string url = sk_OPENSSL_STRING_num(urls) > 0 ? sk_OPENSSL_STRING_value(urls, 0) : "";
  X509_email_free(urls);
  return url;
}

Result<std::string> MakeOcspRequest(const CertificateChain& chain) {
  auto pair = Pair(chain);
  if (!pair) return std::unexpected(std::move(pair.error()));
  std::unique_ptr<OCSP_REQUEST, Freeing<OCSP_REQUEST_free>> request(OCSP_REQUEST_new());
  CertIdPtr id(OCSP_cert_to_id(nullptr, pair->leaf, pair->issuer));
  if (request == nullptr || id == nullptr || OCSP_request_add0_id(request.get(), id.get()) == nullptr)
    return Refuse("OCSP_request_add0_id() failed");
  id.release();  // NOLINT: the request's
  unsigned char* bytes = nullptr;
  int size = i2d_OCSP_REQUEST(request.get(), &bytes);
  if (size <= 0) return Refuse("i2d_OCSP_REQUEST() failed");
  std::string der(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

Result<void> ValidateOcspResponse(std::string_view response, const CertificateChain& chain) {
  auto pair = Pair(chain);
  if (!pair) return std::unexpected(std::move(pair.error()));
  const auto* bytes = reinterpret_cast<const unsigned char*>(response.data());
  std::unique_ptr<OCSP_RESPONSE, Freeing<OCSP_RESPONSE_free>> parsed(
      d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(response.size())));
  if (parsed == nullptr) return Refuse("d2i_OCSP_RESPONSE() failed");
  if (int status = OCSP_response_status(parsed.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return Refuse(
        ("OCSP response not successful (" + std::to_string(status) + ": " + OCSP_response_status_str(status) + ")")
            .c_str());
  }
  std::unique_ptr<OCSP_BASICRESP, Freeing<OCSP_BASICRESP_free>> basic(OCSP_response_get1_basic(parsed.get()));
  StorePtr store(X509_STORE_new());
  if (basic == nullptr || store == nullptr) return Refuse("OCSP_response_get1_basic() failed");
  STACK_OF(X509)* issuers = sk_X509_new_null();
  for (int i = 1; i < sk_X509_num(&chain); i++) {
    sk_X509_push(issuers, sk_X509_value(&chain, i));
    X509_STORE_add_cert(store.get(), sk_X509_value(&chain, i));
  }
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  int verified = OCSP_basic_verify(basic.get(), issuers, store.get(), OCSP_TRUSTOTHER);
  sk_X509_free(issuers);
  if (verified != 1) return Refuse("OCSP_basic_verify() failed");
  CertIdPtr id(OCSP_cert_to_id(nullptr, pair->leaf, pair->issuer));
  int status = 0;
  ASN1_GENERALIZEDTIME *from = nullptr, *until = nullptr;
  if (id == nullptr || OCSP_resp_find_status(basic.get(), id.get(), &status, nullptr, nullptr, &from, &until) != 1)
    return Refuse("certificate status not found in the OCSP response");
  if (status != V_OCSP_CERTSTATUS_GOOD) {
    return Refuse(
        ("certificate status \"" + std::string(OCSP_cert_status_str(status)) + "\" in the OCSP response").c_str());
  }
  if (OCSP_check_validity(from, until, 300, -1) != 1) return Refuse("OCSP_check_validity() failed");
  return {};
}

Result<bool> StapleResponse(ssl_st* ssl, std::string_view response) {
  if (SSL_get_tlsext_status_type(ssl) == -1) return false;
  void* copy = OPENSSL_memdup(response.data(), response.size());
  if (copy == nullptr) return Refuse("OPENSSL_malloc() failed");
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response.size()));  // OpenSSL's from here on
  return true;
}

}  // namespace mg::net
