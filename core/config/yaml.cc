#include "config/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <numeric>
#include <streambuf>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "config/yaml_hint.h"

namespace mg::config {
namespace {

struct Stop {};  // ends a parse whose error is in the diagnostics already

// Reads a text in place.
class TextBuffer final : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // a get area is never written to
    setg(begin, begin, begin + text.size());
  }
};

class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view text, uint32_t file, Diagnostics& diagnostics)
      : text_(text), file_(file), diagnostics_(diagnostics) {}

  Node Take() { return std::move(root_); }
  std::string Here() const;
  Position At(const YAML::Mark& mark) const {
    return {file_, static_cast<uint32_t>(mark.line + 1), static_cast<uint32_t>(mark.column + 1)};
  }
  // The innermost flow list or map that is open, for errors; null: none.
  const Position* OpenFlow() const {
    return !frames_.empty() && frames_.back().flow ? &frames_.back().node->position : nullptr;
  }
  void CheckLastQuote() const;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ == 0) return;
    bool marked = LineOf(text_, static_cast<uint32_t>(mark.line + 1)).starts_with("---");
    Refuse(At(mark), marked ? "a second document: a file holds one"
                            : "this does not belong to what is above: check the indentation");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    Open(Node::Kind::kSequence, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    Open(Node::Kind::kMap, mark, tag, anchor, style);
  }
  void OnMapEnd() override {
    CheckDuplicates(*frames_.back().node);
    Close();
  }

 private:
  struct Frame {
    Node* node;
    YAML::anchor_t anchor;
    bool flow;
    bool has_key = false;  // of a map: the last entry waits for its value
  };

  [[noreturn]] void Refuse(const Position& at, std::string message) {
    diagnostics_.Error(at, Here(), std::move(message));
    throw Stop{};
  }
  bool ExpectsKey() const {
    return !frames_.empty() && frames_.back().node->kind == Node::Kind::kMap && !frames_.back().has_key;
  }
  Node& NewValue();
  void Open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style);
  void Close();
  void Keep(YAML::anchor_t anchor, const Node& node) {
    if (anchor != 0) anchors_[anchor] = node;
  }
  void AddKey(const YAML::Mark& mark, const std::string& tag, const std::string& value);
  void CheckDuplicates(const Node& map);
  void CheckColon(const YAML::Mark& mark);
  uint32_t TextLine(const YAML::Mark& mark) const;
  void CountAliased(const Node& node, size_t depth, const Position& at);

  std::string_view text_;
  uint32_t file_;
  Diagnostics& diagnostics_;
  Node root_;
  std::vector<Frame> frames_;  // the open lists and maps; a node on it stays where it is until it is closed
  std::unordered_map<YAML::anchor_t, Node> anchors_;
  size_t aliased_ = 0;
  size_t documents_ = 0;
  YAML::Mark last_quoted_;
  bool has_quoted_ = false;
};

// The place for the next value: the root, a new item, or the value of the last key.
Node& Builder::NewValue() {
  if (frames_.empty()) return root_;
  Frame& frame = frames_.back();
  if (frame.node->kind == Node::Kind::kSequence) return frame.node->items.emplace_back();
  frame.has_key = false;
  return frame.node->entries.back().value;
}

void Builder::Open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                   YAML::EmitterStyle::value style) {
  if (ExpectsKey()) Refuse(At(mark), "a key must be a text, not a list or a map: quote it");
  if (tag.size() > 1) Refuse(At(mark), "tags are not supported: " + tag);
  if (frames_.size() >= YamlLimits::kDepth) {
    Refuse(At(mark), fmt::format("nested deeper than {} lists and maps", YamlLimits::kDepth));
  }
  Node& node = NewValue();
  node.kind = kind;
  node.position = At(mark);
  frames_.push_back({&node, anchor, style == YAML::EmitterStyle::Flow});
}

void Builder::Close() {
  Frame frame = frames_.back();
  frames_.pop_back();
  Keep(frame.anchor, *frame.node);
}

void Builder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       const std::string& value) {
  if (ExpectsKey()) {
    AddKey(mark, tag, value);
    if (anchor == 0) return;
    Refuse(At(mark), "a key cannot have an anchor");
  }
  bool string_tag = tag == "tag:yaml.org,2002:str";
  if (tag.size() > 1 && !string_tag) Refuse(At(mark), "tags are not supported: " + tag);
  Node& node = NewValue();
  node.kind = Node::Kind::kScalar;
  node.position = At(mark);
  node.text_line = node.position.line;
  node.quoted = tag == "!" || string_tag;
  node.scalar = value;
  if (tag == "!") {
    node.text_line = TextLine(mark);
    last_quoted_ = mark;
    has_quoted_ = true;
  }
  Keep(anchor, node);
}

