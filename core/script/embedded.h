// The Lua that ships inside the binary: everything below lua/ but specs and editor annotations (lua/meta), and the C
// surface moongate_ffi.h as the text ffi.cdef takes. Made at build time by cmake/EmbedLua.cmake.
// Constant for the life of the process; any thread.
#pragma once

#include <span>
#include <string_view>

namespace mg::script {

struct EmbeddedFile {
  std::string_view name;  // relative to lua/: "ngx/req.lua"
  std::string_view text;  // followed by a NUL that is not part of it
};

// In byte order of the names.
std::span<const EmbeddedFile> EmbeddedLua();

}  // namespace mg::script
