#include "route/text_map.h"

#include <cstring>

namespace mg::route {
namespace {

// Multiply and fold, eight bytes at a time. The keys are the configuration's, so no one can aim at collisions.
uint32_t Hash(uint32_t scope, std::string_view text) {
  constexpr uint64_t kFactor = 0x9E3779B97F4A7C15;
  uint64_t h = (scope + 1) * kFactor ^ text.size();
  auto mix = [&](uint64_t word) {
    h = (h ^ word) * kFactor;
    h ^= h >> 32;
  };
  const char* at = text.data();
  size_t size = text.size();
  auto load = [&](auto word, size_t offset) {
    std::memcpy(&word, at + offset, sizeof(word));
    return uint64_t{word};
  };
  if (size >= 8) {
    for (size_t offset = 0; offset + 8 < size; offset += 8) mix(load(uint64_t(), offset));
    mix(load(uint64_t(), size - 8));  // may overlap the one before
  } else if (size >= 4) {
    mix(load(uint32_t(), 0) << 32 | load(uint32_t(), size - 4));
  } else if (size != 0) {
    mix(load(uint8_t(), 0) << 16 | load(uint8_t(), size / 2) << 8 | load(uint8_t(), size - 1));
  }
  return static_cast<uint32_t>(h * kFactor >> 32);
}

}  // namespace

uint32_t TextMap::Find(uint32_t scope, std::string_view text) const {
  if (slots_.empty()) return kNone;
  uint32_t hash = Hash(scope, text);
  size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask; slots_[at] != kNone; at = (at + 1) & mask) {
    const Entry& entry = entries_[slots_[at]];
    if (Same(entry, hash, scope, text)) return entry.value;
  }
  return kNone;
}

uint32_t& TextMap::Insert(uint32_t scope, std::string_view text) {
  if ((entries_.size() + 1) * 2 > slots_.size()) Rehash(slots_.empty() ? 16 : slots_.size() * 2);
  uint32_t hash = Hash(scope, text);
  size_t mask = slots_.size() - 1;
  size_t at = hash & mask;
  for (; slots_[at] != kNone; at = (at + 1) & mask) {
    Entry& entry = entries_[slots_[at]];
    if (Same(entry, hash, scope, text)) return entry.value;
  }
  slots_[at] = static_cast<uint32_t>(entries_.size());
  entries_.push_back({hash, scope, static_cast<uint32_t>(texts_.size()), static_cast<uint32_t>(text.size()), kNone});
  texts_.append(text);
  return entries_.back().value;
}

void TextMap::Rehash(size_t slots) {
  slots_.assign(slots, kNone);
  for (uint32_t i = 0; i < entries_.size(); i++) {
    size_t at = entries_[i].hash & (slots - 1);
    while (slots_[at] != kNone) at = (at + 1) & (slots - 1);
    slots_[at] = i;
  }
}

}  // namespace mg::route
