#include "script/chunks.h"

#include <luajit-2.1/lua.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>

#include "script/embedded.h"

namespace mg::script {
namespace {

constexpr std::string_view kEmbedded = "embedded:";

int AppendBytes(lua_State*, const void* bytes, size_t size, void* to) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
  return 0;
}

// Compiles `text` and keeps its bytecode in `bytecode`; the function, or the error's text, is on the stack.
bool Compile(lua_State* L, const std::string& name, std::string_view text, std::string& bytecode) {
  if (text.starts_with(LUA_SIGNATURE[0])) {
    lua_pushfstring(L, "%s: bytecode is not taken, only Lua text", name.c_str() + 1);
    return false;
  }
  if (text.starts_with("#")) text.remove_prefix(std::min(text.find('\n'), text.size()));  // a shebang line
  if (luaL_loadbufferx(L, text.data(), text.size(), name.c_str(), "t") != 0) return false;
  lua_dump(L, AppendBytes, &bytecode);
  return true;
}

// Reads LuaJIT's own dump (lj_bcdump.h, version 2), to write it again with other line numbers.
class LineShifter {
 public:
  LineShifter(std::string_view dump, uint32_t by) : rest_(dump), by_(by) {}

  // nullopt: another version wrote it.
  std::optional<std::string> Run() {
    if (!rest_.starts_with("\x1bLJ\x02")) return std::nullopt;
    const std::string_view whole = rest_;
    rest_.remove_prefix(4);
    constexpr uint64_t kStripped = 2;
    if ((Number() & kStripped) != 0) return std::nullopt;
    Skip(Number());  // the chunk's name
    std::string out(whole.substr(0, whole.size() - rest_.size()));
    for (uint64_t size = Number(); !failed_ && size != 0; size = Number()) {
      if (size >= rest_.size()) return std::nullopt;
      bool is_main = size + 1 == rest_.size();  // the outermost function comes last
      std::string function = Shift(rest_.substr(0, size), is_main);
      rest_.remove_prefix(size);
      Append(function.size(), out);
      out += function;
    }
    out += '\0';
    if (failed_ || !rest_.empty()) return std::nullopt;
    return out;
  }

 private:
  // A function's dump: flags, parameters, frame size and upvalues; the numbers of constants and instructions; the size
  // of what debuggers need, the first line and how many there are; the instructions and constants; what debuggers need,
  // which begins with each instruction's line, counted from the first. The outermost one is known by its first line
  // being 0.
  std::string Shift(std::string_view function, bool is_main) {
    std::string_view after = rest_;
    rest_ = function;
    Skip(4);
    Number();
    Number();
    uint64_t instructions = Number();
    std::string out(function.substr(0, function.size() - rest_.size()));
    uint64_t debug = Number(), first = Number(), lines = Number();
    size_t old_width = Width(lines), width = is_main ? Width(lines + by_) : old_width;
    if (debug > rest_.size() || instructions * old_width > debug) failed_ = true;
    if (!failed_) {
      Append(debug + instructions * (width - old_width), out);
      Append(is_main ? first : first + by_, out);
      Append(is_main ? lines + by_ : lines, out);
      out += rest_.substr(0, rest_.size() - debug);
      rest_ = rest_.substr(rest_.size() - debug);
      for (uint64_t i = 0; is_main && i < instructions; i++) AppendLine(old_width, width, out);
      out += rest_;
    }
    rest_ = after;
    return out;
  }

  static size_t Width(uint64_t lines) { return lines < 256 ? 1 : lines < 65536 ? 2 : 4; }
  void AppendLine(size_t old_width, size_t width, std::string& out) {
    uint32_t line = 0;
    std::memcpy(&line, rest_.data(), old_width);
    rest_.remove_prefix(old_width);
    line += by_;
    out.append(reinterpret_cast<const char*>(&line), width);
  }

  void Skip(uint64_t size) {
    failed_ = failed_ || size > rest_.size();
    rest_.remove_prefix(std::min<uint64_t>(size, rest_.size()));
  }
  uint64_t Number() {  // ULEB128
    uint64_t value = 0;
    for (int shift = 0; !rest_.empty() && shift < 35; shift += 7) {
      uint8_t byte = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }
  static void Append(uint64_t value, std::string& out) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
  }

  std::string_view rest_;
  uint32_t by_;
  bool failed_ = false;
};

bool LoadBytecode(lua_State* L, const std::string& name, const std::string& bytecode) {
  return luaL_loadbufferx(L, bytecode.data(), bytecode.size(), name.c_str(), "b") == 0;
}

// Compiles `text` as if it began on a later line, in a time that does not grow with that. False: not this way; nothing
// is on the stack.
bool CompileAt(lua_State* L, const std::string& name, std::string_view text, uint32_t first_line,
               std::string& bytecode) {
  bool compiled = Compile(L, name, text, bytecode);
  lua_pop(L, 1);
  if (!compiled) return false;
  std::optional<std::string> shifted = LineShifter(bytecode, first_line - 1).Run();
  if (!shifted) return false;
  bytecode = std::move(*shifted);
  if (LoadBytecode(L, name, bytecode)) return true;
  lua_pop(L, 1);
  return false;
}

const EmbeddedFile* FindEmbedded(std::string_view name) {
  for (const EmbeddedFile& file : EmbeddedLua()) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

bool ReadDisk(const std::string& path, std::string& text) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return false;
  std::ostringstream out;
  out << in.rdbuf();
  text = std::move(out).str();
  return true;
}

// "a.b" -> "a/b"; "" for a name that could leave its root.
std::string Relative(const std::string& name) {
  std::string path = name;
  for (char& c : path) {
    if (c == '.') c = '/';
  }
  if (path.empty() || path[0] == '/' || path.find("//") != std::string::npos || path.find('\0') != std::string::npos) {
    return {};
  }
  return path;
}

}  // namespace

