-- ngx.re: regular expressions, matched by PCRE2.
local ngx, runtime = ...
local ffi = require "ffi"
local new_table = require "table.new"
local C, ffi_string = ffi.C, ffi.string
local bor, band = require("bit").bor, require("bit").band
local type, tostring, sub, byte, concat = type, tostring, string.sub, string.byte, table.concat

local compiled = ffi.new("mg_regex")
local out = ffi.new("mg_string")
-- Where the last match and its groups begin and end: shared, read before anything else is called.
local room = 32
local ends = ffi.new("int[?]", 2 * room)

-- Compiled expressions ---------------------------------------------------------------------------------------------

local LETTERS = {
  a = C.MG_REGEX_A,
  d = C.MG_REGEX_D,
  i = C.MG_REGEX_I,
  j = C.MG_REGEX_J,
  m = C.MG_REGEX_M,
  o = 0, -- all are kept
  s = C.MG_REGEX_S,
  u = C.MG_REGEX_U,
  x = C.MG_REGEX_X,
  D = C.MG_REGEX_NAMES,
  J = C.MG_REGEX_JAVASCRIPT,
  U = bor(C.MG_REGEX_U, C.MG_REGEX_ANY_UTF),
}

local function parse_options(options, level)
  local bits = 0
  for i = 1, #options do
    local letter = sub(options, i, i)
    local bit = LETTERS[letter]
    if bit == nil then
      error('unknown flag "' .. letter .. '" (flags "' .. options .. '")', level + 1)
    end
    bits = bor(bits, bit)
  end
  return bits
end

-- By options and pattern. When `young` is half of what is kept it becomes `old`, and what is still old then is freed;
-- what is used again becomes young. So what is used stays.
local young, old, young_count = {}, {}, 0
local most_young -- asked for when the first is compiled

local function free_old()
  for _, by_pattern in pairs(old) do
    for _, entry in pairs(by_pattern) do
      C.mg_regex_free(entry.id)
    end
  end
end

local function keep(entry, regex, options)
  if most_young == nil then
    most_young = C.mg_regex_cache_size() / 2
  end
  if young_count >= most_young then
    free_old()
    old, young, young_count = young, {}, 0
  end
  local by_pattern = young[options]
  if by_pattern == nil then
    by_pattern = {}
    young[options] = by_pattern
  end
  by_pattern[regex] = entry
  young_count = young_count + 1
end