void Builder::AddKey(const YAML::Mark& mark, const std::string& tag, const std::string& value) {
  if (tag == "?" && value == "<<") {
    Refuse(At(mark), "merge keys (<<) are not supported: write the keys out, or use an alias for a whole value");
  }
  if (tag.size() > 1) Refuse(At(mark), "tags are not supported: " + tag);
  Frame& frame = frames_.back();
  frame.node->entries.push_back({value, At(mark), Node{}});
  frame.has_key = true;
}

void Builder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  if (ExpectsKey()) Refuse(At(mark), "a key is missing before this, or is null: quote it if it is meant as text");
  if (!frames_.empty() && frames_.back().node->kind == Node::Kind::kMap) CheckColon(mark);
  Node& node = NewValue();
  node.position = At(mark);
  Keep(anchor, node);
}

// The library takes "key" and "{key:1}" for keys whose value is null.
void Builder::CheckColon(const YAML::Mark& mark) {
  const Node::Entry& entry = frames_.back().node->entries.back();
  Position at = At(mark);
  bool missing = at.line == entry.position.line && at.column == entry.position.column;
  if (!missing && frames_.back().flow && at.line == entry.position.line) {
    size_t here = mark.pos < 0 ? text_.size() : std::min(static_cast<size_t>(mark.pos), text_.size());
    size_t key = here - std::min<size_t>(here, at.column - entry.position.column);
    missing = text_.substr(key, here - key).find(':') == std::string_view::npos;
    // `b:1`: a colon without a space is a part of the key.
    missing = missing || entry.key.find(':') != std::string::npos;
  }
  if (!missing) return;
  if (auto braces = UnquotedBraces(text_, at.line)) {
    Refuse({file_, braces->line, braces->column}, std::move(braces->message));
  }
  std::string message = fmt::format("\"{}\" has no value: write key: value, with a space after the colon", entry.key);
  if (frames_.back().flow && frames_.back().node->entries.size() == 1) {
    message += fmt::format("; or quote \"{{{}}}\" if it is meant as text", entry.key);
  }
  Refuse(entry.position, std::move(message));
}

// The path of what is being read, as "routes[3].match".
std::string Builder::Here() const {
  // Only a list of routes stands at the root.
  std::string path = root_.kind == Node::Kind::kSequence ? "routes" : "";
  for (const Frame& frame : frames_) {
    if (frame.node->kind == Node::Kind::kSequence) {
      bool inside = &frame != &frames_.back();
      if (inside) path += fmt::format("[{}]", frame.node->items.size() - 1);
    } else if (!frame.node->entries.empty() && (frame.has_key || &frame != &frames_.back())) {
      path += (path.empty() ? "" : ".") + frame.node->entries.back().key;
    }
  }
  return path;
}

void Builder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  Position at = At(mark);
  if (ExpectsKey()) Refuse(at, "an alias cannot be a key");
  auto found = anchors_.find(anchor);
  if (found == anchors_.end()) Refuse(at, "an alias within what it stands for");
  CountAliased(found->second, frames_.size(), at);
  NewValue() = found->second;
}

void Builder::CountAliased(const Node& node, size_t depth, const Position& at) {
  if (++aliased_ > YamlLimits::kAliasedNodes) {
    Refuse(at, fmt::format("aliases stand for more than {} values", YamlLimits::kAliasedNodes));
  }
  bool container = node.kind == Node::Kind::kSequence || node.kind == Node::Kind::kMap;
  if (container && depth >= YamlLimits::kDepth) {
    Refuse(at, fmt::format("nested deeper than {} lists and maps", YamlLimits::kDepth));
  }
  for (const Node& item : node.items) CountAliased(item, depth + 1, at);
  for (const Node::Entry& entry : node.entries) CountAliased(entry.value, depth + 1, at);
}

