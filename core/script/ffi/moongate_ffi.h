/*
 * The C surface: everything Lua can call in the gateway, once. C++ includes it, and ffi.cdef is given the part between
 * the two marks as text (with MG_NOEXCEPT taken out), so that part is plain C without preprocessor lines.
 *
 * Every call acts on the current context (a request, a timer, init), which the scheduler sets before it resumes a
 * coroutine; no call takes or gives an object of the gateway. A call never blocks, never calls back into Lua, never
 * throws. What takes time answers MG_AGAIN: the wrapper then yields (runtime.wait()) and is resumed with the results.
 *
 * An mg_string that a call fills in points into the request, or into the VM's scratch buffer that the next call of the
 * surface may overwrite: make a Lua string of it at once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define MG_NOEXCEPT noexcept
extern "C" {
#else
#define MG_NOEXCEPT
#endif

/* ffi.cdef: from here */

typedef struct {
  const char* data;
  size_t size;
} mg_string;

typedef struct {
  mg_string name, value;
} mg_header;

/* What moongate.http asks for; an upstream's name or a URL. Sizes and times of 0 stand for the defaults. */
typedef struct {
  mg_string upstream, url, path, method, body;
  const mg_header* headers;
  uint32_t header_count;
  double timeout, limit;
} mg_http_request;

/* A value of a shared dictionary, and what else an operation on one answers. */
typedef struct {
  int type; /* MG_NIL, ... */
  int boolean;
  double number;
  const char* data;
  size_t size;
  uint32_t flags;
  int stale, forcible;
} mg_value;

/* A subrequest that is asked for. `slot` is filled in: of its context. */
typedef struct {
  mg_string path, query, method, body;
  int has_body, forward_body;
  int variables; /* 0: none of the parent's, 1: copies, 2: shared */
  const mg_header* vars;
  uint32_t var_count, slot;
} mg_subrequest;

/* A target of the route's upstream. */
typedef struct {
  mg_string address;
  uint32_t weight, active, failures; /* in flight; failures in a row */
  int backup, healthy;
} mg_target;

/* A compiled regular expression. */
typedef struct {
  int id;     /* until mg_regex_free */
  int groups; /* captures, without the whole match */
  int names;
} mg_regex;

/* The state of a VM that both sides read; C writes it before each resume. */
typedef struct {
  uint32_t phase;       /* one bit of MG_PHASE_* */
  uint32_t slot;        /* of the context; 0: none (init) */
  uint32_t has_request; /* the context is a request's */
  uint32_t policy;      /* index of the function that runs, in its phase */
  uint32_t serial;      /* of the context, unlike its slot never used again; 0: none (init) */
} mg_current;

enum {
  MG_OK = 0,
  MG_AGAIN = -2,        /* yield; the results come with the resume */
  MG_ERROR = -1,        /* scratch text tells, through the mg_string given */
  MG_DECLINED = -5,     /* not there */
  MG_NO_REQUEST = -10,  /* the context has no request */
  MG_LATE = -11,        /* too late: the response has begun */
  MG_CLOSED = -12,      /* the client has gone */
  MG_ENDED = -13,       /* the response is complete */
  MG_FILTER = -14,      /* yield MG_OP_FILTER: filters must run over what was written */
  MG_BUSY = -15,        /* too many of them */
  MG_HEADER_ONLY = -16, /* the response has no body */
  MG_UNREAD = -17,      /* the request's body was not read */
  MG_IN_FILE = -18,     /* the request's body is in a file */
  MG_RAW = -19,         /* a script has taken the connection over */
  MG_COLLECTS = -20,    /* output is kept back, to an HTTP/1.0 client */

  MG_NIL = 0,
  MG_BOOLEAN = 1,
  MG_NUMBER = 2,
  MG_STRING = 3,
  MG_SHARED_NOT_FOUND = 1, /* other statuses: mg_shared_message */

