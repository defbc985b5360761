#include "server/file_watch.h"

#include <fnmatch.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace mg::server {

FileWatch::FileWatch() : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

FileWatch::~FileWatch() {
  if (fd_ >= 0) close(fd_);
}

// A pattern's folder, as glob(7) reads it: a backslash escapes.
static std::string Unescape(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '\\' && i + 1 < text.size()) i++;
    plain += text[i];
  }
  return plain;
}

bool FileWatch::Names::Contains(const char* name) const {
  // A mounted folder of Kubernetes changes all its files at once, by replacing this link.
  if (files.contains(name) || std::strcmp(name, "..data") == 0) return true;
  return std::ranges::any_of(
      patterns, [&](const std::string& pattern) { return fnmatch(pattern.c_str(), name, FNM_PERIOD) == 0; });
}

bool FileWatch::Watch(const std::vector<std::string>& files, const std::vector<std::string>& patterns) {
  names_.clear();
  std::map<std::string, int> folders;
  bool is_new = false;
  auto names_in = [&](const std::string& folder) -> Names& {
    if (!folders.contains(folder)) {
      auto known = folders_.find(folder);
      is_new = is_new || known == folders_.end();
      folders[folder] = known != folders_.end()
                            ? known->second
                            : inotify_add_watch(fd_, folder.c_str(),
                                                IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_CREATE);
    }
    return names_[folders[folder]];
  };
  for (const std::string& file : files) {
    std::filesystem::path path = std::filesystem::absolute(file);
    names_in(path.parent_path()).files.insert(path.filename());
  }
  for (const std::string& pattern : patterns) {
    size_t slash = pattern.rfind('/');
    if (slash == std::string::npos) continue;
    names_in(Unescape(pattern.substr(0, slash))).patterns.push_back(pattern.substr(slash + 1));
  }
  for (auto& [folder, watch] : folders_) {  // one folder of two spellings has one watch
    if (!names_.contains(watch)) inotify_rm_watch(fd_, watch);
  }
  folders_ = std::move(folders);
  return is_new;
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
      if (found != names_.end() && event->len > 0 && found->second.Contains(event->name)) changed = true;
    }
  }
  return changed;
}

}  // namespace mg::server