void Builder::CheckDuplicates(const Node& map) {
  const std::vector<Node::Entry>& entries = map.entries;
  auto report = [&](const Node::Entry& first, const Node::Entry& second) {
    std::string path = Here();
    path += (path.empty() ? "" : ".") + second.key;
    diagnostics_.Error(second.position, std::move(path),
                       fmt::format("the key \"{}\" is given twice: first at line {}, column {}", second.key,
                                   first.position.line, first.position.column));
  };
  if (entries.size() <= 16) {
    for (size_t i = 1; i < entries.size(); i++) {
      for (size_t j = 0; j < i; j++) {
        if (entries[i].key != entries[j].key) continue;
        report(entries[j], entries[i]);
        break;
      }
    }
    return;
  }
  std::unordered_map<std::string_view, const Node::Entry*> seen(entries.size());
  for (const Node::Entry& entry : entries) {
    auto [first, added] = seen.emplace(entry.key, &entry);
    if (!added) report(*first->second, entry);
  }
}

// A block scalar's text starts on the line after its indicator, which may follow an anchor and a tag.
uint32_t Builder::TextLine(const YAML::Mark& mark) const {
  size_t at = mark.pos < 0 ? text_.size() : static_cast<size_t>(mark.pos);
  uint32_t line = static_cast<uint32_t>(mark.line + 1);
  while (at < text_.size()) {
    char c = text_[at];
    if (c == '|' || c == '>') return line + 1;
    if (c == '&' || c == '!') {
      at = std::min(text_.find_first_of(" \t\r\n", at), text_.size());
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      if (c == '\n') line++;
      at++;
    } else {
      return line;
    }
  }
  return line;
}

// The library takes the end of the file for the end of a quoted text.
void Builder::CheckLastQuote() const {
  if (!has_quoted_ || last_quoted_.pos < 0) return;
  size_t at = static_cast<size_t>(last_quoted_.pos);
  while (at < text_.size() && (text_[at] == '&' || text_[at] == '!')) {
    at = std::min(text_.find_first_of(" \t\r\n", at), text_.size());
    at = std::min(text_.find_first_not_of(" \t\r\n", at), text_.size());
  }
  if (at >= text_.size() || (text_[at] != '"' && text_[at] != '\'')) return;
  char quote = text_[at++];
  while (at < text_.size()) {
    if (quote == '"' && text_[at] == '\\') {
      at += 2;
    } else if (text_[at] != quote) {
      at++;
    } else if (quote == '\'' && at + 1 < text_.size() && text_[at + 1] == '\'') {
      at += 2;
    } else {
      return;
    }
  }
  diagnostics_.Error(At(last_quoted_), "", "the quote opened here is never closed");
  throw Stop{};
}

// The length of the UTF-8 sequence (RFC 3629) at the front of `text`; 0: it is none.
size_t Utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(i < text.size() ? text[i] : 0); };
  auto tail = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xbf) { return byte(i) >= low && byte(i) <= high; };
  uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    bool second = tail(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
    return second && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    bool second = tail(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

// The library would take some control characters for the end of the text, and would mend broken UTF-8.
bool CheckCharacters(std::string_view text, uint32_t file, Diagnostics& diagnostics) {
  uint32_t line = 1;
  size_t line_begin = 0;
  for (size_t i = 0; i < text.size();) {
    uint8_t c = static_cast<uint8_t>(text[i]);
    size_t length = c < 0x80 ? 1 : Utf8Length(text.substr(i, 4));
    bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
    if (length == 0 || control) {
      Position at{file, line, static_cast<uint32_t>(i - line_begin + 1)};
      diagnostics.Error(at, "",
                        length == 0 ? std::string("not UTF-8 text") : fmt::format("control character 0x{:02x}", c));
      return false;
    }
    i += length;
    if (c == '\n') {
      line++;
      line_begin = i;
    }
  }
  return true;
}

}  // namespace

std::optional<Node> ParseYaml(const std::string& whole, uint32_t file, Diagnostics& diagnostics) {
  std::string_view text = whole;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.size() > YamlLimits::kSize) {
    diagnostics.Error({file, 1, 1}, "", "the file is larger than 16 MiB");
    return std::nullopt;
  }
  if (!CheckCharacters(text, file, diagnostics)) return std::nullopt;
  Builder builder(text, file, diagnostics);
  try {
    TextBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    builder.CheckLastQuote();
    return builder.Take();
  } catch (const Stop&) {
  } catch (const YAML::Exception& error) {
    Position at = builder.At(error.mark);
    YamlFailure failure{at.line, at.column, error.msg};
    if (const Position* open = builder.OpenFlow()) {
      failure.open_line = open->line;
      failure.open_column = open->column;
    }
    YamlHint hint = ExplainYamlError(text, failure);
    diagnostics.Error({file, hint.line, hint.column}, builder.Here(), std::move(hint.message));
  }
  return std::nullopt;
}

}  // namespace mg::config
