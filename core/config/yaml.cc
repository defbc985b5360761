#include "config/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "config/yaml_hint.h"

namespace mg::config {
namespace {

struct Stop {};  // ends a parse whose error is in the diagnostics already

// The library counts characters and knows more line ends than editors do: from its index to bytes and lines. Made for
// indices that mostly grow.
class Places {
 public:
  struct Place {
    size_t index = 0;   // in characters
    size_t offset = 0;  // in bytes
    size_t line_begin = 0;
    uint32_t line = 1;
    uint32_t column() const { return static_cast<uint32_t>(offset - line_begin + 1); }
  };

  explicit Places(std::string_view text) : text_(text) {}

  const Place& Find(const yaml_mark_t& mark) {
    if (mark.index < at_.index) at_ = {};
    while (at_.index < mark.index && at_.offset < text_.size()) Step();
    return at_;
  }
  const Place& FindOffset(size_t offset) {
    at_ = {};
    while (at_.offset < offset && at_.offset < text_.size()) Step();
    return at_;
  }

 private:
  void Step() {
    char c = text_[at_.offset++];
    at_.index++;
    if (c == '\n') {
      at_.line++;
      at_.line_begin = at_.offset;
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      while (at_.offset < text_.size() && (text_[at_.offset] & 0xc0) == 0x80) at_.offset++;
    }
  }

