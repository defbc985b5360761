// What runs within a listener's TLS handshakes (ssl_client_hello, ssl_certificate), and what it can do there: read the
// ClientHello, choose versions, certificate, key, client verification and OCSP response of this one connection.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct ssl_st;
struct stack_st_X509;
struct evp_pkey_st;

namespace mg::net {

class Transport;

enum class HandshakeStep : uint8_t { kClientHello, kCertificate };
enum class HandshakeAnswer : uint8_t { kGoOn, kWait, kRefuse };

// One handshake's. Owner: the connection, until the handshake has ended; destroying it ends what waits.
class HandshakeHook {
 public:
  virtual ~HandshakeHook() = default;
  // After kWait it is asked for the same step again, perhaps too early; Transport::ResumeHandshake says when.
  virtual HandshakeAnswer Run(HandshakeStep step) = 0;
};

class HandshakeHooks {
 public:
  virtual ~HandshakeHooks() = default;
  // Null: nothing is to be asked.
  virtual std::unique_ptr<HandshakeHook> Begin(Transport& transport, ssl_st* ssl, uint32_t listener) = 0;
};

// For the handshakes of this thread; null: none.
void SetHandshakeHooks(HandshakeHooks* hooks);
// The connection's hook is asked, made when it is first; for the callbacks of ServerTls.
HandshakeAnswer RunHandshakeHook(ssl_st* ssl, uint32_t listener, HandshakeStep step);
// The handshake has ended.
void EndHandshakeHook(ssl_st* ssl);

// --- certificates and keys

// OpenSSL's own, so that scripts' libraries may bring theirs: STACK_OF(X509), the leaf first, and EVP_PKEY.
using CertificateChain = stack_st_X509;
using PrivateKey = evp_pkey_st;
struct FreeTlsObject {
  void operator()(CertificateChain* chain) const;
  void operator()(PrivateKey* key) const;
};
using ChainPtr = std::unique_ptr<CertificateChain, FreeTlsObject>;
using PrivateKeyPtr = std::unique_ptr<PrivateKey, FreeTlsObject>;

enum class TlsFormat : uint8_t { kPem, kDer };
Result<ChainPtr> ParseChain(std::string_view text, TlsFormat format);
// `password` is for PEM alone; null: none.
Result<PrivateKeyPtr> ParsePrivateKey(std::string_view text, TlsFormat format, const std::string* password = nullptr);
std::string ChainToDer(const CertificateChain& chain);
Result<std::string> KeyToDer(const PrivateKey& key);

Result<void> UseChain(ssl_st* ssl, const CertificateChain& chain);
Result<void> UseKey(ssl_st* ssl, const PrivateKey& key);
void ClearCertificates(ssl_st* ssl);
// Asks the client for a certificate of one of these authorities, and goes on whatever comes of it (PeerField::kVerify),
// unless the listener requires one.
Result<void> VerifyClient(ssl_st* ssl, const CertificateChain* authorities, int depth);

// --- the ClientHello, in kClientHello

std::optional<std::string_view> HelloExtension(ssl_st* ssl, uint16_t type);
std::vector<uint16_t> HelloExtensions(ssl_st* ssl);
std::string_view HelloServerName(ssl_st* ssl);     // "": none
std::vector<uint16_t> HelloVersions(ssl_st* ssl);  // of supported_versions; 0x0303, ...
std::vector<uint16_t> HelloCiphers(ssl_st* ssl);

std::string_view NegotiatedServerName(ssl_st* ssl);
int TlsVersion(ssl_st* ssl);
std::string_view TlsVersionName(ssl_st* ssl);
// The only versions (0x0303, 0x0304, ...) that this connection may use.
void AllowVersions(ssl_st* ssl, const std::vector<int>& versions);

// --- OCSP; a chain of a leaf and its issuer

Result<std::string> OcspResponder(const CertificateChain& chain);
Result<std::string> MakeOcspRequest(const CertificateChain& chain);
Result<void> ValidateOcspResponse(std::string_view response, const CertificateChain& chain);
// False: the client has not asked for one.
Result<bool> StapleResponse(ssl_st* ssl, std::string_view response);

}  // namespace mg::net
