---@meta _
-- What ngx.socket.tcp() answers: docs/ngx/socket.md.

---@class ngx.socket.tcp.options
---@field pool? string
---@field pool_size? integer
---@field backlog? integer

---@class ngx.socket.tcp
local tcp = {}

---With a path: sock:connect("unix:PATH", options?)
---@param host string
---@param port? integer|ngx.socket.tcp.options
---@param options? ngx.socket.tcp.options
---@return 1|nil ok
---@return string? err
function tcp:connect(host, port, options) end

---Where later connections come from.
---@param address string
---@return 1|nil ok
---@return string? err
function tcp:bind(address) end

---A session (true when `session` is false).
---@param session? any
---@param name? string
---@param verify? boolean
---@param ask_status? boolean
---@return any session
---@return string? err
function tcp:sslhandshake(session, name, verify, ask_status) end

---See docs/ngx/.
---@param cert? any
---@param key? any
---@return boolean? ok
---@return string? err
function tcp:setclientcert(cert, key) end

---How many bytes, when all was handed to the system.
---@param data string|number|boolean|table|nil
---@return integer? bytes
---@return string? err
function tcp:send(data) end

---Bytes, "*l" (a line), or "*a" (all until the end).
---@param size? integer|string
---@return string? data
---@return string? err
---@return string? partial
function tcp:receive(size) end

---What there is, at most so many bytes.
---@param most integer
---@return string? data
---@return string? err
function tcp:receiveany(most) end

---An iterator: what comes before the pattern, or at most `size` bytes of it at a time.
---@param pattern string
---@param options? { inclusive: boolean }
---@return (fun(size?: integer): string?, string?, string?)? iterator
---@return string? err
function tcp:receiveuntil(pattern, options) end

---Milliseconds.
---@param time number
function tcp:settimeout(time) end

---Milliseconds.
---@param connect? number
---@param send? number
---@param read? number
function tcp:settimeouts(connect, send, read) end

---See docs/ngx/.
---@param name string
---@param value any
---@return boolean? ok
---@return string? err
function tcp:setoption(name, value) end

---See docs/ngx/.
---@param name string
---@return any value
---@return string? err
function tcp:getoption(name) end

---Puts the connection into its pool.
---@param time? number
---@param size? integer
---@return 1|nil ok
---@return string? err
function tcp:setkeepalive(time, size) end

---How often it was taken from its pool.
---@return integer? times
---@return string? err
function tcp:getreusedtimes() end

---See docs/ngx/.
---@return 1|nil ok
---@return string? err
function tcp:close() end

---The peer sees the end, and may still be read from.
---@param direction "send"
---@return 1|nil ok
---@return string? err
function tcp:shutdown(direction) end

return tcp
