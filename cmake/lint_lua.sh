#!/usr/bin/env bash
# lint_lua.sh FOLDER...: LuaJIT never compiles a function that tail-calls ffi.string; a caller of it then runs ten times
# slower. Fails where a function returns the call itself, under its own name or a local one's. Write
# `local s = ffi.string(...) return s`, or put the call in parentheses.
set -u
find "$@" -name '*.lua' -print0 2>/dev/null | xargs -0 -r awk '
  FNR == 1 { split("", alias); alias["ffi.string"]; alias["ffi_string"]; alias["ffi_str"] }
  match($0, /local +[A-Za-z_0-9]+ *= *(ffi|require[ (]*["\x27]ffi["\x27][ )]*)[.]string *($|[^ (])/) {
    name = $0; sub(/^.*local +/, "", name); sub(/ *=.*/, "", name); alias[name]
  }
  { code = $0; sub(/--.*/, "", code)
    for (name in alias) {
      call = name; gsub(/\./, "[.]", call)
      if (code ~ "(^|[^A-Za-z0-9_])return +" call " *[({\"]") { print FILENAME ":" FNR ": tail call: " $0; bad = 1 }
    } }
  END { exit bad }'