local function read_names(entry, count)
  for i = 0, count - 1 do
    local group = C.mg_regex_name(entry.id, i, out)
    local name = ffi_string(out.data, out.size)
    entry.names[#entry.names + 1] = { name, group }
  end
end

local function compile(regex, options, level)
  local by_pattern = old[options]
  local entry = by_pattern ~= nil and by_pattern[regex] or nil
  if entry ~= nil then
    by_pattern[regex] = nil
    keep(entry, regex, options)
    return entry
  end
  local bits = parse_options(options, level)
  if C.mg_regex_compile(regex, #regex, bits, compiled, out) ~= 0 then
    local message = ffi_string(out.data, out.size)
    return nil, message
  end
  entry = {
    id = compiled.id,
    regex = regex,
    groups = compiled.groups,
    names = {},
    named = compiled.names > 0,
    lists = band(bits, C.MG_REGEX_NAMES) ~= 0,
    utf = band(bits, C.MG_REGEX_U) ~= 0,
  }
  read_names(entry, compiled.names)
  if entry.groups >= room then
    room = entry.groups + 1
    ends = ffi.new("int[?]", 2 * room)
  end
  keep(entry, regex, options)
  return entry
end

-- `level` is error's, for an unknown option.
local function find_compiled(regex, options, level)
  local by_pattern = young[options]
  if by_pattern ~= nil then
    local entry = by_pattern[regex]
    if entry ~= nil then
      return entry
    end
  end
  return compile(regex, options, level)
end

local BAD_OFFSET = -24 -- PCRE's, of a search that would begin behind the subject

local function failure(number)
  return "pcre_exec() failed: " .. number
end

-- Captures -----------------------------------------------------------------------------------------------------------

-- With D a name may stand for many groups: it has the list of those that took part, and is not there if none did.
local function collect_names(entry, captures)
  local names = entry.names
  for i = 1, #names do
    local name, group = names[i][1], names[i][2]
    if entry.lists then
      local again = i > 1 and names[i - 1][1] == name -- in order of their names
      local list = again and captures[name] or nil
      if not captures[group] then
        captures[name] = list
      elseif list then
        list[#list + 1] = captures[group]
      else
        captures[name] = { captures[group] }
      end
    else
      captures[name] = captures[group]
    end
  end
end

local function collect(entry, subject, captures)
  local groups = entry.groups
  if captures == nil then
    captures = new_table(groups, entry.named and groups + 1 or 1)
  end
  for i = 0, groups do
    local from = ends[2 * i]
    captures[i] = from >= 0 and sub(subject, from + 1, ends[2 * i + 1]) or false
  end
  if entry.named then
    collect_names(entry, captures)
  end
  return captures
end

-- Where to search on after the match from `from` to `to`.
local function next_place(entry, subject, from, to)
  if to > from then
    return to
  end
  to = to + 1
  if entry.utf then
    local next_byte = byte(subject, to + 1)
    while next_byte ~= nil and band(next_byte, 0xc0) == 0x80 do
      to = to + 1
      next_byte = byte(subject, to + 1)
    end
  end
  return to
end

-- The offset that ctx.pos tells; nil: past the end.
local function start_of(ctx, subject)
  local pos = ctx.pos
  if pos == nil or pos <= 1 or pos ~= pos then
    return 0
  end
  if pos > #subject + 1 then
    return nil
  end
  return pos - 1
end

-- How each search begins: the subject and the compiled expression, which is nil with what is wrong with it; and where
-- to begin by `ctx`, nil past the end. A function of the API calls this itself: an error's level counts on it.
local function begin(subject, regex, options, ctx, name)
  if type(subject) ~= "string" then
    subject = tostring(subject)
  end
  if type(regex) ~= "string" then
    regex = tostring(regex)
  end
  local from = 0
  if ctx ~= nil then
    if type(ctx) ~= "table" then
      runtime.bad_argument(4, name, "table", ctx, 3)
    end
    from = start_of(ctx, subject) -- first: a metamethod may have the expression freed
  end
  local entry, message = find_compiled(regex, options or "", 4)
  return subject, entry, from, message
end

-- The API ------------------------------------------------------------------------------------------------------------

ngx.re = {}

function ngx.re.match(subject, regex, options, ctx, captures)
  local entry, from, message
  subject, entry, from, message = begin(subject, regex, options, ctx, "match")
  if entry == nil then
    return nil, message
  elseif from == nil then
    return nil, failure(BAD_OFFSET)
  end
  local answer = C.mg_regex_match(entry.id, subject, #subject, from, 0, ends)
  if answer > 0 then
    if ctx ~= nil then
      ctx.pos = ends[1] + 1
    end
    return collect(entry, subject, captures)
  elseif answer == 0 then
    return nil
  end
  return nil, failure(answer)
end

function ngx.re.find(subject, regex, options, ctx, nth)
  local entry, start, message
  subject, entry, start, message = begin(subject, regex, options, ctx, "find")
  if entry == nil then
    return nil, nil, message
  end
  nth = nth or 0
  if not (nth >= 0 and nth <= entry.groups) then
    return nil, nil, "nth out of bound"
  elseif start == nil then
    return nil, nil, failure(BAD_OFFSET)
  end
  local answer = C.mg_regex_match(entry.id, subject, #subject, start, 0, ends)
  if answer > 0 then
    if ctx ~= nil then
      ctx.pos = ends[1] + 1
    end
    local from = ends[2 * nth]
    if from < 0 then
      return nil, nil
    end
    return from + 1, ends[2 * nth + 1]
  elseif answer == 0 then
    return nil
  end
  return nil, nil, failure(answer)
end

function ngx.re.gmatch(subject, regex, options)
  options = options or ""
  local known, from, message
  subject, known, from, message = begin(subject, regex, options)
  if known == nil then
    return nil, message
  end
  regex = known.regex
  local seen = 0
  return function()
    if from == nil or from > #subject then
      return nil
    end
    local entry = find_compiled(regex, options, 3) -- it may have been freed meanwhile
    local answer = C.mg_regex_match(entry.id, subject, #subject, from, seen, ends)
    if answer > 0 then
      seen = 1
      from = next_place(entry, subject, ends[0], ends[1])
      return collect(entry, subject)
    end
    from = nil
    if answer == 0 then
      return nil
    end
    return nil, failure(answer)
  end
end

local function replace_by_function(subject, regex, options, with, all)
  local parts, size = {}, 0
  local from, copied, count = 0, 0, 0
  while from <= #subject do
    local entry = find_compiled(regex, options, 3) -- `with` may have pushed it out
    local answer = C.mg_regex_match(entry.id, subject, #subject, from, count > 0 and 1 or 0, ends)
    if answer < 0 then
      return nil, nil, failure(answer)
    elseif answer == 0 then
      break
    end
    count = count + 1
    local first, last = ends[0], ends[1]
    from = next_place(entry, subject, first, last)
    local text = tostring((with(collect(entry, subject))))
    parts[size + 1] = sub(subject, copied + 1, first)
    parts[size + 2] = text
    size = size + 2
    copied = last
    if not all then
      break
    end
  end
  if count == 0 then
    return subject, 0
  end
  parts[size + 1] = sub(subject, copied + 1)
  return concat(parts, "", 1, size + 1), count
end

-- In a tail call of the functions of the API.
local function replace(subject, regex, options, with, all)
  options = options or ""
  local kind = type(with)
  if kind ~= "string" and kind ~= "function" then
    with = tostring(with) -- first: a metamethod may have the expression freed
  end
  local entry, _, message
  subject, entry, _, message = begin(subject, regex, options)
  if entry == nil then
    return nil, nil, message
  end
  if kind == "function" then
    return replace_by_function(subject, entry.regex, options, with, all)
  end
  local count = C.mg_regex_replace(entry.id, subject, #subject, with, #with, all and 1 or 0, out)
  if count > 0 then
    local text = ffi_string(out.data, out.size)
    return text, count
  elseif count == 0 then
    return subject, 0
  elseif count == C.MG_REGEX_TEMPLATE then
    local reason = ffi_string(out.data, out.size)
    runtime.complain(2, reason)
    return nil, nil, "failed to compile the replacement template"
  end
  return nil, nil, failure(count)
end

function ngx.re.sub(subject, regex, with, options)
  return replace(subject, regex, options, with, false)
end

function ngx.re.gsub(subject, regex, with, options)
  return replace(subject, regex, options, with, true)
end
