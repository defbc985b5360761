-- A backend of the demo: answers with the request's headers as it got them, names in lower case.
local cjson = require "cjson"
local headers = {}
for name, value in pairs(ngx.req.get_headers(0)) do
  headers[name] = type(value) == "table" and table.concat(value, ", ") or value
end
ngx.header["Content-Type"] = "application/json"
ngx.say(cjson.encode(headers))
