#include "crypto/jwt.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/encoding.h"
#include "crypto/jwt_cache.h"
#include "crypto/test_keys.h"

namespace mg::crypto {
namespace {

using enum JwsAlgorithm;

constexpr int64_t kNow = 1'700'000'000;
const std::vector<JwsAlgorithm> kAll{kHs256, kHs384, kHs512, kRs256, kRs384, kRs512, kPs256,
                                     kPs384, kPs512, kEs256, kEs384, kEs512, kEdDsa};

std::unique_ptr<JwtVerifier> Make(JwtOptions options) {
  if (options.algorithms.empty()) options.algorithms = kAll;
  auto verifier = JwtVerifier::Create(std::move(options));
  EXPECT_TRUE(verifier);
  return std::move(*verifier);
}

Jwk Secret(std::string_view secret, std::string id = "") {
  Jwk key = *MakeSecretKey(secret);
  key.id = std::move(id);
  return key;
}

std::string Token(std::string_view claims, const Jwk& key = Secret("s3cret")) { return *SignJwt(key, kHs256, claims); }

// The name of the reason, or "ok".
std::string Outcome(const JwtVerifier& verifier, std::string_view token, int64_t now = kNow) {
  auto anew = verifier.VerifyAnew(token, now);
  for (int i = 0; i < 2; i++) {  // the second time from memory
    auto result = verifier.Verify(token, now);
    EXPECT_EQ(result.has_value(), anew.has_value());
    if (!result) {
      EXPECT_EQ(result.error().reason, anew.error().reason);
    }
  }
  return anew ? "ok" : std::string(JwtReasonName(anew.error().reason));
}

// A token made by hand, HS256 with "s3cret".
std::string Raw(std::string_view header, std::string_view claims) {
  std::string input = Base64Encode(header, Base64::kUrl) + '.' + Base64Encode(claims, Base64::kUrl);
  return input + '.' + Base64Encode(ComputeHmac(Digest::kSha256, "s3cret", input), Base64::kUrl);
}

constexpr std::string_view kRfcClaims =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

TEST(JwtVerifier, TakesTheExampleOfRfc7515A1) {
  auto set = ParseJwkSet(
      R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})");
  ASSERT_TRUE(set);
  auto verifier = Make({.keys = set->keys});
  std::string token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + std::string(kRfcClaims) +
                      ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  auto verified = verifier->Verify(token, 1300819379);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->claim("iss").string(), "joe");
  EXPECT_EQ(verified->claim("http://example.com/is_root").boolean(), true);
  EXPECT_EQ(verified->expires, 1300819380);
  EXPECT_TRUE(verified->claims.source().starts_with("{\"iss\":\"joe\",\r\n"));
  EXPECT_EQ(Outcome(*verifier, token, 1300819380), "expired");
}

