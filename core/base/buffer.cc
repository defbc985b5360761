#include "base/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/result.h"

namespace mg {

namespace {
constexpr size_t kSmallest = 4096 - 64;
constexpr size_t kLargest = 61440;
}  // namespace

Buffer::Buffer(Buffer&& other) noexcept : first_(std::exchange(other.first_, nullptr)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    Clear();
    first_ = std::exchange(other.first_, nullptr);
  }
  return *this;
}

void Buffer::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    Block* last = first_ == nullptr ? nullptr : first_->last;
    if (last == nullptr || last->end == last->capacity) {
      size_t capacity = std::clamp(bytes.size(), kSmallest, kLargest);
      Block* block = static_cast<Block*>(std::malloc(sizeof(Block) + capacity));
      MG_CHECK(block != nullptr);
      *block = {nullptr, block, 0, 0, 0, static_cast<uint32_t>(capacity)};
      (last != nullptr ? last->next : first_) = block;
      first_->last = last = block;
    }
    size_t part = std::min<size_t>(bytes.size(), last->capacity - last->end);
    std::memcpy(last->bytes() + last->end, bytes.data(), part);
    last->end += static_cast<uint32_t>(part);
    first_->total += part;
    bytes.remove_prefix(part);
  }
}

void Buffer::Append(Buffer&& other) {
  if (other.empty()) return;
  Block* taken = std::exchange(other.first_, nullptr);
  if (first_ == nullptr) {
    first_ = taken;
    return;
  }
  first_->last->next = taken;
  first_->last = taken->last;
  first_->total += taken->total;
}

void Buffer::Consume(size_t count) {
  MG_CHECK(count <= size());
  while (first_ != nullptr) {
    size_t have = first_->end - first_->begin;
    if (count < have) {
      first_->begin += static_cast<uint32_t>(count);
      first_->total -= count;
      return;
    }
    count -= have;
    Block* next = first_->next;
    if (next != nullptr) {
      next->last = first_->last;
      next->total = first_->total - have;
    }
    std::free(first_);
    first_ = next;
  }
}

void Buffer::Clear() {
  while (first_ != nullptr) std::free(std::exchange(first_, first_->next));
}

std::string_view Buffer::Front() const {
  if (first_ == nullptr) return {};
  return {first_->bytes() + first_->begin, first_->end - first_->begin};
}

int Buffer::Fill(struct iovec* pieces, int most) const {
  int count = 0;
  for (Block* block = first_; block != nullptr && count < most; block = block->next) {
    pieces[count++] = {block->bytes() + block->begin, block->end - block->begin};
  }
  return count;
}

void Buffer::CopyTo(char* to) const {
  for (Block* block = first_; block != nullptr; block = block->next) {
    std::memcpy(to, block->bytes() + block->begin, block->end - block->begin);
    to += block->end - block->begin;
  }
}

std::string Buffer::ToString() const {
  std::string text(size(), '\0');
  CopyTo(text.data());
  return text;
}

}  // namespace mg
