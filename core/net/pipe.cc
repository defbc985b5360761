#include "net/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/buffer.h"
#include "net/transport.h"

namespace mg::net {

namespace {
constexpr size_t kIdleMost = 16;
constexpr int kCapacity = 1024 * 1024;  // in pages, each of which may hold a mere segment; the default is 64 KiB

ssize_t Splice(int from, int to, size_t size) {
  ssize_t count;
  do {
    count = splice(from, nullptr, to, nullptr, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  } while (count < 0 && errno == EINTR);
  return count;
}
}  // namespace

Pipe::~Pipe() {
  close(read_end_);
  close(write_end_);
}

void Pipe::EmptyInto(Buffer& to) {
  char piece[16384];
  while (size_ > 0) {
    ssize_t count = read(read_end_, piece, std::min(size_, sizeof piece));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    to.Append({piece, static_cast<size_t>(count)});
    size_ -= static_cast<size_t>(count);
  }
}

std::unique_ptr<Pipe> PipePool::Take() {
  if (!idle_.empty()) {
    std::unique_ptr<Pipe> pipe = std::move(idle_.back());
    idle_.pop_back();
    return pipe;
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return nullptr;
  fcntl(ends[0], F_SETPIPE_SZ, kCapacity);  // refused where the user has many: it works with less
  return std::unique_ptr<Pipe>(new Pipe(ends[0], ends[1]));
}

void PipePool::Give(std::unique_ptr<Pipe> pipe) {
  if (pipe && pipe->empty() && idle_.size() < kIdleMost) idle_.push_back(std::move(pipe));
}

// --- Transport's half

IoResult Transport::ReadInto(Pipe& pipe, size_t size) {
  MG_CHECK(ssl_ == nullptr && pipe.empty());
  if (fd_ < 0) return {IoResult::kError};
  if (drained_ || size == 0) return {IoResult::kAgain};
  ssize_t count = Splice(fd_, pipe.write_end_, size);
  if (count <= 0) return ReadEnded(count);
  pipe.size_ += static_cast<size_t>(count);
  return {IoResult::kOk, static_cast<size_t>(count)};  // fewer may be the pipe's room: readable() stays as it was
}

IoResult Transport::WriteFrom(Pipe& pipe) {
  MG_CHECK(ssl_ == nullptr);
  if (fd_ < 0) return {IoResult::kError};
  size_t taken = 0;
  while (!pipe.empty()) {  // until the socket refuses: a splice may end early for other reasons
    ssize_t count = writable_ ? Splice(pipe.read_end_, fd_, pipe.size_) : (errno = EAGAIN, -1);
    if (count < 0 && errno != EAGAIN) return WriteFailed(errno);
    if (count <= 0) {
      writable_ = false;
      wants_write_ = true;
      break;
    }
    taken += static_cast<size_t>(count);
    pipe.size_ -= static_cast<size_t>(count);
  }
  bytes_written_ += taken;
  if (taken == 0 && !pipe.empty()) return {IoResult::kAgain};
  return {IoResult::kOk, taken};
}

}  // namespace mg::net
