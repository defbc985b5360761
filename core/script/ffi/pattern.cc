// Lua's patterns.
#include "script/pattern.h"

#include <cstring>

#include "script/surface.h"

using mg::script::Give;
using mg::script::GiveScratch;
using mg::script::Limits;
using mg::script::Pattern;
using mg::script::View;

namespace {

Limits& RunLimits() { return mg::script::t_active.vm->limits(); }

}  // namespace

extern "C" {

int mg_pattern_find(const char* subject, size_t size, const char* pattern, size_t pattern_size, int from, int how,
                    int* ends) noexcept {
  Pattern call(View(subject, size), View(pattern, pattern_size), &RunLimits());
  auto captures = (how & MG_PATTERN_FIRST) != 0 ? Pattern::Captures::kFirst : Pattern::Captures::kAll;
  return call.Find(static_cast<size_t>(from), {.anchors = (how & MG_PATTERN_ANCHORS) != 0, .captures = captures}, ends);
}

int mg_pattern_replace(const char* subject, size_t size, const char* pattern, size_t pattern_size, const char* with,
                       size_t with_size, double most, mg_string* out) noexcept {
  Pattern call(View(subject, size), View(pattern, pattern_size), &RunLimits());
  std::string text;
  int count = call.Replace(View(with, with_size), most, &RunLimits(), text);
  if (count >= 0) GiveScratch(out, std::move(text));
  return count;
}

int mg_pattern_plain(const char* subject, size_t size, const char* text, size_t text_size, int from) noexcept {
  const void* found = memmem(subject + from, size - static_cast<size_t>(from), text, text_size);
  return found == nullptr ? -1 : static_cast<int>(static_cast<const char*>(found) - subject);
}

void mg_pattern_error(int error, mg_string* out) noexcept { Give(out, Pattern::ErrorText(error)); }

}  // extern "C"

namespace mg::script {
void LinkPattern() {}
}  // namespace mg::script
