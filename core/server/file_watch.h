// FileWatch: tells when one of a generation's files has been saved, replaced, made or removed (inotify on their
// folders, since editors replace files by renaming). Control thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace mg::server {

class FileWatch {
 public:
  FileWatch();
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Watches these files instead of those before.
  void Watch(const std::vector<std::string>& files);
  int fd() const { return fd_; }
  // Reads what happened: whether it concerns one of the files.
  bool Changed();

 private:
  int fd_;
  std::map<std::string, int> folders_;          // to inotify's watch
  std::map<int, std::set<std::string>> names_;  // by watch: the files in it
};

}  // namespace mg::server
