// Arena: memory for what lives as long as one request.
//
// A BlockPool is a loop's free list of blocks; an Arena takes blocks from it and gives them all back at once. What is
// allocated here must be trivially destructible: no destructor runs. Owner: the exchange. Thread: its loop's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace mg {

class BlockPool {
 public:
  static constexpr size_t kBlockSize = 8192;

  // Keeps at most `keep` free blocks; more go back to the heap.
  explicit BlockPool(size_t keep = 512) : keep_(keep) {}
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  void* Take();
  void Give(void* block);
  size_t free_blocks() const { return free_count_; }

 private:
  struct Free {
    Free* next;
  };
  Free* free_ = nullptr;
  size_t free_count_ = 0;
  size_t keep_;
};

class Arena {
 public:
  explicit Arena(BlockPool& pool) : pool_(&pool) {}
  ~Arena() { Release(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Never null: aborts when the machine has no memory. `align` is a power of two, at most 16.
  void* Allocate(size_t size, size_t align = alignof(std::max_align_t)) {
    uintptr_t at = (reinterpret_cast<uintptr_t>(cursor_) + (align - 1)) & ~(uintptr_t{align} - 1);
    if (cursor_ == nullptr || at + size > reinterpret_cast<uintptr_t>(limit_)) return AllocateSlow(size, align);
    cursor_ = reinterpret_cast<char*>(at + size);
    return reinterpret_cast<void*>(at);
  }

  template <class T, class... Args>
  T* New(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>, "an arena runs no destructors");
    return new (Allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }

  template <class T>
  std::span<T> NewArray(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>, "an arena runs no destructors");
    T* first = static_cast<T*>(Allocate(sizeof(T) * count, alignof(T)));
    for (size_t i = 0; i < count; i++) new (first + i) T();
    return {first, count};
  }

  // A copy of the text that lives as long as the arena.
  std::string_view Copy(std::string_view text) {
    if (text.empty()) return {};
    char* to = static_cast<char*>(Allocate(text.size(), 1));
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }

  template <class... Parts>
  std::string_view Concat(const Parts&... parts) {
    size_t size = (std::string_view(parts).size() + ... + 0);
    if (size == 0) return {};
    char* to = static_cast<char*>(Allocate(size, 1));
    char* at = to;
    ((std::memcpy(at, std::string_view(parts).data(), std::string_view(parts).size()),
      at += std::string_view(parts).size()),
     ...);
    return {to, size};
  }

  // Gives every block back; the arena may be used again.
  void Release();

  // Bytes taken from the pool and the heap, for limits and tests.
  size_t footprint() const { return footprint_; }

 private:
  struct Block {
    Block* next;
    size_t size;  // 0: from the pool
  };
  void* AllocateSlow(size_t size, size_t align);

  BlockPool* pool_;
  Block* blocks_ = nullptr;
  char* cursor_ = nullptr;
  char* limit_ = nullptr;
  size_t footprint_ = 0;
};

}  // namespace mg
