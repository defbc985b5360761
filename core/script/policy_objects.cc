#include "script/policy_objects.h"

#include "proxy/exchange.h"

namespace mg::script {

std::vector<std::string> PolicyConf::Texts(std::string_view name) const {
  std::vector<std::string> texts;
  JsonValue value = root().Find(name);
  if (value.is_string()) texts.emplace_back(value.string());
  if (value.is_array()) {
    for (JsonValue each : value) texts.emplace_back(each.string());
  }
  return texts;
}

int Refuse(proxy::Exchange& exchange, int status, std::string_view detail) {
  exchange.Fail(status, exchange.arena.Copy(detail));
  return status;
}

}  // namespace mg::script
