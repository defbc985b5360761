-- GET /hello. Change the text, save, and ask again.
ngx.header["Content-Type"] = "text/plain"
ngx.say("hello")
