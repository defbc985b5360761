// Where the configuration's files come from: the disk, or memory.
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "config/node.h"

namespace mg::config {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string Reason() {
  if (errno == ENOENT) return "no such file";
  char text[128];
  return strerror_r(errno, text, sizeof text);
}

// Non-blocking, so that a FIFO without a writer cannot hold the control thread.
bool ReadDisk(const std::string& path, std::string& content, std::string& error) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
    error = Reason();
    return false;
  }
  if (!S_ISREG(status.st_mode)) {
    error = S_ISDIR(status.st_mode) ? "it is a directory" : "it is not a regular file";
    return false;
  }
  content.clear();
  char block[65536];
  for (;;) {
    ssize_t count = ::read(file.get(), block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      error = Reason();
      return false;
    }
    if (count == 0) return true;
    content.append(block, static_cast<size_t>(count));
    if (content.size() > DiskFiles::kMaxSize) {
      error = "it is larger than 16 MiB";
      return false;
    }
  }
}

const std::string* FindFile(const FileList& files, const std::string& path) {
  for (const auto& [name, content] : files) {
    if (name == path) return &content;
  }
  return nullptr;
}

}  // namespace

std::string AbsolutePath(const std::string& directory, const std::string& path) {
  return (std::filesystem::path(directory) / path).lexically_normal().string();
}

bool DiskFiles::Read(const std::string& path, std::string& content, std::string& error) {
  if (const std::string* known = FindFile(files_, path)) {
    content = *known;
    return true;
  }
  if (!ReadDisk(path, content, error)) return false;
  files_.emplace_back(path, content);
  return true;
}

std::vector<std::string> DiskFiles::Glob(const std::string& pattern) {
  patterns_.push_back(pattern);
  std::vector<std::string> matches;
  glob_t found{};
  if (::glob(pattern.c_str(), GLOB_NOSORT | GLOB_MARK, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; i++) {
      std::string match = found.gl_pathv[i];
      if (!match.ends_with('/')) matches.push_back(std::move(match));
    }
  }
  ::globfree(&found);
  std::sort(matches.begin(), matches.end());
  return matches;
}

bool MemoryFiles::Read(const std::string& path, std::string& content, std::string& error) {
  const std::string* known = FindFile(files_, path);
  if (known == nullptr) {
    error = "no such file";
    return false;
  }
  content = *known;
  return true;
}

std::vector<std::string> MemoryFiles::Glob(const std::string& pattern) {
  std::vector<std::string> matches;
  for (const auto& [name, content] : files_) {
    if (::fnmatch(pattern.c_str(), name.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) matches.push_back(name);
  }
  std::sort(matches.begin(), matches.end());
  return matches;
}

}  // namespace mg::config
