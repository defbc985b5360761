// SipHash (Aumasson and Bernstein, 2012): a keyed hash for tables whose keys strangers choose. Who does not know the
// key cannot make keys collide. Any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace mg::store {

struct SipKey {
  uint64_t k0, k1;
};

// A key drawn once a process.
const SipKey& ProcessSipKey();

struct Hash128 {
  uint64_t low, high;
  bool operator==(const Hash128&) const = default;
};

class SipState {
 public:
  SipState(SipKey key, uint64_t variant)
      : v0_(key.k0 ^ 0x736f6d6570736575),
        v1_(key.k1 ^ 0x646f72616e646f6d ^ variant),
        v2_(key.k0 ^ 0x6c7967656e657261),
        v3_(key.k1 ^ 0x7465646279746573) {}

  template <int kRounds>
  void Absorb(std::string_view data) {
    size_t left = data.size();
    const char* at = data.data();
    for (; left >= 8; left -= 8, at += 8) Word<kRounds>(Load(at, 8));
    Word<kRounds>(uint64_t{data.size() & 255} << 56 | Load(at, left));
  }

  template <int kRounds>
  uint64_t Finish(uint64_t mark_v2, uint64_t mark_v1 = 0) {
    v2_ ^= mark_v2;
    v1_ ^= mark_v1;
    Rounds<kRounds>();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  static uint64_t Load(const char* at, size_t size) {
    static_assert(std::endian::native == std::endian::little);
    uint64_t word = 0;
    if (size > 0) std::memcpy(&word, at, size);
    return word;
  }
  template <int kRounds>
  void Word(uint64_t word) {
    v3_ ^= word;
    Rounds<kRounds>();
    v0_ ^= word;
  }
  template <int kRounds>
  void Rounds() {
    for (int i = 0; i < kRounds; i++) {
      v0_ += v1_, v1_ = std::rotl(v1_, 13) ^ v0_, v0_ = std::rotl(v0_, 32);
      v2_ += v3_, v3_ = std::rotl(v3_, 16) ^ v2_;
      v0_ += v3_, v3_ = std::rotl(v3_, 21) ^ v0_;
      v2_ += v1_, v1_ = std::rotl(v1_, 17) ^ v2_, v2_ = std::rotl(v2_, 32);
    }
  }
  uint64_t v0_, v1_, v2_, v3_;
};

// SipHash-1-3, 64 bits: where a collision only costs time.
inline uint64_t SipHash13(SipKey key, std::string_view data) {
  SipState state(key, 0);
  state.Absorb<1>(data);
  return state.Finish<3>(0xff);
}

// SipHash-2-4 with 128 bits: stands for the data itself.
inline Hash128 SipHash24x128(SipKey key, std::string_view data) {
  SipState state(key, 0xee);
  state.Absorb<2>(data);
  uint64_t low = state.Finish<4>(0xee);
  return {low, state.Finish<4>(0, 0xdd)};
}

}  // namespace mg::store
