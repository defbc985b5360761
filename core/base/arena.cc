#include "base/arena.h"

#include <cstdlib>

#include "base/result.h"

namespace mg {

BlockPool::~BlockPool() {
  while (free_ != nullptr) {
    Free* next = free_->next;
    std::free(free_);
    free_ = next;
  }
}

void* BlockPool::Take() {
  if (free_ != nullptr) {
    Free* block = free_;
    free_ = block->next;
    free_count_--;
    return block;
  }
  void* block = std::malloc(kBlockSize);
  MG_CHECK(block != nullptr);
  return block;
}

void BlockPool::Give(void* block) {
  if (free_count_ >= keep_) {
    std::free(block);
    return;
  }
  Free* free = static_cast<Free*>(block);
  free->next = free_;
  free_ = free;
  free_count_++;
}

void Arena::Release() {
  while (blocks_ != nullptr) {
    Block* next = blocks_->next;
    if (blocks_->size == 0) {
      pool_->Give(blocks_);
    } else {
      std::free(blocks_);
    }
    blocks_ = next;
  }
  cursor_ = limit_ = nullptr;
  footprint_ = 0;
}

void* Arena::AllocateSlow(size_t size, size_t align) {
  constexpr size_t kHeader = (sizeof(Block) + 15) & ~size_t{15};
  if (size + kHeader + align > BlockPool::kBlockSize / 2) {  // large: a block of its own, the current one stays open
    Block* block = static_cast<Block*>(std::malloc(kHeader + size + align));
    MG_CHECK(block != nullptr);
    block->size = kHeader + size + align;
    footprint_ += block->size;
    if (blocks_ != nullptr) {
      block->next = blocks_->next;
      blocks_->next = block;
    } else {
      block->next = nullptr;
      blocks_ = block;
    }
    uintptr_t at = (reinterpret_cast<uintptr_t>(block) + kHeader + (align - 1)) & ~(uintptr_t{align} - 1);
    return reinterpret_cast<void*>(at);
  }
  Block* block = static_cast<Block*>(pool_->Take());
  block->next = blocks_;
  block->size = 0;
  blocks_ = block;
  footprint_ += BlockPool::kBlockSize;
  cursor_ = reinterpret_cast<char*>(block) + kHeader;
  limit_ = reinterpret_cast<char*>(block) + BlockPool::kBlockSize;
  return Allocate(size, align);
}

}  // namespace mg
