// Buffer: bytes waiting to be sent or handled, in a chain of heap blocks. An empty Buffer owns nothing, and is one
// pointer: what is known of the chain stands in its first block.
// Owner: whoever holds it; one thread.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mg {

class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { Clear(); }
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  size_t size() const { return first_ == nullptr ? 0 : first_->total; }
  bool empty() const { return first_ == nullptr; }

  void Append(std::string_view bytes);
  void Append(Buffer&& other);  // takes its blocks over, copies nothing
  void Consume(size_t count);   // drops `count` <= size() bytes from the front
  void Clear();

  // The bytes in front as one piece; empty only when the buffer is.
  std::string_view Front() const;

  // Describes up to `most` leading pieces; returns how many.
  int Fill(struct iovec* pieces, int most) const;

  std::string ToString() const;
  // Copies all bytes to `to`, which has room for size().
  void CopyTo(char* to) const;

 private:
  struct Block {
    Block* next;
    Block* last;   // of the chain; this and `total` count in the first block alone
    size_t total;  // bytes in the chain
    uint32_t begin, end, capacity;
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  };
  Block* first_ = nullptr;
};

}  // namespace mg
