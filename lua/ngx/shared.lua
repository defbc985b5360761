-- ngx.shared.DICT: dictionaries that all loops share.
local ngx, runtime = ...
local ffi = require "ffi"
local C, ffi_string = ffi.C, ffi.string
local type, tostring, tonumber = type, tostring, tonumber
local value_out = ffi.new("mg_value")
local value_in = ffi.new("mg_value")
local out = ffi.new("mg_string")
local NIL, BOOLEAN, NUMBER, STRING = C.MG_NIL, C.MG_BOOLEAN, C.MG_NUMBER, C.MG_STRING
local ALWAYS, NEW, EXISTING = 0, 1, 2
local MOST_KEY = 65535

local messages = {}
local function message_of(status)
  local text = messages[status]
  if text == nil then
    C.mg_shared_message(status, out)
    text = ffi_string(out.data, out.size)
    messages[status] = text
  end
  return text
end

local function checked_key(key)
  if type(key) == "string" then
    return key
  end
  if key == nil then
    return nil
  end
  return tostring(key)
end

-- Puts a script's value into value_in; false for a type that no dictionary holds.
local function put(value)
  local kind = type(value)
  if kind == "string" then
    value_in.type, value_in.data, value_in.size = STRING, value, #value
  elseif kind == "number" then
    value_in.type, value_in.number = NUMBER, value
  elseif kind == "boolean" then
    value_in.type, value_in.boolean = BOOLEAN, value and 1 or 0
  elseif kind == "nil" then
    value_in.type = NIL
  else
    return false
  end
  return true
end

local function taken()
  local kind = value_out.type
  if kind == STRING then
    local text = ffi_string(value_out.data, value_out.size)
    return text
  elseif kind == NUMBER then
    return value_out.number
  elseif kind == BOOLEAN then
    return value_out.boolean ~= 0
  end
  return nil
end

local dict = {}
local meta = { __index = dict }

-- By dictionary; not in it, where a script could change it.
local indexes = {}

-- The index of the dictionary that a method is called on; `level` is error's, of who calls this.
local function index_of(self, level)
  local index = indexes[self]
  if not index then
    error('bad "zone" argument', level + 1)
  end
  return index
end

