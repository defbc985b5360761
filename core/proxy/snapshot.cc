#include "proxy/snapshot.h"

namespace mg::proxy {

void RouteEntry::Settle() {
  const config::HeaderEdit& edit = conf->response_headers;
  has_vars = !vars.empty();
  has_hash_key = !hash_key.empty() || !fallback_hash_key.empty();
  rewrites_target = !conf->rewrite.strip_prefix.empty() || rewrite_path || rewrite_host;
  edits_response = !edit.remove.empty() || !edit.set.empty() || !edit.add.empty();
}

namespace {
std::atomic<size_t> live_snapshots{0};
}

Snapshot::Snapshot() { live_snapshots.fetch_add(1, std::memory_order_relaxed); }
Snapshot::~Snapshot() { live_snapshots.fetch_sub(1, std::memory_order_relaxed); }
size_t Snapshot::live() { return live_snapshots.load(std::memory_order_relaxed); }

}  // namespace mg::proxy
