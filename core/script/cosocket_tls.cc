// What cosockets need of TLS: one context, verification when it is asked for, sessions in the hands of scripts.
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <map>

#include "net/tls.h"
#include "net/tls_handshake.h"
#include "script/cosocket.h"

// What Lua's session object stands for. Sessions come when they want to (TLS 1.3: after the handshake): the connection
// puts each here. One thread.
struct mg_tls_session {
  size_t references = 1;
  SSL_SESSION* session = nullptr;
};

namespace mg::script {

namespace {

using TlsSession = mg_tls_session;
constexpr size_t kContexts = 8;  // certificates of authorities that are in use at a time

void Release(TlsSession* session) {
  if (session == nullptr || --session->references > 0) return;
  SSL_SESSION_free(session->session);
  delete session;
}

int SessionIndex() {
  static int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* session, CRYPTO_EX_DATA*, int, long, void*) { Release(static_cast<TlsSession*>(session)); });
  return index;
}

TlsSession* SessionOf(SSL* tls) { return static_cast<TlsSession*>(SSL_get_ex_data(tls, SessionIndex())); }

int KeepSession(SSL* tls, SSL_SESSION* session) {
  TlsSession* kept = SessionOf(tls);
  if (kept == nullptr) return 0;
  SSL_SESSION_free(kept->session);
  kept->session = session;
  return 1;  // the reference is ours now
}

}  // namespace

Result<ssl_ctx_st*> CosocketTls(const config::LuaSocket& conf) {
  thread_local std::map<std::string, std::unique_ptr<net::ClientTls>> contexts;
  if (auto known = contexts.find(conf.ca_pem); known != contexts.end()) return known->second->context();
  if (contexts.size() >= kContexts) contexts.clear();  // connections outlive their context safely
  config::UpstreamTls wanted;
  wanted.enabled = true;
  wanted.ca_pem = conf.ca_pem;
  auto made = net::ClientTls::Make(wanted);
  if (!made && conf.ca_pem.empty()) {  // no certificates on this system: nothing verifies
    wanted.verify = false;
    made = net::ClientTls::Make(wanted);
  }
  if (!made) return std::unexpected(std::move(made.error()));
  SSL_CTX* context = (*made)->context();
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);  // the outcome is kept: VerifyTlsPeer
  SSL_CTX_sess_set_new_cb(context, KeepSession);
  contexts[conf.ca_pem] = std::move(*made);
  return context;
}

void PrepareTls(ssl_st* tls, bool ask_status) {
  X509_VERIFY_PARAM* expected = SSL_get0_param(tls);
  X509_VERIFY_PARAM_set1_host(expected, nullptr, 0);
  X509_VERIFY_PARAM_set1_ip(expected, nullptr, 0);
  if (ask_status) SSL_set_tlsext_status_type(tls, TLSEXT_STATUSTYPE_ocsp);
}

void BeginTlsSession(ssl_st* tls, TlsSession* given) {
  SSL_set_ex_data(tls, SessionIndex(), new TlsSession);
  if (given != nullptr && given->session != nullptr) SSL_set_session(tls, given->session);
}

TlsSession* TakeTlsSession(ssl_st* tls) {
  if (tls == nullptr) return nullptr;
  TlsSession* kept = SessionOf(tls);
  if (kept == nullptr) return nullptr;
  // A session that was taken up again makes no new one.
  if (kept->session == nullptr && SSL_session_reused(tls) == 1) kept->session = SSL_get1_session(tls);
  kept->references++;
  return kept;
}

void FreeTlsSession(TlsSession* session) { Release(session); }

bool UseTlsCertificate(ssl_st* tls, void* chain, void* key) {
  return net::UseChain(tls, *static_cast<net::CertificateChain*>(chain)) &&
         net::UseKey(tls, *static_cast<net::PrivateKey*>(key));
}

void KeepTlsCertificate(void*& chain, void*& key) {
  if (chain == nullptr) return;
  chain = X509_chain_up_ref(static_cast<STACK_OF(X509)*>(chain));
  EVP_PKEY_up_ref(static_cast<EVP_PKEY*>(key));
}

void FreeTlsCertificate(void* chain, void* key) {
  if (chain != nullptr) sk_X509_pop_free(static_cast<STACK_OF(X509)*>(chain), X509_free);
  if (key != nullptr) EVP_PKEY_free(static_cast<EVP_PKEY*>(key));
}

std::string VerifyTlsPeer(ssl_st* tls, const std::string& server_name) {
  long result = SSL_get_verify_result(tls);
  if (result != X509_V_OK) return fmt::format("{}: {}", result, X509_verify_cert_error_string(result));
  X509* certificate = SSL_get0_peer_certificate(tls);
  if (certificate == nullptr) return "no certificate";
  if (server_name.empty()) return "";
  bool named = net::SocketAddress::FromIp(server_name, 0)
                   ? X509_check_ip_asc(certificate, server_name.c_str(), 0) == 1
                   : X509_check_host(certificate, server_name.data(), server_name.size(),
                                     X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1;
  return named ? "" : "certificate host mismatch";
}

}  // namespace mg::script