  MG_PHASE_INIT = 0x1,
  MG_PHASE_INIT_WORKER = 0x2,
  MG_PHASE_REWRITE = 0x4,
  MG_PHASE_ACCESS = 0x8,
  MG_PHASE_CONTENT = 0x10,
  MG_PHASE_BALANCER = 0x20,
  MG_PHASE_HEADER_FILTER = 0x40,
  MG_PHASE_BODY_FILTER = 0x80,
  MG_PHASE_LOG = 0x100,
  MG_PHASE_TIMER = 0x200,
  MG_PHASE_EXIT_WORKER = 0x400,
  MG_PHASE_SERVER_REWRITE = 0x800,
  MG_PHASE_SET = 0x1000,
  MG_PHASE_SSL_CLIENT_HELLO = 0x2000,
  MG_PHASE_SSL_CERTIFICATE = 0x4000,

  /* How a regular expression is meant: the letters of ngx.re. */
  MG_REGEX_A = 0x1,
  MG_REGEX_D = 0x2,
  MG_REGEX_I = 0x4,
  MG_REGEX_J = 0x8,
  MG_REGEX_M = 0x10,
  MG_REGEX_S = 0x20,
  MG_REGEX_U = 0x40,
  MG_REGEX_X = 0x80,
  MG_REGEX_NAMES = 0x100,      /* D: names may be given twice */
  MG_REGEX_JAVASCRIPT = 0x200, /* J */
  MG_REGEX_ANY_UTF = 0x400,    /* U: the subject need not be valid */
  MG_REGEX_TEMPLATE = -1000,   /* a replacement that cannot be read */

  /* What a coroutine yields to the scheduler, after the private token. */
  MG_OP_WAIT = 0,   /* until the operation that a call began has ended */
  MG_OP_EXIT = 1,   /* never to be resumed: mg_control_exit or mg_control_exec told how it ends */
  MG_OP_FILTER = 2, /* run the output filters */
  MG_OP_SPAWN = 3,  /* coroutine, who spawns, arguments... */
  MG_OP_JOIN = 4,   /* who waits, coroutines...: until the first of them has ended */
  MG_OP_KILL = 5,   /* who kills, coroutine */
  MG_OP_END = 6     /* the response is complete (ngx.eof) */
};

/* --- context: who runs */
mg_current* mg_context_current(void) MG_NOEXCEPT; /* of the VM that runs; lives as long as it */
void mg_context_keep(void) MG_NOEXCEPT;           /* Lua keeps state under the slot: runtime.release(slot) at the end */
void mg_context_policy(uint32_t index) MG_NOEXCEPT; /* the next function of the phase begins: new limits */

/* --- canaries: whether the request gets the new script of the policy with that number */
int mg_canary_pick(uint32_t number) MG_NOEXCEPT;

/* --- control */
/* The status that the client has been sent already, if it is another one; else MG_OK, MG_ERROR. */
int mg_control_exit(int status) MG_NOEXCEPT;
int mg_control_exec(const char* path, size_t path_size, const char* query, size_t query_size) MG_NOEXCEPT;
int mg_control_exec_named(const char* name, size_t size) MG_NOEXCEPT; /* MG_DECLINED: no route of that name */
void mg_control_jump(void) MG_NOEXCEPT; /* match the route again with the URI as it is now */
int mg_control_on_abort(void)
    MG_NOEXCEPT; /* states[slot].on_abort is a thread to run; MG_DECLINED: aborts are ignored */
int mg_log_enabled(int level) MG_NOEXCEPT;
void mg_log_write(int level, const char* text, size_t size) MG_NOEXCEPT;

/* --- output */
int mg_output_write(const char* data, size_t size) MG_NOEXCEPT;
int mg_output_head(void) MG_NOEXCEPT;
int mg_output_flush(int wait) MG_NOEXCEPT;

