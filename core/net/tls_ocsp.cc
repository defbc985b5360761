#include "net/tls_ocsp.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "base/log.h"
#include "net/tls_context.h"
#include "net/tls_errors.h"

namespace mg::net {

namespace {

using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, Freeing<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, Freeing<OCSP_BASICRESP_free>>;
using CertIdPtr = std::unique_ptr<OCSP_CERTID, Freeing<OCSP_CERTID_free>>;

constexpr long kClockSkew = 300;  // seconds that the authority's clock may be ahead

std::unexpected<Error> FailOcsp(const std::string& label, std::string_view why) {
  ERR_clear_error();
  return Fail(ErrorCode::kInvalid, fmt::format("{}: {}", label, why));
}

Result<BasicPtr> Parse(const std::string& der, const std::string& label) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* end = at + der.size();
  ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (response == nullptr || at != end) return FailOcsp(label, "not an OCSP response in DER");
  if (int status = OCSP_response_status(response.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return FailOcsp(label, fmt::format("the OCSP responder answered \"{}\"", OCSP_response_status_str(status)));
  }
  BasicPtr basic(OCSP_response_get1_basic(response.get()));
  if (basic == nullptr) return FailOcsp(label, "not a basic OCSP response");
  return basic;
}

X509* IssuerOf(X509* leaf, STACK_OF(X509) * chain) {
  for (int i = 0; i < sk_X509_num(chain); i++) {
    X509* candidate = sk_X509_value(chain, i);
    if (X509_check_issued(candidate, leaf) == X509_V_OK) return candidate;
  }
  return X509_check_issued(leaf, leaf) == X509_V_OK ? leaf : nullptr;
}

bool SignedFor(OCSP_BASICRESP* basic, X509* issuer, STACK_OF(X509) * chain) {
  StorePtr store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), issuer);
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);  // an intermediate authority will do
  return OCSP_basic_verify(basic, chain, store.get(), 0) == 1;
}

std::time_t TimeOf(const ASN1_GENERALIZEDTIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

}  // namespace

Result<OcspStaple> ReadOcsp(const std::string& der, X509* leaf, STACK_OF(X509) * chain, const std::string& label,
                            const std::string& cert_label) {
  ERR_clear_error();
  Result<BasicPtr> basic = Parse(der, label);
  if (!basic) return std::unexpected(std::move(basic.error()));
  X509* issuer = IssuerOf(leaf, chain);
  if (issuer == nullptr) {
    return FailOcsp(label,
                    fmt::format("cannot be checked: add the issuer's certificate behind the one in {}", cert_label));
  }
  if (!SignedFor(basic->get(), issuer, chain)) {
    return FailOcsp(label, "not signed by the certificate's issuer: " + TakeTlsError("verification failed"));
  }
  int status = -1, reason = 0;
  ASN1_GENERALIZEDTIME *revoked = nullptr, *since = nullptr, *until = nullptr;
  bool found = false;
  for (const EVP_MD* digest : {EVP_sha1(), EVP_sha256()}) {
    CertIdPtr id(OCSP_cert_to_id(digest, leaf, issuer));
    found = found || OCSP_resp_find_status(basic->get(), id.get(), &status, &reason, &revoked, &since, &until) == 1;
  }
  if (!found) return FailOcsp(label, fmt::format("says nothing of the certificate in {}", cert_label));
  std::string why;
  if (status != V_OCSP_CERTSTATUS_GOOD) {
    why = fmt::format("the certificate in {} is {}", cert_label, OCSP_cert_status_str(status));
  } else if (until == nullptr) {
    why = "it does not say until when it holds";
  } else if (OCSP_check_validity(since, until, kClockSkew, -1) != 1) {
    why = "it is out of date";
  }
  ERR_clear_error();
  if (why.empty()) return OcspStaple{der, TimeOf(until)};
  MG_LOG(kWarn, "{}: not stapled: {}", label, why);
  return OcspStaple{};
}

}  // namespace mg::net
