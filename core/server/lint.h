// Lint: what luacheck says of the scripts of a configuration, as warnings at their places, those of chunks in the YAML
// included. Nothing where luacheck is not installed. Blocks; `moongate check` alone.
#pragma once

#include <vector>

#include "config/node.h"
#include "script/chunks.h"

namespace mg::server {

void Lint(const std::vector<script::ScriptText>& texts, config::FileSource& files, config::Diagnostics& diagnostics);

}  // namespace mg::server
