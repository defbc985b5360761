#include "upstream/target.h"

#include <algorithm>

namespace mg::upstream {

std::shared_ptr<Target> TargetTable::Find(TargetName name, bool& made) {
  std::lock_guard lock(mutex_);
  auto found = targets_.find(name.identity);
  made = found == targets_.end();
  if (!made) return found->second;
  if (targets_.size() >= collect_at_) {
    Collect();
    collect_at_ = std::max<size_t>(64, targets_.size() * 2);
  }
  uint32_t number;
  if (free_numbers_.empty()) {
    number = next_number_++;
  } else {
    number = free_numbers_.back();
    free_numbers_.pop_back();
  }
  std::string identity = name.identity;
  TargetSeries series = series_of_ ? series_of_(name) : TargetSeries{};
  auto target = std::make_shared<Target>(std::move(name), number, next_serial_++, series);
  targets_.emplace(std::move(identity), target);
  return target;
}

// Only who lists a target can begin a request on it, and lets go of the list afterwards: a target that nobody lists and
// that has no request in flight stays so.
void TargetTable::Collect() {
  auto unused = [this](const std::shared_ptr<Target>& target) {
    if (target.use_count() != 1) return false;
    std::atomic_thread_fence(std::memory_order_acquire);
    if (target->active.load(std::memory_order_acquire) != 0) return false;
    free_numbers_.push_back(target->number);
    return true;
  };
  std::erase_if(targets_, [&](const auto& entry) { return unused(entry.second); });
  std::erase_if(forgotten_, unused);
}

size_t TargetTable::size() const {
  std::lock_guard lock(mutex_);
  return targets_.size();
}

void TargetTable::Forget() {
  std::lock_guard lock(mutex_);
  for (auto& [identity, target] : targets_) forgotten_.push_back(std::move(target));
  targets_.clear();
  Collect();
}

}  // namespace mg::upstream
