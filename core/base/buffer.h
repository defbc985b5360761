// Buffer: bytes waiting to be sent or handled, in a chain of heap blocks. An empty Buffer owns nothing.
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

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

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
    uint32_t begin, end, capacity;
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  };
  Block* first_ = nullptr;
  Block* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace mg
