---@meta moongate.http
-- HTTP requests from scripts.
local http = {}

---@class moongate.http.request
---@field upstream? string a configured one
---@field url? string in its place
---@field path? string "/"
---@field method? string "GET"
---@field headers? table<string, string|string[]>
---@field body? string
---@field timeout? number seconds; 10
---@field limit? integer bytes of the answer's body; 8 MiB

---@class moongate.http.response
---@field status integer
---@field headers table<string, string|string[]>
---@field body string
---@field err string? of fetch_all: why there is none

---Waits for the answer.
---@param request moongate.http.request
---@return moongate.http.response?
---@return string? err
function http.fetch(request) end

---Several at once; the answers in the order asked.
---@param requests moongate.http.request[]
---@return moongate.http.response[]
function http.fetch_all(requests) end

return http
