#include "config/environment.h"

#include <cstdlib>

#include "base/strings.h"

namespace mg::config {
namespace {

bool IsVariableName(std::string_view name) {
  if (name.empty() || IsDigit(name[0])) return false;
  for (char c : name) {
    if (!IsAlpha(c) && !IsDigit(c) && c != '_') return false;
  }
  return true;
}

}  // namespace

Result<Substitution> Substitute(std::string_view text) {
  Substitution result;
  size_t from = 0;
  for (;;) {
    size_t open = text.find("${", from);
    if (open == std::string_view::npos) break;
    if (open > from && text[open - 1] == '$') {
      result.text.append(text, from, open - 1 - from).append("${");
      from = open + 2;
      continue;
    }
    size_t close = text.find('}', open);
    if (close == std::string_view::npos)
      return Fail(ErrorCode::kInvalid, "\"${\" without \"}\"; \"$${\" stands for itself");
    std::string_view inside = text.substr(open + 2, close - open - 2);
    size_t colon = inside.find(":-");
    std::string name(inside.substr(0, colon));
    if (!IsVariableName(name)) {
      return Fail(ErrorCode::kInvalid,
                  "\"${" + name + "}\" does not name an environment variable; \"$${\" stands for itself");
    }
    const char* value = std::getenv(name.c_str());
    bool has_default = colon != std::string_view::npos;
    if (value == nullptr && !has_default) {
      return Fail(ErrorCode::kNotFound, "the environment has no " + name + ", and ${" + name +
                                            "} gives no default: ${" + name + ":-default}");
    }
    result.text.append(text, from, open - from);
    if (has_default && (value == nullptr || *value == '\0')) {
      result.text.append(inside.substr(colon + 2));
    } else {
      result.text.append(value);
    }
    result.changed = true;
    from = close + 1;
  }
  result.text.append(text, from);
  return result;
}

}  // namespace mg::config
