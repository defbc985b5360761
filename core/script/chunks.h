// Lua text to bytecode, each text once: what a generation's VMs load. Embedded Lua is compiled once a process.
// Chunks are compiled with their line information; users cannot hand in bytecode.
// A Chunks is filled on the control thread while a generation is built (it reads through the generation's FileSource),
// and is read-only once the generation is published: a module that is first required later is read from the disk.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "config/node.h"
#include "script/bytecode_cache.h"

struct lua_State;

namespace mg::script {

// A text of the user's own, for who looks at it beside LuaJIT (`moongate check`).
struct ScriptText {
  std::string name;  // of its file
  std::string text;
  uint32_t first_line = 1;
};

class Chunks {
 public:
  // `cache` (null: none) is looked at before a text is compiled, until Seal().
  Chunks(config::FileSource* files, std::vector<std::string> roots, BytecodeCache* cache = nullptr)
      : files_(files), roots_(std::move(roots)), cache_(cache) {}

  // Pushes the chunk as a function, or answers false and pushes the error's text ("file:line: ...").
  // `text` is compiled under `name` ("@/etc/moongate/hello.lua"); `first_line` is the line of the file it begins on.
  bool LoadText(lua_State* L, const std::string& name, std::string_view text, uint32_t first_line = 1);
  bool LoadFile(lua_State* L, const std::string& path);
  static bool LoadEmbedded(lua_State* L, std::string_view name);  // "ngx/output.lua"

  // A module by its dotted name, in the roots and then in what is embedded: pushes the function and answers its path
  // ("embedded:ngx/var.lua"), or answers "" and pushes nothing (`tried` gets a line for each place), or answers
  // "error" with the text pushed.
  struct Found {
    enum class Kind { kLoaded, kMissing, kFailed } kind;
    std::string path;
  };
  Found LoadModule(lua_State* L, const std::string& name, std::string& tried);

  // Whether there is such a file below the roots or embedded: "policies/jwt.lua". Its path, or "".
  std::string FindPath(const std::string& relative);
  // Pushes what FindPath has found.
  bool LoadPath(lua_State* L, const std::string& path);

  // Every text of the user's own that is compiled from now on is added there.
  void Collect(std::vector<ScriptText>* texts) { texts_ = texts; }

  // No more reading through the FileSource: the generation is complete.
  void Seal() {
    files_ = nullptr;
    texts_ = nullptr;
    cache_ = nullptr;
  }
  const std::vector<std::string>& roots() const { return roots_; }

 private:
  using Bytecode = std::shared_ptr<const std::string>;
  bool Read(const std::string& path, std::string& text, std::string& error);
  // Pushes the function and answers its bytecode, from the cache or compiled; null: pushes the error's text.
  Bytecode CompileOnce(lua_State* L, const std::string& key, const std::string& name, std::string_view text,
                       uint32_t first_line);

  config::FileSource* files_;
  std::vector<ScriptText>* texts_ = nullptr;
  std::vector<std::string> roots_;
  BytecodeCache* cache_;
  std::unordered_map<std::string, Bytecode> bytecode_;  // by path, or by name, first line and text
};

}  // namespace mg::script
