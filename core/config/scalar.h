// Checking one scalar against a schema, and the words that messages are made of. Internal to the schema engine.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/node.h"
#include "config/schema.h"

namespace mg::config {

struct ScalarPlace {
  const std::string& directory;  // where relative paths start from
  FileSource& files;             // for secrets
  bool fill_environment;         // whether ${NAME} is filled in
};

// The value, with its type's number beside its text; or what is wrong with it.
std::expected<Value, std::string> ReadScalar(const Schema& schema, const Node& node, const ScalarPlace& place);

// "a, b or c".
std::string Join(const std::vector<std::string>& words, std::string_view last = "or");
// "; did you mean \"b\"?", or empty.
std::string DidYouMean(std::string_view text, const std::vector<std::string>& known);

}  // namespace mg::config