/* --- response */
int mg_response_status(void) MG_NOEXCEPT; /* 0: none yet */
int mg_response_set_status(int status) MG_NOEXCEPT;
int mg_response_started(void) MG_NOEXCEPT; /* output was made: status and fields are fixed */
int mg_response_head_sent(void) MG_NOEXCEPT;
int mg_response_ended(void) MG_NOEXCEPT; /* MG_ENDED, MG_RAW: nothing more can be said; MG_OK */
/* The values of a field, at most `most`; how many there are. */
int mg_response_header(const char* name, size_t size, mg_string* values, int most) MG_NOEXCEPT;
/* Replaces all fields of that name (or, with `add`, comes beside them); no values: removes them. */
int mg_response_set_header(const char* name, size_t size, const mg_string* values, int count, int add) MG_NOEXCEPT;
int mg_response_headers(mg_header* out, int most) MG_NOEXCEPT;

/* --- request */
int mg_request_method(mg_string* out) MG_NOEXCEPT;
int mg_request_set_method(const char* method, size_t size) MG_NOEXCEPT;
int mg_request_headers(mg_header* out, int most) MG_NOEXCEPT;
/* Replaces (or, with `add`, adds to) the fields of that name; no values: removes them. */
int mg_request_set_header(const char* name, size_t size, const mg_string* values, int count, int add) MG_NOEXCEPT;
int mg_request_raw_header(int without_line, mg_string* out) MG_NOEXCEPT;
double mg_request_http_version(void) MG_NOEXCEPT; /* 0: no request */
double mg_request_start_time(void) MG_NOEXCEPT;
int mg_request_is_internal(void) MG_NOEXCEPT;
int mg_request_is_subrequest(void) MG_NOEXCEPT;
int mg_request_query(mg_string* out) MG_NOEXCEPT;
int mg_request_set_query(const char* query, size_t size) MG_NOEXCEPT;
int mg_request_set_path(const char* path, size_t size) MG_NOEXCEPT;
/* MG_AGAIN: resumed with true, or nil; mg_request_body_error then is the status to end with. */
int mg_request_read_body(int can_wait) MG_NOEXCEPT;
int mg_request_body_error(void) MG_NOEXCEPT;
int mg_request_discard_body(void) MG_NOEXCEPT;
int mg_request_body(mg_string* out) MG_NOEXCEPT;      /* MG_DECLINED: empty or discarded; MG_UNREAD, MG_IN_FILE */
int mg_request_body_file(mg_string* out) MG_NOEXCEPT; /* its name; MG_DECLINED: not in a file */
/* Whether the body may be replaced: MG_OK, MG_UNREAD */
int mg_request_body_ready(void) MG_NOEXCEPT;
/* What is larger than `in_memory` bytes is kept in a file. 0: nothing is; below: as the route says */
int mg_request_set_body(const char* data, size_t size, double in_memory, mg_string* error) MG_NOEXCEPT;
int mg_request_set_body_file(const char* name, size_t size, int clean, mg_string* error) MG_NOEXCEPT;

/* --- variables */
int mg_variable_get(const char* name, size_t size, mg_string* out) MG_NOEXCEPT;
/* `value` null: it has none from now on. */
int mg_variable_set(const char* name, size_t size, const char* value, size_t value_size) MG_NOEXCEPT;

/* 1: `vars` or `set` of the configuration define it, or a script has; 0: not, or it is the gateway's own */
int mg_variable_defined(const char* name, size_t size) MG_NOEXCEPT;

/* --- filters */
int mg_filter_output(const char* data, size_t size) MG_NOEXCEPT; /* what the body filters let through */

/* --- balancer: where the next attempt goes; of the balance phase, MG_ERROR with a text elsewhere */
/* port 0: a unix socket's path, with "unix:", or an address with a port. `name`: for TLS; may be empty. */
int mg_balancer_set_peer(const char* host, size_t size, int port, const char* name, size_t name_size,
                         mg_string* error) MG_NOEXCEPT;
