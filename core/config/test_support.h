// What the tests of this module share: one YAML text in, what the loader says of it out.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include "config/load.h"

namespace mg::config::test {

// A row of a table: what is reported for a text. Empty: nothing, it is accepted.
struct Case {
  const char* name;
  const char* yaml;
  const char* expected;
};

inline std::string CaseName(const Case& row) { return row.name; }

struct Loaded {
  std::unique_ptr<Config> config;
  Diagnostics diagnostics;
  std::string errors() const { return diagnostics.ToString(); }
};

// The text as /conf/g.yaml, beside the certificates and a secret that the tables name.
inline Loaded LoadFrom(const std::string& text, TextKind kind = TextKind::kGateway) {
  ::setenv("SET", "value", 1);
  ::setenv("PORT", "8081", 1);
  ::setenv("EMPTY", "", 1);
  ::unsetenv("UNSET");
  MemoryFiles files({{"/conf/a.crt", "CERT"}, {"/conf/a.key", "KEY"}, {"/conf/secret", "s3cret\n"}});
  Loaded loaded;
  loaded.config = LoadText("g.yaml", text, "/conf", kind, files, loaded.diagnostics);
  return loaded;
}

}  // namespace mg::config::test
