// What the policy "jwt" does to a request: finds the token, has it verified, removes it, and tells hooks and upstream
// who the caller is (RFC 6750 for the answers). One object a policy and VM; thread: the VM's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/jwt.h"
#include "proxy/identity.h"
#include "script/policy_objects.h"
#include "upstream/fetch.h"

namespace mg::script {

class JwtPolicy final : public PolicyObject {
 public:
  static constexpr char kKind = 0;
  JwtPolicy() : PolicyObject(&kKind) {}

  std::string Read(const PolicyConf& conf);

  // MG_OK, a status to exit with (the answer is prepared), or MG_AGAIN: keys are being fetched, check again after the
  // wait (with kYes).
  enum class Waited : bool { kNo, kYes };
  int Check(proxy::Exchange& exchange, Waited waited);

 private:
  struct ClaimHeader {
    std::string claim, header;
  };

  std::string ReadKeys(const PolicyConf& conf, crypto::JwtOptions& options);
  std::string_view FindToken(proxy::Exchange& exchange) const;
  void RemoveToken(proxy::Exchange& exchange) const;
  bool Accept(proxy::Exchange& exchange, const crypto::VerifiedToken& token) const;
  int RefuseToken(proxy::Exchange& exchange, std::string_view error, std::string_view description) const;
  bool FetchKeys(Nanoseconds now);
  void KeysCame(Result<upstream::FetchResponse> response);
  int AwaitKeys(Nanoseconds now);

  crypto::JwtOptions options_;
  std::unique_ptr<crypto::JwtVerifier> verifier_;
  std::string header_ = "Authorization", cookie_, realm_, scope_text_, consumer_claim_;
  http::HeaderId header_id_ = http::HeaderId::kAuthorization;
  std::vector<ClaimHeader> claim_headers_;
  proxy::IdentityHeaders claimed_names_;  // removed from every request, whoever sends them
  bool optional_ = false, forward_ = false;

  std::string url_;  // of a key set; empty: the keys are configured
  Nanoseconds ttl_ = 0;
  net::Loop* loop_ = nullptr;
  std::unique_ptr<upstream::Fetch> fetch_;
  bool fetching_ = false, have_keys_ = true;
  Nanoseconds keys_at_ = 0, tried_at_ = 0;
  std::vector<Handle> waiters_;
};

}  // namespace mg::script
