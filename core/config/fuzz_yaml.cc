// Any bytes as a configuration: they are loaded or refused, never more; what is refused says where, and what is loaded
// can be printed. Corpus: core/config/corpus/yaml.
#include <cstdint>
#include <cstdlib>

#include "base/result.h"
#include "config/load.h"
#include "config/template.h"
#include "config/yaml.h"

using namespace mg::config;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  for (TextKind kind : {TextKind::kGateway, TextKind::kRoutes}) {
    MemoryFiles files(FileList{});
    Diagnostics diagnostics;
    auto config = LoadText("g.yaml", text, "/conf", kind, files, diagnostics);
    MG_CHECK(config != nullptr || diagnostics.failed());
    for (const Diagnostic& diagnostic : diagnostics.all()) MG_CHECK(diagnostic.line > 0 && diagnostic.column > 0);
    if (diagnostics.failed()) continue;
    for (const Route& route : config->routes) {
      int answers =
          !route.upstream.empty() + route.respond.has_value() + route.redirect.has_value() + !route.content.empty();
      MG_CHECK(answers == 1);
      MG_CHECK(!route.redirect || Template::Parse(route.redirect->location).has_value());
    }
  }
  return 0;
}
