// SharedDictRegistry: the process' dictionaries by name. They outlive generations: a reload finds them with what they
// hold. Owner: the process. Threads: any (a lock); loops ask once a generation, not per request.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/shared_dict.h"

namespace mg::store {

class SharedDictRegistry {
 public:
  struct Definition {
    std::string name;
    size_t capacity_bytes;
  };

  // Makes what is new, changes sizes in place (what they hold stays, as far as it fits) and lets go of what is not
  // named: it lives on while a generation holds it.
  void Reconcile(std::span<const Definition> definitions);

  // Null if there is none. A generation holds what it got as long as it may use it.
  std::shared_ptr<SharedDict> Find(std::string_view name) const;
  std::vector<std::shared_ptr<SharedDict>> All() const;  // by name

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<SharedDict>, std::less<>> dicts_;
};

}  // namespace mg::store
