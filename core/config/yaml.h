// YAML text -> Node tree, with the position of every key and value. The only file that knows the YAML library; its
// exceptions end there. Control thread.
//
// Beyond what the library refuses, refused are: text that is not UTF-8 or holds control characters, duplicate keys,
// merge keys (<<), keys that are not a text, tags but !!str, a second document, and more than the limits below.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/node.h"

namespace mg::config {

struct YamlLimits {
  static constexpr size_t kSize = 16 * 1024 * 1024;
  static constexpr size_t kDepth = 64;           // lists and maps within each other
  static constexpr size_t kAliasedNodes = 1000;  // all that aliases stand for in one file
};

// The document's root; a null node where the text holds nothing but comments. Positions get `file` as their file.
// nullopt: the text cannot be understood. Every error is added to `diagnostics`: a file may yield a tree and errors
// (duplicate keys) too.
std::optional<Node> ParseYaml(const std::string& text, uint32_t file, Diagnostics& diagnostics);

}  // namespace mg::config
