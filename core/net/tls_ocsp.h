// OCSP responses that a listener staples to its handshakes (RFC 6066 8): read and checked when a generation is built.
#pragma once

#include <openssl/ssl.h>

#include <ctime>
#include <string>

#include "base/result.h"

namespace mg::net {

struct OcspStaple {
  std::string der;        // empty: nothing to staple
  std::time_t until = 0;  // when the authority's word ends
};

// Checks a response (DER): signed by the certificate's issuer, or by whom that has named, and about this certificate.
// The issuer's certificate is looked for in `chain`. A response that is out of date, or says that the certificate is
// not good, is a warning and gives nothing to staple. The labels name the files.
Result<OcspStaple> ReadOcsp(const std::string& der, X509* leaf, STACK_OF(X509) * chain, const std::string& label,
                            const std::string& cert_label);

}  // namespace mg::net
