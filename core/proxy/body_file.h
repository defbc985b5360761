// A request body on disk: one that is larger than the route keeps in memory while a script reads it, or a file that a
// script names. Owner: the exchange's RequestPart; its loop's thread. The calls are the file system's and not waited
// for in any other way: the page cache takes what is written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mg::proxy {

class BodyFile {
 public:
  // A new file for this user alone, in TMPDIR or /tmp; removed with the object.
  static Result<std::unique_ptr<BodyFile>> Create();
  // An existing regular file; removed with the object where asked.
  static Result<std::unique_ptr<BodyFile>> Open(const std::string& path, bool remove);
  ~BodyFile();
  BodyFile(const BodyFile&) = delete;
  BodyFile& operator=(const BodyFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }
  Result<void> Append(std::string_view bytes);
  // Reads what stands at `offset` into `to`; how many bytes, at least one while there are any. A file that somebody has
  // cut short meanwhile is an error.
  Result<size_t> Read(uint64_t offset, char* to, size_t most) const;

 private:
  BodyFile(std::string path, int fd, uint64_t size, bool remove)
      : path_(std::move(path)), fd_(fd), size_(size), remove_(remove) {}

  std::string path_;
  int fd_;
  uint64_t size_;
  bool remove_;
};

}  // namespace mg::proxy
