#include "server/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <filesystem>

namespace mg::server {

FileWatch::FileWatch() : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

FileWatch::~FileWatch() {
  if (fd_ >= 0) close(fd_);
}

void FileWatch::Watch(const std::vector<std::string>& files) {
  names_.clear();
  std::map<std::string, int> folders;
  for (const std::string& file : files) {
    std::filesystem::path path = std::filesystem::absolute(file);
    std::string folder = path.parent_path();
    if (!folders.contains(folder)) {
      auto known = folders_.find(folder);
      folders[folder] = known != folders_.end()
                            ? known->second
                            : inotify_add_watch(fd_, folder.c_str(),
                                                IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_CREATE);
    }
    names_[folders[folder]].insert(path.filename());
  }
  for (auto& [folder, watch] : folders_) {
    if (!folders.contains(folder)) inotify_rm_watch(fd_, watch);
  }
  folders_ = std::move(folders);
}

bool FileWatch::Changed() {
  alignas(inotify_event) char buffer[16384];
  bool changed = false;
  ssize_t size;
  while ((size = read(fd_, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_CREATE) != 0) continue;  // its content comes with IN_CLOSE_WRITE
      auto found = names_.find(event->wd);
      if (found != names_.end() && event->len > 0 && found->second.contains(event->name)) changed = true;
    }
  }
  return changed;
}

}  // namespace mg::server
