-- moongate.balancer: in the balance phase, a choice among the upstream's own targets, whose health, circuit breakers
-- and connections then count as ever.
--
--   local balancer = require "moongate.balancer"
--   for i, target in ipairs(balancer.targets()) do
--     if target.healthy and target.active < 10 then
--       return balancer.choose(i)
--     end
--   end
local ffi = require "ffi"
local runtime = require "moongate.runtime"
local C, ffi_string = ffi.C, ffi.string

local balancer = {}
local most = 256
local places = ffi.new("mg_target[?]", most)
local message = ffi.new("mg_string")

-- A list, in the configuration's order: address, weight, backup, healthy, active (requests in flight), failures (in a
-- row). The first 256.
function balancer.targets()
  local count = C.mg_balancer_targets(places, most)
  if count < 0 then
    return nil, "API disabled in the current context"
  end
  local list = {}
  for i = 1, count do
    local place = places[i - 1]
    list[i] = {
      address = ffi_string(place.address.data, place.address.size),
      weight = place.weight,
      backup = place.backup ~= 0,
      healthy = place.healthy ~= 0,
      active = place.active,
      failures = place.failures,
    }
  end
  return list
end

-- The target of that place in the list, for this try.
function balancer.choose(index)
  if type(index) ~= "number" then
    runtime.bad_argument(1, "choose", "number", index, 2)
  end
  if C.mg_balancer_choose(index, message) ~= 0 then
    return nil, ffi_string(message.data, message.size)
  end
  return true
end

return balancer
