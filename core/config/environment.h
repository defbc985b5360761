// ${NAME} and ${NAME:-default} in a text, from the environment. Only that: one pass, what it yields is not read again.
// "$${" is a literal "${". Pure but for getenv.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mg::config {

struct Substitution {
  std::string text;
  bool changed = false;  // something came from the environment (or its default): do not print the text
};

// An error: a variable that is unset and has no default, a bad name, or a missing "}". ":-" also takes the place of an
// empty value, as in a shell.
Result<Substitution> Substitute(std::string_view text);

}  // namespace mg::config
