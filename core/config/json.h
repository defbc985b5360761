// Writing JSON (RFC 8259). Internal to the module.
#pragma once

#include <string>
#include <string_view>

namespace mg::config {

// `text` in quotes; UTF-8 stays as it is.
void AppendJsonString(std::string& out, std::string_view text);

}  // namespace mg::config