bool Chunks::Read(const std::string& path, std::string& text, std::string& error) {
  if (files_ != nullptr) return files_->Read(path, text, error);
  if (ReadDisk(path, text)) return true;
  error = "no such file";
  return false;
}

Chunks::Bytecode Chunks::CompileOnce(lua_State* L, const std::string& key, const std::string& name,
                                     std::string_view text, uint32_t first_line) {
  if (cache_ != nullptr) {
    if (Bytecode known = cache_->Find(key); known != nullptr) {
      if (LoadBytecode(L, name, *known)) return known;
      lua_pop(L, 1);
    }
  }
  std::string bytecode;
  if (first_line <= 1 || !CompileAt(L, name, text, first_line, bytecode)) {
    // The lines before stand for themselves, above all in the message of an error.
    std::string padded(std::max(first_line, 1u) - 1, '\n');
    padded += text;
    bytecode.clear();
    if (!Compile(L, name, padded, bytecode)) return nullptr;
  }
  auto made = std::make_shared<const std::string>(std::move(bytecode));
  if (cache_ != nullptr) cache_->Add(key, made);
  return made;
}

namespace {

std::string KeyOf(const std::string& name, std::string_view text, uint32_t first_line) {
  return name + '\0' + std::to_string(first_line) + '\0' + std::string(text);
}

}  // namespace

bool Chunks::LoadText(lua_State* L, const std::string& name, std::string_view text, uint32_t first_line) {
  std::string key = KeyOf(name, text, first_line);
  if (auto known = bytecode_.find(key); known != bytecode_.end()) return LoadBytecode(L, name, *known->second);
  Bytecode made = CompileOnce(L, key, name, text, first_line);
  if (made && files_ != nullptr) bytecode_.emplace(std::move(key), made);
  if (made && texts_ != nullptr) texts_->push_back({name.substr(1), std::string(text), std::max(first_line, 1u)});
  return made != nullptr;
}

bool Chunks::LoadFile(lua_State* L, const std::string& path) {
  std::string name = "@" + path;
  if (auto known = bytecode_.find(path); known != bytecode_.end()) return LoadBytecode(L, name, *known->second);
  std::string text, error;
  if (!Read(path, text, error)) {
    lua_pushfstring(L, "%s: %s", path.c_str(), error.c_str());
    return false;
  }
  Bytecode made = CompileOnce(L, KeyOf(name, text, 1), name, text, 1);
  if (made && files_ != nullptr) bytecode_.emplace(path, made);
  if (made && texts_ != nullptr) texts_->push_back({path, std::move(text), 1});
  return made != nullptr;
}

bool Chunks::LoadEmbedded(lua_State* L, std::string_view name) {
  static std::mutex mutex;
  static std::unordered_map<std::string_view, std::string> compiled;
  std::string chunk_name = "@lua/" + std::string(name);
  std::lock_guard lock(mutex);
  if (auto known = compiled.find(name); known != compiled.end()) return LoadBytecode(L, chunk_name, known->second);
  const EmbeddedFile* file = FindEmbedded(name);
  if (file == nullptr) {
    lua_pushfstring(L, "no embedded file %s", std::string(name).c_str());
    return false;
  }
  std::string bytecode;
  if (!Compile(L, chunk_name, file->text, bytecode)) return false;
  compiled.emplace(file->name, std::move(bytecode));
  return true;
}

std::string Chunks::FindPath(const std::string& relative) {
  std::string text, error;
  for (const std::string& root : roots_) {
    std::string path = root + "/" + relative;
    if (bytecode_.contains(path) || Read(path, text, error)) return path;
  }
  return FindEmbedded(relative) != nullptr ? std::string(kEmbedded) + relative : std::string();
}

bool Chunks::LoadPath(lua_State* L, const std::string& path) {
  if (path.starts_with(kEmbedded)) return LoadEmbedded(L, std::string_view(path).substr(kEmbedded.size()));
  return LoadFile(L, path);
}

Chunks::Found Chunks::LoadModule(lua_State* L, const std::string& name, std::string& tried) {
  std::string base = Relative(name);
  if (base.empty()) return {Found::Kind::kMissing, ""};
  for (const char* end : {".lua", "/init.lua"}) {
    std::string relative = base + end;
    std::string path = FindPath(relative);
    if (!path.empty()) return {LoadPath(L, path) ? Found::Kind::kLoaded : Found::Kind::kFailed, path};
    for (const std::string& root : roots_) tried += "\n\tno file '" + root + "/" + relative + "'";
  }
  return {Found::Kind::kMissing, ""};
}

}  // namespace mg::script
