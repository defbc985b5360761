// From a validated configuration to a Snapshot: routes compiled, upstreams and certificates made, scripts checked and
// compiled. Control thread. Every error goes to the diagnostics.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "proxy/metrics.h"
#include "proxy/snapshot.h"
#include "redis/redis.h"
#include "script/bytecode_cache.h"
#include "script/chunks.h"
#include "script/meter.h"
#include "store/registry.h"
#include "upstream/registry.h"

namespace mg::server {

struct BuildContext {
  config::FileSource& files;
  config::Diagnostics& diagnostics;
  upstream::Registry& upstreams;
  store::SharedDictRegistry& dictionaries;
  int loops;
  std::vector<redis::Connections*> redis;             // of each loop
  std::map<std::string, uint32_t>& listener_numbers;  // by address; what is new is added
  proxy::TrafficMetrics& traffic;
  script::PolicyMetrics& policies;
  script::BytecodeCache& bytecode;
  std::vector<script::ScriptText>* texts = nullptr;  // gets the user's scripts; null: nobody wants them
};

// Null when an error was added.
std::shared_ptr<proxy::Snapshot> BuildSnapshot(std::unique_ptr<config::Config> config, const BuildContext& context);

}  // namespace mg::server
