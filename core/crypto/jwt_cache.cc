#include "crypto/jwt_cache.h"

#include <cstring>

#include "crypto/digest.h"

namespace mg::crypto {

JwtCache& JwtCache::OfThread() {
  thread_local JwtCache cache;
  return cache;
}

JwtCache::Key JwtCache::KeyOf(std::string_view token, uint64_t verifier) {
  Key key{{}, verifier};
  ComputeDigest(Digest::kSha256, token, key.digest.data());
  return key;
}

size_t JwtCache::Hash::operator()(const Key& key) const {
  size_t hash;  // the digest is uniform already
  std::memcpy(&hash, key.digest.data(), sizeof hash);
  return hash ^ key.verifier;
}

const VerifiedToken* JwtCache::Find(const Key& key) {
  auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->token;
}

void JwtCache::Insert(const Key& key, const VerifiedToken& token) {
  if (capacity_ == 0) return;
  Erase(key);
  if (index_.size() >= capacity_) {
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({key, token});
  index_.emplace(key, entries_.begin());
}

void JwtCache::Erase(const Key& key) {
  auto found = index_.find(key);
  if (found == index_.end()) return;
  entries_.erase(found->second);
  index_.erase(found);
}

}  // namespace mg::crypto
