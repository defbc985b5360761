// OpenSSL's errors as text for the log. Thread: any.
#pragma once

#include <string>

struct ssl_st;

namespace mg::net {

// The oldest error in the thread's queue, which it empties: "wrong version number". `fallback` when there is none.
std::string TakeTlsError(const char* fallback);

// Why a handshake failed: the certificate's fault where verification is to blame, else TakeTlsError.
std::string TakeHandshakeError(ssl_st* tls);

}  // namespace mg::net
