---@meta
-- The `ngx` table as it is here, for editors (lua-language-server): put this folder into `workspace.library`. A test holds
-- it against the real tables. What each call does at length: docs/ngx/.

---@class ngx
---@field status integer the response's status; 0 while nothing has decided it
---@field headers_sent boolean whether the response's head is out
---@field is_subrequest boolean
---@field ctx table this request's own table, through its phases; may be replaced by another
---@field var table<string|integer, string|number|boolean|nil> variables; see docs/ngx/variables.md
---@field header table<string, any> the response's fields, in any case, `_` for `-`; nil or {} removes
---@field arg table in body filters: [1] the piece, [2] whether it is the last
---@field shared table<string, ngx.shared.DICT> the dictionaries of `lua.shared_dicts`
---@field null lightuserdata what Redis replies and JSON have for null
ngx = {}

---@type table<string|integer, any>
ngx.var = {}
---@type table<string, any>
ngx.header = {}
---@type table<integer, any>
ngx.arg = {}
---@type table<string, ngx.shared.DICT>
ngx.shared = {}
---@type lightuserdata
ngx.null = require("cjson").null

ngx.OK = 0
ngx.ERROR = -1
ngx.AGAIN = -2
ngx.DONE = -4
ngx.DECLINED = -5
ngx.HTTP_GET = 0x2
ngx.HTTP_HEAD = 0x4
ngx.HTTP_POST = 0x8
ngx.HTTP_PUT = 0x10
ngx.HTTP_DELETE = 0x20
ngx.HTTP_MKCOL = 0x40
ngx.HTTP_COPY = 0x80
ngx.HTTP_MOVE = 0x100
ngx.HTTP_OPTIONS = 0x200
ngx.HTTP_PROPFIND = 0x400
ngx.HTTP_PROPPATCH = 0x800
ngx.HTTP_LOCK = 0x1000
ngx.HTTP_UNLOCK = 0x2000
ngx.HTTP_PATCH = 0x4000
ngx.HTTP_TRACE = 0x8000
ngx.HTTP_CONTINUE = 100
ngx.HTTP_SWITCHING_PROTOCOLS = 101
ngx.HTTP_OK = 200
ngx.HTTP_CREATED = 201
ngx.HTTP_ACCEPTED = 202
ngx.HTTP_NO_CONTENT = 204
ngx.HTTP_PARTIAL_CONTENT = 206
ngx.HTTP_SPECIAL_RESPONSE = 300
ngx.HTTP_MOVED_PERMANENTLY = 301
ngx.HTTP_MOVED_TEMPORARILY = 302
ngx.HTTP_SEE_OTHER = 303
ngx.HTTP_NOT_MODIFIED = 304
ngx.HTTP_TEMPORARY_REDIRECT = 307
ngx.HTTP_PERMANENT_REDIRECT = 308
ngx.HTTP_BAD_REQUEST = 400
ngx.HTTP_UNAUTHORIZED = 401
ngx.HTTP_PAYMENT_REQUIRED = 402
ngx.HTTP_FORBIDDEN = 403
ngx.HTTP_NOT_FOUND = 404
ngx.HTTP_NOT_ALLOWED = 405
ngx.HTTP_NOT_ACCEPTABLE = 406
ngx.HTTP_REQUEST_TIMEOUT = 408
ngx.HTTP_CONFLICT = 409
ngx.HTTP_GONE = 410
ngx.HTTP_UPGRADE_REQUIRED = 426
ngx.HTTP_TOO_MANY_REQUESTS = 429
ngx.HTTP_CLOSE = 444
ngx.HTTP_ILLEGAL = 451
ngx.HTTP_INTERNAL_SERVER_ERROR = 500
ngx.HTTP_NOT_IMPLEMENTED = 501
ngx.HTTP_METHOD_NOT_IMPLEMENTED = 501
ngx.HTTP_BAD_GATEWAY = 502
ngx.HTTP_SERVICE_UNAVAILABLE = 503
ngx.HTTP_GATEWAY_TIMEOUT = 504
ngx.HTTP_VERSION_NOT_SUPPORTED = 505
ngx.HTTP_INSUFFICIENT_STORAGE = 507
ngx.STDERR = 0
ngx.EMERG = 1
ngx.ALERT = 2
ngx.CRIT = 3
ngx.ERR = 4
ngx.WARN = 5
ngx.NOTICE = 6
ngx.INFO = 7
ngx.DEBUG = 8