int mg_balancer_targets(mg_target* out, int most) MG_NOEXCEPT; /* their number */
int mg_balancer_choose(int index, mg_string* error) MG_NOEXCEPT;
int mg_balancer_more_tries(int count, mg_string* error) MG_NOEXCEPT; /* how many were granted */
/* 0: this is the first try; 1: a status that is tried again; 2: it failed */
int mg_balancer_last_failure(int* status) MG_NOEXCEPT;
int mg_balancer_set_timeouts(double connect, double send, double read, mg_string* error) MG_NOEXCEPT; /* 0: as is */
int mg_balancer_keepalive(double idle, double requests, mg_string* error) MG_NOEXCEPT;
int mg_balancer_recreate(mg_string* error) MG_NOEXCEPT;
int mg_balancer_tls(int on, mg_string* error) MG_NOEXCEPT;

/* --- location: subrequests. MG_AGAIN: resumed with a table of {status, header, body, truncated} for each. */
int mg_location_capture(mg_subrequest* requests, int count, mg_string* error) MG_NOEXCEPT;

/* --- TLS: of the handshake that runs, or of the request. Objects are the caller's to free. */
typedef struct mg_ssl_chain mg_ssl_chain;
typedef struct mg_ssl_key mg_ssl_key;
mg_ssl_chain* mg_ssl_parse_chain(const char* text, size_t size, int der, mg_string* error) MG_NOEXCEPT;
void mg_ssl_free_chain(mg_ssl_chain* chain) MG_NOEXCEPT;
mg_ssl_key* mg_ssl_parse_key(const char* text, size_t size, int der, const char* password, size_t password_size,
                             mg_string* error) MG_NOEXCEPT;
void mg_ssl_free_key(mg_ssl_key* key) MG_NOEXCEPT;
void mg_ssl_chain_der(const mg_ssl_chain* chain, mg_string* out) MG_NOEXCEPT;
int mg_ssl_key_der(const mg_ssl_key* key, mg_string* out) MG_NOEXCEPT;
int mg_ssl_set_chain(const mg_ssl_chain* chain, mg_string* error) MG_NOEXCEPT;
int mg_ssl_set_key(const mg_ssl_key* key, mg_string* error) MG_NOEXCEPT;
int mg_ssl_clear(mg_string* error) MG_NOEXCEPT;
int mg_ssl_verify_client(const mg_ssl_chain* authorities, int depth, mg_string* error) MG_NOEXCEPT;
int mg_ssl_server_name(int hello, mg_string* out) MG_NOEXCEPT; /* MG_DECLINED: none */
int mg_ssl_version(mg_string* name) MG_NOEXCEPT;
/* The port; family: 4, 6, or 0 for a unix socket's path. */
int mg_ssl_address(int client, int* family, mg_string* out) MG_NOEXCEPT;
int mg_ssl_hello_extension(int type, mg_string* out) MG_NOEXCEPT;
int mg_ssl_hello_numbers(int kind, uint16_t* out, int most) MG_NOEXCEPT; /* 0: extensions, 1: versions, 2: ciphers */
int mg_ssl_allow_versions(const int* versions, int count) MG_NOEXCEPT;
int mg_ocsp_responder(const mg_ssl_chain* chain, mg_string* out) MG_NOEXCEPT;
int mg_ocsp_request(const mg_ssl_chain* chain, mg_string* out) MG_NOEXCEPT;
int mg_ocsp_validate(const char* response, size_t size, const mg_ssl_chain* chain, mg_string* error) MG_NOEXCEPT;
int mg_ocsp_staple(const char* response, size_t size, mg_string* error) MG_NOEXCEPT; /* MG_DECLINED: not asked for */

