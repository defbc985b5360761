-- ngx.semaphore: light threads of any request of this worker wait for what others post.
local _, runtime = ...
local ffi = require "ffi"
local C = ffi.C
local current = runtime.current
local type, tonumber, setmetatable = type, tonumber, setmetatable

local semaphore = { version = "0.1.29" }
local meta = { __index = semaphore }

-- The number of a semaphore, in a cell whose collection frees it.
local cell = ffi.metatype("struct { double number; }", {
  __gc = function(self)
    C.mg_semaphore_free(self.number)
  end,
})

local function number_of(self)
  local sem = type(self) == "table" and self.sem
  if type(sem) ~= "cdata" then
    error("not a semaphore instance", 3)
  end
  return sem.number
end

function semaphore.new(count)
  count = tonumber(count) or 0
  if count < 0 then
    error("no negative number", 2)
  end
  return setmetatable({ sem = cell(C.mg_semaphore_new(count)) }, meta)
end

function semaphore.post(self, count)
  local number = number_of(self)
  count = count and tonumber(count) or 1
  if count < 1 then
    error("positive number required", 2)
  end
  C.mg_semaphore_post(number, count)
  return true
end

function semaphore.wait(self, seconds)
  local number = number_of(self)
  seconds = tonumber(seconds) or 0
  if seconds < 0 then
    error("no negative number", 2)
  end
  if current.slot == 0 then
    runtime.no_request()
  end
  if seconds > 0 then
    runtime.check_wait()
  end
  local status = C.mg_semaphore_wait(number, seconds)
  if status == C.MG_OK then
    return true
  elseif status == C.MG_DECLINED then
    return nil, "timeout" -- at once; after waiting it is false, as in OpenResty
  end
  return runtime.wait()
end

function semaphore.count(self)
  return C.mg_semaphore_count(number_of(self))
end

package.loaded["ngx.semaphore"] = semaphore
