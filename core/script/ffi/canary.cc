// Which of a policy's two scripts a request gets.
#include "proxy/exchange.h"
#include "proxy/variables.h"
#include "script/program.h"
#include "script/surface.h"

namespace mg::script {
void LinkCanary() {}
}  // namespace mg::script

using mg::script::Context;
using mg::script::t_active;

extern "C" {

int mg_canary_pick(uint32_t number) noexcept {
  Context* context = t_active.context;
  mg::script::Canary* canary = t_active.vm->around.program->canary(number);
  uint64_t bit = uint64_t{1} << number;
  if ((context->canaries.decided & bit) == 0) {
    context->canaries.decided |= bit;
    const std::string& key = canary->settings().key;
    std::string_view value;
    if (!key.empty()) value = mg::proxy::BuiltinVariable(*t_active.exchange, key).value_or("");
    if (canary->Pick(value)) context->canaries.picked |= bit;
  }
  return (context->canaries.picked & bit) != 0 ? 1 : 0;
}

}  // extern "C"
