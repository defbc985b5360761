// A YAML document with positions: what the loader makes of the files (aliases resolved, includes joined; ${NAME} is
// filled in later, by the schema's check), and what every schema reads. Made on the control thread, immutable once
// loaded; the root owns all nodes (Config::document).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mg::config {

struct Position {
  uint32_t file = 0;    // index into Diagnostics::files and Config::files
  uint32_t line = 0;    // from 1
  uint32_t column = 0;  // from 1, in bytes
};

struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMap };
  struct Entry;

  Kind kind = Kind::kNull;
  bool quoted = false;  // a scalar in quotes or a block: always a string
  Position position;
  uint32_t text_line = 0;  // of a scalar: the line its text starts on (a block's is the line after its "|")
  std::string scalar;
  std::vector<Node> items;     // of a sequence
  std::vector<Entry> entries;  // of a map, in file order

  // The value under a key, or null.
  const Node* Find(std::string_view key) const;
};

struct Node::Entry {
  std::string key;
  Position position;  // of the key
  Node value;
};

// One error or warning, at a place, with the path of the key ("routes[3].policies[1].jwt.issuer").
struct Diagnostic {
  enum class Level : uint8_t { kError, kWarning } level = Level::kError;
  std::string file;
  uint32_t line = 0, column = 0;
  std::string path;
  std::string message;
  uint32_t file_index = UINT32_MAX;  // into Diagnostics::files; UINT32_MAX: another file

  // "file:line:column: message (path)", with "warning: " before a warning's message. Never holds a secret.
  std::string ToString() const;
};

// Collects all errors of a load, so that they are reported at once, in file order.
class Diagnostics {
 public:
  void Error(const Position& at, std::string path, std::string message);
  void Warning(const Position& at, std::string path, std::string message);
  // For what stands in another file than the configuration, as a Lua error in a script.
  void ErrorIn(std::string file, uint32_t line, uint32_t column, std::string path, std::string message);
  void WarningIn(std::string file, uint32_t line, uint32_t column, std::string message);

  bool failed() const { return errors_ > 0; }
  const std::vector<Diagnostic>& all() const { return all_; }
  std::string ToString() const;  // a line each

  // By Position::file, set by the loader: a file's name as users know it, and the absolute directory that relative
  // paths in it start from. Whoever checks nodes of a loaded Config with Diagnostics of its own copies both from there.
  std::vector<std::string> files;
  std::vector<std::string> directories;

 private:
  void Add(Diagnostic::Level level, const Position& at, std::string path, std::string message);
  void AddIn(Diagnostic::Level level, std::string file, uint32_t line, uint32_t column, std::string path,
             std::string message);
  void Insert(Diagnostic diagnostic);

  std::vector<Diagnostic> all_;  // in file order
  size_t errors_ = 0;
};

// What `path` means when written in a file whose relative paths start from `directory` (absolute): absolute, normal.
std::string AbsolutePath(const std::string& directory, const std::string& path);

// Where files come from: the disk, or a bundle kept in memory (the supervisor's last good generation, a test).
// The loader asks with absolute, normal paths only.
class FileSource {
 public:
  virtual ~FileSource() = default;
  // The content, or an error such as "no such file".
  virtual bool Read(const std::string& path, std::string& content, std::string& error) = 0;
  // The files that match a pattern of glob(7), in byte order; a backslash escapes.
  virtual std::vector<std::string> Glob(const std::string& pattern) = 0;
};

using FileList = std::vector<std::pair<std::string, std::string>>;  // path -> content

// Reads the disk and remembers what it read, which is what a generation is made of: watched for changes, and kept by
// the supervisor for a restart. A file is read once: within one load, all see the same content.
class DiskFiles final : public FileSource {
 public:
  static constexpr size_t kMaxSize = 16 * 1024 * 1024;  // a larger file is an error

  bool Read(const std::string& path, std::string& content, std::string& error) override;
  std::vector<std::string> Glob(const std::string& pattern) override;
  const FileList& files() const { return files_; }
  const std::vector<std::string>& patterns() const { return patterns_; }  // asked for: a new match is a change too

 private:
  FileList files_;
  std::vector<std::string> patterns_;
};

// A bundle in memory.
class MemoryFiles final : public FileSource {
 public:
  explicit MemoryFiles(FileList files) : files_(std::move(files)) {}
  bool Read(const std::string& path, std::string& content, std::string& error) override;
  std::vector<std::string> Glob(const std::string& pattern) override;

 private:
  FileList files_;
};

}  // namespace mg::config
