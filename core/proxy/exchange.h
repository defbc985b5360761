// Exchange: one request from its head to its log line. A handful of named parts; the steps it goes through are in
// pipeline.cc, told top to bottom. Owner: itself, on loan from its LoopContext's free list. Thread: its loop's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/buffer.h"
#include "base/clock.h"
#include "http/h1_client.h"
#include "http/stream.h"
#include "proxy/body_file.h"
#include "proxy/loop_context.h"
#include "proxy/phase.h"
#include "proxy/snapshot.h"
#include "proxy/trace.h"
#include "route/matcher.h"
#include "upstream/pool.h"

namespace mg::proxy {

// The steps in their order; pipeline.cc has their functions.
enum class Step : uint8_t {
  kServerRewrite,
  kMatchRoute,
  kSet,
  kRewrite,
  kAccess,
  kAnswer,  // respond, redirect or content; an upstream goes on to kPickTarget
  kPickTarget,
  kConnect,
  kSendRequest,
  kReadHead,
  kHeaderFilter,
  kSendBody,  // streaming, through the body filters
  kSendError,
  kLog,
  kFinish,
};

// What a step answers.
enum class Next : uint8_t {
  kGo,       // to exchange.step, which the step function has set (by default: the one after it)
  kSuspend,  // an event will resume it at exchange.step
  kFail,     // exchange.failure tells: to kSendError
  kDone,     // the exchange has gone back to its list; do not touch it
};

struct Failure {            // what the client is told, and what the log is
  int status = 0;           // 0: none
  std::string_view title;   // "" stands for the status' phrase
  std::string_view detail;  // for the client; in the arena or static
};

// How the request body stands. kPulled: a script takes it from in.body, piece by piece.
enum class BodyState : uint8_t { kNone, kUnread, kReading, kRead, kStreaming, kStreamed, kPulled, kFailed };

struct RequestPart {
  BodyState body_state = BodyState::kNone;
  Buffer body;                     // kRead: all of it (and, while streaming, what waits for the upstream to be ready)
  std::unique_ptr<BodyFile> file;  // kReading, kRead: it is there, and `body` is empty
  uint64_t file_sent = 0;          // of it, to the current attempt
  bool body_ended = false;         // the client has sent all of it
  bool body_asked = false;         // by a hook: it was read, or replaced
  bool body_discarded = false;     // by a hook, unread
  bool raw = false;                // a script has taken the connection over: bytes as they are, both ways
  bool is_internal = false;        // by exec or a subrequest: may match internal routes
  bool query_set = false;          // by a hook
  bool uri_changed = false;  // by a hook: the upstream gets request.path and query instead of the target as received
  uint8_t jumps = 0;
  uint16_t error_status = 0;  // an error page is made: the status it stands for
  size_t body_limit = 0;      // 0: none
  uint64_t body_bytes = 0;
  std::string_view original_target;
  std::string_view named;  // the route to go on with, in place of a match of the path; "": none