local function read(self, key, stale)
  local index = index_of(self, 2)
  key = checked_key(key)
  if key == nil then
    return nil, "nil key"
  end
  local status = C.mg_shared_get(index, key, #key, stale, value_out)
  if status ~= 0 then
    if status == C.MG_SHARED_NOT_FOUND then
      return nil
    end
    return nil, message_of(status)
  end
  local flags = value_out.flags
  local value = taken()
  if stale == 1 then
    return value, flags ~= 0 and flags or nil, value_out.stale ~= 0
  end
  if flags ~= 0 then
    return value, flags
  end
  return value
end

function dict:get(key)
  return read(self, key, 0)
end

function dict:get_stale(key)
  return read(self, key, 1)
end

local function store(self, key, value, ttl, flags, mode, safe)
  local index = index_of(self, 2)
  key = checked_key(key)
  if key == nil then
    return nil, "nil key"
  end
  if #key == 0 then
    return nil, "empty key"
  elseif #key > MOST_KEY then
    return nil, "key too long"
  end
  if not put(value) then
    return nil, "bad value type"
  end
  if value == nil and mode ~= ALWAYS then
    return false, "attempt to add or replace nil values", false
  end
  ttl = tonumber(ttl) or 0
  if ttl < 0 then
    error('bad "exptime" argument', 2)
  end
  local status = C.mg_shared_set(index, key, #key, value_in, ttl, tonumber(flags) or 0, mode, safe, value_out)
  if status == 0 then
    return true, nil, value_out.forcible ~= 0
  end
  return false, message_of(status), value_out.forcible ~= 0
end

function dict:set(key, value, ttl, flags)
  return store(self, key, value, ttl, flags, ALWAYS, 0)
end

function dict:safe_set(key, value, ttl, flags)
  return store(self, key, value, ttl, flags, ALWAYS, 1)
end

function dict:add(key, value, ttl, flags)
  return store(self, key, value, ttl, flags, NEW, 0)
end

function dict:safe_add(key, value, ttl, flags)
  return store(self, key, value, ttl, flags, NEW, 1)
end

function dict:replace(key, value, ttl, flags)
  return store(self, key, value, ttl, flags, EXISTING, 0)
end

function dict:delete(key)
  return store(self, key, nil, 0, 0, ALWAYS, 0)
end

function dict:incr(key, delta, init, init_ttl)
  local index = index_of(self, 2)
  key = checked_key(key)
  if key == nil then
    return nil, "nil key"
  end
  local given = delta
  delta = tonumber(delta)
  if delta == nil then
    error("bad value arg: number expected, got " .. type(given), 2)
  end
  local has_init = 0
  if init then
    given = init
    init = tonumber(init)
    if init == nil then
      error("bad init arg: number expected, got " .. type(given), 2)
    end
    has_init = 1
  end
  if init_ttl ~= nil then
    given = init_ttl
    init_ttl = tonumber(init_ttl)
    if init_ttl == nil then
      error("bad init_ttl arg: number expected, got " .. type(given), 2)
    end
    if init_ttl < 0 then
      error('bad "init_ttl" argument', 2)
    end
    if has_init == 0 then
      error('must provide "init" when providing "init_ttl"', 2)
    end
  end
  local status = C.mg_shared_incr(index, key, #key, delta, has_init, init or 0, init_ttl or 0, value_out)
  if status ~= 0 then
    return nil, message_of(status)
  end
  if has_init == 1 then
    return value_out.number, nil, value_out.forcible ~= 0
  end
  return value_out.number
end

function dict:ttl(key)
  local index = index_of(self, 2)
  key = checked_key(key)
  if key == nil then
    return nil, "nil key"
  end
  local status = C.mg_shared_ttl(index, key, #key, value_out)
  if status ~= 0 then
    return nil, message_of(status)
  end
  return value_out.number
end

function dict:expire(key, ttl)
  local index = index_of(self, 2)
  key = checked_key(key)
  if key == nil then
    return nil, "nil key"
  end
  if ttl == nil then
    error('bad "exptime" argument', 2)
  end
  ttl = tonumber(ttl)
  if ttl == nil then
    error('bad "exptime" argument', 2)
  elseif ttl < 0 then
    ttl = 0 -- never, as in OpenResty
  end
  local status = C.mg_shared_expire(index, key, #key, ttl)
  if status ~= 0 then
    return nil, message_of(status)
  end
  return true
end

local function push(self, key, value, left)
  local index = index_of(self, 2)
  key = checked_key(key)
  if key == nil then
    return nil, "nil key"
  end
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" then
    return nil, "bad value type"
  end
  put(value)
  local status = C.mg_shared_push(index, key, #key, value_in, left, value_out)
  if status ~= 0 then
    return nil, message_of(status)
  end
  return value_out.number
end

function dict:lpush(key, value)
  return push(self, key, value, 1)
end

function dict:rpush(key, value)
  return push(self, key, value, 0)
end

local function pop(self, key, left)
  local index = index_of(self, 2)
  key = checked_key(key)
  if key == nil then
    return nil, "nil key"
  end
  local status = C.mg_shared_pop(index, key, #key, left, value_out)
  if status == 0 then
    return (taken())
  elseif status == C.MG_SHARED_NOT_FOUND then
    return nil
  end
  return nil, message_of(status)
end

function dict:lpop(key)
  return pop(self, key, 1)
end

function dict:rpop(key)
  return pop(self, key, 0)
end

function dict:llen(key)
  local index = index_of(self, 2)
  key = checked_key(key)
  if key == nil then
    return nil, "nil key"
  end
  local status = C.mg_shared_length(index, key, #key, value_out)
  if status ~= 0 then
    return nil, message_of(status)
  end
  return value_out.number
end

function dict:flush_all()
  C.mg_shared_flush_all(index_of(self, 2))
end

-- How many at most: 0, or less, stands for all.
local function count_argument(name, most, usual)
  if most == nil then
    return usual
  end
  local count = tonumber(most)
  if count == nil then
    runtime.bad_argument(1, name, "number", most, 3)
  end
  return count > 0 and count or 0
end

function dict:flush_expired(most)
  local index = index_of(self, 2)
  return C.mg_shared_flush_expired(index, count_argument("flush_expired", most, 0))
end

function dict:get_keys(most)
  local index = index_of(self, 2)
  most = count_argument("get_keys", most, 1024)
  local keys = {}
  for i = 1, C.mg_shared_keys(index, most) do
    C.mg_shared_key(i - 1, out)
    keys[i] = ffi_string(out.data, out.size)
  end
  return keys
end

function dict:capacity()
  return C.mg_shared_capacity(index_of(self, 2))
end

function dict:free_space()
  return C.mg_shared_free_space(index_of(self, 2))
end

ngx.shared = {}
for i = 0, C.mg_shared_count() - 1 do
  C.mg_shared_name(i, out)
  local made = setmetatable({}, meta)
  indexes[made] = i
  ngx.shared[ffi_string(out.data, out.size)] = made
end
runtime.dict_meta = meta
