#include "proxy/snapshot.h"

namespace mg::proxy {

namespace {
std::atomic<size_t> live_snapshots{0};
}

Snapshot::Snapshot() { live_snapshots.fetch_add(1, std::memory_order_relaxed); }
Snapshot::~Snapshot() { live_snapshots.fetch_sub(1, std::memory_order_relaxed); }
size_t Snapshot::live() { return live_snapshots.load(std::memory_order_relaxed); }

}  // namespace mg::proxy
