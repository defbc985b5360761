#include "upstream/hash_ring.h"

#include <algorithm>
#include <bit>

namespace mg::upstream {

namespace {

// The finaliser of SplitMix64: every bit of the result depends on every bit of x.
uint64_t Mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

}  // namespace

void HashRing::Add(std::string_view name, uint32_t points, uint16_t member) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a: the same in every process, so that several gateways agree
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash = Mix(hash);
  for (uint32_t i = 0; i < points; i++) points_.push_back({Mix(hash + i * 0x9e3779b97f4a7c15), member});
}

void HashRing::Build() {
  std::ranges::sort(points_,
                    [](const Point& a, const Point& b) { return a.at != b.at ? a.at < b.at : a.member < b.member; });
  int bits = std::clamp<int>(std::bit_width(points_.size()), 1, 20);
  shift_ = 64 - bits;
  starts_.resize(size_t{1} << bits);
  size_t place = 0;
  for (size_t part = 0; part < starts_.size(); part++) {
    while (place < points_.size() && points_[place].at >> shift_ < part) place++;
    starts_[part] = static_cast<uint32_t>(place);
  }
}

size_t HashRing::Find(uint64_t key) const {
  uint64_t hash = Mix(key);
  size_t place = starts_[hash >> shift_];
  while (place < points_.size() && points_[place].at < hash) place++;
  return place == points_.size() ? 0 : place;
}

}  // namespace mg::upstream