-- Output and logging: docs/ngx/output.md

---Adds to the body what the arguments join to, and a newline.
---@param ... any
---@return 1|nil ok
---@return string? err
function ngx.say(...) end

---Adds to the body what the arguments join to.
---@param ... any
---@return 1|nil ok
---@return string? err
function ngx.print(...) end

---Hands what was written to the socket; with true, waits until all of it was taken.
---@param wait? boolean
---@return 1|nil ok
---@return string? err
function ngx.flush(wait) end

---The response is complete; the script goes on.
---@return 1|nil ok
---@return string? err
function ngx.eof() end

---Sends the response's head.
---@return 1|nil ok
---@return string? err
function ngx.send_headers() end

---A line in the error log.
---@param level integer
---@param ... any
function ngx.log(level, ...) end

-- Control: docs/ngx/control.md, docs/ngx/location.md, docs/ngx/threads.md

---Ends this function (ngx.OK, ngx.DECLINED) or the request (a status, ngx.ERROR).
---@param status integer
function ngx.exit(status) end

---Answers with a redirection; 302 unless told.
---@param uri string
---@param status? 301|302|303|307|308
function ngx.redirect(uri, status) end

---An internal redirect: the routes are matched again. It does not return.
---@param uri string
---@param args? string|table
function ngx.exec(uri, args) end

---Calls it when the client goes away before its answer is complete.
---@param callback fun()
---@return 1|nil ok
---@return string? err
function ngx.on_abort(callback) end

---"init", "rewrite", "access", "content", "balancer", "header_filter", "body_filter", "log", "timer", ...
---@return string phase
function ngx.get_phase() end

---Waits, without holding the loop.
---@param seconds number
function ngx.sleep(seconds) end

---Runs a module's function on a thread of the pool; arguments and results are copied.
---@param pool string
---@param module string
---@param name string
---@param ... any
---@return boolean ok
---@return any ... its results, or the error
function ngx.run_worker_thread(pool, module, name, ...) end

-- Time: docs/ngx/time.md

---Seconds since 1970, with milliseconds.
---@return number seconds
function ngx.now() end

---Whole seconds since 1970.
---@return integer seconds
function ngx.time() end

---Reads the clock anew.
function ngx.update_time() end

---2010-11-18, local time.
---@return string
function ngx.today() end

---2010-11-18 11:27:35, local time.
---@return string
function ngx.localtime() end

---2010-11-18 11:27:35, UTC.
---@return string
function ngx.utctime() end

---Thu, 18 Nov 2010 11:27:35 GMT
---@param seconds number
---@return string
function ngx.http_time(seconds) end

---Thu, 18-Nov-10 11:27:35 GMT
---@param seconds number
---@return string
function ngx.cookie_time(seconds) end

---Seconds since 1970; nil: none of the three forms of RFC 9110.
---@param text string
---@return integer? seconds
function ngx.parse_http_time(text) end

-- Encoding and digests: docs/ngx/encoding.md

---Percent-encodes: a component (2, the default), or what a whole URI must not have (0).
---@param value any
---@param kind? 0|2
---@return string
function ngx.escape_uri(value, kind) end

---Decodes; `+` is a space.
---@param value any
---@return string
function ngx.unescape_uri(value) end

---A table as a query.
---@param args table<string, string|number|boolean|table>
---@return string
function ngx.encode_args(args) end

---A query as a table; at most 100 unless told; 0: all.
---@param query string
---@param most? integer
---@return table<string, string|true|table> args
---@return string? err "truncated"
function ngx.decode_args(query, most) end

---See docs/ngx/encoding.md.
---@param value any
---@param no_padding? boolean
---@return string
function ngx.encode_base64(value, no_padding) end

---See docs/ngx/encoding.md.
---@param value string
---@return string?
function ngx.decode_base64(value) end

---Passes over what is not of the alphabet.
---@param value string
---@return string?
function ngx.decode_base64mime(value) end

---Hexadecimal.
---@param value any
---@return string
function ngx.md5(value) end

---16 bytes.
---@param value any
---@return string
function ngx.md5_bin(value) end

---20 bytes.
---@param value any
---@return string
function ngx.sha1_bin(value) end

