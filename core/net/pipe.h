// Pipe: a kernel pipe that carries a body from one socket to another without its bytes coming here (splice(2)).
// Filled by Transport::ReadInto, emptied by Transport::WriteFrom; the pages move, nothing is copied.
//
// A loop keeps a few that are empty (PipePool), since making one takes three system calls. Thread: its loop's.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace mg {
class Buffer;
}

namespace mg::net {

class Transport;

class Pipe {
 public:
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  size_t size() const { return size_; }  // bytes in it
  bool empty() const { return size_ == 0; }
  void EmptyInto(Buffer& to);  // copies

 private:
  friend class Transport;
  friend class PipePool;
  Pipe(int read_end, int write_end) : read_end_(read_end), write_end_(write_end) {}

  int read_end_, write_end_;
  size_t size_ = 0;
};

class PipePool {
 public:
  std::unique_ptr<Pipe> Take();           // null: no descriptors are left
  void Give(std::unique_ptr<Pipe> pipe);  // closes it when it is not empty, or enough are kept
  size_t kept() const { return idle_.size(); }

 private:
  std::vector<std::unique_ptr<Pipe>> idle_;
};

}  // namespace mg::net
