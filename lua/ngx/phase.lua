-- ngx.get_phase, ngx.ctx, ngx.arg, and the fields of ngx that are computed (other groups add to runtime.fields).
local ngx, runtime = ...
local current, phase = runtime.current, runtime.phase
local band = require("bit").band
local C = require("ffi").C
local phase_names = runtime.phase_names
local disabled = runtime.disabled

function ngx.get_phase()
  local name = phase_names[current.phase]
  if name == nil then
    error("no request ctx found", 2)
  end
  return name
end

-- Computed fields: getters and setters by name.
local getters, setters = {}, {}
runtime.getters, runtime.setters = getters, setters

setmetatable(ngx, {
  __index = function(_, name)
    local get = getters[name]
    if get ~= nil then
      local value = get()
      return value
    end
    return nil
  end,
  __newindex = function(self, name, value)
    local set = setters[name]
    if set ~= nil then
      set(value)
      return
    end
    rawset(self, name, value)
  end,
})

function getters.ctx()
  if current.slot == 0 then
    runtime.no_request(3)
  end
  local ctx = runtime.context_table()
  return ctx
end

function getters.is_subrequest()
  if band(current.phase, phase.REQUEST) == 0 then
    runtime.no_request(3)
  end
  return C.mg_request_is_subrequest() ~= 0
end

function setters.ctx(value)
  if current.slot == 0 then
    runtime.no_request(3)
  end
  if type(value) ~= "table" then
    error("ctx should be a table while getting a " .. type(value), 3)
  end
  runtime.state().ctx = value
end

local BODY_FILTER = phase.BODY_FILTER

ngx.arg = setmetatable({}, {
  __index = function(_, index)
    if band(current.phase, BODY_FILTER) == 0 then
      if current.phase == phase.SET then
        return nil -- a chunk of a variable has no arguments
      end
      runtime.no_request()
    end
    local state = runtime.state()
    if index == 1 then
      return state.piece
    elseif index == 2 then
      return state.last
    end
    return nil
  end,
  __newindex = function(_, index, value)
    if band(current.phase, BODY_FILTER) == 0 then
      disabled()
    end
    local state = runtime.state()
    if index == 1 then
      local kind = type(value)
      if kind == "table" then
        local ok, text = pcall(runtime.flatten, value, true)
        if not ok then
          error("bad argument #3 to '__newindex' (" .. tostring(text) .. ")", 2)
        end
        value = text
      elseif kind == "nil" then
        value = ""
      elseif kind ~= "string" then
        if kind ~= "number" then
          error("bad chunk data type: " .. kind, 2)
        end
        value = tostring(value)
      end
      state.piece = value
    elseif index == 2 then
      state.last = value and true or false
    else
      error("bad index: " .. tostring(index), 2)
    end
  end,
})
