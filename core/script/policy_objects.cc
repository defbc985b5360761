#include "script/policy_objects.h"

#include <algorithm>

#include "base/strings.h"
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

namespace {

template <class Items>
std::string CheckName(std::string_view what, std::string_view name, const Items& items) {
  std::vector<std::string> known;
  for (const auto& item : items) known.push_back(item.name);
  if (std::ranges::find(known, name) != known.end()) return {};
  std::string text = "there is no " + std::string(what) + " \"" + std::string(name) + "\"";
  std::string_view nearest = Nearest(name, known);
  return nearest.empty() ? text : text + ", did you mean \"" + std::string(nearest) + "\"?";
}

}  // namespace

std::string CheckUpstreamName(std::string_view name) {
  const config::Config* config = t_active.vm->around.config;
  return config == nullptr ? std::string() : CheckName("upstream", name, config->upstreams);
}

std::string CheckRedisName(std::string_view name) {
  const config::Config* config = t_active.vm->around.config;
  return config == nullptr ? std::string() : CheckName("redis connection", name, config->redis);
}

int Refuse(proxy::Exchange& exchange, int status, std::string_view detail) {
  exchange.Fail(status, exchange.arena.Copy(detail));
  return status;
}

}  // namespace mg::script