---20 bytes.
---@param key string
---@param value string?
---@return string
function ngx.hmac_sha1(key, value) end

---See docs/ngx/encoding.md.
---@param value string
---@return integer
function ngx.crc32_short(value) end

---See docs/ngx/encoding.md.
---@param value string
---@return integer
function ngx.crc32_long(value) end

---Quoted for MySQL.
---@param value string
---@return string
function ngx.quote_sql_str(value) end

-- The request: docs/ngx/request.md

ngx.req = {}

---See docs/ngx/request.md.
---@return string
function ngx.req.get_method() end

---ngx.HTTP_GET, ...
---@param id integer
function ngx.req.set_method(id) end

---By lower-case name, found in any case; at most 100 unless told; 0: all. `raw`: as they stand.
---@param most? integer
---@param raw? boolean
---@return table<string, string|string[]> headers
---@return string? err "truncated"
function ngx.req.get_headers(most, raw) end

---Replaces; nil or {} removes.
---@param name string
---@param value string|number|table|nil
function ngx.req.set_header(name, value) end

---See docs/ngx/request.md.
---@param name string
---@param value string|number|table
function ngx.req.add_header(name, value) end

---See docs/ngx/request.md.
---@param name string
function ngx.req.clear_header(name) end

---The head as it was received.
---@param no_request_line? boolean
---@return string
function ngx.req.raw_header(no_request_line) end

---See docs/ngx/request.md.
---@return number?
function ngx.req.http_version() end

---Seconds since 1970, with milliseconds.
---@return number
function ngx.req.start_time() end

---After an internal redirect, in a subrequest.
---@return boolean
function ngx.req.is_internal() end

---The path the upstream gets; with `jump`, in rewrite, the routes are matched again.
---@param uri string
---@param jump? boolean
---@param binary? boolean
function ngx.req.set_uri(uri, jump, binary) end

---The extension of the path's file name; "" without one.
---@param most? integer
---@return string
function ngx.req.get_uri_ext(most) end

---By name: a text, true for one without "=", a list where it comes again.
---@param most? integer
---@param result? table
---@return table<string, string|true|table> args
---@return string? err "truncated"
function ngx.req.get_uri_args(most, result) end

---See docs/ngx/request.md.
---@param args string|number|table
function ngx.req.set_uri_args(args) end

---Of a body that was read.
---@param most? integer
---@return table<string, string|true|table>? args
---@return string? err
function ngx.req.get_post_args(most) end

---Waits for all of the body.
function ngx.req.read_body() end

---See docs/ngx/request.md.
function ngx.req.discard_body() end

---nil: not read, empty, or in a file.
---@param most? integer
---@return string?
function ngx.req.get_body_data(most) end

---nil: not read, or in memory.
---@return string? name
function ngx.req.get_body_file() end

---See docs/ngx/request.md.
---@param data string
function ngx.req.set_body_data(data) end

---See docs/ngx/request.md.
---@param name string
---@param auto_clean? boolean
function ngx.req.set_body_file(name, auto_clean) end

---See docs/ngx/request.md.
---@param size? integer
function ngx.req.init_body(size) end

---See docs/ngx/request.md.
---@param piece string
function ngx.req.append_body(piece) end

---See docs/ngx/request.md.
function ngx.req.finish_body() end

---Reads the request's body; `raw`: takes the connection over.
---@param raw? boolean
---@return ngx.socket.tcp?
---@return string? err
function ngx.req.socket(raw) end

-- The response: docs/ngx/response.md

ngx.resp = {}

---By lower-case name, found in any case; at most 100 unless told; 0: all. `raw`: as they stand.
---@param most? integer
---@param raw? boolean
---@return table<string, string|string[]> headers
---@return string? err "truncated"
function ngx.resp.get_headers(most, raw) end

---Beside the fields that there are.
---@param name string
---@param value string|number|table
function ngx.resp.add_header(name, value) end

---Sets the status; the phrase is always that of the status.
---@param status integer
---@param reason? string
function ngx.resp.set_status(status, reason) end

---Does nothing: there are no such checks to bypass.
function ngx.resp.bypass_if_checks() end

-- Subrequests: docs/ngx/location.md

ngx.location = {}

---@class ngx.location.response
---@field status integer
---@field header table<string, string|string[]>
---@field body string
---@field truncated boolean

