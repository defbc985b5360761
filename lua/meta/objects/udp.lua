---@meta _
-- What ngx.socket.udp() answers: docs/ngx/socket.md.

---@class ngx.socket.udp
local udp = {}

---With a path: sock:setpeername("unix:PATH")
---@param host string
---@param port? integer
---@return 1|nil ok
---@return string? err
function udp:setpeername(host, port) end

---See docs/ngx/.
---@param address string
---@return 1|nil ok
---@return string? err
function udp:bind(address) end

---One datagram.
---@param data string|number|boolean|table|nil
---@return 1|nil ok
---@return string? err
function udp:send(data) end

---A datagram, cut to `size` bytes.
---@param size? integer
---@return string? data
---@return string? err
function udp:receive(size) end

---Milliseconds.
---@param time number
function udp:settimeout(time) end

---See docs/ngx/.
---@return 1|nil ok
---@return string? err
function udp:close() end

return udp
