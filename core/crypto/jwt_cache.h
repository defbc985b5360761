// JwtCache: a thread's memory of verified tokens, by the SHA-256 of the token and the verifier's identity. Holds no
// token and nothing that was refused. The least recently used goes first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

#include "crypto/jwt.h"

namespace mg::crypto {

class JwtCache {
 public:
  struct Key {
    std::array<uint8_t, 32> digest;
    uint64_t verifier;
    bool operator==(const Key&) const = default;
  };

  explicit JwtCache(size_t capacity = 1024) : capacity_(capacity) {}

  // The calling thread's own.
  static JwtCache& OfThread();

  static Key KeyOf(std::string_view token, uint64_t verifier);

  // Null if unknown. Valid until the next call.
  const VerifiedToken* Find(const Key& key);
  void Insert(const Key& key, const VerifiedToken& token);
  void Erase(const Key& key);
  size_t size() const { return index_.size(); }

 private:
  struct Hash {
    size_t operator()(const Key& key) const;
  };
  struct Entry {
    Key key;
    VerifiedToken token;
  };
  size_t capacity_;
  std::list<Entry> entries_;  // the latest used first
  std::unordered_map<Key, std::list<Entry>::iterator, Hash> index_;
};

}  // namespace mg::crypto
