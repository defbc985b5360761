// PerThread<T>: an object's private T for each thread that uses it, found without a lock. It makes an immutable object
// with OpenSSL contexts shareable: a context belongs to one thread at a time.
//
// Threads are numbered while they live; a number is given again when its thread has ended, with what was kept under it.
// The owner destroys a PerThread when no thread uses it any more.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

namespace mg::crypto {

constexpr size_t kMaxNumberedThreads = 64;

// The calling thread's number, below kMaxNumberedThreads, or -1 if all are taken.
int ThreadNumber();

template <class T>
class PerThread {
 public:
  // The calling thread's T, made by make() (-> std::unique_ptr<T>) at its first use. A thread without a number gets one
  // for this call only, kept in `spare`.
  template <class Make>
  T& Get(std::unique_ptr<T>& spare, Make&& make) const {
    int number = ThreadNumber();
    std::unique_ptr<T>& mine = number < 0 ? spare : slots_[static_cast<size_t>(number)];
    if (mine == nullptr) mine = make();
    return *mine;
  }

 private:
  mutable std::array<std::unique_ptr<T>, kMaxNumberedThreads> slots_;
};

}  // namespace mg::crypto
