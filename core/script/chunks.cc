#include "script/chunks.h"

#include <luajit-2.1/lua.hpp>

#include <fstream>
#include <mutex>
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

bool LoadBytecode(lua_State* L, const std::string& name, const std::string& bytecode) {
  return luaL_loadbufferx(L, bytecode.data(), bytecode.size(), name.c_str(), "b") == 0;
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

bool Chunks::LoadText(lua_State* L, const std::string& name, std::string_view text, uint32_t first_line) {
  std::string key = name + '\0' + std::to_string(first_line) + '\0' + std::string(text);
  if (auto known = bytecode_.find(key); known != bytecode_.end()) return LoadBytecode(L, name, known->second);
  std::string padded;
  if (first_line > 1) {
    padded.assign(first_line - 1, '\n');
    padded += text;
    text = padded;
  }
  std::string bytecode;
  if (!Compile(L, name, text, bytecode)) return false;
  if (files_ != nullptr) bytecode_.emplace(std::move(key), std::move(bytecode));
  return true;
}

bool Chunks::LoadFile(lua_State* L, const std::string& path) {
  std::string name = "@" + path;
  if (auto known = bytecode_.find(path); known != bytecode_.end()) return LoadBytecode(L, name, known->second);
  std::string text, error;
  if (!Read(path, text, error)) {
    lua_pushfstring(L, "%s: %s", path.c_str(), error.c_str());
    return false;
  }
  std::string bytecode;
  if (!Compile(L, name, text, bytecode)) return false;
  if (files_ != nullptr) bytecode_.emplace(path, std::move(bytecode));
  return true;
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
