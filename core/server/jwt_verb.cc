#include "server/jwt_verb.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "base/json.h"
#include "config/units.h"
#include "crypto/jwt.h"
#include "server/cli.h"

namespace mg::server {
namespace {

struct Wanted {
  std::optional<std::string> secret, key_file, algorithm, kid, expires;
  std::vector<std::pair<std::string, std::string>> claims;
};

Result<Wanted> ReadArguments(std::span<const std::string> arguments) {
  Wanted wanted;
  for (size_t i = 0; i < arguments.size(); i++) {
    std::string name = arguments[i];
    std::optional<std::string>* option = name == "--secret"    ? &wanted.secret
                                         : name == "--key"     ? &wanted.key_file
                                         : name == "--alg"     ? &wanted.algorithm
                                         : name == "--kid"     ? &wanted.kid
                                         : name == "--expires" ? &wanted.expires
                                                               : nullptr;
    if (option == nullptr && name != "--claim") return Fail(ErrorCode::kInvalid, "unknown argument \"" + name + "\"");
    if (++i == arguments.size()) return Fail(ErrorCode::kInvalid, name + " wants a value");
    if (option != nullptr) {
      *option = arguments[i];
      continue;
    }
    size_t equals = arguments[i].find('=');
    if (equals == 0 || equals == std::string::npos) return Fail(ErrorCode::kInvalid, "--claim wants NAME=VALUE");
    wanted.claims.emplace_back(arguments[i].substr(0, equals), arguments[i].substr(equals + 1));
  }
  if (wanted.secret.has_value() == wanted.key_file.has_value()) {
    return Fail(ErrorCode::kInvalid, "one of --secret and --key is needed");
  }
  return wanted;
}

Result<crypto::Jwk> ReadKey(const Wanted& wanted) {
  if (wanted.secret) return crypto::MakeSecretKey(*wanted.secret);
  std::ifstream file(*wanted.key_file, std::ios::binary);
  if (!file) return Fail(ErrorCode::kNotFound, "cannot read " + *wanted.key_file);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (size_t first = text.find_first_not_of(" \t\r\n"); first == std::string::npos || text[first] != '{') {
    return crypto::ParsePemPrivateKey(text);
  }
  Result<JsonDocument> document = JsonDocument::Parse(text);
  if (!document) return std::unexpected(document.error());
  return crypto::ParseJwk(document->root());
}

Result<crypto::JwsAlgorithm> ChooseAlgorithm(const Wanted& wanted, const crypto::Jwk& key) {
  if (wanted.algorithm) {
    auto named = crypto::FindJwsAlgorithm(*wanted.algorithm);
    if (!named) return Fail(ErrorCode::kInvalid, "unknown algorithm \"" + *wanted.algorithm + "\"");
    return *named;
  }
  if (key.algorithm) return *key.algorithm;
  using enum crypto::JwsAlgorithm;
  for (crypto::JwsAlgorithm each : {kHs256, kRs256, kEs256, kEs384, kEs512, kEdDsa}) {
    if (key.Serves(each)) return each;
  }
  return Fail(ErrorCode::kInvalid, "the key serves no algorithm");
}

// A number, a boolean, a list or an object stands for itself; all else is a text.
std::string ClaimValue(const std::string& value) {
  bool json = !value.empty() && value[0] != '"' && value != "null" && ValidateJson(value);
  return json ? value : JsonString(value);
}

}  // namespace

Result<std::string> MakeToken(std::span<const std::string> arguments, int64_t now) {
  Result<Wanted> wanted = ReadArguments(arguments);
  if (!wanted) return std::unexpected(wanted.error());
  Result<crypto::Jwk> key = ReadKey(*wanted);
  if (!key) return std::unexpected(key.error());
  if (wanted->kid) key->id = *wanted->kid;
  Result<crypto::JwsAlgorithm> algorithm = ChooseAlgorithm(*wanted, *key);
  if (!algorithm) return std::unexpected(algorithm.error());
  if (wanted->expires) {
    auto span = config::ParseDuration(*wanted->expires);
    if (!span) return Fail(ErrorCode::kInvalid, "--expires wants a duration, as 5m");
    wanted->claims.emplace_back("exp", std::to_string(now + static_cast<int64_t>(*span)));
  }
  if (std::ranges::find(wanted->claims, "iat", &std::pair<std::string, std::string>::first) == wanted->claims.end()) {
    wanted->claims.emplace_back("iat", std::to_string(now));
  }
  std::string claims;
  for (const auto& [name, value] : wanted->claims) {
    claims += (claims.empty() ? "{" : ",") + JsonString(name) + ":" + ClaimValue(value);
  }
  return crypto::SignJwt(*key, *algorithm, claims + "}");
}

int RunJwt(std::span<const std::string> arguments) {
  if (arguments.empty() || arguments[0] != "sign") return UsageError("jwt", "what it does is `sign`");
  Result<std::string> made = MakeToken(arguments.subspan(1), std::time(nullptr));
  if (!made) return UsageError("jwt sign", made.error().message);
  fmt::print("{}\n", *made);
  return 0;
}

}  // namespace mg::server
