// The part of the page of metrics that is not counted but looked up when it is read: what is open, live, healthy, used.
// Any thread.
#pragma once

#include <memory>
#include <vector>

#include "http/h1_session.h"
#include "observe/line_writer.h"
#include "observe/metrics_page.h"
#include "proxy/loop_context.h"
#include "store/registry.h"

namespace mg::server {

struct LoopView {
  const proxy::LoopCounters* counters;
  const http::SessionList* sessions;
};

// Of the generations loaded so far.
struct LoadState {
  uint64_t generation = 0, refused = 0;  // the number of the live one, and of those that were not taken
  bool last_was_good = true;
  double live_since = 0;  // since 1970
  double seconds = 0;     // it took to load
};

struct StateView {
  std::vector<LoopView> loops;
  std::shared_ptr<const proxy::Snapshot> snapshot;  // null: no generation yet
  LoadState load;
  bool ready = false;
  const observe::LineWriter* writer = nullptr;
  const store::SharedDictRegistry* dictionaries = nullptr;
};

void WriteState(const StateView& state, observe::MetricsPage& page);

}  // namespace mg::server
