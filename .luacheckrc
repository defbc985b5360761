std = "luajit"
max_line_length = 120
globals = { "ngx" }
read_globals = { "moongate" }
-- A policy's phase functions all take (conf, ctx), used or not.
unused_args = false
include_files = { "lua", "scripts", "conf", "t" }
exclude_files = { "lua/meta" }
files["**/*_spec.lua"] = { std = "luajit+busted" }
-- What the runtime puts in place of Lua's own: coroutine.* (waits pass through), print (to the log).
files["lua/moongate/coroutines*.lua"] = { globals = { "coroutine" } }
files["lua/ngx/log.lua"] = { globals = { "print" } }
