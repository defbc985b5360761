#include "server/jwt_verb.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "crypto/jwt.h"

namespace mg::server {
namespace {

constexpr int64_t kNow = 1'700'000'000;

std::string ClaimsOf(const std::vector<std::string>& arguments) {
  Result<std::string> made = MakeToken(arguments, kNow);
  if (!made) return "error: " + made.error().message;
  crypto::JwtOptions options;
  options.keys.push_back(*crypto::MakeSecretKey("s3cret"));
  options.algorithms = {crypto::JwsAlgorithm::kHs256, crypto::JwsAlgorithm::kHs384};
  auto verified = (*crypto::JwtVerifier::Create(std::move(options)))->Verify(*made, kNow);
  return verified ? std::string(verified->claims.source())
                  : std::string(crypto::JwtReasonName(verified.error().reason));
}

TEST(JwtVerb, SignsClaimsWithTheirTypes) {
  EXPECT_EQ(ClaimsOf({"--secret", "s3cret", "--claim", "sub=u1", "--claim", "age=7", "--claim", "admin=true", "--claim",
                      "roles=[\"a\",\"b\"]", "--claim", "text=a=\"b\"", "--claim", "zip=007"}),
            R"({"sub":"u1","age":7,"admin":true,"roles":["a","b"],"text":"a=\"b\"","zip":"007","iat":1700000000})");
  EXPECT_EQ(ClaimsOf({"--secret", "s3cret", "--expires", "5m", "--claim", "iat=1"}), R"({"iat":1,"exp":1700000300})");
  EXPECT_EQ(ClaimsOf({"--secret", "s3cret", "--alg", "HS384"}), R"({"iat":1700000000})");
}

TEST(JwtVerb, TellsWhatIsWrongWithoutTheSecret) {
  EXPECT_EQ(ClaimsOf({}), "error: one of --secret and --key is needed");
  EXPECT_EQ(ClaimsOf({"--secret", "s3cret", "--key", "k"}), "error: one of --secret and --key is needed");
  EXPECT_EQ(ClaimsOf({"--secret"}), "error: --secret wants a value");
  EXPECT_EQ(ClaimsOf({"--sekret", "s3cret"}), "error: unknown argument \"--sekret\"");
  EXPECT_EQ(ClaimsOf({"--secret", "s3cret", "--claim", "sub"}), "error: --claim wants NAME=VALUE");
  EXPECT_EQ(ClaimsOf({"--secret", "s3cret", "--expires", "soon"}), "error: --expires wants a duration, as 5m");
  EXPECT_EQ(ClaimsOf({"--secret", "s3cret", "--alg", "none"}), "error: unknown algorithm \"none\"");
  EXPECT_TRUE(ClaimsOf({"--secret", "s3cret", "--alg", "RS256"}).starts_with("error: "));
  EXPECT_EQ(ClaimsOf({"--key", "/does/not/exist"}), "error: cannot read /does/not/exist");
}

TEST(JwtVerb, AnswersWithExitCodes) {
  EXPECT_EQ(RunJwt({}), 2);
  std::vector<std::string> wrong{"sign"}, verb{"verify"};
  EXPECT_EQ(RunJwt(wrong), 2);
  EXPECT_EQ(RunJwt(verb), 2);
}

}  // namespace
}  // namespace mg::server
