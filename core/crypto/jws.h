// Signatures of JOSE (RFC 7515, 7518 section 3, 8037): checked with keys that are set up once a thread, and made.
// JwsKeys is immutable and used by all threads; its owner (a JwtVerifier) outlives their calls.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/jwk.h"
#include "crypto/per_thread.h"

namespace mg::crypto {

class JwsKeys {
 public:
  explicit JwsKeys(std::vector<Jwk> keys);
  ~JwsKeys();
  JwsKeys(const JwsKeys&) = delete;
  JwsKeys& operator=(const JwsKeys&) = delete;

  const std::vector<Jwk>& keys() const { return keys_; }

  // Whether `signature` (bytes, as JOSE writes them) is keys()[index]'s of `input` under `algorithm`. False for an
  // algorithm that the key does not serve.
  bool Verify(size_t index, JwsAlgorithm algorithm, std::string_view input, std::string_view signature) const;

 private:
  struct KeyContext;
  using Contexts = std::vector<KeyContext>;
  std::vector<Jwk> keys_;
  PerThread<Contexts> contexts_;
};

// kInvalid if the key does not serve the algorithm or is not private.
Result<std::string> SignJws(const Jwk& key, JwsAlgorithm algorithm, std::string_view input);

}  // namespace mg::crypto
