#include "store/registry.h"

namespace mg::store {

void SharedDictRegistry::Reconcile(std::span<const Definition> definitions) {
  std::lock_guard lock(mutex_);
  std::map<std::string, std::shared_ptr<SharedDict>, std::less<>> next;
  for (const Definition& definition : definitions) {
    auto found = dicts_.find(definition.name);
    if (found == dicts_.end()) {
      next[definition.name] = std::make_shared<SharedDict>(definition.name, definition.capacity_bytes);
    } else {
      if (found->second->capacity() != definition.capacity_bytes) found->second->SetCapacity(definition.capacity_bytes);
      next[definition.name] = found->second;
    }
  }
  dicts_ = std::move(next);
}

std::shared_ptr<SharedDict> SharedDictRegistry::Find(std::string_view name) const {
  std::lock_guard lock(mutex_);
  auto found = dicts_.find(name);
  return found == dicts_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<SharedDict>> SharedDictRegistry::All() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<SharedDict>> all;
  for (const auto& [name, dict] : dicts_) all.push_back(dict);
  return all;
}

}  // namespace mg::store