/* --- time, timers */
double mg_time_now(void) MG_NOEXCEPT; /* cached; seconds since 1970 */
void mg_time_update(void) MG_NOEXCEPT;
/* kind: 0 today, 1 local, 2 UTC, 3 HTTP date, 4 cookie date */
void mg_time_format(int kind, double time, mg_string* out) MG_NOEXCEPT;
double mg_time_parse_http(const char* text, size_t size) MG_NOEXCEPT; /* -1: not an HTTP date */
int mg_sleep(double seconds) MG_NOEXCEPT;
/* Runs runtime.fire(id, premature) after `seconds`, once or `every` so often. MG_BUSY, MG_ERROR: exiting. */
int mg_timer_start(double seconds, uint32_t id, int every) MG_NOEXCEPT;
int mg_timer_pending(void) MG_NOEXCEPT;
int mg_timer_running(void) MG_NOEXCEPT;

/* --- semaphores, by number; they live as long as the VM, or until freed */
double mg_semaphore_new(double count) MG_NOEXCEPT;
void mg_semaphore_free(double number) MG_NOEXCEPT;
void mg_semaphore_post(double number, double count) MG_NOEXCEPT;
/* MG_OK: taken; MG_DECLINED: none, and no time to wait; MG_AGAIN: resumed with true, or nil and "timeout" */
int mg_semaphore_wait(double number, double seconds) MG_NOEXCEPT;
double mg_semaphore_count(double number) MG_NOEXCEPT; /* less than 0: so many wait */

/* --- worker: to scripts, a loop is a worker */
int mg_worker_id(void) MG_NOEXCEPT; /* -1: none (init) */
int mg_worker_count(void) MG_NOEXCEPT;
int mg_worker_pid(void) MG_NOEXCEPT;
int mg_worker_exiting(void) MG_NOEXCEPT;
void mg_worker_prefix(mg_string* out) MG_NOEXCEPT;
int mg_worker_master_pid(void) MG_NOEXCEPT; /* of the supervisor; the process itself where it has none */
void mg_worker_stop(void) MG_NOEXCEPT;      /* serves what is open, then ends */

/* --- child processes, by number; streams 0 to 2 as usual, 3: its end. Those that can wait: resumed with results */
/* variables -1: the gateway's own environment. The number, or MG_ERROR. */
double mg_pipe_spawn(const mg_string* command, int count, const mg_string* environment, int variables, int merge_stderr,
                     double buffer_size, mg_string* error) MG_NOEXCEPT;
void mg_pipe_free(double number) MG_NOEXCEPT;
int mg_pipe_pid(double number) MG_NOEXCEPT;
void mg_pipe_timeout(double number, int stream, double milliseconds) MG_NOEXCEPT; /* 0: none */
int mg_pipe_kill(double number, int signal, mg_string* error) MG_NOEXCEPT;
int mg_pipe_close(double number, int stream, mg_string* error) MG_NOEXCEPT;
int mg_pipe_write(double number, const char* data, size_t size, mg_string* error) MG_NOEXCEPT;
/* how 0: all, 1: a line, 2: so many bytes, 3: what there is */
int mg_pipe_read(double number, int stream, int how, double size, mg_string* error) MG_NOEXCEPT;
int mg_pipe_wait(double number, mg_string* error) MG_NOEXCEPT;

/* --- worker threads: MG_AGAIN: resumed with true and text, or false and an error */
int mg_worker_thread_run(const mg_string* pool, const mg_string* module, const mg_string* function,
                         const mg_string* arguments, mg_string* error) MG_NOEXCEPT;

/* --- the error log, as far as it is kept (lua.capture_error_log); of this loop */
int mg_errlog_captures(void) MG_NOEXCEPT;
int mg_errlog_level(void) MG_NOEXCEPT; /* of the whole log */
void mg_errlog_filter(int level) MG_NOEXCEPT;
/* Takes the oldest line away; its level, or MG_DECLINED: there is none. */
int mg_errlog_take(double* time, mg_string* line) MG_NOEXCEPT;