  uint64_t BodySize() const { return file ? file->size() : body.size(); }  // kRead
};

struct ResponsePart {
  http::ResponseHead head;     // status and fields, for hooks to change until `started`
  bool started = false;        // the head is fixed: header filters have begun, or output was made
  bool head_edited = false;    // response_headers of the configuration were applied
  bool head_filtered = false;  // header filters have run
  bool head_sent = false;      // handed to the stream
  bool ended = false;          // its last byte was handed to the stream
  bool exited = false;         // a script ended the phase with a status of its own
  bool status_set = false;     // by a hook, in the head
  bool type_set = false;       // a hook has set Content-Type, or taken it away
  bool from_upstream = false;
  bool from_script = false;     // a script makes the body: ScriptOutput
  bool input_ended = false;     // the last of the body is in `queued` or has gone through the filters
  bool filtering_last = false;  // the piece a body filter works on is the last
  bool last_filtered = false;
  bool filter_busy = false;  // a header or body filter waits
  bool is_error = false;     // made by errors.cc
  bool cut = false;          // by the gateway, before its end
  std::string_view body;     // of an answer made at once (respond, an error), where no body filter is to see it
  Buffer queued;             // body on its way to the filters
  std::string piece;         // what a body filter is working on
  Buffer filtered;           // what body filters let through
};

struct Attempt {
  const upstream::Upstream* upstream = nullptr;  // of a tunnel: gone
  upstream::Target* target = nullptr;            // of the listed ones; to be used only while `counted`
  uint16_t status = 0;
  ErrorCode error = ErrorCode::kInternal;
  bool failed = false;
  bool reused = false;
  bool stale = false;    // its connection had waited, and was closed before it could answer
  bool listed = true;    // at one of the upstream's targets; false: at an address of a hook's choosing
  bool counted = false;  // the target counts it as active
  uint64_t body_bytes = 0;  // of the answer's body, as it came
  Nanoseconds began = 0, connected = 0, sent = 0, first_byte = 0, ended = 0;  // sent: the end of a streamed body
  std::string_view address;                                                   // in the arena
  upstream::Pass pass;                                                        // of the circuit breakers
};

// What balance hooks have asked for (ngx.balancer); address, target and host for one try, the rest until the end.
struct BalancePart {
  std::optional<net::SocketAddress> address;
  std::shared_ptr<const upstream::Plan> plan;  // the targets as the hook saw them
  upstream::Target* target = nullptr;          // one of those
  std::string_view host;                       // to ask for and to verify with TLS; in the arena
  bool plain = false;                          // no TLS, whatever the upstream says
  uint8_t most_attempts = 0;                   // 0: as the upstream says
  std::optional<upstream::KeepAlive> keepalive;
};

struct UpstreamState {
  const upstream::Upstream* upstream = nullptr;
  upstream::Lease lease;
  uint8_t count = 0;            // of attempts made
  uint8_t current = 0;          // the one that has the lease
  bool body_replayable = true;  // nothing of a streamed body has gone out
  bool upgrading = false;       // the request asks to switch protocols: a 101 is an answer to it
  bool tunnel = false;
  bool fell_back = false;  // to the upstream that a circuit breaker's fallback names
  BalancePart balance;
  config::UpstreamTimeouts timeouts;  // the upstream's, or a hook's
  Nanoseconds deadline_at = 0;        // of all attempts; 0: none
  upstream::RetryBudget::Hold retrying;
  uint64_t sent_mark = 0;  // bytes written when the send deadline was set: progress moves it
  http::ResponseHead head;
};

struct UpstreamPart : UpstreamState {
  std::array<Attempt, 8> attempts;  // only `count` of them mean something: a request in its turn clears none
  Attempt& attempt() { return attempts[current]; }
};

struct IdentityPart {
  std::string_view consumer;  // who the caller is, set by an authenticating policy; in the arena
  std::string_view claims;    // JSON text of a verified token's claims; in the arena
};

struct TimingPart {
  Nanoseconds began = 0;  // monotonic, the head was complete
  Nanoseconds wall = 0;   // since 1970
  Nanoseconds ended = 0;
};

// How long each phase took, for the logs that ask.
struct PhaseTimes {
  static constexpr size_t kPhases = static_cast<size_t>(Phase::kCount);
  std::array<Nanoseconds, kPhases> began{}, spent{};  // began: 0 while it is not on
  void Begin(Phase phase) { began[static_cast<size_t>(phase)] = MonotonicNow(); }
  void End(Phase phase) {
    Nanoseconds& from = began[static_cast<size_t>(phase)];
    if (from != 0) spent[static_cast<size_t>(phase)] += MonotonicNow() - std::exchange(from, 0);
  }
};

// What the script side keeps for this exchange; meaningless to anyone else.
struct ScriptPart {
  void* state = nullptr;
  uint32_t slot = 0;
};

struct Variable {
  std::string_view name, value;
  Variable* next;
};

enum class OutputStatus : uint8_t {
  kOk,
  kFilter,  // filters must run over it now: yield, then RunOutputFilters()
  kWait,    // the client has not taken it yet: yield until HookProgram::OutputDrained
  kClosed,  // the client has gone
  kEnded,   // the response is complete already
};

class Hedging;
struct SubrequestSpec;

class Exchange final : public http::StreamHandler, public http::ClientHandler {
 public:
  explicit Exchange(LoopContext& loop);
  ~Exchange() override;

  LoopContext& context;
  http::Stream* stream = nullptr;  // null when the client has gone or has its whole answer
  Generation* generation = nullptr;
  const RouteEntry* route = nullptr;
  std::array<route::Param, route::kMaxParams> params;
  uint32_t param_count = 0;
  Step step = Step::kServerRewrite;
  uint32_t listener = 0;  // its number: Snapshot::TableFor
  // As it was when the request began: what is told of it stays readable when the connection has gone.
  http::ConnectionInfo connection;
  RequestPart in;
  ResponsePart response;
  UpstreamPart upstream;
  IdentityPart identity;
  TimingPart timing;
  ScriptPart script;
  Failure failure;
  std::unique_ptr<Trace> trace;  // null: nobody wants one
  uint8_t depth = 0;             // of subrequests within each other; 0: a client's own request

  const Snapshot& snapshot() const { return *generation->snapshot; }

  // --- for hook programs
  // The phase for which Run or FilterBody answered kSuspended has ended. May finish the exchange.
  void HookFinished(Phase phase, HookStatus status);

