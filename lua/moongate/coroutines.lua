-- coroutine.* for scripts: a wait inside a script's own coroutine passes up, through whoever resumed it, to the
-- scheduler, and its results pass down again; a plain coroutine.yield goes to the resumer as ever.
--
-- `owners` tells whose a coroutine is: a number, a script's own, made in the context of that serial (0: in init);
-- false, a script's own that waits somewhere below; "main" and "thread", the scheduler's, never resumed by a script;
-- "zombie", a thread that has ended; true, one that was waited for or killed. The scheduler marks its own
-- (Scheduler::Mark).
local runtime = ...
local token, current = runtime.token, runtime.current
local raw_create, raw_resume, raw_yield = coroutine.create, coroutine.resume, coroutine.yield
local raw_status, raw_running = coroutine.status, coroutine.running

local owners = setmetatable({}, { __mode = "k" })
-- Of those that wait, the ones that wait for another they have resumed.
local normal = setmetatable({}, { __mode = "k" })

local resumed

local function again(co, owner, resumer, ...)
  owners[co] = owner
  if resumer then
    normal[resumer] = nil
  end
  return resumed(co, raw_resume(co, ...))
end

function resumed(co, ok, ...)
  if ok and (...) == token then
    local owner, resumer = owners[co], raw_running()
    owners[co] = false
    if resumer then
      normal[resumer] = true
    end
    return again(co, owner, resumer, raw_yield(...))
  elseif not ok and raw_status(co) == "normal" then
    return false, "cannot resume normal coroutine"
  end
  return ok, ...
end

function coroutine.create(f)
  if type(f) ~= "function" then
    error("bad argument #1 to 'create' (Lua function expected)", 2)
  end
  local co = raw_create(f)
  owners[co] = current.serial
  return co
end
local create = coroutine.create

local function check_coroutine(name, co)
  if type(co) ~= "thread" then
    error("bad argument #1 to '" .. name .. "' (coroutine expected)", 3)
  end
end

function coroutine.status(co)
  check_coroutine("status", co)
  local owner = owners[co]
  if type(owner) == "number" or owner == nil then
    return raw_status(co)
  elseif owner == true then
    return "dead"
  elseif owner == "zombie" then
    return owner
  end
  local status = raw_status(co)
  if status == "suspended" then
    return normal[co] and "normal" or "running"
  end
  return status
end
local status_of = coroutine.status

-- One of another request is as dead as the request that made it will be.
local function refused(co, owner)
  if type(owner) == "number" then
    return "cannot resume dead coroutine"
  end
  return "cannot resume " .. status_of(co) .. " coroutine"
end

function coroutine.resume(co, ...)
  check_coroutine("resume", co)
  local owner = owners[co]
  if owner == current.serial or owner == 0 or owner == nil then
    return resumed(co, raw_resume(co, ...))
  end
  return false, refused(co, owner)
end
local resume = coroutine.resume

local function wrapped(ok, ...)
  if ok then
    return ...
  end
  error((...), 0)
end

function coroutine.wrap(f)
  if type(f) ~= "function" then
    error("bad argument #1 to 'wrap' (Lua function expected)", 2)
  end
  local co = create(f)
  return function(...)
    return wrapped(resume(co, ...))
  end
end

-- A coroutine for the scheduler to resume.
function runtime.new_thread(f)
  local co = raw_create(f)
  owners[co] = "thread"
  return co
end

runtime.owners = owners
runtime.raw_running = raw_running
