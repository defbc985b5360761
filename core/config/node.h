// A YAML document with positions: what the loader makes of the files (aliases resolved, includes joined, ${NAME}
// substituted), and what every schema reads. Immutable once loaded; the Document owns all nodes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mg::config {

struct Position {
  uint32_t file = 0;    // index into Document::files
  uint32_t line = 0;    // from 1
  uint32_t column = 0;  // from 1
};

struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMap };
  struct Entry;

  Kind kind = Kind::kNull;
  bool quoted = false;       // a scalar in quotes or a block: always a string
  bool substituted = false;  // holds text that came from the environment: print as ***
  Position position;
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

  // "file:line:column: message (at path)"
  std::string ToString() const;
};

// Collects all errors of a load, so that they are reported at once, in file order.
class Diagnostics {
 public:
  void Error(const Position& at, std::string path, std::string message);
  void Warning(const Position& at, std::string path, std::string message);
  // For what stands in another file than the configuration, as a Lua error in a script.
  void ErrorIn(std::string file, uint32_t line, uint32_t column, std::string path, std::string message);

  bool failed() const { return errors_ > 0; }
  const std::vector<Diagnostic>& all() const { return all_; }
  std::string ToString() const;  // a line each

  std::vector<std::string> files;  // names by Position::file, set by the loader

 private:
  std::vector<Diagnostic> all_;
  size_t errors_ = 0;
};

// Where files come from: the disk, or a bundle kept in memory (the supervisor's last good generation, a test).
class FileSource {
 public:
  virtual ~FileSource() = default;
  // The content, or an error such as "no such file". Paths are absolute or relative to the working directory.
  virtual bool Read(const std::string& path, std::string& content, std::string& error) = 0;
  // Paths that match a glob pattern, in byte order.
  virtual std::vector<std::string> Glob(const std::string& pattern) = 0;
};

// Reads the disk and remembers what it read (path -> content), which is what a generation is made of: watched for
// changes, and kept by the supervisor for a restart.
class DiskFiles final : public FileSource {
 public:
  bool Read(const std::string& path, std::string& content, std::string& error) override;
  std::vector<std::string> Glob(const std::string& pattern) override;
  const std::vector<std::pair<std::string, std::string>>& files() const { return files_; }

 private:
  std::vector<std::pair<std::string, std::string>> files_;
};

}  // namespace mg::config
