-- string.find, match, gmatch and gsub, with limits: what they replace cannot be stopped, and takes hours for some
-- patterns. Arguments, results and errors are Lua's. Loaded before anything keeps the functions.
local ffi = require "ffi"
local C, ffi_string = ffi.C, ffi.string
local type, tostring, tonumber, error, unpack = type, tostring, tonumber, error, unpack
local sub, stock_find, concat = string.sub, string.find, table.concat

local STOPPED = -1
local POSITION = -2
local ends = ffi.new("int[66]")
local out = ffi.new("mg_string")

-- Arguments ----------------------------------------------------------------------------------------------------------

local function wrong(number, name, expected, value, level)
  local reason = expected .. " expected, got " .. type(value)
  error("bad argument #" .. number .. " to '" .. name .. "' (" .. reason .. ")", level)
end

local function text_of(value, number, name)
  if type(value) == "string" then
    return value
  elseif type(value) == "number" then
    return tostring(value)
  end
  wrong(number, name, "string", value, 4)
end

local function integer_of(value, number, name, level)
  local converted = tonumber(value)
  if converted == nil or type(value) == "table" then
    wrong(number, name, "number", value, level)
  end
  if not (converted > -2147483649 and converted < 2147483648) then
    return -2147483648 -- as the processor has it: outside of 32 bits, or no number
  end
  return converted - converted % 1 + (converted < 0 and converted % 1 ~= 0 and 1 or 0)
end

-- The offset that `init` stands for.
local function offset_of(init, size, number, name)
  if init == nil then
    return 0
  end
  init = integer_of(init, number, name, 5)
  if init < 0 then
    init = init + size
    return init < 0 and 0 or init
  elseif init == 0 then
    return 0
  end
  return init > size and size or init - 1
end

-- Called last, so in the place of the function that was called wrongly.
local function fail(code)
  if code == STOPPED then
    return -- the run ends at the next line
  end
  C.mg_pattern_error(code, out)
  local text = ffi_string(out.data, out.size)
  error(text, 2)
end

-- Captures -----------------------------------------------------------------------------------------------------------

local function capture(subject, index)
  local from, to = ends[2 * index], ends[2 * index + 1]
  if to == POSITION then
    return from + 1
  end
  return sub(subject, from + 1, to)
end

local function captures_from(subject, first, count)
  if count - first == 1 then
    return capture(subject, first)
  elseif count - first == 2 then
    return capture(subject, first), capture(subject, first + 1)
  elseif count - first == 3 then
    return capture(subject, first), capture(subject, first + 1), capture(subject, first + 2)
  end
  local list = {}
  for i = first, count - 1 do
    list[i - first + 1] = capture(subject, i)
  end
  return unpack(list, 1, count - first)
end

-- Without captures: the whole match.
local function captures(subject, count)
  return captures_from(subject, count == 1 and 0 or 1, count)
end

-- The functions ------------------------------------------------------------------------------------------------------

