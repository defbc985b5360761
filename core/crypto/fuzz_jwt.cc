// Tokens and key sets from the network. Whatever the bytes: no crash, and what one thread remembers is what a fresh
// look says. The input is a token as it stands, then a key set, then the claims and header of a token with a good
// signature.
#include <cstdint>

#include "base/encoding.h"
#include "crypto/jwt.h"

namespace {

using namespace mg;
using namespace mg::crypto;

constexpr std::string_view kSecret = "secret";

JwtVerifier& Verifier() {
  static std::unique_ptr<JwtVerifier> verifier = [] {
    Result<JwkSet> set = ParseJwkSet(R"({"keys":[{"kty":"oct","k":"c2VjcmV0"},{"kty":"EC","crv":"P-256",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
        {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
    MG_CHECK(set && set->keys.size() == 3);
    JwtOptions options;
    options.keys = set->keys;
    options.algorithms = {JwsAlgorithm::kHs256, JwsAlgorithm::kEs256, JwsAlgorithm::kEdDsa};
    options.scopes = {"a"};
    return std::move(*JwtVerifier::Create(std::move(options)));
  }();
  return *verifier;
}

void Check(std::string_view token) {
  auto anew = Verifier().VerifyAnew(token, 1000);
  auto first = Verifier().Verify(token, 1000);
  auto second = Verifier().Verify(token, 1000);
  MG_CHECK(anew.has_value() == first.has_value() && first.has_value() == second.has_value());
  if (anew) {
    MG_CHECK(anew->expires > 1000 && anew->not_before <= 1000 && anew->claims.root().is_object());
    MG_CHECK(anew->claims.source() == second->claims.source());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Check(text);
  Result<JwkSet> set = ParseJwkSet(text);
  if (set) {
    for (const Jwk& key : set->keys) MG_CHECK(key.kind == KeyKind::kSecret ? !key.secret.empty() : key.key != nullptr);
  }
  size_t cut = text.find('\n');
  std::string_view header = cut == std::string_view::npos ? R"({"alg":"HS256"})" : text.substr(0, cut);
  std::string_view claims = cut == std::string_view::npos ? text : text.substr(cut + 1);
  std::string input = Base64Encode(header, Base64::kUrl) + '.' + Base64Encode(claims, Base64::kUrl);
  Check(input + '.' + Base64Encode(ComputeHmac(Digest::kSha256, kSecret, input), Base64::kUrl));
  return 0;
}
