---@meta ngx.req
-- Of the request.
return { version = "0.1.29", add_header = ngx.req.add_header, get_uri_ext = ngx.req.get_uri_ext }
