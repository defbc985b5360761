-- ngx.say, print, flush, eof, send_headers, headers_sent. Output that must go through filters yields: the scheduler
-- runs them and resumes with their outcome. Where nothing can yield (inside a gsub or sort callback) it is queued.
local ngx, runtime = ...
local ffi = require "ffi"
local C = ffi.C
local band = require("bit").band
local current, phase = runtime.current, runtime.phase
local disabled, operation, wait, can_wait = runtime.disabled, runtime.operation, runtime.wait, runtime.can_wait
local type, tostring, concat = type, tostring, table.concat
local null = ngx.null
local ENTRY = phase.ENTRY
local AGAIN, FILTER, CLOSED, ENDED, DECLINED = C.MG_AGAIN, C.MG_FILTER, C.MG_CLOSED, C.MG_ENDED, C.MG_DECLINED
local HEADER_ONLY, RAW, COLLECTS = C.MG_HEADER_ONLY, C.MG_RAW, C.MG_COLLECTS
local OP_FILTER, OP_END = C.MG_OP_FILTER, C.MG_OP_END

-- The greatest index of an array, which may have holes: they are written as "nil".
local function length_of(value)
  local length = 0
  for key in pairs(value) do
    if type(key) ~= "number" or key < 1 or key % 1 ~= 0 then
      error("non-array table found", 0)
    end
    if key > length then
      length = key
    end
  end
  return length
end

-- `strict`: strings and numbers alone.
local function append_table(out, count, value, depth, strict)
  if depth > 100 then
    error("table nested too deeply", 0)
  end
  for i = 1, length_of(value) do
    local item = value[i]
    local kind = type(item)
    if kind == "table" then
      count = append_table(out, count, item, depth + 1, strict)
    else
      count = count + 1
      if kind == "string" or kind == "number" then
        out[count] = item
      elseif strict then
        error("bad data type " .. kind .. " found", 0)
      elseif kind == "boolean" or kind == "nil" then
        out[count] = tostring(item)
      elseif item == null then
        out[count] = "null"
      else
        error("bad data type " .. kind .. " found", 0)
      end
    end
  end
  return count
end

-- An array table, nested or not, as one string.
function runtime.flatten(value, strict)
  local out = {}
  append_table(out, 0, value, 1, strict)
  return concat(out)
end
local flatten = runtime.flatten

local function text_of(name, index, value)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind == "number" or kind == "boolean" or kind == "nil" then
    return tostring(value)
  elseif value == null then
    return "null"
  elseif kind == "table" then
    local ok, text = pcall(flatten, value)
    if ok then
      return text
    end
    error("bad argument #" .. index .. " to '" .. name .. "' (" .. tostring(text) .. ")", 4)
  end
  error("bad argument #" .. index .. " to '" .. name ..
    "' (string, number, boolean, nil, ngx.null, or array table expected, but got " .. kind .. ")", 4)
end

local function join(name, count, ...)
  local parts = { ... }
  for i = 1, count do
    parts[i] = text_of(name, i, parts[i])
  end
  return concat(parts, "", 1, count)
end

local reasons = {
  [CLOSED] = "nginx output filter error",
  [ENDED] = "seen eof",
  [DECLINED] = "nothing to flush",
  [HEADER_ONLY] = "header only",
  [RAW] = "raw request socket acquired",
  [COLLECTS] = "buffering",
}

-- What a call of mg_output_* that was not MG_OK ends with.
local function finish(code)
  if code == FILTER then
    if not can_wait() then
      return 1
    end
    if operation(OP_FILTER) then
      return 1
    end
    return nil, reasons[CLOSED]
  elseif code == AGAIN then
    if can_wait() then
      wait()
    end
    return 1
  end
  return nil, reasons[code] or "no response"
end

local function write(text)
  local code = C.mg_output_write(text, #text)
  if code == 0 then
    return 1
  end
  return finish(code)
end

function ngx.print(...)
  if band(current.phase, ENTRY) == 0 then
    disabled()
  end
  local count = select("#", ...)
  local first = ...
  if count == 1 and type(first) == "string" then
    return write(first)
  end
  return write(join("print", count, ...))
end

function ngx.say(...)
  if band(current.phase, ENTRY) == 0 then
    disabled()
  end
  local count = select("#", ...)
  local first = ...
  if count == 1 and type(first) == "string" then
    return write(first .. "\n")
  end
  return write(join("say", count, ...) .. "\n")
end

function ngx.flush(...)
  if band(current.phase, ENTRY) == 0 then
    disabled()
  end
  local given = select("#", ...)
  if given > 1 then
    error("attempt to pass " .. given .. " arguments, but accepted 0 or 1", 2)
  end
  local wait_for_it = ...
  if given == 1 and type(wait_for_it) ~= "boolean" then
    error("bad argument #1 to 'flush' (boolean expected, got " .. type(wait_for_it) .. ")", 2)
  end
  local code = C.mg_output_flush(wait_for_it and 1 or 0)
  -- The filters run first, then what they let through is flushed.
  if code == FILTER and can_wait() then
    if not operation(OP_FILTER) then
      return nil, reasons[CLOSED]
    end
    code = C.mg_output_flush(wait_for_it and 1 or 0)
  end
  if code == 0 then
    return 1
  end
  return finish(code)
end

function ngx.eof(...)
  if band(current.phase, ENTRY) == 0 then
    disabled()
  end
  if select("#", ...) > 0 then
    error("no argument is expected", 2)
  end
  local code = C.mg_response_ended()
  if code ~= 0 then
    return nil, reasons[code]
  end
  if operation(OP_END) then
    return 1
  end
  return nil, reasons[CLOSED]
end

function ngx.send_headers()
  if band(current.phase, ENTRY) == 0 then
    disabled()
  end
  local code = C.mg_output_head()
  if code == 0 then
    return 1
  end
  return finish(code)
end

local REQUEST = phase.REQUEST
function runtime.getters.headers_sent()
  if band(current.phase, REQUEST) == 0 then
    runtime.no_request(3)
  end
  return C.mg_response_head_sent() ~= 0
end