TEST(JwtVerifier, TakesTheExampleOfRfc7515A3) {
  auto set = ParseJwkSet(R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
      "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
  ASSERT_TRUE(set);
  ASSERT_EQ(set->keys.size(), 1u);
  auto verifier = Make({.keys = set->keys});
  std::string token = "eyJhbGciOiJFUzI1NiJ9." + std::string(kRfcClaims) +
                      ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  EXPECT_EQ(Outcome(*verifier, token, 1300819000), "ok");
  token[token.size() - 5] ^= 1;
  EXPECT_EQ(Outcome(*verifier, token, 1300819000), "signature");
}

TEST(JwsKeys, TakesTheExampleOfRfc8037A4) {
  auto set = ParseJwkSet(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
  ASSERT_TRUE(set);
  JwsKeys keys(set->keys);
  auto signature = Base64Decode(
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg", Base64::kUrl);
  std::string_view input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  for (int i = 0; i < 3; i++) {
    EXPECT_TRUE(keys.Verify(0, kEdDsa, input, *signature));
    EXPECT_FALSE(keys.Verify(0, kEdDsa, "other", *signature));
    EXPECT_FALSE(keys.Verify(0, kEdDsa, input, "short"));
  }
}

struct Pair {
  Jwk secret_half, public_half;
};

Pair FromPrivate(PkeyPtr key) {
  return {*ParsePemPrivateKey(testing::PrivatePem(key.get())), *ParsePemPublicKey(testing::PublicPem(key.get()))};
}

TEST(JwtVerifier, SignsAndVerifiesEveryAlgorithmAndMixesNone) {
  std::vector<Pair> pairs{{Secret("s3cret"), Secret("s3cret")},  FromPrivate(testing::MakeRsa()),
                          FromPrivate(testing::MakeEc("P-256")), FromPrivate(testing::MakeEc("P-384")),
                          FromPrivate(testing::MakeEc("P-521")), FromPrivate(testing::MakeEd25519())};
  size_t signed_tokens = 0;
  for (size_t k = 0; k < pairs.size(); k++) {
    for (JwsAlgorithm algorithm : kAll) {
      auto token = SignJwt(pairs[k].secret_half, algorithm, R"({"sub":"x"})");
      ASSERT_EQ(token.has_value(), pairs[k].public_half.Serves(algorithm));
      if (!token) continue;
      signed_tokens++;
      auto all = Make({.keys = {pairs[k].public_half}});
      for (int i = 0; i < 3; i++) EXPECT_EQ(Outcome(*all, *token), "ok") << JwsAlgorithmName(algorithm);
      std::string broken = *token;
      broken[broken.size() / 2] = broken[broken.size() / 2] == 'A' ? 'B' : 'A';
      EXPECT_NE(Outcome(*all, broken), "ok");
      EXPECT_EQ(Outcome(*all, *token), "ok");  // after a failure too
      for (size_t other = 0; other < pairs.size(); other++) {
        if (other == k) continue;
        EXPECT_EQ(Outcome(*Make({.keys = {pairs[other].public_half}}), *token), "unknown_key");
      }
    }
  }
  EXPECT_EQ(signed_tokens, kAll.size());
}

TEST(JwtVerifier, OneKeyChangesBetweenItsAlgorithms) {
  Pair rsa = FromPrivate(testing::MakeRsa());
  auto verifier = Make({.keys = {rsa.public_half}});
  for (int round = 0; round < 2; round++) {
    for (JwsAlgorithm algorithm : {kRs256, kPs256, kRs512, kPs384}) {
      EXPECT_EQ(Outcome(*verifier, *SignJwt(rsa.secret_half, algorithm, R"({"a":1})")), "ok");
    }
  }
}

TEST(JwtVerifier, AnRsaKeyIsNoSecret) {
  PkeyPtr rsa = testing::MakeRsa();
  std::string pem = testing::PublicPem(rsa.get());
  auto verifier = Make({.keys = {*ParsePemPublicKey(pem)}});
  EXPECT_EQ(Outcome(*verifier, Token("{}", Secret(pem))), "unknown_key");
  Jwk named = *ParsePemPublicKey(pem);
  named.id = "k";
  EXPECT_EQ(Outcome(*Make({.keys = {named}}), Token("{}", Secret(pem, "k"))), "algorithm");
}

TEST(JwtVerifier, AKeyBoundToAnAlgorithmServesNoOther) {
  Jwk key = Secret("s3cret", "k");
  key.algorithm = kHs512;
  auto verifier = Make({.keys = {key}});
  EXPECT_EQ(Outcome(*verifier, *SignJwt(Secret("s3cret", "k"), kHs256, "{}")), "algorithm");
  EXPECT_EQ(Outcome(*verifier, *SignJwt(Secret("s3cret", "k"), kHs512, "{}")), "ok");
}

TEST(JwtVerifier, RefusesAlgorithmsThatAreNotAllowed) {
  auto verifier = Make({.keys = {Secret("s3cret")}, .algorithms = {kHs512}});
  EXPECT_EQ(Outcome(*verifier, Token("{}")), "algorithm");
  auto all = Make({.keys = {Secret("s3cret")}});
  for (const char* name : {"none", "None", "NONE", "hs256", "HS1", ""}) {
    EXPECT_EQ(Outcome(*all, Raw(std::string(R"({"alg":")") + name + "\"}", "{}")), "algorithm") << name;
  }
  EXPECT_EQ(Outcome(*all, Base64Encode(R"({"alg":"none"})", Base64::kUrl) + ".e30."), "algorithm");
  EXPECT_FALSE(JwtVerifier::Create({.keys = {Secret("s3cret")}}));
}

TEST(JwtVerifier, RefusesWhatIsMalformed) {
  auto verifier = Make({.keys = {Secret("s3cret")}});
  const std::string good = Token("{}");
  EXPECT_EQ(Outcome(*verifier, good), "ok");
  for (const std::string& token :
       {std::string(),
        std::string("."),
        std::string(".."),
        std::string("a.b"),
        good + ".x",
        good + "=",
        " " + good,
        Raw("[]", "{}"),
        Raw(R"({"typ":"JWT"})", "{}"),
        Raw(R"({"alg":1})", "{}"),
        Raw(R"({"alg":"HS256","kid":1})", "{}"),
        Raw(R"({"alg":"HS256","crit":["exp"],"exp":1})", "{}"),
        Raw(R"({"alg":"HS256","crit":[]})", "{}"),
        Raw(R"({"alg":"HS256","alg":"HS256"})", "{}"),
        Raw(R"({"alg":"HS256"})", "[]"),
        Raw(R"({"alg":"HS256"})", "x"),
        Raw(R"({"alg":"HS256"})", R"({"exp":"1"})"),
        Raw(R"({"alg":"HS256"})", R"({"nbf":null})"),
        Raw(R"({"alg":"HS256"})", R"({"a":1,"a":2})"),
        Raw(R"({"alg":"HS256"})", "{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}"),
        Token("{\"a\":\"" + std::string(20000, 'x') + "\"}")}) {
    EXPECT_EQ(Outcome(*verifier, token), "malformed") << token;
  }
}

TEST(JwtVerifier, ChecksTimes) {
  auto strict = Make({.keys = {Secret("s3cret")}});
  auto kind = Make({.keys = {Secret("s3cret")}, .leeway_seconds = 30});
  std::string exp = Token(R"({"exp":1700000000})"), nbf = Token(R"({"nbf":1700000000.5})");
  EXPECT_EQ(Outcome(*strict, exp, kNow - 1), "ok");
  EXPECT_EQ(Outcome(*strict, exp, kNow), "expired");
  EXPECT_EQ(Outcome(*kind, exp, kNow + 29), "ok");
  EXPECT_EQ(Outcome(*kind, exp, kNow + 30), "expired");
  EXPECT_EQ(Outcome(*strict, nbf, kNow), "not_yet_valid");
  EXPECT_EQ(Outcome(*strict, nbf, kNow + 1), "ok");
  EXPECT_EQ(Outcome(*kind, nbf, kNow - 29), "ok");
  EXPECT_EQ(Outcome(*kind, nbf, kNow - 30), "not_yet_valid");
  EXPECT_EQ(Outcome(*strict, Token(R"({"exp":1e300,"nbf":-1e300})")), "ok");
}

TEST(JwtVerifier, ChecksClaims) {
  auto verifier = Make({.keys = {Secret("s3cret")},
                        .issuers = {"i1", "i2"},
                        .audiences = {"a1", "a2"},
                        .required_claims = {"sub"},
                        .scopes = {"read", "write"}});
  auto with = [&](std::string_view iss, std::string_view aud, std::string_view rest) {
    return Outcome(*verifier, Token(fmt::format(R"({{"iss":{},"aud":{}{}}})", iss, aud, rest)));
  };
  constexpr std::string_view kRest = R"(,"sub":"s","scope":"read write other")";
  EXPECT_EQ(with(R"("i2")", R"("a1")", kRest), "ok");
  EXPECT_EQ(with(R"("i1")", R"([1,"x","a2"])", kRest), "ok");
  EXPECT_EQ(with(R"("i3")", R"("a1")", kRest), "issuer");
  EXPECT_EQ(with("null", R"("a1")", kRest), "issuer");
  EXPECT_EQ(with(R"("i1")", R"("a3")", kRest), "audience");
  EXPECT_EQ(with(R"("i1")", "[]", kRest), "audience");
  EXPECT_EQ(with(R"("i1")", R"("a1")", R"(,"scope":"read write")"), "missing_claim");
  EXPECT_EQ(with(R"("i1")", R"("a1")", R"(,"sub":null,"scope":"read write")"), "missing_claim");
  EXPECT_EQ(with(R"("i1")", R"("a1")", R"(,"sub":"s","scp":["write","read"])"), "ok");
  EXPECT_EQ(with(R"("i1")", R"("a1")", R"(,"sub":"s","scope":"read writer")"), "scope");
  EXPECT_EQ(with(R"("i1")", R"("a1")", R"(,"sub":"s","scope":"")"), "scope");
  EXPECT_EQ(with(R"("i1")", R"("a1")", R"(,"sub":"s")"), "scope");
}

TEST(JwtVerifier, PicksKeysByTheirId) {
  auto verifier = Make({.keys = {Secret("one", "1"), Secret("two", "2")}});
  EXPECT_EQ(Outcome(*verifier, Token("{}", Secret("two", "2"))), "ok");
  EXPECT_EQ(Outcome(*verifier, Token("{}", Secret("two"))), "ok");
  EXPECT_EQ(Outcome(*verifier, Token("{}", Secret("two", "1"))), "signature");
  EXPECT_EQ(Outcome(*verifier, Token("{}", Secret("two", "3"))), "unknown_key");
  EXPECT_EQ(Outcome(*Make({}), Token("{}")), "unknown_key");
  EXPECT_EQ(Outcome(*Make({.keys = {Secret("any")}}), Token("{}", Secret("any", "7"))), "ok");
}

TEST(JwtVerifier, NewKeysForgetOldTokens) {
  std::string token = Token("{}");
  EXPECT_EQ(Outcome(*Make({.keys = {Secret("s3cret")}}), token), "ok");
  EXPECT_EQ(Outcome(*Make({.keys = {Secret("changed")}}), token), "signature");
}

TEST(JwtVerifier, ServesManyThreads) {
  Pair rsa = FromPrivate(testing::MakeRsa()), ec = FromPrivate(testing::MakeEc("P-256"));
  auto verifier = Make({.keys = {Secret("s3cret"), rsa.public_half, ec.public_half}});
  std::vector<std::string> good{Token("{}"), *SignJwt(rsa.secret_half, kRs256, "{}"),
                                *SignJwt(ec.secret_half, kEs256, "{}")};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 30; i++) {
        for (const std::string& token : good) {
          EXPECT_TRUE(verifier->VerifyAnew(token, kNow));
          EXPECT_TRUE(verifier->Verify(token, kNow));
          std::string bad = token;
          bad[bad.size() - 10] ^= 1;
          EXPECT_FALSE(verifier->VerifyAnew(bad, kNow));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(JwtCache, ForgetsTheLeastRecentlyUsed) {
  JwtCache cache(2);
  auto a = JwtCache::KeyOf("a", 1), b = JwtCache::KeyOf("b", 1), c = JwtCache::KeyOf("c", 1);
  cache.Insert(a, {.expires = 1});
  cache.Insert(b, {.expires = 2});
  ASSERT_NE(cache.Find(a), nullptr);
  cache.Insert(c, {.expires = 3});
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.Find(b), nullptr);
  EXPECT_EQ(cache.Find(a)->expires, 1);
  EXPECT_EQ(cache.Find(c)->expires, 3);
  EXPECT_EQ(cache.Find(JwtCache::KeyOf("a", 2)), nullptr);
  cache.Insert(c, {.expires = 4});
  EXPECT_EQ(cache.Find(c)->expires, 4);
  cache.Erase(c);
  EXPECT_EQ(cache.Find(c), nullptr);
}

TEST(JwkSet, SkipsWhatItDoesNotKnowAndWhatIsBroken) {
  auto set = ParseJwkSet(R"({"keys":[
      {"kty":"oct","k":"c2VjcmV0","kid":"good","alg":"HS256","use":"sig","key_ops":["verify"]},
      {"kty":"oct","k":"c2VjcmV0","use":"enc"},
      {"kty":"oct","k":"c2VjcmV0","key_ops":["encrypt"]},
      {"kty":"oct","k":"c2Vj cmV0"},
      {"kty":"oct","k":"c2VjcmV0","alg":"RS256"},
      {"kty":"oct","k":"c2VjcmV0","alg":"A128KW"},
      {"kty":"oct"}, {"kty":"new"}, {}, 7,
      {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
      {"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"},
      {"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"},
      {"kty":"RSA","n":"AQAB","e":"AQAB"},
      {"kty":"OKP","crv":"Ed25519","x":"AAAA"}, {"kty":"OKP","crv":"X25519","x":"AAAA"}]})");
  ASSERT_TRUE(set);
  ASSERT_EQ(set->keys.size(), 1u);
  EXPECT_EQ(set->skipped, 15u);
  EXPECT_EQ(set->keys[0].id, "good");
  EXPECT_EQ(set->keys[0].secret, "secret");
  EXPECT_EQ(set->keys[0].algorithm, kHs256);
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"kty":"oct"})"})
    EXPECT_FALSE(ParseJwkSet(text)) << text;
}

TEST(JwkSet, ReadsAnRsaKey) {
  PkeyPtr rsa = testing::MakeRsa();
  BIGNUM *n = nullptr, *e = nullptr;
  ASSERT_EQ(EVP_PKEY_get_bn_param(rsa.get(), OSSL_PKEY_PARAM_RSA_N, &n), 1);
  ASSERT_EQ(EVP_PKEY_get_bn_param(rsa.get(), OSSL_PKEY_PARAM_RSA_E, &e), 1);
  BignumPtr modulus(n), exponent(e);
  auto text = [](BIGNUM* number) {
    std::string bytes(static_cast<size_t>(BN_num_bytes(number)), '\0');
    BN_bn2bin(number, Bytes(bytes));
    return Base64Encode(bytes, Base64::kUrl);
  };
  auto set = ParseJwkSet(fmt::format(R"({{"keys":[{{"kty":"RSA","kid":"r","n":"{}","e":"{}"}}]}})", text(n), text(e)));
  ASSERT_TRUE(set);
  ASSERT_EQ(set->keys.size(), 1u);
  Jwk secret_half = *ParsePemPrivateKey(testing::PrivatePem(rsa.get()));
  secret_half.id = "r";
  EXPECT_EQ(Outcome(*Make({.keys = set->keys}), *SignJwt(secret_half, kRs256, "{}")), "ok");
}

TEST(Jwk, RefusesWeakAndForeignKeys) {
  EXPECT_FALSE(ParsePemPublicKey(testing::PublicPem(testing::MakeRsa(1024).get())));
  EXPECT_FALSE(ParsePemPublicKey(testing::PublicPem(testing::MakeEc("secp256k1").get())));
  EXPECT_FALSE(ParsePemPublicKey("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
  EXPECT_FALSE(ParsePemPublicKey("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
  EXPECT_FALSE(ParsePemPrivateKey(""));
  EXPECT_FALSE(MakeSecretKey(""));
  Pair rsa = FromPrivate(testing::MakeRsa());
  EXPECT_FALSE(SignJwt(rsa.public_half, kRs256, "{}"));
  EXPECT_FALSE(SignJwt(Secret("s"), kHs256, "[]"));
}

}  // namespace
}  // namespace mg::crypto
