-- ngx.re, the module: what is beside ngx.re.match and its like.
--
--   local re = require "ngx.re"
--   local parts = re.split("a,b,c", ",")
local C = require("ffi").C
local ngx = ngx -- luacheck: ignore 113
local type, tostring, sub, byte = type, tostring, string.sub, string.byte
local match = ngx.re.match

local re = { version = "0.1.29" }

local JIT_STACK_LEAST = 32 * 1024

function re.opt(name, value)
  if name ~= "jit_stack_size" then
    error("unrecognized option name", 2)
  end
  if type(value) ~= "number" or value < JIT_STACK_LEAST then
    error("the jit_stack_size must be a number of at least " .. JIT_STACK_LEAST, 2)
  end
  if C.mg_regex_set_jit_stack(value) ~= 0 then
    error("changing jit stack size is not allowed when some regexs have already been compiled and cached", 2)
  end
end

-- One character further than an empty match.
local function after(subject, options, place)
  place = place + 1
  if options ~= nil and string.find(options, "[uU]") then
    local next_byte = byte(subject, place)
    while next_byte ~= nil and next_byte >= 0x80 and next_byte < 0xc0 do
      place = place + 1
      next_byte = byte(subject, place)
    end
  end
  return place
end

-- Splits where the expression matches, at most into `max` pieces; the first group's text stands between them. An empty
-- match splits neither before the first character of a piece nor behind the last. As in Perl, there is nothing in an
-- empty text, and without a `max` no empty piece at the end.
function re.split(subject, regex, options, ctx, max, res)
  if type(subject) ~= "string" then
    subject = tostring(subject)
  end
  local start = ctx ~= nil and ctx.pos or 1
  if start < 1 then
    start = 1
  end
  max = max or 0
  res = res or {}
  local count, pieces, captures, place = 0, 1, {}, {}
  local search = start
  while search <= #subject and (max <= 0 or pieces < max) do
    place.pos = search
    local found, message = match(subject, regex, options, place, captures)
    if message ~= nil then
      return nil, message
    end
    if found == nil then
      break
    end
    local from, behind = place.pos - #captures[0], place.pos
    if behind > from then
      search = behind
    elseif from > #subject then
      break
    else
      search = after(subject, options, from)
    end
    if behind > from or from > start then
      res[count + 1] = sub(subject, start, from - 1)
      count = count + 1
      if captures[1] then
        res[count + 1] = captures[1]
        count = count + 1
      end
      pieces = pieces + 1
      start = behind
    end
  end
  if subject ~= "" then
    count = count + 1
    res[count] = sub(subject, start)
  end
  while max <= 0 and count > 0 and res[count] == "" do
    res[count] = nil
    count = count - 1
  end
  res[count + 1] = nil
  return res
end

return re
