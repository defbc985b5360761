-- A backend of the demo: the orders of a user, or a failure on demand.
ngx.header["Content-Type"] = "application/json"
if ngx.var.arg_fail == "orders" then
  ngx.status = 503
  ngx.say('{"error":"down"}')
else
  ngx.say('[{"id":1001,"total":12.50},{"id":1002,"total":7.00}]')
end
