// The configuration as plain, validated structs: what docs/configuration.md describes, with every default filled in.
// Made by Load() on the control thread, immutable afterwards, owned by the generation's Snapshot.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "config/node.h"

namespace mg::config {

using Duration = std::chrono::milliseconds;

// An address to listen on or connect to.
struct Address {
  enum class Kind : uint8_t { kIp, kName, kUnix } kind = Kind::kIp;
  std::string host;  // an IP address, a name, or a unix socket's path (absolute)
  uint16_t port = 0;
  std::string text;  // as written
};

// What becomes of %2F in a request's path. kDecode: it is a slash; kRefuse: 400, for %5C too.
enum class EncodedSlashes : uint8_t { kKeep, kDecode, kRefuse };

struct Limits {  // 0 is no limit where it says so
  size_t head = 32 * 1024;
  size_t headers = 100;
  size_t uri = 16 * 1024;
  size_t body = 10 * 1024 * 1024;  // 0: no limit
  size_t body_buffer = 0;          // of a body that a script reads, in memory; 0: all of it
  Duration head_timeout{10'000};
  Duration body_timeout{30'000};  // between two reads of a request body
  Duration send_timeout{30'000};  // between two writes to a client that does not read
  Duration idle_timeout{75'000};
  uint64_t requests = 0;  // on one connection; 0: no limit
  size_t connections = 100'000;
  size_t per_address = 0;  // connections from one address; 0: no limit
  Duration lag{0};         // of an event loop, above which new requests are refused; 0: no limit
  size_t pipelined = 64;
  EncodedSlashes encoded_slashes = EncodedSlashes::kKeep;
};

struct LuaLimits {
  Duration cpu{100};
  size_t growth = 64 * 1024 * 1024;
  size_t memory = 256 * 1024 * 1024;
};

// Of ngx.re.
struct LuaRegex {
  uint32_t cache = 1024;             // compiled expressions that a VM keeps
  uint64_t match_limit = 1'000'000;  // backtracking steps from one place of the subject
};

// Timers of scripts, of each loop.
struct LuaTimers {
  int pending = 4096, running = 1024;
};

// Lua text: a file, or a chunk in place (its position makes errors point into the YAML).
// Of cosockets, where a script says nothing else.
struct LuaSocket {
  Duration connect_timeout{60'000}, send_timeout{60'000}, read_timeout{60'000};
  size_t buffer = 16 * 1024;  // read at once
  uint32_t pool_size = 30;
  Duration keepalive_timeout{60'000};  // 0: none
  bool log_errors = true;
  std::string ca_pem;  // empty: the system's
};
struct LuaSource {
  std::string file;         // absolute; empty for a chunk in place
  std::string chunk;        // the text in place
  Position position;        // of the chunk's first line, or of the file's name
  std::string name;         // chunk name for Lua errors: "@/etc/moongate/hello.lua" or "@gateway.yaml"
  uint32_t first_line = 1;  // Lua's line n is line first_line + n - 1 of the YAML file
  bool empty() const { return file.empty() && chunk.empty(); }
};

struct Lua {
  std::vector<std::string> path;   // absolute roots for require()
  std::vector<std::string> cpath;  // roots for C modules
  std::map<std::string, size_t> shared_dicts;
  LuaSource init, init_worker, exit_worker;
  Duration drain{30'000};
  bool strict_globals = true;
  LuaLimits limits;
  LuaRegex regex;
  LuaTimers timers;
  std::map<std::string, int> worker_threads;  // pools of ngx.run_worker_thread: how many threads each
  size_t capture_error_log = 0;               // what ngx.errlog.get_logs keeps, of each loop; 0: nothing
  LuaSocket socket;
};

// A policy as written: its module's schema (Lua) checks `conf` when the generation is built.
struct Policy {
  std::string name;            // "jwt", "script", "lua", or a module of the user's own
  const Node* conf = nullptr;  // owned by Config::document; null: none given ("- request_id")
  Position position;
  std::string path;  // "routes[3].policies[1].jwt"
};

struct Redis {
  std::string name;
  // Exactly one of: an address, the nodes of a cluster to begin with, sentinels (and the name they watch a master by).
  std::optional<Address> address;
  std::vector<Address> cluster;
  std::vector<Address> sentinels;
  std::string sentinel_master;
  Duration timeout{1'000};
  bool tls = false;
  std::string username, password;
  int database = 0;
  Position position;
};

struct Certificate {
  std::string cert, key;          // absolute paths
  std::string cert_pem, key_pem;  // their contents
  std::string ocsp, ocsp_der;     // a file with the authority's word on it, to be stapled; empty: none
};

struct ListenerTls {
  std::vector<Certificate> certificates;
  LuaSource client_hello, certificate;  // chunks run within the handshake
  enum class ClientAuth : uint8_t { kNone, kOptional, kRequired } client_auth = ClientAuth::kNone;
  std::string client_ca, client_ca_pem;
  int min_version = 0x0303;  // TLS1_2_VERSION
};

struct Listener {
  Address address;
  std::optional<ListenerTls> tls;
  bool proxy_protocol = false;
  bool keep_identity = false;  // its clients are the gateway itself: Config::identity_headers stay
  int backlog = 4096;
  std::string name;              // for Route::listeners; may be empty
  std::vector<Policy> policies;  // after Config::policies, before the route's
  Position position;
};

struct Target {
  Address address;  // of an SRV record: its name, as a kName without port
  bool srv = false;
  uint32_t weight = 1;
  uint32_t priority = 0;                    // the lowest that is fit is used
  static constexpr uint32_t kBackup = 101;  // the priority of backups: below all that can be written
  Position position;
};

struct ActiveHealth {
  std::string path = "/";
  std::string host;
  Duration interval{5'000}, timeout{1'000};
  uint32_t healthy = 2, unhealthy = 3;
  uint32_t jitter_percent = 10;    // of the interval
  std::vector<uint16_t> statuses;  // empty: 200-399
  uint16_t port = 0;               // 0: the target's own
  bool starts_unhealthy = false;   // until the first good answer
  enum class Kind : uint8_t { kHttp, kTcp, kTls } kind = Kind::kHttp;
};

struct PassiveHealth {
  uint32_t failures = 5;         // in a row
  uint32_t failure_percent = 0;  // of the requests in the window; 0: not looked at
  uint32_t minimum = 20;         // fewer requests in the window tell no ratio
  std::vector<uint16_t> statuses{502, 503, 504};
  Duration window{10'000}, eject{30'000};
  uint32_t max_ejected_percent = 50;
};

// What clients get while a breaker is open: one of a status with a body, another upstream, a script.
struct Fallback {
  uint16_t status = 503;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string upstream;
  LuaSource lua;
  Position position;
};

struct CircuitBreaker {
  uint32_t failure_percent = 50;
  Duration window{10'000}, open{15'000};
  uint32_t minimum = 20, half_open = 5;
  uint32_t consecutive = 0;        // failures in a row that open it; 0: not counted
  Duration slow{0};                // answers that take as long count as failures; 0: none
  std::vector<uint16_t> statuses;  // of answers that do; empty: 500-599
  bool per_upstream = true, per_target = false;
  Fallback fallback;
};

struct Hedge {
  Duration after{0};  // 0: none
  uint32_t max = 1;
};

struct Retries {
  uint32_t attempts = 1;  // beyond the first
  bool on_connect = true, on_reset = true, on_timeout = false;
  std::vector<uint16_t> statuses;
  std::vector<std::string> methods;  // empty: the idempotent ones
  uint32_t budget_percent = 20, budget_floor = 3;
  Duration backoff_base{10}, backoff_max{250};  // base 0: none
  Hedge hedge;
};

struct UpstreamTimeouts {
  Duration connect{5'000}, first_byte{60'000}, between{60'000}, send{30'000}, total{0};  // 0: none
};

struct UpstreamTls {
  bool enabled = false;
  bool verify = true;
  std::string ca_pem;       // empty: the system's
  std::string server_name;  // SNI and name to verify; empty: the target's host
  std::string cert_pem, key_pem;
};

struct Upstream {
  std::string name;
  std::vector<Target> targets;
  enum class Balance : uint8_t { kRoundRobin, kLeastConn, kRandom, kEwma, kHash } balance = Balance::kRoundRobin;
  std::vector<std::string> hash_key;  // expressions (template.h), each length-prefixed; of kHash
  uint32_t balance_factor = 0;        // of kHash: the most of its share a target gets, in percent; 0: no bound
  Duration slow_start{0};             // how long a target that is new or back gets less than its share; 0: none
  uint32_t panic_percent = 10;        // with fewer of a group's targets fit, the group is unfit; 0: only with none
  struct {
    Duration idle{60'000};
    uint32_t per_worker = 64;
    uint64_t requests = 10'000;
  } keepalive;
  UpstreamTimeouts timeouts;
  Retries retries;
  std::optional<ActiveHealth> active;
  std::optional<PassiveHealth> passive;
  std::optional<CircuitBreaker> breaker;
  std::string deadline_header;  // tells the upstream what is left of the total time; empty: none
  UpstreamTls tls;
  bool preserve_host = true;  // send the client's Host; false: the target's address
  Position position;
  bool anonymous = false;  // written in a route's place; its name is "@" and the route's
};

// How names are asked for.
struct Resolver {
  std::vector<std::string> nameservers;  // "10.0.0.2:53", "[::1]:53"; empty: resolv.conf's
  std::vector<std::string> search;       // domains; empty: resolv.conf's
  Duration timeout{1'000};               // of one question to one server
  uint32_t attempts = 2;
  Duration min_ttl{1'000}, max_ttl{3'600'000};
  enum class Family : uint8_t { kAny, kIpv4, kIpv6 } family = Family::kAny;
  bool operator==(const Resolver&) const = default;
};

struct Condition {
  std::string name;
  enum class Kind : uint8_t { kEquals, kPresent, kAbsent, kRegex } kind = Kind::kEquals;
  std::string value;
};

struct Match {
  std::vector<std::string> hosts;
  std::string path = "/*";
  std::vector<std::string> methods;
  std::vector<Condition> headers, query;
};

struct Respond {
  uint16_t status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool is_template = false;
};

struct Redirect {
  uint16_t status = 302;
  std::string location;  // a template
};

struct Rewrite {
  std::string strip_prefix;
  std::string path;  // a template; empty: none
  std::string host;  // a template; empty: as the upstream says
};

struct HeaderEdit {  // headers that are added, set or removed, without Lua; of requests the values are templates
  std::vector<std::pair<std::string, std::string>> set, add;
  std::vector<std::string> remove;
};

struct Output {  // of a log
  enum class Kind : uint8_t { kOff, kStderr, kFile, kSyslog } kind = Kind::kStderr;
  std::string file;
};

struct AccessLog {
  std::string format = "combined";  // combined, json, or a template
  std::vector<std::string> fields;  // of json: expressions (template.h); empty: the usual ones
  Output output;
  Position position;
  std::string path;  // "access_log", "routes[3].access_log[1]"
};

enum class ClientAbort : uint8_t { kCancel, kIgnore };  // what a client that goes away does to its request

struct Route {
  std::string name;  // unique; "route-3" for routes[3] where none is given
  Match match;
  int priority = 0;
  bool internal = false;
  std::vector<Policy> policies;
  std::vector<std::pair<std::string, std::string>> vars;  // templates
  std::vector<std::pair<std::string, LuaSource>> set;     // variables and the chunks that give their values
  Rewrite rewrite;
  HeaderEdit request_headers;         // of what the upstream gets, after Config::request_headers
  HeaderEdit response_headers;        // after Config::response_headers
  std::optional<size_t> body_limit;   // in place of Limits::body; 0: no limit
  std::optional<size_t> body_buffer;  // in place of Limits::body_buffer
  std::map<uint16_t, std::string>
      error_pages;  // status -> path of a route (may be internal), or "@" and its name; before Config::error_pages
  ClientAbort client_abort = ClientAbort::kCancel;    // the gateway's where the route gives none
  std::optional<std::vector<AccessLog>> access_logs;  // in place of the gateway's; none of them: off
  std::vector<std::string> listeners;                 // names of the only listeners it is served on; empty: all
  // Exactly one of these.
  std::string upstream;  // a name in Config::upstreams
  std::optional<Respond> respond;
  std::optional<Redirect> redirect;
  LuaSource content;
  Position position;
  std::string path;  // "routes[3]"
};

struct Config {
  std::string file;      // the main file, absolute
  uint32_t workers = 0;  // never 0 after Load
  std::string user;
  std::string pid_file;
  bool watch = false;

  LogLevel log_level = LogLevel::kInfo;
  Output log_output;
  std::vector<AccessLog> access_logs;

  std::optional<Address> status;
  Position status_position;
  size_t status_series = 1000;  // routes, targets and policies that are counted on their own
  std::optional<Address> admin;
  std::string admin_token;

  Limits limits;
  Duration ticket_rotation{4 * 3'600'000};    // of the keys that seal TLS session tickets
  std::vector<std::string> trusted_proxies;   // CIDR, checked, or "unix:"
  std::vector<std::string> identity_headers;  // lower case; a trailing * matches a prefix
  Lua lua;
  Resolver resolver;
  std::vector<Redis> redis;
  std::vector<Listener> listeners;
  std::vector<Upstream> upstreams;
  std::vector<Policy> policies;
  std::vector<std::pair<std::string, std::string>> vars;  // of every route, before its own; templates
  std::vector<std::pair<std::string, LuaSource>> set;
  HeaderEdit request_headers, response_headers;
  std::map<uint16_t, std::string> error_pages;
  ClientAbort client_abort = ClientAbort::kCancel;
  std::vector<Route> routes;

  std::shared_ptr<const Node> document;  // what the Policy::conf pointers point into: the policies as written
  std::vector<std::string> files;        // names by Position::file, as users know them
  std::vector<std::string> directories;  // by Position::file: absolute, where the file's relative paths start from
};

}  // namespace mg::config
