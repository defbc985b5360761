// BytecodeCache: what chunks were compiled to, from one generation to the next, so that a reload compiles only what has
// changed. Owner: the gateway. Control thread.
#pragma once

#include <iterator>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace mg::script {

class BytecodeCache {
 public:
  // A key says all that the bytecode depends on: the chunk's name, the line it begins on, its text.
  std::shared_ptr<const std::string> Find(const std::string& key) {
    auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    found->second.used = true;
    return found->second.bytecode;
  }

  void Add(const std::string& key, std::shared_ptr<const std::string> bytecode) {
    entries_[key] = {std::move(bytecode), true};
  }

  // A generation was built: what it did not use goes.
  void Sweep() {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      entry = std::exchange(entry->second.used, false) ? std::next(entry) : entries_.erase(entry);
    }
  }

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::shared_ptr<const std::string> bytecode;
    bool used = false;  // since the last sweep
  };
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace mg::script
