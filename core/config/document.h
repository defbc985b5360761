// Reads the main file and all it includes into one tree. Internal to the module.
#pragma once

#include <optional>
#include <string>

#include "config/load.h"
#include "config/node.h"

namespace mg::config {

// `name` is the file as the user gave it, `path` is absolute. nullopt: some file could not be read or understood; its
// errors are in `diagnostics`, which gets the names and directories of all files.
std::optional<Node> ReadDocument(const std::string& name, const std::string& path, FileSource& files,
                                 Diagnostics& diagnostics);

// The same for a main file whose text is given; relative paths in it start from `directory` (absolute). A list of
// routes becomes a map with "routes".
std::optional<Node> ReadDocumentText(const std::string& name, const std::string& text, const std::string& directory,
                                     TextKind kind, FileSource& files, Diagnostics& diagnostics);

}  // namespace mg::config