---@class ngx.location.options
---@field method? integer ngx.HTTP_GET, ...
---@field body? string
---@field args? string|table
---@field ctx? table
---@field vars? table
---@field copy_all_vars? boolean
---@field share_all_vars? boolean
---@field always_forward_body? boolean

---Asks the gateway itself, and waits for the answer.
---@param uri string
---@param options? ngx.location.options
---@return ngx.location.response
function ngx.location.capture(uri, options) end

---Several at once; the answers come in the order of the list.
---@param list table[]
---@return ngx.location.response ...
function ngx.location.capture_multi(list) end

-- Regular expressions: docs/ngx/re.md

ngx.re = {}

---The captures: [0] the whole match, [1] ... the groups, named ones by name; false: took no part.
---@param subject string
---@param regex string
---@param options? string
---@param ctx? { pos: integer }
---@param captures? table
---@return table? captures
---@return string? err
function ngx.re.match(subject, regex, options, ctx, captures) end

---Where the match (or group `nth`) begins and ends.
---@param subject string
---@param regex string
---@param options? string
---@param ctx? { pos: integer }
---@param nth? integer
---@return integer? from
---@return integer? to
---@return string? err
function ngx.re.find(subject, regex, options, ctx, nth) end

---An iterator of captures.
---@param subject string
---@param regex string
---@param options? string
---@return (fun(): table?, string?)? iterator
---@return string? err
function ngx.re.gmatch(subject, regex, options) end

---Replaces the first match.
---@param subject string
---@param regex string
---@param with string|fun(captures: table): string
---@param options? string
---@return string? text
---@return integer? count
---@return string? err
function ngx.re.sub(subject, regex, with, options) end

---Replaces every match.
---@param subject string
---@param regex string
---@param with string|fun(captures: table): string
---@param options? string
---@return string? text
---@return integer? count
---@return string? err
function ngx.re.gsub(subject, regex, with, options) end

-- Sockets: docs/ngx/socket.md

ngx.socket = {}

---A socket, not connected.
---@return ngx.socket.tcp
function ngx.socket.tcp() end

ngx.socket.stream = ngx.socket.tcp

---A connected socket. With a path: ngx.socket.connect("unix:PATH", options?)
---@param host string
---@param port? integer|table
---@param options? table
---@return ngx.socket.tcp?
---@return string? err
function ngx.socket.connect(host, port, options) end

---A datagram socket.
---@return ngx.socket.udp
function ngx.socket.udp() end

-- Threads and timers: docs/ngx/threads.md, docs/ngx/timers.md

ngx.thread = {}

---Runs at once, up to its first wait.
---@param f function
---@param ... any
---@return thread
function ngx.thread.spawn(f, ...) end

---Waits for the first of them that ends.
---@param ... thread
---@return boolean? ok nil: none can be waited for
---@return any ... its results, or the error
function ngx.thread.wait(...) end

---Ends it.
---@param thread thread
---@return 1|nil ok
---@return string? err
function ngx.thread.kill(thread) end

ngx.timer = {}

---Calls callback(premature, ...) later, without a request.
---@param delay number
---@param callback fun(premature: boolean, ...: any)
---@param ... any
---@return 1|nil ok
---@return string? err
function ngx.timer.at(delay, callback, ...) end

---The same, again and again.
---@param delay number
---@param callback fun(premature: boolean, ...: any)
---@param ... any
---@return 1|nil ok
---@return string? err
function ngx.timer.every(delay, callback, ...) end

---How many run.
---@return integer
function ngx.timer.running_count() end

---How many wait for their time.
---@return integer
function ngx.timer.pending_count() end

-- Workers: docs/ngx/worker.md

ngx.worker = {}

---From 0; nil in init and on a worker thread.
---@return integer?
function ngx.worker.id() end

---How many event loops there are.
---@return integer
function ngx.worker.count() end

---The process' id.
---@return integer
function ngx.worker.pid() end

---A list with it.
---@return integer[]
function ngx.worker.pids() end

---Whether this generation has been replaced, or the gateway stops.
---@return boolean
function ngx.worker.exiting() end

ngx.config = {
  subsystem = "http",
  debug = false,
  nginx_version = 1027001,
  ngx_lua_version = 10027,
}

---The configuration's folder, with a slash.
---@return string
function ngx.config.prefix() end

---"".
---@return string
function ngx.config.nginx_configure() end
