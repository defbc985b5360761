// Keys for session tickets: one set for the process, so that a session resumes on any loop and across reloads.
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>
#include <mutex>

#include "net/tls.h"
#include "net/tls_context.h"

namespace mg::net {

namespace {

struct TicketKey {
  unsigned char name[16], cipher[32], mac[32];
  ~TicketKey() { OPENSSL_cleanse(this, sizeof *this); }
};

struct TicketKeys {
  std::mutex mutex;
  std::array<TicketKey, 3> keys;  // the first seals, all open
  size_t count = 0;

  void Rotate() {
    TicketKey fresh;
    MG_CHECK(RAND_bytes(fresh.name, sizeof fresh.name) == 1 &&
             RAND_priv_bytes(fresh.cipher, sizeof fresh.cipher) == 1 &&
             RAND_priv_bytes(fresh.mac, sizeof fresh.mac) == 1);
    for (size_t i = keys.size() - 1; i > 0; i--) keys[i] = keys[i - 1];
    keys[0] = fresh;
    if (count < keys.size()) count++;
  }
  // A copy of the key that seals, or of the one with this name. How old it is: 0 the newest; -1: none.
  int Get(const unsigned char* name, TicketKey& copy) {
    std::lock_guard lock(mutex);
    if (count == 0) Rotate();
    for (size_t i = 0; i < count; i++) {
      if (name != nullptr && std::memcmp(name, keys[i].name, sizeof keys[i].name) != 0) continue;
      copy = keys[i];
      return static_cast<int>(i);
    }
    return -1;
  }
};

TicketKeys& Keys() {
  static TicketKeys keys;
  return keys;
}

}  // namespace

void RotateTicketKeys() {
  std::lock_guard lock(Keys().mutex);
  Keys().Rotate();
}

Milliseconds TicketRotation::Check(Nanoseconds now, Milliseconds period) {
  if (last_ == 0) last_ = now;
  Nanoseconds due = last_ + period * 1'000'000;
  if (now >= due) {
    RotateTicketKeys();
    last_ = now;
    due = now + period * 1'000'000;
  }
  return (due - now + 999'999) / 1'000'000;
}

// Returns what SSL_CTX_set_tlsext_ticket_key_evp_cb(3) asks for: 0 unknown key, 1 go on, 2 go on and renew, -1 error.
int TicketKeyCallback(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                      int seal) {
  TicketKey key;
  int age = Keys().Get(seal != 0 ? nullptr : name, key);
  if (age < 0) return 0;
  if (seal != 0) {
    std::memcpy(name, key.name, sizeof key.name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  }
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, sizeof key.mac),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
      OSSL_PARAM_construct_end(),
  };
  if (EVP_MAC_CTX_set_params(mac, params) != 1) return -1;
  if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher, iv, seal) != 1) return -1;
  // A TLS 1.3 client uses a ticket once (RFC 8446 C.4), so that it needs the next.
  return age > 0 || SSL_version(ssl) >= TLS1_3_VERSION ? 2 : 1;
}

}  // namespace mg::net
