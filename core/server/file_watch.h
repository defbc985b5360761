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

  // Watches these files instead of those before, and what matches one of the patterns (glob(7), in their last part).
  // True: some folder was not watched before, so what happened in it until now has been missed.
  bool Watch(const std::vector<std::string>& files, const std::vector<std::string>& patterns);
  int fd() const { return fd_; }
  // Reads what happened: whether it concerns one of the files.
  bool Changed();

 private:
  // What is watched for in one folder.
  struct Names {
    std::set<std::string> files;
    std::vector<std::string> patterns;
    bool Contains(const char* name) const;
  };

  int fd_;
  std::map<std::string, int> folders_;  // to inotify's watch
  std::map<int, Names> names_;          // by watch
};

}  // namespace mg::server
