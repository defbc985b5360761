#include "net/tls_errors.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace mg::net {

std::string TakeTlsError(const char* fallback) {
  const char *data = nullptr, *reason = nullptr;
  int flags = 0;
  std::string text;
  if (unsigned long error = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags); error != 0) {
    reason = ERR_SYSTEM_ERROR(error) ? nullptr : ERR_reason_error_string(error);
    if (reason != nullptr) text = reason;
    if (data != nullptr && *data != '\0' && (flags & ERR_TXT_STRING) != 0) {
      text += (text.empty() ? "" : ": ") + std::string(data);
    }
  }
  ERR_clear_error();
  return text.empty() ? fallback : text;
}

std::string TakeHandshakeError(ssl_st* tls) {
  long verdict = SSL_get_verify_result(tls);
  std::string text = TakeTlsError("the peer closed the connection during the TLS handshake");
  if (verdict == X509_V_OK) return text;
  return std::string("certificate verification failed: ") + X509_verify_cert_error_string(verdict);
}

}  // namespace mg::net