  std::string_view text_;
  Place at_;
};

// The library's events, one at a time.
class Events {
 public:
  explicit Events(std::string_view text) {
    if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Events() {
    Release();
    yaml_parser_delete(&parser_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // The next one, valid until the one after; null: the text cannot be understood, error() says why.
  const yaml_event_t* Next() {
    Release();
    held_ = yaml_parser_parse(&parser_, &event_) != 0;
    return held_ ? &event_ : nullptr;
  }
  const yaml_parser_t& error() const { return parser_; }

 private:
  void Release() {
    if (held_) yaml_event_delete(&event_);
    held_ = false;
  }

  yaml_parser_t parser_{};
  yaml_event_t event_{};
  bool held_ = false;
};

std::string_view View(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text));
}

bool IsNull(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

class Builder {
 public:
  Builder(std::string_view text, uint32_t file, Diagnostics& diagnostics)
      : text_(text), file_(file), diagnostics_(diagnostics), places_(text), events_(text) {}

  Node Run();

 private:
  // An open list or map. Its items and entries wait on the stacks until it is closed.
  struct Frame {
    Node::Kind kind;
    bool flow;
    bool has_key = false;  // of a map: the last entry waits for its value
    uint32_t anchor;       // 0: none
    size_t begin;          // of its items or entries on the stack
    size_t count = 0;      // of its items or entries
    Position position;
  };

  Position At(const yaml_mark_t& mark) {
    const Places::Place& place = places_.Find(mark);
    return {file_, place.line, place.column()};
  }
  [[noreturn]] void Refuse(const Position& at, std::string message) {
    diagnostics_.Error(at, Here(), std::move(message));
    throw Stop{};
  }
  [[noreturn]] void RefuseText();
  bool InMap() const { return !frames_.empty() && frames_.back().kind == Node::Kind::kMap; }
  bool ExpectsKey() const { return InMap() && !frames_.back().has_key; }
  std::string Here() const;
  void CheckTag(std::string_view tag, const Position& at) {
    if (!tag.empty()) Refuse(at, "tags are not supported: " + std::string(tag));
  }

  void OnEvent(const yaml_event_t& event);
  void OnScalar(const yaml_event_t& event);
  void OnNull(const yaml_event_t& event, uint32_t anchor);
  void OnAlias(const yaml_event_t& event);
  void Open(Node::Kind kind, const yaml_event_t& event, const yaml_char_t* anchor, const yaml_char_t* tag, bool flow);
  void Close();
  void AddKey(const yaml_event_t& event, const Position& at);
  void Add(Node&& value, uint32_t anchor);
  uint32_t NewAnchor(const yaml_char_t* name) {
    return name == nullptr ? 0 : latest_[std::string(View(name))] = ++anchor_count_;
  }
  void CheckDuplicates(const Node& map);
  void CheckColon(const yaml_mark_t& mark);
  uint32_t TextLine(const yaml_mark_t& mark);
  void CountAliased(const Node& node, size_t depth, const Position& at);

  std::string_view text_;
  uint32_t file_;
  Diagnostics& diagnostics_;
  Places places_;
  Events events_;
  Node root_;
  std::vector<Frame> frames_;
  std::vector<Node> items_;                     // of all open lists
  std::vector<Node::Entry> entries_;            // of all open maps
  yaml_mark_t key_end_{};                       // of the last key
  std::map<std::string, uint32_t> latest_;      // an anchor's name may be given again
  std::unordered_map<uint32_t, Node> anchors_;  // those that are complete
  uint32_t anchor_count_ = 0;
  size_t aliased_ = 0;
  size_t documents_ = 0;
};

Node Builder::Run() {
  for (;;) {
    const yaml_event_t* event = events_.Next();
    if (event == nullptr) RefuseText();
    if (event->type == YAML_STREAM_END_EVENT) return std::move(root_);
    OnEvent(*event);
  }
}

void Builder::OnEvent(const yaml_event_t& event) {
  switch (event.type) {
    case YAML_DOCUMENT_START_EVENT:
      if (documents_++ != 0) Refuse(At(event.start_mark), "a second document: a file holds one");
      break;
    case YAML_ALIAS_EVENT: OnAlias(event); break;
    case YAML_SCALAR_EVENT: OnScalar(event); break;
    case YAML_SEQUENCE_START_EVENT: {
      const auto& start = event.data.sequence_start;
      Open(Node::Kind::kSequence, event, start.anchor, start.tag, start.style == YAML_FLOW_SEQUENCE_STYLE);
      break;
    }
    case YAML_MAPPING_START_EVENT: {
      const auto& start = event.data.mapping_start;
      Open(Node::Kind::kMap, event, start.anchor, start.tag, start.style == YAML_FLOW_MAPPING_STYLE);
      break;
    }
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: Close(); break;
    default: break;
  }
}

// Puts the next value where it belongs: the root, a new item, or the value of the last key.
void Builder::Add(Node&& value, uint32_t anchor) {
  if (anchor != 0) anchors_[anchor] = value;
  if (frames_.empty()) {
    root_ = std::move(value);
  } else if (frames_.back().kind == Node::Kind::kSequence) {
    frames_.back().count++;
    items_.push_back(std::move(value));
  } else {
    frames_.back().has_key = false;
    entries_.back().value = std::move(value);
  }
}

void Builder::Open(Node::Kind kind, const yaml_event_t& event, const yaml_char_t* anchor, const yaml_char_t* tag,
                   bool flow) {
  Position at = At(event.start_mark);
  if (ExpectsKey()) Refuse(at, "a key must be a text, not a list or a map: quote it");
  CheckTag(View(tag), at);
  if (frames_.size() >= YamlLimits::kDepth) {
    Refuse(at, fmt::format("nested deeper than {} lists and maps", YamlLimits::kDepth));
  }
  size_t begin = kind == Node::Kind::kSequence ? items_.size() : entries_.size();
  frames_.push_back({kind, flow, false, NewAnchor(anchor), begin, 0, at});
}

// A container takes what waited for it, at exactly its size.
void Builder::Close() {
  Frame frame = frames_.back();
  Node node;
  node.kind = frame.kind;
  node.position = frame.position;
  auto take = [&](auto& stack, auto& into) {
    auto begin = stack.begin() + static_cast<ptrdiff_t>(frame.begin);
    into.assign(std::make_move_iterator(begin), std::make_move_iterator(stack.end()));
    stack.erase(begin, stack.end());
  };
  if (frame.kind == Node::Kind::kSequence) {
    take(items_, node.items);
  } else {
    take(entries_, node.entries);
  }
  frames_.pop_back();
  if (frame.kind == Node::Kind::kMap) CheckDuplicates(node);
  Add(std::move(node), frame.anchor);
}

void Builder::OnScalar(const yaml_event_t& event) {
  const auto& scalar = event.data.scalar;
  std::string_view tag = View(scalar.tag);
  bool plain = scalar.style == YAML_PLAIN_SCALAR_STYLE;
  std::string_view text(reinterpret_cast<const char*>(scalar.value), scalar.length);
  const Places::Place& place = places_.Find(event.start_mark);
  Position at{file_, place.line, place.column()};
  bool string_tag = tag == "tag:yaml.org,2002:str";
  // "! x" is a text whatever it looks like.
  bool is_text = !plain || string_tag || (place.offset < text_.size() && text_[place.offset] == '!');
  if (!is_text && tag.empty() && IsNull(text)) return OnNull(event, NewAnchor(scalar.anchor));
  if (ExpectsKey()) {
    AddKey(event, at);
    if (scalar.anchor == nullptr) return;
    Refuse(at, "a key cannot have an anchor");
  }
  if (!string_tag) CheckTag(tag, at);
  Node node;
  node.kind = Node::Kind::kScalar;
  node.position = at;
  node.text_line = plain ? at.line : TextLine(event.start_mark);
  node.quoted = is_text;
  node.scalar = text;
  Add(std::move(node), NewAnchor(scalar.anchor));
}

void Builder::AddKey(const yaml_event_t& event, const Position& at) {
  const auto& scalar = event.data.scalar;
  std::string_view text(reinterpret_cast<const char*>(scalar.value), scalar.length);
  if (scalar.style == YAML_PLAIN_SCALAR_STYLE && text == "<<") {
    Refuse(at, "merge keys (<<) are not supported: write the keys out, or use an alias for a whole value");
  }
  CheckTag(View(scalar.tag), at);
  Frame& frame = frames_.back();
  entries_.push_back({std::string(text), at, Node{}});
  frame.count++;
  frame.has_key = true;
  key_end_ = event.end_mark;
}

void Builder::OnNull(const yaml_event_t& event, uint32_t anchor) {
  Position at = At(event.start_mark);
  if (ExpectsKey()) Refuse(at, "a key is missing before this, or is null: quote it if it is meant as text");
  if (InMap()) CheckColon(event.start_mark);
  Node node;
  node.position = at;
  Add(std::move(node), anchor);
}

// The library takes "{key}" and "{key:1}" for keys whose value is null.
void Builder::CheckColon(const yaml_mark_t& mark) {
  Places places = places_;  // which stands at the value; the key's end lies before
  size_t value = places_.Find(mark).offset, end = places.Find(key_end_).offset;
  if (end > value || text_.substr(end, value - end).find(':') != std::string_view::npos) return;
  const Frame& frame = frames_.back();
  const Node::Entry& entry = entries_.back();
  if (auto braces = UnquotedBraces(text_, places_.Find(mark).line)) {
    Refuse({file_, braces->line, braces->column}, std::move(braces->message));
  }
  std::string message = fmt::format("\"{}\" has no value: write key: value, with a space after the colon", entry.key);
  if (frame.flow && frame.count == 1) {
    message += fmt::format("; or quote \"{{{}}}\" if it is meant as text", entry.key);
  }
  Refuse(entry.position, std::move(message));
}

// The path of what is being read, as "routes[3].match".
std::string Builder::Here() const {
  // Only a list of routes stands at the root.
  bool list = frames_.empty() ? root_.kind == Node::Kind::kSequence : frames_[0].kind == Node::Kind::kSequence;
  std::string path = list ? "routes" : "";
  for (const Frame& frame : frames_) {
    bool innermost = &frame == &frames_.back();
    if (frame.kind == Node::Kind::kSequence) {
      if (!innermost) path += fmt::format("[{}]", frame.count);  // the item at hand is not counted yet
    } else if (frame.count != 0 && (frame.has_key || !innermost)) {
      path += (path.empty() ? "" : ".") + entries_[frame.begin + frame.count - 1].key;
    }
  }
  return path;
}

void Builder::OnAlias(const yaml_event_t& event) {
  Position at = At(event.start_mark);
  std::string_view name = View(event.data.alias.anchor);
  if (ExpectsKey()) Refuse(at, "an alias cannot be a key");
  auto latest = latest_.find(std::string(name));
  if (latest == latest_.end()) {
    YamlHint hint = ExplainUnknownAlias(text_, at.line, at.column);
    Refuse({file_, hint.line, hint.column}, std::move(hint.message));
  }
  auto found = anchors_.find(latest->second);
  if (found == anchors_.end()) Refuse(at, "an alias within what it stands for");
  CountAliased(found->second, frames_.size(), at);
  Add(Node(found->second), 0);
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
uint32_t Builder::TextLine(const yaml_mark_t& mark) {
  const Places::Place& place = places_.Find(mark);
  size_t at = place.offset;
  uint32_t line = place.line;
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

// Why the library cannot go on.
void Builder::RefuseText() {
  const yaml_parser_t& error = events_.error();
  if (error.error == YAML_MEMORY_ERROR) throw std::bad_alloc();
  YamlFailure failure;
  failure.context = error.context == nullptr ? "" : error.context;
  failure.problem = error.problem == nullptr ? "" : error.problem;
  if (!failure.context.empty()) {
    Position begin = At(error.context_mark);
    failure.context_line = begin.line;
    failure.context_column = begin.column;
  }
  bool reader = error.error == YAML_READER_ERROR;
  const Places::Place& place = reader ? places_.FindOffset(error.problem_offset) : places_.Find(error.problem_mark);
  failure.line = place.line;
  failure.column = place.column();
  if (!frames_.empty() && frames_.back().flow) {
    failure.open_line = frames_.back().position.line;
    failure.open_column = frames_.back().position.column;
  }
  YamlHint hint = ExplainYamlError(text_, failure);
  Refuse({file_, hint.line, hint.column}, std::move(hint.message));
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
  try {
    return Builder(text, file, diagnostics).Run();
  } catch (const Stop&) {
    return std::nullopt;
  }
}

}  // namespace mg::config