/* --- encoding, digests: results in scratch */
/* kind 0: a URI as a whole (ngx.escape_uri with 0), 2: a component */
void mg_encode_escape_uri(const char* data, size_t size, int kind, mg_string* out) MG_NOEXCEPT;
void mg_encode_unescape_uri(const char* data, size_t size, int plus_is_space, mg_string* out) MG_NOEXCEPT;
void mg_encode_base64(const char* data, size_t size, int url, int padding, mg_string* out) MG_NOEXCEPT;
int mg_encode_decode_base64(const char* data, size_t size, int url, mg_string* out) MG_NOEXCEPT;
/* kind 0: MD5, 1: SHA-1; binary */
void mg_encode_digest(int kind, const char* data, size_t size, mg_string* out) MG_NOEXCEPT;
void mg_encode_hmac_sha1(const char* key, size_t key_size, const char* data, size_t size, mg_string* out) MG_NOEXCEPT;
void mg_encode_hex(const char* data, size_t size, mg_string* out) MG_NOEXCEPT;
uint32_t mg_encode_crc32(const char* data, size_t size) MG_NOEXCEPT;
void mg_encode_quote_sql(const char* data, size_t size, mg_string* out) MG_NOEXCEPT;

/* --- regular expressions (ngx.re) */
int mg_regex_compile(const char* pattern, size_t size, int options, mg_regex* out, mg_string* error) MG_NOEXCEPT;
int mg_regex_name(int id, int index, mg_string* name) MG_NOEXCEPT; /* the group that has the name */
void mg_regex_free(int id) MG_NOEXCEPT;
/*
 * Searches from the offset on. 0: no match; below: PCRE's number of an error. Else `ends` has where the whole match and
 * each group begin and end; -1: took no part. `seen`: the subject was searched before, up to there.
 */
int mg_regex_match(int id, const char* subject, size_t size, int from, int seen, int* ends) MG_NOEXCEPT;
/* How many matches were replaced; the text is given if any. `with` may have $1, ${1}, $$. */
int mg_regex_replace(int id, const char* subject, size_t size, const char* with, size_t with_size, int all,
                     mg_string* out) MG_NOEXCEPT;
int mg_regex_cache_size(void) MG_NOEXCEPT;
int mg_regex_set_jit_stack(double size) MG_NOEXCEPT; /* MG_LATE: some are compiled already */

/* --- Lua's patterns (string.find, ...): below 0 an error, of which mg_pattern_error has the text */
enum mg_pattern_how {
  MG_PATTERN_ANCHORS = 1, /* ^ in front means `from` */
  MG_PATTERN_FIRST = 2,   /* only the first capture is asked for */
};
/* How many captures, the whole match first, with where they begin and end in `ends` (66); an end of -2: a position. */
int mg_pattern_find(const char* subject, size_t size, const char* pattern, size_t pattern_size, int from, int how,
                    int* ends) MG_NOEXCEPT;
/* How many were replaced by `with`, in which %1 and the like stand for captures. */
int mg_pattern_replace(const char* subject, size_t size, const char* pattern, size_t pattern_size, const char* with,
                       size_t with_size, double most, mg_string* out) MG_NOEXCEPT;
int mg_pattern_plain(const char* subject, size_t size, const char* text, size_t text_size, int from) MG_NOEXCEPT;
void mg_pattern_error(int error, mg_string* out) MG_NOEXCEPT;

/* --- shared dictionaries, by index; times in seconds; 0: ok, else a status */
int mg_shared_count(void) MG_NOEXCEPT;
void mg_shared_name(int dict, mg_string* out) MG_NOEXCEPT;
void mg_shared_message(int status, mg_string* out) MG_NOEXCEPT;
int mg_shared_get(int dict, const char* key, size_t size, int stale, mg_value* out) MG_NOEXCEPT;
/* mode 0: always, 1: only new, 2: only existing; safe: fail rather than evict. MG_NIL deletes. */
int mg_shared_set(int dict, const char* key, size_t size, const mg_value* value, double ttl, uint32_t flags, int mode,
                  int safe, mg_value* out) MG_NOEXCEPT;
