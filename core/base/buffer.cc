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

Buffer::Buffer(Buffer&& other) noexcept
    : first_(std::exchange(other.first_, nullptr)),
      last_(std::exchange(other.last_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    Clear();
    first_ = std::exchange(other.first_, nullptr);
    last_ = std::exchange(other.last_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void Buffer::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (last_ == nullptr || last_->end == last_->capacity) {
      size_t capacity = std::clamp(bytes.size(), kSmallest, kLargest);
      Block* block = static_cast<Block*>(std::malloc(sizeof(Block) + capacity));
      MG_CHECK(block != nullptr);
      *block = {nullptr, 0, 0, static_cast<uint32_t>(capacity)};
      (last_ != nullptr ? last_->next : first_) = block;
      last_ = block;
    }
    size_t part = std::min<size_t>(bytes.size(), last_->capacity - last_->end);
    std::memcpy(last_->bytes() + last_->end, bytes.data(), part);
    last_->end += static_cast<uint32_t>(part);
    size_ += part;
    bytes.remove_prefix(part);
  }
}

void Buffer::Append(Buffer&& other) {
  if (other.empty()) return;
  (last_ != nullptr ? last_->next : first_) = other.first_;
  last_ = other.last_;
  size_ += other.size_;
  other.first_ = other.last_ = nullptr;
  other.size_ = 0;
}

void Buffer::Consume(size_t count) {
  MG_CHECK(count <= size_);
  size_ -= count;
  while (first_ != nullptr) {
    size_t have = first_->end - first_->begin;
    if (count < have) {
      first_->begin += static_cast<uint32_t>(count);
      return;
    }
    count -= have;
    Block* next = first_->next;
    std::free(first_);
    first_ = next;
    if (first_ == nullptr) last_ = nullptr;
    if (count == 0 && (first_ == nullptr || first_->begin != first_->end)) return;
  }
}

void Buffer::Clear() {
  while (first_ != nullptr) {
    Block* next = first_->next;
    std::free(first_);
    first_ = next;
  }
  last_ = nullptr;
  size_ = 0;
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
  std::string text(size_, '\0');
  CopyTo(text.data());
  return text;
}

}  // namespace mg
