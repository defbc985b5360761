// ngx.ssl, ngx.ssl.clienthello, ngx.ocsp: the TLS connection of the handshake that runs, or of the request.
#include "net/tls_handshake.h"
#include "proxy/exchange.h"
#include "proxy/handshake.h"
#include "script/program.h"
#include "script/surface.h"

using mg::script::GiveScratch;
using mg::script::t_active;
using mg::script::View;
using namespace mg::net;  // NOLINT

namespace {

mg::proxy::Handshake* ActiveHandshake() { return t_active.context != nullptr ? t_active.context->handshake : nullptr; }

// To Lua they are pointers of their own kind.
CertificateChain* From(const mg_ssl_chain* chain) {
  return reinterpret_cast<CertificateChain*>(const_cast<mg_ssl_chain*>(chain));
}
PrivateKey* From(const mg_ssl_key* key) { return reinterpret_cast<PrivateKey*>(const_cast<mg_ssl_key*>(key)); }

ssl_st* ActiveTls() {
  if (mg::proxy::Handshake* handshake = ActiveHandshake()) return handshake->ssl;
  return t_active.exchange != nullptr ? t_active.exchange->connection.tls : nullptr;
}

int FailWith(mg_string* error, std::string text) {
  GiveScratch(error, std::move(text));
  return MG_ERROR;
}

int NoTls(mg_string* error) { return FailWith(error, "bad request"); }

// A result as the call's answer.
int Outcome(const mg::Result<void>& result, mg_string* error) {
  return result ? MG_OK : FailWith(error, result.error().message);
}

void GiveNumbers(const std::vector<uint16_t>& numbers, uint16_t* out, int most, int* count) {
  *count = static_cast<int>(std::min(numbers.size(), static_cast<size_t>(most)));
  std::copy_n(numbers.begin(), *count, out);
}

}  // namespace