-- Whether a pattern has no special characters. As many as are met in a while are kept.
local plain, plain_count = {}, 0
local function is_plain(pattern)
  local known = plain[pattern]
  if known == nil then
    known = C.mg_pattern_find(pattern, #pattern, "[%^%$%*%+%?%.%(%[%%%-]", 23, 0, 0, ends) == 0
    if plain_count >= 1024 then
      plain, plain_count = {}, 0
    end
    plain[pattern] = known
    plain_count = plain_count + 1
  end
  return known
end

-- Longer texts are searched in linear time.
local SHORT = 32

local function find_plain(subject, text, from)
  if #text <= SHORT then
    return stock_find(subject, text, from + 1, true)
  end
  local at = C.mg_pattern_plain(subject, #subject, text, #text, from)
  if at < 0 then
    return nil
  end
  return at + 1, at + #text
end

local functions = {}

function functions.find(subject, pattern, init, literally)
  if type(subject) ~= "string" then
    subject = text_of(subject, 1, "find")
  end
  if type(pattern) ~= "string" then
    pattern = text_of(pattern, 2, "find")
  end
  local from = init == nil and 0 or offset_of(init, #subject, 3, "find")
  if literally or is_plain(pattern) then
    return find_plain(subject, pattern, from)
  end
  local count = C.mg_pattern_find(subject, #subject, pattern, #pattern, from, 1, ends)
  if count <= 0 then
    if count == 0 then
      return nil
    end
    return fail(count)
  end
  local first, last = ends[0] + 1, ends[1]
  if count == 1 then
    return first, last
  end
  return first, last, captures_from(subject, 1, count)
end

function functions.match(subject, pattern, init)
  if type(subject) ~= "string" then
    subject = text_of(subject, 1, "match")
  end
  if type(pattern) ~= "string" then
    pattern = text_of(pattern, 2, "match")
  end
  local from = init == nil and 0 or offset_of(init, #subject, 3, "match")
  local count = C.mg_pattern_find(subject, #subject, pattern, #pattern, from, 1, ends)
  if count <= 0 then
    if count == 0 then
      return nil
    end
    return fail(count)
  end
  return captures(subject, count)
end

function functions.gmatch(subject, pattern)
  subject = text_of(subject, 1, "gmatch")
  pattern = text_of(pattern, 2, "gmatch")
  local from, size = 0, #subject
  return function()
    if from > size then
      return nil
    end
    local count = C.mg_pattern_find(subject, size, pattern, #pattern, from, 0, ends)
    if count <= 0 then
      from = size + 1
      if count == 0 then
        return nil
      end
      return fail(count)
    end
    local last = ends[1]
    from = last == ends[0] and last + 1 or last
    return captures(subject, count)
  end
end

-- What a table or a function has for the match from `first` to `last`.
local function replacement_of(subject, with, kind, count, first, last)
  local value
  if kind == "table" then
    value = with[capture(subject, count == 1 and 0 or 1)]
  else
    value = with(captures(subject, count))
  end
  if not value then
    return sub(subject, first + 1, last)
  end
  if type(value) ~= "string" and type(value) ~= "number" then
    error("invalid replacement value (a " .. type(value) .. ")", 3)
  end
  return value
end

local function replace_by(subject, pattern, with, kind, most)
  local parts, size = {}, 0
  local copied, from, done = 0, 0, 0
  local anchored = sub(pattern, 1, 1) == "^"
  local how = kind == "table" and 3 or 1
  while done < most and from <= #subject do
    local count = C.mg_pattern_find(subject, #subject, pattern, #pattern, from, how, ends)
    if count < 0 then
      return fail(count)
    elseif count == 0 then
      break
    end
    done = done + 1
    local first, last = ends[0], ends[1]
    parts[size + 1] = sub(subject, copied + 1, first)
    parts[size + 2] = replacement_of(subject, with, kind, count, first, last)
    size = size + 2
    copied = last
    from = last == first and last + 1 or last
    if anchored then
      break
    end
  end
  parts[size + 1] = sub(subject, copied + 1)
  return concat(parts, "", 1, size + 1), done
end

function functions.gsub(subject, pattern, with, most)
  subject = text_of(subject, 1, "gsub")
  pattern = text_of(pattern, 2, "gsub")
  local kind = type(with)
  if kind ~= "string" and kind ~= "number" and kind ~= "table" and kind ~= "function" then
    error("bad argument #3 to 'gsub' (string/function/table expected)", 2)
  end
  most = most == nil and #subject + 1 or integer_of(most, 4, "gsub", 4)
  if kind == "table" or kind == "function" then
    return replace_by(subject, pattern, with, kind, most)
  end
  with = tostring(with)
  local count = C.mg_pattern_replace(subject, #subject, pattern, #pattern, with, #with, most, out)
  if count < 0 then
    return fail(count)
  end
  local text = ffi_string(out.data, out.size)
  return text, count
end

for name, f in pairs(functions) do
  rawset(string, name, f)
end
