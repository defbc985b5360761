#include "net/connection_limits.h"

namespace mg::net {

Admission ConnectionLimits::Enter(size_t most) {
  Admission admission;
  if (open_.fetch_add(1, std::memory_order_relaxed) >= most) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    return admission;
  }
  admission.limits_ = this;
  return admission;
}

std::string ConnectionLimits::KeyOf(const SocketAddress& peer) {
  std::string_view bytes = peer.ip_bytes();
  return std::string(bytes.substr(0, 8));
}

bool ConnectionLimits::EnterAddress(Admission& admission, const SocketAddress& peer, size_t most) {
  std::string key = KeyOf(peer);
  if (most == 0 || key.empty()) return true;
  size_t number = ShardOf(key);
  Shard& shard = shards_[number];
  std::lock_guard lock(shard.mutex);
  auto [found, added] = shard.by_address.try_emplace(std::move(key));
  Entry& entry = found->second;
  if (added) {
    entry.shard = static_cast<uint32_t>(number);
    entry.key = &found->first;
  }
  if (entry.count >= most) return false;
  entry.count++;
  admission.address_ = &entry;
  return true;
}

void ConnectionLimits::Leave(Entry* address) {
  open_.fetch_sub(1, std::memory_order_relaxed);
  if (address == nullptr) return;
  Shard& shard = shards_[address->shard];
  std::lock_guard lock(shard.mutex);
  if (--address->count == 0) shard.by_address.erase(shard.by_address.find(*address->key));
}

size_t ConnectionLimits::open_from(const SocketAddress& peer) {
  std::string key = KeyOf(peer);
  Shard& shard = shards_[ShardOf(key)];
  std::lock_guard lock(shard.mutex);
  auto found = shard.by_address.find(key);
  return found == shard.by_address.end() ? 0 : found->second.count;
}

}  // namespace mg::net
