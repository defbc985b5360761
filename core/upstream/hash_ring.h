// HashRing: consistent hashing. Each member has points on a ring, by its weight; a key belongs to the member of the
// first point at or after its hash. A member that comes or goes moves only the keys of its own points. A lookup is one
// step into a table of the ring's parts and, on average, one along it. Immutable once built.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mg::upstream {

class HashRing {
 public:
  static constexpr uint32_t kPoints = 160;  // of a member of the least weight

  void Add(std::string_view name, uint32_t points, uint16_t member);
  void Build();  // once, after the last Add

  bool empty() const { return points_.empty(); }
  size_t size() const { return points_.size(); }
  // The place of the point that owns the key; Next goes on from it, round the ring.
  size_t Find(uint64_t key) const;
  size_t Next(size_t place) const { return place + 1 == points_.size() ? 0 : place + 1; }
  uint16_t member(size_t place) const { return points_[place].member; }

 private:
  struct Point {
    uint64_t at;
    uint16_t member;
  };
  std::vector<Point> points_;
  std::vector<uint32_t> starts_;  // by the first bits of a hash: the first point at or after them
  int shift_ = 63;
};

}  // namespace mg::upstream