  // Reads the whole request body into in.body. kDone: it is there (or there is none); kSuspended:
  // HookProgram::BodyArrived tells, with in.body_state kRead or kFailed.
  HookStatus ReadBody();
  void DiscardBody();
  void ReplaceBody(std::string_view bytes);
  void ReplaceBody(std::unique_ptr<BodyFile> file);

  // A script takes the body itself (ngx.req.socket), out of in.body; HookProgram::BodyArrived tells of more, and
  // BodyPulled() says that there is room again. False: it was read, or is being read, already.
  bool PullBody();
  void BodyPulled();
  // The same for the whole connection, both ways, as raw bytes from here on: no head is sent, and the connection ends
  // with the request. A head that was sent and flushed may stand before it. False: that is not so, or a body is being
  // read.
  bool TakeOver();
  OutputStatus SendRaw(std::string_view data);  // kWait: taken, but not by the client yet

  // A new URI for the rest of the life of the request; checked. False: not a valid one.
  bool SetPath(std::string_view path);
  void SetQuery(std::string_view query);  // "" removes it
  void SetMethod(std::string_view method);
  // Match again from the start with another path (exec); counts a jump. False: too many.
  bool Reroute(std::string_view path, std::string_view query);
  // The same, with the route of that name and the URI as it is.
  void RerouteNamed(std::string_view name);

  // Output of a script. The head is fixed by the first call. What is made is collected: whoever resumes the script
  // calls RunOutputFilters() when it stops (waits or ends) and after kFilter.
  OutputStatus ScriptOutput(std::string_view data);
  OutputStatus ScriptSendHead();
  OutputStatus ScriptFlush(bool wait);
  // What a script sends to an HTTP/1.0 client is kept back, so that its length can be told; not without end.
  bool Collects() const;
  OutputStatus ScriptEnd();
  // Sends what was made through the filters to the client. kSuspended: a filter waits, HookProgram::OutputDrained
  // tells. kFailed: a filter failed, the response was cut.
  HookStatus RunOutputFilters();
  // Ends the phase with a status (ngx.exit): the hook program answers kAnswered afterwards.
  void ScriptExit(int status);

  // What a script sends is text unless it has said what it is, or that it is nothing.
  void NameContent();
  // Whether the status in the head stands for anything yet.
  bool HasStatus() const { return response.started || response.status_set || step >= Step::kHeaderFilter; }

  // An answer with a body in one go (a policy's refusal): problem+json when `body` is empty and status >= 400.
  void Fail(int status, std::string_view detail, std::string_view title = {});
  // 32 hex digits, made when first asked for.
  std::string_view RequestId();

  // Variables: those of the route and of scripts, then the gateway's own (variables.cc: "remote_addr", "host", "arg_x",
  // "http_x", "upstream_addr", ...). nullopt: no such variable. The text lives in the arena or in the request.
  std::optional<std::string_view> GetVariable(std::string_view name);
  void SetVariable(std::string_view name, std::string_view value);
  std::optional<std::string_view> PathParam(std::string_view name) const;
  std::string_view peer_ip() const { return connection.peer_ip(); }
  uint64_t BytesReceived() const { return stream != nullptr ? stream->bytes_received() : bytes_received_; }
  uint64_t BytesSent() const { return stream != nullptr ? stream->bytes_sent() : bytes_sent_; }
  uint64_t BodyBytesSent() const { return body_bytes_sent_; }

  // --- http::StreamHandler
  void OnRequest() override;
  void OnRefused(http::ParseError error) override;
  void OnBody(std::string_view data, http::End end) override;
  void OnTrailers(std::string_view lines) override;
  void OnBodyFailed(const Error& error, int status) override;
  void OnInputPause() override;
  void OnDrained() override;
  void OnPeerClosed() override;
  void OnClosed(const Error& error) override;

  // --- http::ClientHandler
  void OnClientConnected() override;
  void OnInformational(const http::ResponseHead& head) override;
  void OnResponseHead(http::ResponseHead& head) override;
  void OnResponseBody(std::string_view data, http::End end) override;
  std::optional<net::IoResult> RelayResponseBody(net::Transport& from, size_t size) override;
  void OnResponseTrailers(std::string_view lines) override;
  void OnResponsePause() override;
  void OnRequestDrained() override;
  void OnFailed(const Error& error) override;
  Arena& response_arena() override { return arena; }

  // --- subrequest.cc: this exchange becomes a subrequest of `parent`, whose answer `collector` gets. False: `spec` has
  // no sound path.
  bool BecomeSubrequest(Exchange& parent, const SubrequestSpec& spec, http::Stream& collector);
  bool is_subrequest() const { return depth > 0; }