int mg_shared_incr(int dict, const char* key, size_t size, double delta, int has_init, double init, double init_ttl,
                   mg_value* out) MG_NOEXCEPT;
int mg_shared_ttl(int dict, const char* key, size_t size, mg_value* out) MG_NOEXCEPT;
int mg_shared_expire(int dict, const char* key, size_t size, double ttl) MG_NOEXCEPT;
int mg_shared_push(int dict, const char* key, size_t size, const mg_value* value, int left, mg_value* out) MG_NOEXCEPT;
int mg_shared_pop(int dict, const char* key, size_t size, int left, mg_value* out) MG_NOEXCEPT;
int mg_shared_length(int dict, const char* key, size_t size, mg_value* out) MG_NOEXCEPT;
void mg_shared_flush_all(int dict) MG_NOEXCEPT;
double mg_shared_flush_expired(int dict, double most) MG_NOEXCEPT;
int mg_shared_keys(int dict, double most) MG_NOEXCEPT; /* their number; each by mg_shared_key until the next call */
void mg_shared_key(int index, mg_string* out) MG_NOEXCEPT;
double mg_shared_capacity(int dict) MG_NOEXCEPT;
double mg_shared_free_space(int dict) MG_NOEXCEPT;

/* --- identity: who the caller is, as an authenticating policy found out */
int mg_identity_claims(mg_string* out) MG_NOEXCEPT;   /* JSON text of a verified token's claims; MG_DECLINED: none */
int mg_identity_consumer(mg_string* out) MG_NOEXCEPT; /* MG_DECLINED: nobody known */
int mg_identity_set(const char* consumer, size_t size, const char* claims, size_t claims_size) MG_NOEXCEPT;
int mg_request_id(mg_string* out) MG_NOEXCEPT;
/* The answer will be this problem (RFC 9457) once the script exits with the status. MG_LATE: an answer has begun. */
int mg_problem_set(int status, const char* detail, size_t size, const char* title, size_t title_size) MG_NOEXCEPT;

/* --- policies: an object made from a configuration (JSON), kept by the VM under the number answered; MG_ERROR */
int mg_jwt_create(const char* conf, size_t size, mg_string* error) MG_NOEXCEPT;
/* MG_OK, a status to exit with, or MG_AGAIN: call again, with `waited` 1, after the wait */
int mg_jwt_check(int number, int waited) MG_NOEXCEPT;
int mg_limit_create(const char* conf, size_t size, mg_string* error) MG_NOEXCEPT;
int mg_limit_take(int number) MG_NOEXCEPT; /* MG_OK, a status to exit with, or MG_AGAIN: resumed with one of those */
int mg_request_id_create(const char* conf, size_t size, mg_string* error) MG_NOEXCEPT;
void mg_request_id_apply(int number) MG_NOEXCEPT;
int mg_aggregate_create(const char* conf, size_t size, mg_string* error) MG_NOEXCEPT;
/* MG_AGAIN: resumed with the body and whether parts are missing, or nil and what failed */
int mg_aggregate_run(int number, mg_string* error) MG_NOEXCEPT;

/* --- http: fetches; MG_AGAIN: resumed with {status, headers, body} or nil and an error; many: with a list of them */
int mg_http_fetch(const mg_http_request* requests, int count, int many, mg_string* error) MG_NOEXCEPT;

/* --- redis: MG_AGAIN: resumed with a reply, or nil and an error; as_list: with all replies */
int mg_redis_known(const char* name, size_t size) MG_NOEXCEPT;
int mg_redis_send(const mg_string* name, const mg_string* arguments, const int* counts, int commands, int as_list,
                  double timeout, mg_string* error) MG_NOEXCEPT;
int mg_redis_eval(const mg_string* name, const mg_string* script, const char* sha, const mg_string* arguments, int keys,
                  int count, double timeout, mg_string* error) MG_NOEXCEPT;

