// ConnectionLimits: how many connections are open, in all and from each address, over all loops. One for the gateway,
// outliving generations; any thread. Counting all is one atomic; addresses are counted only while that is asked for,
// each under the lock of its shard, which is held for a hash look-up.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "net/address.h"

namespace mg::net {

class ConnectionLimits;

// A place that one connection takes; given back when it is destroyed.
class Admission {
 public:
  Admission() = default;
  Admission(Admission&& other) noexcept { *this = std::move(other); }
  Admission& operator=(Admission&& other) noexcept {
    std::swap(limits_, other.limits_);
    std::swap(address_, other.address_);
    return *this;
  }
  ~Admission() { Release(); }
  void Release();
  explicit operator bool() const { return limits_ != nullptr; }

 private:
  friend class ConnectionLimits;
  ConnectionLimits* limits_ = nullptr;
  void* address_ = nullptr;  // an entry of the address' shard; null: not counted by address
};

class ConnectionLimits {
 public:
  // A place among `most` in all. False (an empty admission): there is none.
  Admission Enter(size_t most);
  // Counts it for its address too, `most` at once (0: no limit, and not counted). False: there are as many already.
  // Of IPv6 a /64 is one address, since whoever has one has all of it. Unix sockets are not counted.
  bool EnterAddress(Admission& admission, const SocketAddress& peer, size_t most);

  size_t open() const { return open_.load(std::memory_order_relaxed); }
  size_t open_from(const SocketAddress& peer);

 private:
  friend class Admission;
  struct Entry {
    size_t count = 0;
    uint32_t shard = 0;
    const std::string* key = nullptr;  // the map's own
  };
  struct alignas(64) Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Entry> by_address;  // the first bytes of an address, up to 8: no allocation
  };
  static constexpr size_t kShards = 64;
  static std::string KeyOf(const SocketAddress& peer);
  static size_t ShardOf(const std::string& key) { return std::hash<std::string>()(key) % kShards; }
  void Leave(Entry* address);

  alignas(64) std::atomic<size_t> open_{0};
  std::array<Shard, kShards> shards_;
};

inline void Admission::Release() {
  if (ConnectionLimits* limits = std::exchange(limits_, nullptr)) {
    limits->Leave(static_cast<ConnectionLimits::Entry*>(std::exchange(address_, nullptr)));
  }
}

}  // namespace mg::net
