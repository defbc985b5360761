-- ngx.var: variables of the request, of the route and of scripts.
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_string = ffi.C, ffi.string
local band = require("bit").band
local current, phase = runtime.current, runtime.phase
local no_request = runtime.no_request
local type, tostring = type, tostring
local REQUEST = phase.REQUEST
local out = ffi.new("mg_string")
local DECLINED = C.MG_DECLINED

local function written(name, code)
  if code == DECLINED then
    error('variable "' .. name .. '" not changeable', 3)
  elseif code ~= 0 then
    error('variable "' .. name .. '" not found for writing; maybe it is a built-in variable that is not ' ..
      "changeable or you forgot to use \"set $" .. name .. " '';\" in the config file to define it first", 3)
  end
end

ngx.var = setmetatable({}, {
  __index = function(_, name)
    if band(current.phase, REQUEST) == 0 then
      no_request()
    end
    local kind = type(name)
    if kind == "number" then
      name = tostring(name)
    elseif kind ~= "string" then
      error("bad variable name", 2)
    end
    if C.mg_variable_get(name, #name, out) ~= 0 then
      return nil
    end
    local value = ffi_string(out.data, out.size)
    return value
  end,
  __newindex = function(_, name, value)
    if band(current.phase, REQUEST) == 0 then
      no_request()
    end
    if type(name) ~= "string" then
      error("bad variable name", 2)
    end
    local kind = type(value)
    if kind == "nil" then
      return written(name, C.mg_variable_set(name, #name, nil, 0))
    elseif kind ~= "string" then
      value = tostring(value)
    end
    written(name, C.mg_variable_set(name, #name, value, #value))
  end,
})
