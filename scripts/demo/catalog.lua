-- A backend of the demo: one item of the catalog, and who served it.
local cjson = require "cjson"
ngx.header["Content-Type"] = "application/json"
ngx.say(cjson.encode { id = ngx.var.uri:match("([^/]+)$"), served_by = ngx.var.http_host })
