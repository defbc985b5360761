-- A small scheduler of its own stands for the gateway's: it resumes the outermost coroutine with what a wait ends with.
local raw_create, raw_resume, raw_status = coroutine.create, coroutine.resume, coroutine.status
local original = {}

describe("coroutines that wait", function()
  local token = {}
  local raw_yield = coroutine.yield

  setup(function()
    for name, f in pairs(coroutine) do
      original[name] = f
    end
    assert(loadfile("lua/moongate/coroutines.lua"))({ token = token, current = { serial = 0 } })
  end)

  teardown(function()
    for name, f in pairs(original) do
      coroutine[name] = f
    end
  end)

  local function wait(value)
    return raw_yield(token, value)
  end

  -- Runs f to its end; answers its results and what was waited for.
  local function run(f)
    local co = raw_create(f)
    local waited = {}
    local results = { raw_resume(co) }
    while raw_status(co) ~= "dead" do
      assert.equal(token, results[2])
      waited[#waited + 1] = results[3]
      results = { raw_resume(co, "answer to " .. tostring(results[3])) }
    end
    return waited, unpack(results, 2)
  end

  it("pass their waits up and the results down", function()
    local waited, first, second = run(function()
      local co = coroutine.create(function(a)
        local answer = wait(a)
        local b = coroutine.yield(answer)
        return wait(b)
      end)
      local _, one = coroutine.resume(co, "a")
      local _, two = coroutine.resume(co, "b")
      return one, two
    end)
    assert.same({ "a", "b" }, waited)
    assert.equal("answer to a", first)
    assert.equal("answer to b", second)
  end)

  it("do so through any number of levels", function()
    local waited, result = run(function()
      local function nested(depth)
        if depth == 0 then
          return wait("deep")
        end
        return coroutine.wrap(nested)(depth - 1)
      end
      return nested(20)
    end)
    assert.same({ "deep" }, waited)
    assert.equal("answer to deep", result)
  end)

  it("keep errors and plain yields for their resumer", function()
    local waited, ok, message, yielded = run(function()
      local co = coroutine.create(function()
        coroutine.yield("plain")
        wait("x")
        error("broken", 0)
      end)
      local _, value = coroutine.resume(co)
      local fine, problem = coroutine.resume(co)
      return fine, problem, value
    end)
    assert.same({ "x" }, waited)
    assert.is_false(ok)
    assert.equal("broken", message)
    assert.equal("plain", yielded)
  end)

  it("cannot be resumed by another while they wait", function()
    local inner
    local outer = raw_create(function()
      inner = coroutine.create(function()
        wait("long")
      end)
      coroutine.resume(inner)
    end)
    raw_resume(outer)
    local ok, message = coroutine.resume(inner)
    assert.is_false(ok)
    assert.equal("cannot resume running coroutine", message)
    assert.equal("running", coroutine.status(inner))
    raw_resume(outer)
    assert.equal("dead", coroutine.status(inner))
  end)

  it("raise what a wrapped function raises", function()
    local _, ok, message = run(function()
      return pcall(coroutine.wrap(function()
        wait("x")
        error("from inside", 0)
      end))
    end)
    assert.is_false(ok)
    assert.equal("from inside", message)
  end)
end)
