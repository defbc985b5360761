// LineRing: a bounded ring of lines from one producer at a time to one consumer, without locks. A line that does not
// fit is dropped and counted. LineWriter owns them; see there.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace mg::observe {

class LineRing {
 public:
  // Rounded up to a power of two. A line may take at most half of it.
  explicit LineRing(size_t bytes)
      : size_(std::bit_ceil(bytes < 4096 ? size_t{4096} : bytes)), bytes_(std::make_unique<char[]>(size_)) {}

  struct Line {
    uint16_t output;
    uint8_t severity;
    std::string_view text;
  };

  // Producer. False if there is no room.
  bool Push(const Line& line) {
    uint64_t head = head_.load(std::memory_order_relaxed);
    size_t need = Aligned(sizeof(Header) + line.text.size());
    size_t at = head & (size_ - 1);
    size_t gap = at + need > size_ ? size_ - at : 0;  // a line lies in one piece
    if (need > size_ / 2 || head + gap + need - tail_.load(std::memory_order_acquire) > size_) {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return false;
    }
    if (gap > 0) {
      Write(at, {0, 0, 0, kGap});
      head += gap;
      at = 0;
    }
    Write(at, {static_cast<uint32_t>(line.text.size()), line.output, line.severity, kLine});
    std::memcpy(bytes_.get() + at + sizeof(Header), line.text.data(), line.text.size());
    // Sequentially consistent, with the consumer's flag that it sleeps: one of both sees the other.
    head_.store(head + need, std::memory_order_seq_cst);
    return true;
  }

  // Consumer: each(line) for all that is there. The text is valid during the call.
  template <class F>
  bool Drain(F&& each) {
    uint64_t tail = tail_.load(std::memory_order_relaxed);
    uint64_t head = head_.load(std::memory_order_seq_cst);
    if (tail == head) return false;
    while (tail != head) {
      size_t at = tail & (size_ - 1);
      Header header;
      std::memcpy(&header, bytes_.get() + at, sizeof header);
      if (header.kind == kGap) {
        tail += size_ - at;
        continue;
      }
      each(Line{header.output, header.severity, std::string_view(bytes_.get() + at + sizeof header, header.size)});
      tail += Aligned(sizeof header + header.size);
      tail_.store(tail, std::memory_order_release);
    }
    return true;
  }

  bool empty() const { return tail_.load(std::memory_order_relaxed) == head_.load(std::memory_order_seq_cst); }
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  // Producer: no line will follow.
  void Close() { closed_.store(true, std::memory_order_release); }
  bool closed() const { return closed_.load(std::memory_order_acquire); }

 private:
  static constexpr uint8_t kLine = 1, kGap = 2;
  struct Header {
    uint32_t size;
    uint16_t output;
    uint8_t severity;
    uint8_t kind;
  };
  static constexpr size_t Aligned(size_t size) { return (size + sizeof(Header) - 1) & ~(sizeof(Header) - 1); }
  void Write(size_t at, Header header) { std::memcpy(bytes_.get() + at, &header, sizeof header); }

  const size_t size_;
  const std::unique_ptr<char[]> bytes_;
  alignas(64) std::atomic<uint64_t> head_{0};  // written by the producer
  std::atomic<uint64_t> dropped_{0};
  std::atomic<bool> closed_{false};
  alignas(64) std::atomic<uint64_t> tail_{0};  // written by the consumer
};

}  // namespace mg::observe
