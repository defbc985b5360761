---@meta ngx.resp
-- Of the response.
return {
  version = "0.1.29",
  add_header = ngx.resp.add_header,
  get_headers = ngx.resp.get_headers,
  set_status = ngx.resp.set_status,
  bypass_if_checks = ngx.resp.bypass_if_checks,
}
