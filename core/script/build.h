// BuildPrograms: from a configuration to the hook programs of a generation. Resolves each policy to its module, checks
// its configuration against the module's schema, compiles every chunk once, and makes one VM a loop with `init` run.
// Control thread; blocks on the disk. Every error is a diagnostic; any error refuses the generation.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/node.h"
#include "proxy/hook_program.h"
#include "redis/redis.h"
#include "script/bytecode_cache.h"
#include "script/chunks.h"
#include "script/meter.h"
#include "store/shared_dict.h"

namespace mg::script {

struct BuildOptions {
  int loops = 1;
  // The dictionaries that the configuration names, by name.
  std::vector<std::shared_ptr<store::SharedDict>> dicts;
  // Each loop's Redis connections; empty where nothing will run (`moongate check`).
  std::vector<redis::Connections*> redis;
  PolicyMetrics* metrics = nullptr;          // null: nothing is counted
  BytecodeCache* bytecode = nullptr;         // null: all is compiled
  std::vector<ScriptText>* texts = nullptr;  // gets the user's scripts; null: nobody wants them
};

// Null when there is nothing to run, or when an error was added to `diagnostics`.
std::unique_ptr<proxy::HookPrograms> BuildPrograms(const config::Config& config, const BuildOptions& options,
                                                   config::FileSource& files, config::Diagnostics& diagnostics);

// A policy that takes part in a phase of a route.
struct Hook {
  const config::Policy* policy;  // the configuration's
  std::string file;              // of its module or script; empty: chunks in place
};

// In the order they run, for `moongate explain`. `programs` are what BuildPrograms made of `config`. Where the request
// comes in counts: a listener may have policies of its own.
std::vector<Hook> HooksOf(const proxy::HookPrograms& programs, const config::Config& config,
                          const config::Listener& listener, const config::Route& route, proxy::Phase phase);

}  // namespace mg::script
