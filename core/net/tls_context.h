// What ServerTls and ClientTls have in common. Not for others.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace mg::net {

template <auto F>
struct Freeing {
  template <class T>
  void operator()(T* pointer) const {
    F(pointer);
  }
};
using ContextPtr = std::unique_ptr<SSL_CTX, Freeing<SSL_CTX_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freeing<X509_STORE_free>>;
using X509Ptr = std::unique_ptr<X509, Freeing<X509_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Freeing<SSL_SESSION_free>>;

// A context with the project's versions, ciphers, groups and modes.
Result<ContextPtr> NewTlsContext(const SSL_METHOD* method, int min_version);

// Loads a chain (leaf first) and its key; the labels name them in errors and in the warning about the dates.
Result<void> UseCertificate(SSL_CTX* context, const std::string& cert_pem, const std::string& key_pem,
                            const std::string& cert_label, const std::string& key_label);

// The certificates of a PEM text as a store of trust anchors.
Result<StorePtr> MakeTrustStore(const std::string& pem, const std::string& label);

// Seals and opens session tickets with the process' keys (tls_tickets.cc).
int TicketKeyCallback(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                      int seal);

// Gives a client's connection a session that an earlier one to the same name left behind (tls_client.cc).
void ReuseSession(SSL* ssl);

}  // namespace mg::net
