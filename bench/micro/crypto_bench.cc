// Digests and token verification, one thread. BM_Anew is the whole of JwtVerifier (two JSON documents included),
// BM_Signature the signature alone, BM_Remembered a token seen before.
#include <benchmark/benchmark.h>

#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "crypto/random.h"
#include "crypto/test_keys.h"

namespace {

using namespace mg;
using namespace mg::crypto;

constexpr int64_t kNow = 1'700'000'000;
constexpr std::string_view kClaims =
    R"({"iss":"https://idp.example.com","sub":"1234567890","aud":"api","exp":1700003600,"scope":"read write"})";

struct Case {
  Jwk key;
  JwsAlgorithm algorithm;
};

const Case& CaseOf(int64_t index) {
  static const std::vector<Case> cases = [] {
    auto pem = [](PkeyPtr key) { return *ParsePemPrivateKey(testing::PrivatePem(key.get())); };
    return std::vector<Case>{{*MakeSecretKey(RandomBytes(32)), JwsAlgorithm::kHs256},
                             {pem(testing::MakeRsa()), JwsAlgorithm::kRs256},
                             {pem(testing::MakeEc("P-256")), JwsAlgorithm::kEs256},
                             {pem(testing::MakeEd25519()), JwsAlgorithm::kEdDsa}};
  }();
  return cases[static_cast<size_t>(index)];
}

std::unique_ptr<JwtVerifier> VerifierOf(const Case& with) {
  JwtOptions options;
  options.keys = {with.key};
  options.algorithms = {with.algorithm};
  options.issuers = {"https://idp.example.com"};
  options.audiences = {"api"};
  return std::move(*JwtVerifier::Create(std::move(options)));
}

void BM_Anew(benchmark::State& state) {
  const Case& with = CaseOf(state.range(0));
  auto verifier = VerifierOf(with);
  std::string token = *SignJwt(with.key, with.algorithm, kClaims);
  for (auto _ : state) {
    auto verified = verifier->VerifyAnew(token, kNow);
    MG_CHECK(verified);
    benchmark::DoNotOptimize(verified);
  }
  state.SetLabel(std::string(JwsAlgorithmName(with.algorithm)));
}
BENCHMARK(BM_Anew)->DenseRange(0, 3);

void BM_Signature(benchmark::State& state) {
  const Case& with = CaseOf(state.range(0));
  JwsKeys keys({with.key});
  std::string input(200, 'x');
  std::string signature = *SignJws(with.key, with.algorithm, input);
  for (auto _ : state) MG_CHECK(keys.Verify(0, with.algorithm, input, signature));
  state.SetLabel(std::string(JwsAlgorithmName(with.algorithm)));
}
BENCHMARK(BM_Signature)->DenseRange(0, 3);

void BM_Remembered(benchmark::State& state) {
  const Case& with = CaseOf(state.range(0));
  auto verifier = VerifierOf(with);
  std::string token = *SignJwt(with.key, with.algorithm, kClaims);
  for (auto _ : state) {
    auto verified = verifier->Verify(token, kNow);
    MG_CHECK(verified);
    benchmark::DoNotOptimize(verified);
  }
  state.SetLabel(std::string(JwsAlgorithmName(with.algorithm)));
}
BENCHMARK(BM_Remembered)->DenseRange(0, 3);

void BM_Sha256(benchmark::State& state) {
  std::string data(static_cast<size_t>(state.range(0)), 'x');
  unsigned char digest[kLargestDigest];
  for (auto _ : state) {
    ComputeDigest(Digest::kSha256, data, digest);
    benchmark::DoNotOptimize(digest);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Sha256)->Arg(32)->Arg(300)->Arg(16384);

void BM_Crc32(benchmark::State& state) {
  std::string data(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Crc32(data));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Crc32)->Arg(32)->Arg(16384);

}  // namespace