extern "C" {

mg_ssl_chain* mg_ssl_parse_chain(const char* text, size_t size, int der, mg_string* error) noexcept {
  auto parsed = ParseChain(View(text, size), der != 0 ? TlsFormat::kDer : TlsFormat::kPem);
  if (parsed) return reinterpret_cast<mg_ssl_chain*>(parsed->release());
  FailWith(error, parsed.error().message);
  return nullptr;
}
void mg_ssl_free_chain(mg_ssl_chain* chain) noexcept { FreeTlsObject()(From(chain)); }

mg_ssl_key* mg_ssl_parse_key(const char* text, size_t size, int der, const char* password, size_t password_size,
                             mg_string* error) noexcept {
  std::string secret(View(password != nullptr ? password : "", password_size));
  auto parsed = ParsePrivateKey(View(text, size), der != 0 ? TlsFormat::kDer : TlsFormat::kPem,
                                password != nullptr ? &secret : nullptr);
  if (parsed) return reinterpret_cast<mg_ssl_key*>(parsed->release());
  FailWith(error, parsed.error().message);
  return nullptr;
}
void mg_ssl_free_key(mg_ssl_key* key) noexcept { FreeTlsObject()(From(key)); }

void mg_ssl_chain_der(const mg_ssl_chain* chain, mg_string* out) noexcept {
  GiveScratch(out, ChainToDer(*From(chain)));
}
int mg_ssl_key_der(const mg_ssl_key* key, mg_string* out) noexcept {
  auto der = KeyToDer(*From(key));
  if (!der) return FailWith(out, der.error().message);
  GiveScratch(out, std::move(*der));
  return MG_OK;
}

int mg_ssl_set_chain(const mg_ssl_chain* chain, mg_string* error) noexcept {
  return ActiveTls() == nullptr ? NoTls(error) : Outcome(UseChain(ActiveTls(), *From(chain)), error);
}
int mg_ssl_set_key(const mg_ssl_key* key, mg_string* error) noexcept {
  return ActiveTls() == nullptr ? NoTls(error) : Outcome(UseKey(ActiveTls(), *From(key)), error);
}
int mg_ssl_clear(mg_string* error) noexcept {
  if (ActiveTls() == nullptr) return NoTls(error);
  ClearCertificates(ActiveTls());
  return MG_OK;
}
int mg_ssl_verify_client(const mg_ssl_chain* authorities, int depth, mg_string* error) noexcept {
  if (ActiveTls() == nullptr) return NoTls(error);
  return Outcome(VerifyClient(ActiveTls(), From(authorities), depth), error);
}

int mg_ssl_server_name(int hello, mg_string* out) noexcept {
  if (ActiveTls() == nullptr) return NoTls(out);
  std::string name(hello != 0 ? HelloServerName(ActiveTls()) : NegotiatedServerName(ActiveTls()));
  if (name.empty()) return MG_DECLINED;
  GiveScratch(out, std::move(name));
  return MG_OK;
}
int mg_ssl_version(mg_string* name) noexcept {
  if (ActiveTls() == nullptr) return NoTls(name);
  GiveScratch(name, std::string(TlsVersionName(ActiveTls())));
  return TlsVersion(ActiveTls());
}

int mg_ssl_address(int client, int* family, mg_string* out) noexcept {
  SocketAddress address;
  if (mg::proxy::Handshake* handshake = ActiveHandshake()) {
    address = client != 0 ? handshake->transport.PeerAddress() : handshake->transport.LocalAddress();
  } else if (t_active.exchange != nullptr && client != 0) {
    const mg::http::ConnectionInfo& connection = t_active.exchange->connection;
    auto peer = SocketAddress::FromIp(connection.peer_ip(), connection.peer_port);
    if (peer) address = *peer;
  } else if (t_active.exchange != nullptr && t_active.exchange->stream != nullptr) {
    address = t_active.exchange->stream->LocalAddress();
  } else {
    return FailWith(out, "no request found");
  }
  std::string bytes(address.ip_bytes());
  *family = bytes.size() == 4 ? 4 : bytes.size() == 16 ? 6 : 0;
  if (*family == 0) bytes = address.ToString().substr(0, 108);
  GiveScratch(out, std::move(bytes));
  return address.port();
}

int mg_ssl_hello_extension(int type, mg_string* out) noexcept {
  if (ActiveHandshake() == nullptr) return NoTls(out);
  auto extension = HelloExtension(ActiveHandshake()->ssl, static_cast<uint16_t>(type));
  if (!extension) return MG_DECLINED;
  GiveScratch(out, std::string(*extension));
  return MG_OK;
}
/* kind 0: extensions, 1: versions, 2: ciphers */
int mg_ssl_hello_numbers(int kind, uint16_t* out, int most) noexcept {
  if (ActiveHandshake() == nullptr) return MG_ERROR;
  ssl_st* ssl = ActiveHandshake()->ssl;
  int count = 0;
  GiveNumbers(kind == 0 ? HelloExtensions(ssl) : kind == 1 ? HelloVersions(ssl) : HelloCiphers(ssl), out, most, &count);
  return count;
}
int mg_ssl_allow_versions(const int* versions, int count) noexcept {
  if (ActiveHandshake() == nullptr) return MG_ERROR;
  AllowVersions(ActiveHandshake()->ssl, {versions, versions + count});
  return MG_OK;
}

int mg_ocsp_responder(const mg_ssl_chain* chain, mg_string* out) noexcept {
  auto url = OcspResponder(*From(chain));
  if (!url) return FailWith(out, url.error().message);
  if (url->empty()) return MG_DECLINED;
  GiveScratch(out, std::move(*url));
  return MG_OK;
}
int mg_ocsp_request(const mg_ssl_chain* chain, mg_string* out) noexcept {
  auto request = MakeOcspRequest(*From(chain));
  if (!request) return FailWith(out, request.error().message);
  GiveScratch(out, std::move(*request));
  return MG_OK;
}
int mg_ocsp_validate(const char* response, size_t size, const mg_ssl_chain* chain, mg_string* error) noexcept {
  return Outcome(ValidateOcspResponse(View(response, size), *From(chain)), error);
}
int mg_ocsp_staple(const char* response, size_t size, mg_string* error) noexcept {
  if (ActiveTls() == nullptr) return NoTls(error);
  auto stapled = StapleResponse(ActiveTls(), View(response, size));
  if (!stapled) return FailWith(error, stapled.error().message);
  return *stapled ? MG_OK : MG_DECLINED;
}

}  // extern "C"

namespace mg::script {
void LinkSsl() {}
}  // namespace mg::script
