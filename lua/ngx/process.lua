-- ngx.process: to scripts a loop is a worker, and the supervisor the master.
local _, runtime = ...
local C = require("ffi").C
local current, phase = runtime.current, runtime.phase

local process = { version = "0.1.29" }

function process.type()
  return current.phase == phase.INIT and "master" or "worker"
end

function process.get_master_pid()
  return C.mg_worker_master_pid()
end

function process.enable_privileged_agent()
  if current.phase ~= phase.INIT then
    return nil, "API disabled in the current context"
  end
  return nil, "there is no privileged agent here: use ngx.timer in init_worker"
end

function process.signal_graceful_exit()
  C.mg_worker_stop()
end

package.loaded["ngx.process"] = process
