# mg_embed_lua(VARIABLE) writes the source that carries lua/ inside the binary (core/script/embedded.h) and sets
# VARIABLE to its path. The assembler reads the files (.incbin), so their size costs no compile time; a changed file
# assembles it anew, a new one configures anew.
function(mg_embed_lua variable)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/lua ${CMAKE_SOURCE_DIR}/lua/*.lua)
  list(FILTER files EXCLUDE REGEX "_spec\\.lua$")
  list(FILTER files EXCLUDE REGEX "^meta/")
  file(GLOB surface CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/script/ffi/moongate_ffi.h)
  if(surface)
    list(APPEND files moongate_ffi.h)
  endif()
  list(SORT files)

  set(depends "")
  set(blobs "")
  set(rows "")
  set(count 0)
  foreach(name IN LISTS files)
    set(path ${CMAKE_SOURCE_DIR}/lua/${name})
    if(name STREQUAL "moongate_ffi.h")
      set(path ${surface})
    endif()
    list(APPEND depends ${path})
    string(APPEND blobs "asm(R\"(\n.pushsection .rodata\nmg_lua_${count}: .incbin \"${path}\"\n"
                        "mg_lua_${count}_end: .byte 0\n.popsection\n)\");\n"
                        "extern \"C\" const char mg_lua_${count}[], mg_lua_${count}_end[];\n")
    string(APPEND rows "    {\"${name}\", {mg_lua_${count}, mg_lua_${count}_end}},\n")
    math(EXPR count "${count} + 1")
  endforeach()

  set(source ${CMAKE_BINARY_DIR}/generated/embedded_lua.cc)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
// Made by cmake/EmbedLua.cmake from lua/.
#include "script/embedded.h"

#include <array>

@blobs@
namespace mg::script {

std::span<const EmbeddedFile> EmbeddedLua() {
  static const std::array<EmbeddedFile, @count@> kFiles{{
@rows@  }};
  return kFiles;
}

}  // namespace mg::script
]])
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${depends}" SKIP_PRECOMPILE_HEADERS ON)
  set(${variable} ${source} PARENT_SCOPE)
endfunction()
