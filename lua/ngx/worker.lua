-- ngx.worker (to scripts, a loop is a worker), ngx.config.
local ngx = ...
local ffi = require "ffi"
local C, ffi_string = ffi.C, ffi.string
local out = ffi.new("mg_string")

ngx.worker = {}

function ngx.worker.id()
  local id = C.mg_worker_id()
  if id < 0 then
    return nil
  end
  return id
end

function ngx.worker.count()
  return C.mg_worker_count()
end

function ngx.worker.pid()
  return C.mg_worker_pid()
end

function ngx.worker.pids()
  return { C.mg_worker_pid() }
end

function ngx.worker.exiting()
  return C.mg_worker_exiting() ~= 0
end

-- The versions of nginx and its Lua module whose API this is.
ngx.config = {
  subsystem = "http",
  debug = false,
  nginx_version = 1027001,
  ngx_lua_version = 10027,
}

function ngx.config.prefix()
  C.mg_worker_prefix(out)
  local prefix = ffi_string(out.data, out.size)
  return prefix
end

function ngx.config.nginx_configure()
  return ""
end
