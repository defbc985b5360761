// Regular expressions: ngx.re.
#include "script/regex.h"

#include "script/surface.h"

using mg::script::Give;
using mg::script::GiveScratch;
using mg::script::Regex;
using mg::script::Regexes;
using mg::script::Replacement;
using mg::script::View;

namespace {

Regexes& All() { return mg::script::t_active.vm->regexes(); }

}  // namespace

extern "C" {

int mg_regex_compile(const char* pattern, size_t size, int options, mg_regex* out, mg_string* error) noexcept {
  auto regex = Regex::Compile(View(pattern, size), options);
  if (!regex) {
    GiveScratch(error, std::move(regex.error()));
    return MG_ERROR;
  }
  out->groups = static_cast<int>((*regex)->groups());
  out->names = static_cast<int>((*regex)->names().size());
  out->id = All().Add(std::move(*regex));
  return MG_OK;
}

int mg_regex_name(int id, int index, mg_string* name) noexcept {
  const Regex::Name& found = All().Find(id)->names()[static_cast<size_t>(index)];
  Give(name, found.text);
  return found.group;
}

void mg_regex_free(int id) noexcept { All().Remove(id); }

int mg_regex_match(int id, const char* subject, size_t size, int from, int seen, int* ends) noexcept {
  Regex& regex = *All().Find(id);
  return All().Match(regex, View(subject, size), static_cast<size_t>(from), seen != 0,
                     {ends, 2 * (size_t{regex.groups()} + 1)});
}

int mg_regex_replace(int id, const char* subject, size_t size, const char* with, size_t with_size, int all,
                     mg_string* out) noexcept {
  auto replacement = Replacement::Parse(View(with, with_size));
  if (!replacement) {
    GiveScratch(out, std::move(replacement.error()));
    return MG_REGEX_TEMPLATE;
  }
  std::string text;
  int count = All().Replace(*All().Find(id), View(subject, size), *replacement, all != 0,
                            mg::script::t_active.vm->limits(), text);
  if (count > 0) GiveScratch(out, std::move(text));
  return count;
}

int mg_regex_cache_size(void) noexcept { return static_cast<int>(All().cache_size()); }

int mg_regex_set_jit_stack(double size) noexcept {
  return All().SetJitStack(size > 0 ? static_cast<size_t>(size) : 0) ? MG_OK : MG_LATE;
}

}  // extern "C"

namespace mg::script {
void LinkRegex() {}
}  // namespace mg::script
