-- coroutine.* for scripts: a wait inside a script's own coroutine passes up, through whoever resumed it, to the
-- scheduler, and its results pass down again; a plain coroutine.yield goes to the resumer as ever.
local runtime = ...
local token = runtime.token
local raw_create, raw_resume, raw_yield = coroutine.create, coroutine.resume, coroutine.yield
local raw_status, type = coroutine.status, type

-- Coroutines that wait (so does whoever resumed them): they cannot be resumed by another light thread.
local waiting = setmetatable({}, { __mode = "k" })

-- Those that scripts have made. Any other belongs to the scheduler, and maybe to another request.
local own = setmetatable({}, { __mode = "k" })

local function create(f)
  local co = raw_create(f)
  own[co] = true
  return co
end
coroutine.create = create

local resumed

local function again(co, ...)
  waiting[co] = nil
  return resumed(co, raw_resume(co, ...))
end

function resumed(co, ok, first, ...)
  if first == token and ok then
    waiting[co] = true
    return again(co, raw_yield(token, ...))
  end
  return ok, first, ...
end

function coroutine.resume(co, ...)
  if waiting[co] then
    return false, "cannot resume running coroutine"
  end
  if not own[co] and type(co) == "thread" then
    return false, raw_status(co) == "dead" and "cannot resume dead coroutine" or "cannot resume a light thread"
  end
  return resumed(co, raw_resume(co, ...))
end
local resume = coroutine.resume

local function wrapped(ok, first, ...)
  if ok then
    return first, ...
  end
  error(first, 0)
end

function coroutine.wrap(f)
  local co = create(f)
  return function(...)
    return wrapped(resume(co, ...))
  end
end

function coroutine.status(co)
  if waiting[co] then
    return "normal"
  end
  return raw_status(co)
end

runtime.raw_create = raw_create
runtime.raw_status = raw_status
