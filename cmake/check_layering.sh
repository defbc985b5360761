#!/usr/bin/env bash
# check_layering.sh CORE module:uses,uses ... : fails where a file includes a module that its own may not use.
set -u
core=$1; shift
declare -A uses
for row in "$@"; do uses[${row%%:*}]=${row#*:}; done

reach() { # everything a module may use, itself included
  local module=$1 next
  echo "$module"
  for next in ${uses[$module]//,/ }; do reach "$next"; done
}

failed=0
for module in "${!uses[@]}"; do
  [ -d "$core/$module" ] || continue
  allowed=" $(reach "$module" | sort -u | tr '\n' ' ')"
  while IFS=: read -r file line text; do
    target=$(sed -E 's/.*#include "([a-z0-9_]+)\/.*/\1/' <<<"$text")
    case "$allowed" in *" $target "*) ;; *)
      [ "$target" = generated ] && continue
      echo "$file:$line: $module may not include $target"; failed=1 ;;
    esac
  done < <(grep -rnE --include='*.cc' --include='*.h' '#include "[a-z0-9_]+/' "$core/$module")
done
exit $failed
