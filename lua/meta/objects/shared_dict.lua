---@meta _
-- A dictionary of ngx.shared: docs/ngx/shared.md.

---@class ngx.shared.DICT
local dict = {}

---See docs/ngx/.
---@param key string
---@return string|number|boolean|nil value
---@return integer|string|nil flags or the error
function dict:get(key) end

---See docs/ngx/.
---@param key string
---@return string|number|boolean|nil value
---@return integer|string|nil flags or the error
---@return boolean? stale
function dict:get_stale(key) end

---See docs/ngx/.
---@param key string
---@param value string|number|boolean|nil
---@param ttl? number
---@param flags? integer
---@return boolean? ok
---@return string? err
---@return boolean? forcible values that had not expired were evicted
function dict:set(key, value, ttl, flags) end

---Evicts nothing that holds.
---@param key string
---@param value string|number|boolean|nil
---@param ttl? number
---@param flags? integer
---@return boolean? ok
---@return string? err
---@return boolean? forcible values that had not expired were evicted
function dict:safe_set(key, value, ttl, flags) end

---Only where there is none.
---@param key string
---@param value string|number|boolean|nil
---@param ttl? number
---@param flags? integer
---@return boolean? ok
---@return string? err
---@return boolean? forcible values that had not expired were evicted
function dict:add(key, value, ttl, flags) end

---See docs/ngx/.
---@param key string
---@param value string|number|boolean|nil
---@param ttl? number
---@param flags? integer
---@return boolean? ok
---@return string? err
---@return boolean? forcible values that had not expired were evicted
function dict:safe_add(key, value, ttl, flags) end

---Only where there is one.
---@param key string
---@param value string|number|boolean|nil
---@param ttl? number
---@param flags? integer
---@return boolean? ok
---@return string? err
---@return boolean? forcible values that had not expired were evicted
function dict:replace(key, value, ttl, flags) end

---See docs/ngx/.
---@param key string
---@return boolean? ok
---@return string? err
---@return boolean? forcible values that had not expired were evicted
function dict:delete(key) end

---See docs/ngx/.
---@param key string
---@param delta number
---@param init? number
---@param init_ttl? number
---@return number? value
---@return string? err
---@return boolean? forcible
function dict:incr(key, delta, init, init_ttl) end

---See docs/ngx/.
---@param key string
---@param value string|number
---@return integer? length
---@return string? err
function dict:lpush(key, value) end

---See docs/ngx/.
---@param key string
---@param value string|number
---@return integer? length
---@return string? err
function dict:rpush(key, value) end

---See docs/ngx/.
---@param key string
---@return string|number|nil value
---@return string? err
function dict:lpop(key) end

---See docs/ngx/.
---@param key string
---@return string|number|nil value
---@return string? err
function dict:rpop(key) end

---See docs/ngx/.
---@param key string
---@return integer? length
---@return string? err
function dict:llen(key) end

---Seconds left; 0: for ever.
---@param key string
---@return number? seconds
---@return string? err
function dict:ttl(key) end

---See docs/ngx/.
---@param key string
---@param ttl number
---@return boolean? ok
---@return string? err
function dict:expire(key, ttl) end

---Everything expires now.
function dict:flush_all() end

---How many were freed.
---@param most? integer
---@return integer
function dict:flush_expired(most) end

---At most 1024 unless told; 0: all.
---@param most? integer
---@return string[]
function dict:get_keys(most) end

---Bytes.
---@return integer
function dict:capacity() end

---Bytes.
---@return integer
function dict:free_space() end

return dict
