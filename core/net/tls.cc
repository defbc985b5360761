#include "net/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/strings.h"
#include "net/tls_context.h"
#include "net/tls_errors.h"
#include "net/tls_handshake.h"
#include "net/tls_ocsp.h"

namespace mg::net {

namespace {

// The contexts of a listener by the names in their certificates, and what it offers in ALPN. It belongs to the first
// context, so that a handshake begun before a reload finds it still there.
struct ServerNames {
  std::map<std::string, SSL_CTX*, std::less<>> exact, wildcard;  // wildcard: "example.com" for "*.example.com"
  std::vector<ContextPtr> others;                                // all contexts but the first
  std::unordered_map<X509*, OcspStaple> staples;                 // by certificate, which its context keeps
  std::string alpn;                                              // as in the extension: a length before each

  SSL_CTX* Find(std::string_view name) const;
};

int NamesIndex() {
  static int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* names, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<ServerNames*>(names); });
  return index;
}

SSL_CTX* ServerNames::Find(std::string_view name) const {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return nullptr;
  char lower[253];
  std::transform(name.begin(), name.end(), lower, ToLower);
  name = {lower, name.size()};
  if (auto found = exact.find(name); found != exact.end()) return found->second;
  size_t dot = name.find('.');
  if (dot == std::string_view::npos) return nullptr;
  auto found = wildcard.find(name.substr(dot + 1));
  return found == wildcard.end() ? nullptr : found->second;
}

int PickCertificate(SSL* ssl, int*, void* names) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  SSL_CTX* context = name == nullptr ? nullptr : static_cast<ServerNames*>(names)->Find(name);
  if (context == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_SSL_CTX(ssl, context);
  return SSL_TLSEXT_ERR_OK;
}

int PickProtocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                 unsigned int offered_size, void* names) {
  const std::string& alpn = static_cast<ServerNames*>(names)->alpn;
  int result =
      SSL_select_next_proto(const_cast<unsigned char**>(out), size, reinterpret_cast<const unsigned char*>(alpn.data()),
                            static_cast<unsigned>(alpn.size()), offered, offered_size);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// The names a certificate is for, in lower case: its subjectAltName's, or the subject's common name without any.
std::vector<std::string> NamesOf(X509* certificate) {
  std::vector<std::string> names;
  auto add = [&names](const ASN1_STRING* text) {
    std::string name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text)));
    if (!name.empty() && name.find('\0') == std::string::npos) names.push_back(Lower(name));
  };
  auto* list = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, i);
    if (name->type == GEN_DNS) add(name->d.dNSName);
  }
  if (list == nullptr) {
    X509_NAME* subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at >= 0) add(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  }
  GENERAL_NAMES_free(list);
  std::sort(names.begin(), names.end());
  return names;
}

// Staples to a client that has asked for it what the authority says of the certificate it is shown.
int StapleOcsp(SSL* ssl, void* names) {
  const unsigned char* by_hook = nullptr;
  if (SSL_get_tlsext_status_ocsp_resp(ssl, &by_hook) > 0) return SSL_TLSEXT_ERR_OK;
  const auto& staples = static_cast<ServerNames*>(names)->staples;
  auto found = staples.find(SSL_get_certificate(ssl));
  if (found == staples.end() || std::time(nullptr) >= found->second.until) return SSL_TLSEXT_ERR_NOACK;
  const std::string& der = found->second.der;
  void* copy = OPENSSL_memdup(der.data(), der.size());
  if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(der.size()));  // OpenSSL's from here on
  return SSL_TLSEXT_ERR_OK;
}

// The certificate that `context` was given last.
Result<void> AddStaple(ServerNames& names, SSL_CTX* context, const config::Certificate& certificate) {
  if (certificate.ocsp.empty()) return {};
  X509* leaf = SSL_CTX_get0_certificate(context);
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context, &chain);
  Result<OcspStaple> staple = ReadOcsp(certificate.ocsp_der, leaf, chain, certificate.ocsp, certificate.cert);
  if (!staple) return std::unexpected(std::move(staple.error()));
  if (!staple->der.empty()) names.staples[leaf] = std::move(*staple);
  return {};
}

// `optional`: the handshake goes on whatever comes of it; SSL_get_verify_result tells.
int VerifyAndGoOn(X509_STORE_CTX* chain, void*) {
  X509_verify_cert(chain);
  ERR_clear_error();
  return 1;
}

Result<void> RequireClients(SSL_CTX* context, const config::ListenerTls& conf) {
  using Auth = config::ListenerTls::ClientAuth;
  if (conf.client_auth == Auth::kNone) return {};
  auto store = MakeTrustStore(conf.client_ca_pem, conf.client_ca);
  if (!store) return std::unexpected(std::move(store.error()));
  STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store->get());
  for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
    X509* ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    if (ca != nullptr) SSL_CTX_add_client_CA(context, ca);
  }
  SSL_CTX_set1_cert_store(context, store->get());
  if (conf.client_auth == Auth::kOptional) SSL_CTX_set_cert_verify_callback(context, VerifyAndGoOn, nullptr);
  SSL_CTX_set_verify(
      context, SSL_VERIFY_PEER | (conf.client_auth == Auth::kRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  return {};
}

// A session resumes only where clients are asked for the same: without this a ticket from a listener that wants no
// certificate would open one that does, since ticket keys are the process'.
void SetSessionScope(SSL_CTX* context, const config::ListenerTls& conf) {
  std::string scope = fmt::format("{} {} {}", static_cast<int>(conf.client_auth), conf.min_version, conf.client_ca_pem);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(scope.data(), scope.size(), digest, &size, EVP_sha256(), nullptr);
  SSL_CTX_set_session_id_context(context, digest, std::min(size, unsigned{SSL_MAX_SID_CTX_LENGTH}));
}

// The callbacks' argument is the listener's number.
uint32_t NumberOf(void* argument) { return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(argument)); }