/* --- sockets: a handle finds its socket as long as the context that connected it lives */
typedef struct {
  uint32_t slot, generation;                            /* 0: none yet */
  uint32_t connect_timeout, send_timeout, read_timeout; /* milliseconds; 0: as configured */
} mg_socket;
typedef struct mg_tls_session mg_tls_session;

enum {
  MG_STALE = -16, /* the socket is another request's */

  MG_READ_SIZE = 0,
  MG_READ_LINE = 1,
  MG_READ_ALL = 2,
  MG_READ_ANY = 3,
  MG_READ_UNTIL = 4
};

void mg_socket_collect(mg_socket* handle) MG_NOEXCEPT; /* nothing holds the handle any more */
/* MG_OK, MG_STALE, MG_ERROR, or MG_AGAIN: resumed with what is true, or nil and an error. `pool` may be empty; sizes
 * and backlogs below 0 are not given. */
int mg_socket_connect(mg_socket* handle, const char* host, size_t host_size, int port, const char* pool,
                      size_t pool_length, double pool_size, double backlog, mg_string* error) MG_NOEXCEPT;
int mg_socket_bind(mg_socket* handle, const char* ip, size_t size) MG_NOEXCEPT;
int mg_socket_handshake(mg_socket* handle, mg_tls_session* session, const char* name, size_t size, int verify,
                        int ask_status, mg_string* error) MG_NOEXCEPT;
mg_tls_session* mg_socket_session(mg_socket* handle) MG_NOEXCEPT; /* null: none; else until mg_socket_free_session */
void mg_socket_free_session(mg_tls_session* session) MG_NOEXCEPT;
int mg_socket_certificate(mg_socket* handle, void* chain, void* key) MG_NOEXCEPT;
/* MG_AGAIN: resumed with the size, or nil and an error */
int mg_socket_send(mg_socket* handle, const char* data, size_t size, mg_string* error) MG_NOEXCEPT;
/* MG_ENDED: the pattern was met behind `data`. MG_ERROR: `data` is what has come all the same, without an address where
 * nothing can have. MG_AGAIN: resumed with data, nil, nil, met; or nil, an error and what has come. */
int mg_socket_receive(mg_socket* handle, int mode, double size, const char* pattern, size_t pattern_size, int inclusive,
                      mg_string* data, mg_string* error) MG_NOEXCEPT;
int mg_socket_keep(mg_socket* handle, double timeout, double pool_size, mg_string* error) MG_NOEXCEPT;
int mg_socket_close(mg_socket* handle, mg_string* error) MG_NOEXCEPT;
int mg_socket_shutdown(mg_socket* handle, mg_string* error) MG_NOEXCEPT;
int mg_socket_reused(mg_socket* handle) MG_NOEXCEPT; /* MG_CLOSED: not connected */
/* option 0: keepalive, 1: reuseaddr, 2: tcp-nodelay, 3: sndbuf, 4: rcvbuf. MG_CLOSED: not connected */
int mg_socket_set_option(mg_socket* handle, int option, int value, mg_string* error) MG_NOEXCEPT;
int mg_socket_get_option(mg_socket* handle, int option, int* value, mg_string* error) MG_NOEXCEPT;
/* The client's side of the request into a new handle: its body or, raw, all of the connection, both ways. */
int mg_request_socket(mg_socket* handle, int raw, mg_string* error) MG_NOEXCEPT;

int mg_udp_connect(mg_socket* handle, const char* host, size_t size, int port, mg_string* error) MG_NOEXCEPT;
int mg_udp_bind(mg_socket* handle, const char* ip, size_t size) MG_NOEXCEPT;
int mg_udp_send(mg_socket* handle, const char* data, size_t size, mg_string* error) MG_NOEXCEPT;
int mg_udp_receive(mg_socket* handle, double size, mg_string* data, mg_string* error) MG_NOEXCEPT;
int mg_udp_close(mg_socket* handle, mg_string* error) MG_NOEXCEPT;

/* ffi.cdef: to here */

#ifdef __cplusplus
}
#endif