  // --- the pipeline's own
  void Advance();  // runs steps from `step` until one suspends or the exchange is done
  Next AfterHook(HookStatus status, Step next);
  HookStatus Pump();       // moves the body through the filters to the client
  bool SendRequestBody();  // false: it cannot be read from its file; `failure` tells, the attempt has ended
  void SetDeadline();      // for what the upstream owes next; none while it is the client's turn
  void BeginPhase(Phase phase) {
    if (phase_times != nullptr) [[unlikely]]
      phase_times->Begin(phase);
  }
  void EndPhase(Phase phase) {
    if (phase_times != nullptr) [[unlikely]]
      phase_times->End(phase);
  }
  bool PassesBody() const;
  bool FiltersBody() const;  // body filters are still to see what is sent
  bool IgnoresAbort() const;
  // --- attempts at upstreams (attempts.cc, retry.cc)
  enum class AttemptEnd : uint8_t { kSucceeded, kFailed, kCancelled };
  void EndAttempt(AttemptEnd end);
  void SettleAttempt(Attempt& attempt, upstream::Lease& lease, AttemptEnd end);  // one of several
  enum class Opened : uint8_t { kYes, kNoTarget, kRefused };                     // kRefused: by circuit breakers
  // Begins attempts[count]: a target that breakers let through, and a connection to it. `elsewhere`: at none of those
  // that were asked already.
  Opened OpenAttempt(upstream::Lease& lease, bool elsewhere);
  void ReportHead(Attempt& attempt);  // to the breakers, once the status is known
  // How long the upstream has had to answer: the time a client takes for its body is not the upstream's.
  Nanoseconds Waited(const Attempt& attempt, Nanoseconds now) const;
  // A place in the retry budget, if it is not spent.
  upstream::RetryBudget::Hold TakeRetry() const;
  bool IsRetriedStatus(uint16_t status) const;
  bool MayHedge() const;
  void ArmHedging();
  void LogFailure(const Attempt& attempt, const Error& error, std::string_view what_follows);
  void CutOff(int logged_status);  // ends the response where it is
  void Reset();                    // for the free list

  // For the step functions and callbacks alone.
  Variable* variables = nullptr;
  PhaseTimes* phase_times = nullptr;  // in the arena; null: nobody asks
  std::string_view local_ip;          // of the connection, where a log asks, once its stream has been let go of
  uint16_t local_port = 0;
  std::string_view request_id;
  std::string_view tunnel_route;  // name of the route a tunnel came by
  net::Timer deadline;            // of the upstream attempt's current part, or of the wait before the next
  net::Timer total;               // of the whole upstream exchange: UpstreamPart::deadline_at
  net::Timer abort_grace;         // after the client's FIN
  bool in_hook = false;           // a hook of rewrite, access, balance or content waits
  bool failed_meanwhile = false;  // `failure` came while a hook or filter waits: it counts when that ends
  bool client_gone = false;

 private:
  bool NeedsFilter() const;
  HookStatus FilterPiece();
  Result<void> KeepBody(std::string_view data);
  bool SendBodyFile();
  void SendHead();
  void SendPieces(Buffer& pieces, http::End end);
  void GoOn(Next next);
  void FilterFinished(Phase phase, HookStatus status);
  // What comes after a failed attempt: nothing, one that hedged it and still runs, or another.
  enum class FollowUp : uint8_t { kNothing, kHedge, kRetry };
  FollowUp DecideFollowUp(const Error& error);
  bool MayRetry(const Error& error) const;
  void AttemptFailed(const Error& error);
  void FailAttempt(const Error& error, FollowUp next);
  Opened OpenListed(Attempt& attempt, bool elsewhere);
  void ClientGone();
  void LeaveHooksAlone();
  void BeginTunnel();
  void PrepareRetry(bool at_once);
  // To send error, now or when the hook or filter that waits has ended.
  void FailNow();
  bool IsClientsTurn() const;
  void Deadline();
  void TotalDeadline();
  void PauseUpstream();
  void ResumeUpstream();
  // Hands the last piece over and lets go of the stream, remembering what the log wants to know of it.
  void EndStream(std::string_view data);
  void AbortStream();
  http::Stream* LetGo();  // of the stream, which is still open: before its last byte, or its abort
  void Begin();
  bool Overloaded();

  std::unique_ptr<Hedging> hedging_;  // made when first needed, kept
  uint64_t bytes_received_ = 0, bytes_sent_ = 0, body_bytes_sent_ = 0;
};

// Makes exchanges for a loop's sessions.
class ExchangeFactory final : public http::StreamHandlerFactory {
 public:
  explicit ExchangeFactory(LoopContext& context) : context_(context) {}
  http::StreamHandler& NewHandler(http::Stream& stream) override;

 private:
  LoopContext& context_;
};

}  // namespace mg::proxy
