// Client contexts: trust, and the sessions that connections leave behind for the next one to the same name.
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdlib>
#include <ctime>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "net/tls.h"
#include "net/tls_context.h"
#include "net/tls_errors.h"

namespace mg::net {

namespace {

// Sessions by the name they were verified for, shared by the loops. It belongs to its context: connections that outlive
// the ClientTls still put theirs in.
class Sessions {
 public:
  void Put(const std::string& name, SSL_SESSION* session) {
    std::lock_guard lock(mutex_);
    if (by_name_.size() >= kNames && !by_name_.contains(name)) by_name_.erase(by_name_.begin());
    auto& list = by_name_[name];
    if (list.size() >= kPerName) list.erase(list.begin());
    list.emplace_back(session);
  }
  SessionPtr Take(const std::string& name) {
    std::lock_guard lock(mutex_);
    auto found = by_name_.find(name);
    if (found == by_name_.end()) return nullptr;
    auto& list = found->second;
    while (!list.empty()) {
      SSL_SESSION* last = list.back().get();
      if (SSL_SESSION_is_resumable(last) == 0 ||
          SSL_SESSION_get_time(last) + SSL_SESSION_get_timeout(last) <= time(nullptr)) {
        list.pop_back();
        continue;
      }
      // A TLS 1.3 ticket is for one use (RFC 8446 C.4): the connection brings a new one. An older session stays.
      if (SSL_SESSION_get_protocol_version(last) < TLS1_3_VERSION) {
        SSL_SESSION_up_ref(last);
        return SessionPtr(last);
      }
      SessionPtr taken = std::move(list.back());
      list.pop_back();
      return taken;
    }
    return nullptr;
  }

 private:
  static constexpr size_t kNames = 1000, kPerName = 8;
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<SessionPtr>> by_name_;
};

int SessionsIndex() {
  static int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* sessions, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Sessions*>(sessions); });
  return index;
}

Sessions* SessionsOf(SSL* ssl) {
  return static_cast<Sessions*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), SessionsIndex()));
}

// What the connection's certificate was checked against: a session is good for nothing else.
std::string VerifiedName(SSL* ssl) {
  X509_VERIFY_PARAM* expected = SSL_get0_param(ssl);
  if (const char* host = X509_VERIFY_PARAM_get0_host(expected, 0); host != nullptr) return host;
  char* ip = X509_VERIFY_PARAM_get1_ip_asc(expected);
  std::string name = ip == nullptr ? "" : ip;
  OPENSSL_free(ip);
  return name;
}

int KeepSession(SSL* ssl, SSL_SESSION* session) {
  Sessions* sessions = SessionsOf(ssl);
  if (sessions == nullptr) return 0;
  sessions->Put(VerifiedName(ssl), session);
  return 1;  // the reference is ours now
}

// The system's trust anchors, read once and again when their file changes: it is large, and contexts are made for every
// upstream of every generation.
Result<StorePtr> SystemStore() {
  static std::mutex mutex;
  static std::string known_path;
  static timespec known_time{};
  static StorePtr known;
  const char* chosen = getenv("SSL_CERT_FILE");
  std::string path = chosen != nullptr ? chosen : "/etc/ssl/certs/ca-certificates.crt";
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) {
    return Fail(ErrorCode::kInvalid, path +
                                         ": no certificate authorities to verify with: install the package "
                                         "ca-certificates, name a CA file, or set SSL_CERT_FILE");
  }
  std::lock_guard lock(mutex);
  bool same = known != nullptr && known_path == path && known_time.tv_sec == file.st_mtim.tv_sec &&
              known_time.tv_nsec == file.st_mtim.tv_nsec;
  if (!same) {
    ERR_clear_error();
    StorePtr store(X509_STORE_new());
    if (X509_STORE_load_file(store.get(), path.c_str()) != 1) {
      return Fail(ErrorCode::kInvalid, path + ": " + TakeTlsError("no certificates"));
    }
    known = std::move(store);
    known_path = path;
    known_time = file.st_mtim;
  }
  X509_STORE_up_ref(known.get());
  return StorePtr(known.get());
}

}  // namespace

void ReuseSession(SSL* ssl) {
  Sessions* sessions = SessionsOf(ssl);
  if (sessions == nullptr) return;
  if (SessionPtr session = sessions->Take(VerifiedName(ssl)); session != nullptr) SSL_set_session(ssl, session.get());
}

void ReadSystemTrust() { static_cast<void>(SystemStore()); }  // who needs them tells of an error

struct ClientTls::Impl {
  ContextPtr context;
};

ClientTls::ClientTls(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ClientTls::~ClientTls() = default;
ssl_ctx_st* ClientTls::context() const { return impl_->context.get(); }

Result<std::unique_ptr<ClientTls>> ClientTls::Make(const config::UpstreamTls& conf) {
  auto context = NewTlsContext(TLS_client_method(), TLS1_2_VERSION);
  if (!context) return std::unexpected(std::move(context.error()));
  SSL_CTX* ctx = context->get();
  if (conf.verify) {
    auto store = conf.ca_pem.empty() ? SystemStore() : MakeTrustStore(conf.ca_pem, "the CA file");
    if (!store) return std::unexpected(std::move(store.error()));
    SSL_CTX_set1_cert_store(ctx, store->get());
    // Who names a certificate trusts it, whether it signs itself or not.
    if (!conf.ca_pem.empty()) X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  }
  if (!conf.cert_pem.empty()) {
    auto used = UseCertificate(ctx, conf.cert_pem, conf.key_pem, "the client certificate", "the client key");
    if (!used) return std::unexpected(std::move(used.error()));
  }
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, KeepSession);
  MG_CHECK(SSL_CTX_set_ex_data(ctx, SessionsIndex(), new Sessions) == 1);
  return std::unique_ptr<ClientTls>(new ClientTls(std::make_unique<Impl>(Impl{std::move(*context)})));
}

}  // namespace mg::net
