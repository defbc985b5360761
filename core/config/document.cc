#include "config/document.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "config/environment.h"
#include "config/yaml.h"

namespace mg::config {
namespace {

constexpr size_t kMostFiles = 10'000;

// A file's name in messages: relative to the working directory if its includer's is.
std::string DisplayName(const std::string& path, const std::string& includer, const std::string& includer_directory,
                        bool absolute) {
  if (absolute) return path;
  std::filesystem::path relative = std::filesystem::path(path).lexically_relative(includer_directory);
  return (std::filesystem::path(includer).parent_path() / relative).lexically_normal().string();
}

// A folder's name in front of a pattern stands for itself.
std::string EscapePattern(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

bool IsPattern(const std::string& text) { return text.find_first_of("*?[") != std::string::npos; }

class Reader {
 public:
  Reader(FileSource& files, Diagnostics& diagnostics) : files_(files), diagnostics_(diagnostics) {}

  // Registers the file and reads it; `text` null: from the files.
  std::optional<Node> Main(const std::string& name, const std::string& path, const std::string& directory,
                           const std::string* text, TextKind kind);

 private:
  uint32_t Register(const std::string& name, const std::string& path, const std::string& directory,
                    const Position& from);
  std::optional<Node> Parse(const std::string& text, uint32_t file, TextKind kind);
  bool IncludeAll(Node& root, Node& into, uint32_t file);
  bool IncludePattern(const Node& entry, const std::string& path, Node& into, uint32_t file);
  bool IncludeFile(const std::string& path, bool absolute, const Node& entry, const std::string& key_path, Node& into,
                   uint32_t file);

  void Merge(Node& into, Node&& from);
  void MergeEntry(Node::Entry& into, Node::Entry&& from, const std::string& path, int depth);

  std::string Cite(const Position& at) const {
    return fmt::format("{}:{}:{}", diagnostics_.files[at.file], at.line, at.column);
  }

  struct Seen {
    std::string path;
    Position from;  // where it is included
  };
  FileSource& files_;
  Diagnostics& diagnostics_;
  std::vector<Seen> seen_;      // by Position::file
  std::vector<uint32_t> open_;  // the files that include one another, outermost first
  bool failed_ = false;
};

uint32_t Reader::Register(const std::string& name, const std::string& path, const std::string& directory,
                          const Position& from) {
  diagnostics_.files.push_back(name);
  diagnostics_.directories.push_back(directory);
  seen_.push_back({path, from});
  return static_cast<uint32_t>(seen_.size() - 1);
}

std::optional<Node> Reader::Parse(const std::string& text, uint32_t file, TextKind kind) {
  std::optional<Node> root = ParseYaml(text, file, diagnostics_);
  if (!root) return std::nullopt;
  if (root->position.line == 0) root->position = {file, 1, 1};
  if (kind == TextKind::kRoutes && root->kind == Node::Kind::kSequence) {
    Node map;
    map.kind = Node::Kind::kMap;
    map.position = root->position;
    Position position = root->position;
    map.entries.push_back({"routes", position, std::move(*root)});
    return map;
  }
  if (root->kind == Node::Kind::kMap) return root;
  diagnostics_.Error(root->position, "",
                     root->kind == Node::Kind::kNull
                         ? "the file is empty"
                         : "expected a map of keys such as listeners, upstreams and routes");
  return std::nullopt;
}

std::optional<Node> Reader::Main(const std::string& name, const std::string& path, const std::string& directory,
                                 const std::string* text, TextKind kind) {
  uint32_t file = Register(name, path, directory, {});
  std::string content;
  if (text == nullptr) {
    std::string error;
    if (!files_.Read(path, content, error)) {
      diagnostics_.ErrorIn(name, 0, 0, "", "cannot read it: " + error);
      return std::nullopt;
    }
    text = &content;
  }
  std::optional<Node> root = Parse(*text, file, kind);
  if (!root) return std::nullopt;
  open_.push_back(file);
  IncludeAll(*root, *root, file);
  if (failed_) return std::nullopt;
  return root;
}

// Takes `include` out of `root` and merges what it names into `into`, file after file.
bool Reader::IncludeAll(Node& root, Node& into, uint32_t file) {
  auto found =
      std::find_if(root.entries.begin(), root.entries.end(), [](const Node::Entry& e) { return e.key == "include"; });
  if (found == root.entries.end()) return true;
  Node include = std::move(found->value);
  root.entries.erase(found);
  std::vector<Node> single;
  if (include.kind == Node::Kind::kScalar) {
    Node copy = include;
    single.push_back(std::move(copy));
  }
  const std::vector<Node>& items = include.kind == Node::Kind::kScalar ? single : include.items;
  if (include.kind == Node::Kind::kMap) {
    diagnostics_.Error(include.position, "include", "expected a list of paths, found a map");
    failed_ = true;
  }
  for (size_t i = 0; i < items.size(); i++) {
    std::string path = include.kind == Node::Kind::kScalar ? "include" : fmt::format("include[{}]", i);
    if (items[i].kind == Node::Kind::kScalar) {
      IncludePattern(items[i], path, into, file);
    } else {
      diagnostics_.Error(items[i].position, path, "expected a path or a pattern");
      failed_ = true;
    }
  }
  return !failed_;
}

bool Reader::IncludePattern(const Node& entry, const std::string& path, Node& into, uint32_t file) {
  Result<Substitution> filled = Substitute(entry.scalar);
  if (!filled || filled->text.empty()) {
    diagnostics_.Error(entry.position, path, filled ? "an empty path" : filled.error().message);
    failed_ = true;
    return false;
  }
  const std::string directory = diagnostics_.directories[file];
  const std::string& pattern = filled->text;
  bool absolute = pattern.starts_with('/');
  if (!IsPattern(pattern)) return IncludeFile(AbsolutePath(directory, pattern), absolute, entry, path, into, file);
  std::string whole = absolute ? pattern : AbsolutePath(EscapePattern(directory), pattern);
  for (const std::string& match : files_.Glob(whole)) {
    if (!IncludeFile(AbsolutePath("/", match), absolute, entry, path, into, file)) return false;
  }
  return true;
}

bool Reader::IncludeFile(const std::string& path, bool absolute, const Node& entry, const std::string& key_path,
                         Node& into, uint32_t file) {
  auto fail = [&](std::string message) {
    diagnostics_.Error(entry.position, key_path, std::move(message));
    failed_ = true;
    return false;
  };
  std::string name = DisplayName(path, diagnostics_.files[file], diagnostics_.directories[file], absolute);
  for (uint32_t i = 0; i < seen_.size(); i++) {
    if (seen_[i].path != path) continue;
    if (std::find(open_.begin(), open_.end(), i) != open_.end()) {
      std::string chain;
      for (auto link = std::find(open_.begin(), open_.end(), i); link != open_.end(); ++link) {
        chain += diagnostics_.files[*link] + " -> ";
      }
      return fail("the files include each other in a cycle: " + chain + name);
    }
    return fail(fmt::format("{} is included already, at {}", name, Cite(seen_[i].from)));
  }
  if (seen_.size() >= kMostFiles) return fail(fmt::format("more than {} files", kMostFiles));
  std::string text, error;
  if (!files_.Read(path, text, error)) return fail(fmt::format("cannot read {}: {}", name, error));
  uint32_t index = Register(name, path, std::filesystem::path(path).parent_path().string(), entry.position);
  std::optional<Node> root = Parse(text, index, TextKind::kGateway);
  if (!root) {
    failed_ = true;
    return true;
  }
  open_.push_back(index);
  Node more;
  more.kind = Node::Kind::kMap;
  // The file itself comes before what it includes.
  Node own = std::move(*root);
  Node include_only;
  include_only.kind = Node::Kind::kMap;
  auto include =
      std::find_if(own.entries.begin(), own.entries.end(), [](const Node::Entry& e) { return e.key == "include"; });
  if (include != own.entries.end()) {
    include_only.entries.push_back(std::move(*include));
    own.entries.erase(include);
  }
  Merge(into, std::move(own));
  IncludeAll(include_only, into, index);
  open_.pop_back();
  return true;
}

void Reader::Merge(Node& into, Node&& from) {
  for (Node::Entry& entry : from.entries) {
    if (entry.key == "version") {
      auto own = into.Find("version");
      if (own != nullptr && own->scalar == entry.value.scalar) continue;
    }
    if (entry.key == "policies") {
      diagnostics_.Error(entry.position, "policies", "policies for every route stand in the main file only");
      continue;
    }
    auto found = std::find_if(into.entries.begin(), into.entries.end(),
                              [&](const Node::Entry& e) { return e.key == entry.key; });
    if (found == into.entries.end()) {
      into.entries.push_back(std::move(entry));
    } else {
      std::string path = entry.key;
      MergeEntry(*found, std::move(entry), path, 1);
    }
  }
}

// Lists append. The maps of a section (and lua.shared_dicts) are joined, each key being given once.
void Reader::MergeEntry(Node::Entry& into, Node::Entry&& from, const std::string& path, int depth) {
  Node& a = into.value;
  Node& b = from.value;
  if (b.kind == Node::Kind::kNull) return;
  if (a.kind == Node::Kind::kNull) {
    a = std::move(b);
  } else if (a.kind == Node::Kind::kSequence && b.kind == Node::Kind::kSequence) {
    for (Node& item : b.items) a.items.push_back(std::move(item));
  } else if (a.kind == Node::Kind::kMap && b.kind == Node::Kind::kMap && (depth == 1 || path == "lua.shared_dicts")) {
    for (Node::Entry& entry : b.entries) {
      auto found =
          std::find_if(a.entries.begin(), a.entries.end(), [&](const Node::Entry& e) { return e.key == entry.key; });
      std::string inner = path + "." + entry.key;
      if (found == a.entries.end()) {
        a.entries.push_back(std::move(entry));
      } else {
        MergeEntry(*found, std::move(entry), inner, depth + 1);
      }
    }
  } else {
    diagnostics_.Error(from.position, path,
                       fmt::format("\"{}\" is defined twice: first at {}", into.key, Cite(into.position)));
  }
}

}  // namespace

std::optional<Node> ReadDocument(const std::string& name, const std::string& path, FileSource& files,
                                 Diagnostics& diagnostics) {
  std::string directory = std::filesystem::path(path).parent_path().string();
  return Reader(files, diagnostics).Main(name, path, directory, nullptr, TextKind::kGateway);
}

std::optional<Node> ReadDocumentText(const std::string& name, const std::string& text, const std::string& directory,
                                     TextKind kind, FileSource& files, Diagnostics& diagnostics) {
  return Reader(files, diagnostics).Main(name, AbsolutePath(directory, name), directory, &text, kind);
}

}  // namespace mg::config
