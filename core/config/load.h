// Load: from files to a validated Config. All errors are reported at once, each at file:line:column.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"
#include "config/node.h"

namespace mg::config {

// With diagnostics.failed() what could be read, so that the policies can be checked too and all errors come at once;
// null when not even that. Reads the file, what it includes, and what it names (certificates, file: secrets)
// through `files`; Lua files are named, not read, here. Control thread; blocks on the disk.
std::unique_ptr<Config> Load(const std::string& file, FileSource& files, Diagnostics& diagnostics);

// The same from text; relative paths are relative to `directory`. `routes_only` text is a list of routes, as a test's
// "--- config" section: listeners are then the caller's to add.
enum class TextKind : uint8_t { kGateway, kRoutes };
std::unique_ptr<Config> LoadText(const std::string& name, const std::string& text, const std::string& directory,
                                 TextKind kind, FileSource& files, Diagnostics& diagnostics);

// A JSON Schema of the configuration, made from the tables that Load checks with.
std::string JsonSchema();

}  // namespace mg::config
