-- ngx.log, print.
local ngx, runtime = ...
local C = require("ffi").C
local getinfo = debug.getinfo

-- As ngx.log writes arguments: nil, true, false and null by name; tables by __tostring only.
local function text_of(name, ...)
  local count = select("#", ...)
  local parts = { ... }
  for i = 1, count do
    local value = parts[i]
    local kind = type(value)
    if kind == "table" then
      local meta = getmetatable(value)
      if meta == nil or meta.__tostring == nil then
        error("bad argument #" .. i .. " to '" .. name .. "' (expected table to have __tostring metamethod)", 3)
      end
      parts[i] = tostring(value)
    elseif kind == "number" or kind == "boolean" or kind == "nil" then
      parts[i] = tostring(value)
    elseif value == ngx.null then
      parts[i] = "null"
    elseif kind ~= "string" then
      error("bad argument #" .. i .. " to '" .. name ..
        "' (string, number, boolean, or nil expected, got " .. kind .. ")", 3)
    end
  end
  return table.concat(parts, "", 1, count)
end

local function write(level, stack_level, text)
  local info = getinfo(stack_level + 1, "nSl")
  if info ~= nil and info.currentline > 0 then
    local called = info.what ~= "main" and info.name ~= "entry" and info.name -- "entry": the runner's, of a policy
    local name = called and called .. "(): " or ""
    text = "[lua] " .. info.short_src .. ":" .. info.currentline .. ": " .. name .. text
  else
    text = "[lua] " .. text
  end
  C.mg_log_write(level, text, #text)
end

function ngx.log(level, ...)
  if type(level) ~= "number" then
    local number = tonumber(level)
    if number == nil then
      local got = level == nil and "no value" or type(level)
      error("bad argument #1 to 'log' (number expected, got " .. got .. ")", 2)
    end
    level = number
  end
  if not (level >= 0 and level <= 8) then
    error("bad argument #1 to 'log' (bad log level: " .. level .. ")", 2)
  end
  if C.mg_log_enabled(level) == 0 then
    return
  end
  write(level, 2, text_of("log", ...))
end

-- An error of the API's own that raises none: at the line of the script, `depth` functions above the caller.
function runtime.complain(depth, text)
  write(ngx.ERR, depth + 1, text)
end

local NOTICE = ngx.NOTICE
function print(...)
  if C.mg_log_enabled(NOTICE) == 0 then
    return
  end
  write(NOTICE, 2, text_of("print", ...))
end
