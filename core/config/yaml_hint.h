// What is probably wrong where YAML's own error only says what it had expected. Internal to the YAML reader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mg::config {

struct YamlHint {
  uint32_t line = 0, column = 0;  // where the mistake is, from 1
  std::string message;
};

// What the library says is wrong at `line` and `column` (from 1) of a text: its `problem`, and in which `context` that
// began and where. `open_line` and `open_column` are those of the innermost [ or { still open there (0: none).
struct YamlFailure {
  uint32_t line = 0, column = 0;
  std::string problem, context;
  uint32_t context_line = 0, context_column = 0;
  uint32_t open_line = 0, open_column = 0;
};
YamlHint ExplainYamlError(std::string_view text, const YamlFailure& failure);

// An alias (*name) here that no anchor has the name of.
YamlHint ExplainUnknownAlias(std::string_view text, uint32_t line, uint32_t column);

// A plain word with braces, such as /v1/{id}, on this line: what to do about it.
std::optional<YamlHint> UnquotedBraces(std::string_view text, uint32_t line);

// The text of a line (from 1), without its end.
std::string_view LineOf(std::string_view text, uint32_t line);

}  // namespace mg::config
