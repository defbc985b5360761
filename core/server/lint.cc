#include "server/lint.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/strings.h"

extern char** environ;

namespace mg::server {

namespace {

// An open file without a name.
class Scratch {
 public:
  explicit Scratch(std::string_view content) : fd_(memfd_create("luacheck", MFD_CLOEXEC)) {
    while (fd_ >= 0 && !content.empty()) {
      ssize_t size = write(fd_, content.data(), content.size());
      if (size <= 0) break;
      content.remove_prefix(static_cast<size_t>(size));
    }
    if (fd_ >= 0) lseek(fd_, 0, SEEK_SET);
  }
  ~Scratch() {
    if (fd_ >= 0) close(fd_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  int fd() const { return fd_; }
  std::string Content() const {
    std::string text;
    char buffer[4096];
    lseek(fd_, 0, SEEK_SET);
    for (ssize_t size; (size = read(fd_, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(size));
    return text;
  }

 private:
  int fd_;
};

// The plain report on a text; empty: nothing to say, or no luacheck.
std::string Report(const std::string& text) {
  Scratch in(text), out("");
  if (in.fd() < 0 || out.fd() < 0) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.fd(), 0);
  posix_spawn_file_actions_adddup2(&actions, out.fd(), 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  // Unused arguments are a policy's (conf, ctx); how long lines are is a matter of style.
  const char* arguments[] = {"luacheck",
                             "--no-config",
                             "--no-cache",
                             "--std",
                             "luajit+ngx_lua",
                             "--no-color",
                             "--no-max-line-length",
                             "--no-unused-args",
                             "--no-self",
                             "--formatter",
                             "plain",
                             "--filename",
                             "stdin",
                             "-",
                             nullptr};
  pid_t child;
  int failed = posix_spawnp(&child, "luacheck", &actions, nullptr, const_cast<char**>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return {};
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return out.Content();
}

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  for (;;) {
    size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

void Lint(const std::vector<script::ScriptText>& texts, config::FileSource& files, config::Diagnostics& diagnostics) {
  std::set<std::tuple<std::string, uint32_t, std::string>> seen;  // a chunk may be compiled more than once
  for (const script::ScriptText& script : texts) {
    if (!seen.emplace(script.name, script.first_line, script.text).second) continue;
    std::string report = Report(script.text);
    if (report.empty()) continue;
    std::string content, ignored;
    bool in_place = script.first_line > 1 && files.Read(script.name, content, ignored);
    std::vector<std::string_view> lines = LinesOf(script.text), around = LinesOf(content);
    for (std::string_view each : LinesOf(report)) {  // "stdin:LINE:COLUMN: MESSAGE"
      if (!each.starts_with("stdin:")) continue;
      each.remove_prefix(6);
      size_t first = each.find(':'), second = each.find(':', first + 1);
      if (second == std::string_view::npos) continue;
      auto line = ParseDecimal<uint32_t>(each.substr(0, first));
      auto column = ParseDecimal<uint32_t>(each.substr(first + 1, second - first - 1));
      if (!line || !column || *line == 0 || *line > lines.size()) continue;
      uint32_t at = script.first_line - 1 + *line;
      // A block of YAML is indented, and a chunk may begin behind its key.
      if (in_place && at <= around.size()) {
        size_t indent = around[at - 1].find(lines[*line - 1]);
        if (indent != std::string_view::npos) *column += static_cast<uint32_t>(indent);
      }
      diagnostics.WarningIn(script.name, at, *column, std::string(Trim(each.substr(second + 1))));
    }
  }
}

}  // namespace mg::server