int OnClientHello(SSL* ssl, int* alert, void* listener) {
  switch (RunHandshakeHook(ssl, NumberOf(listener), HandshakeStep::kClientHello)) {
    case HandshakeAnswer::kGoOn: return SSL_CLIENT_HELLO_SUCCESS;
    case HandshakeAnswer::kWait: return SSL_CLIENT_HELLO_RETRY;
    case HandshakeAnswer::kRefuse: break;
  }
  *alert = SSL_AD_HANDSHAKE_FAILURE;
  return SSL_CLIENT_HELLO_ERROR;
}

int OnCertificate(SSL* ssl, void* listener) {
  switch (RunHandshakeHook(ssl, NumberOf(listener), HandshakeStep::kCertificate)) {
    case HandshakeAnswer::kGoOn: return 1;
    case HandshakeAnswer::kWait: return -1;
    case HandshakeAnswer::kRefuse: break;
  }
  return 0;
}

Result<ContextPtr> MakeServerContext(const config::ListenerTls& conf, ServerNames* names, uint32_t listener) {
  auto context = NewTlsContext(TLS_server_method(), conf.min_version);
  if (!context) return context;
  SSL_CTX* ctx = context->get();
  SSL_CTX_set_num_tickets(ctx, 1);
  SSL_CTX_set_timeout(ctx, 2 * 3600);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, TicketKeyCallback);
  SSL_CTX_set_tlsext_servername_callback(ctx, PickCertificate);
  SSL_CTX_set_tlsext_servername_arg(ctx, names);
  SSL_CTX_set_tlsext_status_cb(ctx, StapleOcsp);
  SSL_CTX_set_tlsext_status_arg(ctx, names);
  if (!names->alpn.empty()) SSL_CTX_set_alpn_select_cb(ctx, PickProtocol, names);
  void* number = reinterpret_cast<void*>(uintptr_t{listener});
  if (!conf.client_hello.empty()) SSL_CTX_set_client_hello_cb(ctx, OnClientHello, number);
  if (!conf.certificate.empty()) SSL_CTX_set_cert_cb(ctx, OnCertificate, number);
  SetSessionScope(ctx, conf);
  if (auto done = RequireClients(ctx, conf); !done) return std::unexpected(std::move(done.error()));
  return context;
}

}  // namespace

struct ServerTls::Impl {
  ContextPtr first;
};

ServerTls::ServerTls(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerTls::~ServerTls() = default;
ssl_ctx_st* ServerTls::context() const { return impl_->first.get(); }

Result<std::unique_ptr<ServerTls>> ServerTls::Make(const config::ListenerTls& conf,
                                                   const std::vector<std::string>& alpn, uint32_t listener) {
  if (conf.certificates.empty()) return Fail(ErrorCode::kInvalid, "TLS needs a certificate");
  auto* names = new ServerNames;  // the first context's from here on
  for (const std::string& protocol : alpn) names->alpn += static_cast<char>(protocol.size()) + protocol;
  auto impl = std::make_unique<Impl>();
  // A name's certificates of different kinds (RSA, ECDSA) share a context: OpenSSL picks what the client can verify.
  std::map<std::pair<std::vector<std::string>, int>, SSL_CTX*> kinds;
  for (const config::Certificate& certificate : conf.certificates) {
    auto made = MakeServerContext(conf, names, listener);
    if (impl->first == nullptr) {
      if (!made) {
        delete names;
        return std::unexpected(std::move(made.error()));
      }
      MG_CHECK(SSL_CTX_set_ex_data(made->get(), NamesIndex(), names) == 1);
    }
    if (!made) return std::unexpected(std::move(made.error()));
    SSL_CTX* context = made->get();
    auto used = UseCertificate(context, certificate.cert_pem, certificate.key_pem, certificate.cert, certificate.key);
    if (!used) return std::unexpected(std::move(used.error()));
    X509* leaf = SSL_CTX_get0_certificate(context);
    std::vector<std::string> for_names = NamesOf(leaf);
    int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(leaf));
    auto sister = std::find_if(kinds.begin(), kinds.end(), [&](const auto& known) {
      return known.first.first == for_names && !kinds.contains({for_names, kind});
    });
    if (sister != kinds.end()) {
      SSL_CTX* shared = sister->second;
      used = UseCertificate(shared, certificate.cert_pem, certificate.key_pem, certificate.cert, certificate.key);
      if (!used) return std::unexpected(std::move(used.error()));
      used = AddStaple(*names, shared, certificate);
      if (!used) return std::unexpected(std::move(used.error()));
      kinds.try_emplace({for_names, kind}, shared);
      continue;
    }
    used = AddStaple(*names, context, certificate);
    if (!used) return std::unexpected(std::move(used.error()));
    kinds.try_emplace({for_names, kind}, context);
    for (const std::string& name : for_names) {
      bool any = name.starts_with("*.");
      (any ? names->wildcard : names->exact).try_emplace(any ? name.substr(2) : name, context);
    }
    if (impl->first == nullptr) {
      impl->first = std::move(*made);
    } else {
      names->others.push_back(std::move(*made));
    }
  }
  return std::unique_ptr<ServerTls>(new ServerTls(std::move(impl)));
}

}  // namespace mg::net
