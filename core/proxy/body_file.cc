#include "proxy/body_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "base/log.h"

namespace mg::proxy {

namespace {

std::string Reason(std::string_view call, const std::string& path, int number) {
  return fmt::format("{} \"{}\" failed ({}: {})", call, path, number, std::generic_category().message(number));
}

}  // namespace

Result<std::unique_ptr<BodyFile>> BodyFile::Create() {
  const char* folder = std::getenv("TMPDIR");
  std::string path = std::string(folder != nullptr && *folder != '\0' ? folder : "/tmp") + "/moongate-body-XXXXXX";
  int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return Fail(ErrorCode::kSystem, Reason("mkostemp()", path, errno));
  return std::unique_ptr<BodyFile>(new BodyFile(std::move(path), fd, 0, true));
}

Result<std::unique_ptr<BodyFile>> BodyFile::Open(const std::string& path, bool remove) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe that nobody writes must not hold the loop
  if (fd < 0) {
    int number = errno;
    MG_LOG(kError, "{}", Reason("open()", path, number));
    return Fail(ErrorCode::kSystem, fmt::format("{} \"{}\" failed", number == ENOENT ? "stat()" : "open()", path));
  }
  struct stat status {};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(fd);
    return Fail(ErrorCode::kSystem, fmt::format("\"{}\" is not a regular file", path));
  }
  return std::unique_ptr<BodyFile>(new BodyFile(path, fd, static_cast<uint64_t>(status.st_size), remove));
}

BodyFile::~BodyFile() {
  close(fd_);
  if (remove_) unlink(path_.c_str());
}

Result<void> BodyFile::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Fail(ErrorCode::kSystem, Reason("pwrite()", path_, written < 0 ? errno : ENOSPC));
    size_ += static_cast<size_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<size_t> BodyFile::Read(uint64_t offset, char* to, size_t most) const {
  most = std::min<uint64_t>(most, size_ - offset);
  for (;;) {
    ssize_t got = pread(fd_, to, most, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Fail(ErrorCode::kSystem, Reason("pread()", path_, errno));
    if (got == 0 && most > 0) return Fail(ErrorCode::kSystem, fmt::format("\"{}\" has become shorter", path_));
    return static_cast<size_t>(got);
  }
}

}  // namespace mg::proxy
