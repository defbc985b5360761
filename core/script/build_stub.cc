#include "script/build.h"
namespace mg::script {
std::unique_ptr<proxy::HookPrograms> BuildPrograms(const config::Config&, const BuildOptions&, config::FileSource&,
                                                   config::Diagnostics&) {
  return nullptr;
}
}  // namespace mg::script
