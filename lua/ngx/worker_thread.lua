-- ngx.run_worker_thread: a function of a module runs on a thread of a pool (lua.worker_threads), in a VM of its own.
-- Arguments and results are copied: nil, booleans, numbers, strings, and tables of those.
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_new, ffi_string = ffi.C, ffi.new, ffi.string
local current = runtime.current
local type, select, pcall, tostring, unpack = type, select, pcall, tostring, unpack
local texts = ffi_new("mg_string[4]")
local failure = ffi_new("mg_string")

local function packed(...)
  return { n = select("#", ...), ... }
end

local function checked_text(value, number)
  if type(value) ~= "string" then
    runtime.bad_argument(number, "run_worker_thread", "string", value, 3)
  end
  texts[number - 1].data, texts[number - 1].size = value, #value
end

function ngx.run_worker_thread(pool, module, name, ...)
  if current.slot == 0 then
    runtime.disabled()
  end
  checked_text(pool, 1)
  checked_text(module, 2)
  checked_text(name, 3)
  runtime.check_wait()
  local buffer = require "string.buffer"
  local ok, arguments = pcall(buffer.encode, packed(...))
  if not ok then
    return false, arguments
  end
  texts[3].data, texts[3].size = arguments, #arguments
  if C.mg_worker_thread_run(texts, texts + 1, texts + 2, texts + 3, failure) ~= C.MG_AGAIN then
    local message = ffi_string(failure.data, failure.size)
    return false, message
  end
  local text
  ok, text = runtime.wait()
  if not ok then
    return false, text
  end
  local results = buffer.decode(text)
  return true, unpack(results, 1, results.n)
end

-- On the thread: true and the results' text, or false and the error.
function runtime.run_task(module, name, arguments)
  local buffer = require "string.buffer"
  local ok, result = pcall(function()
    local f = require(module)[name]
    if type(f) ~= "function" then
      error("module " .. module .. " has no function " .. name, 0)
    end
    local given = buffer.decode(arguments)
    local encoded = buffer.encode(packed(f(unpack(given, 1, given.n))))
    return encoded
  end)
  return ok, ok and result or tostring(result)
end
