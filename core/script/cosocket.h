// Cosocket: a TCP or unix connection as scripts use it (ngx.socket.tcp). One coroutine may read while another writes;
// each operation ends at once, or lets its coroutine wait. Owner: its context. Thread: its loop's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/resolver.h"
#include "proxy/loop_context.h"
#include "script/cosocket_inbox.h"
#include "script/cosocket_pool.h"
#include "script/socket_object.h"

namespace mg::script {

struct SocketTarget {
  std::string host;  // or a path, with "unix:"
  uint16_t port = 0;
  std::string pool;  // "" stands for the host and port
  size_t pool_size = 0;
  int64_t backlog = SocketPool::kNoBacklog;
  bool pooled = false;  // size or backlog are given: the pool counts connections from the start
};

struct TlsWish {
  mg_tls_session* session = nullptr;  // mg_socket_session's; may be null
  std::string server_name;
  bool verify = false, ask_status = false;
};

class Cosocket final : public SocketObject, public net::TransportHandler, private SocketWaiter {
 public:
  enum class Outcome : uint8_t { kDone, kWait, kFailed };  // kFailed: error() tells

  static Cosocket& Make(Context& context, mg_socket& handle, proxy::LoopContext& loop, const config::LuaSocket& conf);
  // The client's side of the context's request; `raw`: it is the script's to write to, as well.
  static Cosocket& MakeDownstream(Context& context, mg_socket& handle, proxy::LoopContext& loop,
                                  const config::LuaSocket& conf, bool raw);
  ~Cosocket() override;

  // Each is called by Lua. The wait's results are what Lua gets in place of kDone or kFailed. The timeouts are the
  // handle's as they are now.
  Outcome Connect(SocketTarget target, const mg_socket& handle);
  Outcome Handshake(TlsWish wish, const mg_socket& handle);
  Outcome Send(std::string_view data, const mg_socket& handle);
  Outcome Receive(Wanted wanted, const mg_socket& handle);
  Outcome SetKeepAlive(Milliseconds timeout, size_t pool_size);  // 0: as configured
  Outcome Close();
  Outcome ShutdownWrite();

  const std::string& error() const { return error_; }
  const Inbox::Answer& received() const { return received_; }
  bool has_partial() const { return has_partial_; }

  void Bind(const net::SocketAddress& from) { from_ = from; }
  void UseCertificate(void* chain, void* key);  // STACK_OF(X509)*, EVP_PKEY*; both null: none
  bool open() const { return state_ == State::kOpen && !(read_closed_ && write_closed_); }
  bool downstream() const { return downstream_; }
  int fd() const { return connection_ != nullptr ? connection_->transport.fd() : -1; }
  uint32_t reused() const { return connection_ != nullptr ? connection_->reused : 0; }
  ssl_st* tls() const { return connection_ != nullptr ? connection_->transport.tls() : nullptr; }

  // --- SocketObject
  void ContextEnded() override;
  void Collect() override;
  void BodyArrived() override { OnReadable(); }
  void OutputDrained() override;

  // --- net::TransportHandler
  void OnConnected(Result<void> result) override;
  void OnReadable() override;
  void OnWritable() override;

 private:
  enum class State : uint8_t { kClosed, kQueued, kResolving, kConnecting, kHandshaking, kOpen };
  enum class Busy : uint8_t { kConnecting = 1, kReading = 2, kWriting = 4, kAny = 7 };

  Cosocket(Context& context, mg_socket& handle, proxy::LoopContext& loop, const config::LuaSocket& conf);

  Outcome Fail(std::string text);
  // Whether a coroutine is at one of these already; then error_ says so.
  bool IsBusy(Busy what);
  bool connecting() const { return state_ != State::kClosed && state_ != State::kOpen; }

  void OnTurn(std::unique_ptr<SocketConnection> kept) override;
  void Adopt(std::unique_ptr<SocketConnection> connection);
  void Resolve();
  void ConnectNext();
  void Connected();
  void ConnectFailed(std::string text);
  void HandshakeEnded(const Result<void>& result);
  std::string VerifyPeer() const;  // what is wrong; "" for nothing
  void Answer(bool ok);            // to who waits for a connection or a handshake

  bool Pump();  // true: received_ or error_ answer the read
  bool ReadMore();
  bool ReadDownstream();
  bool ReadEnded();
  void EndRead(std::string text);
  void AnswerRead();
  int PushReceived(lua_State* L) const;
  Outcome WaitToWrite(const mg_socket& handle);
  bool Flush();  // false: the connection failed, error_ tells
  void AnswerWrite(bool ok);
  void Drop();  // the connection, the pool's place, timers

  void OnReadTimer();
  void OnWriteTimer();
  void LogError(std::string_view what) const;

  proxy::LoopContext& loop_;
  const config::LuaSocket& conf_;
  SocketPools& pools_;
  std::unique_ptr<SocketConnection> connection_;
  State state_ = State::kClosed;
  bool read_closed_ = false, write_closed_ = false;
  bool at_end_ = false;  // all was read up to the end, which nobody was told yet
  bool downstream_ = false, raw_ = false;
  bool starting_ = false;  // inside a call of Lua's: nobody waits yet

  SocketTarget target_;
  SocketPool* entered_ = nullptr;  // counts a connection of ours that is not there yet, or has us in its queue
  std::optional<net::SocketAddress> from_;
  std::vector<net::SocketAddress> addresses_;  // still to be tried
  std::unique_ptr<net::Resolver::Query> query_;
  TlsWish wish_;
  void* chain_ = nullptr;  // the client's certificate: references of ours
  void* key_ = nullptr;

  SocketWait reader_, writer_;  // the writer also is who connects or shakes hands
  net::Timer read_timer_, write_timer_;
  Milliseconds read_timeout_ = 0, write_timeout_ = 0;

  Inbox inbox_;
  Wanted wanted_;
  Inbox::Answer received_;
  bool has_partial_ = false;
  std::string out_;  // what the socket would not take yet
  size_t out_at_ = 0, sending_ = 0;
  std::string error_;
};

// --- cosocket_tls.cc
// The context that cosockets of this loop use, or why there is none.
Result<ssl_ctx_st*> CosocketTls(const config::LuaSocket& conf);
// Gives the session to the connection, and has the sessions that come kept for TakeTlsSession.
void BeginTlsSession(ssl_st* tls, mg_tls_session* session);
// The connection's session, a reference for Lua; null: there is none. FreeTlsSession ends it.
mg_tls_session* TakeTlsSession(ssl_st* tls);
void FreeTlsSession(mg_tls_session* session);
// Puts the client's certificate to use. False: the key does not belong to it.
bool UseTlsCertificate(ssl_st* tls, void* chain, void* key);
void KeepTlsCertificate(void*& chain, void*& key);  // takes references, in place
void FreeTlsCertificate(void* chain, void* key);
// What is wrong with the peer's certificate, in OpenResty's words; "" for nothing.
std::string VerifyTlsPeer(ssl_st* tls, const std::string& server_name);
// The name is asked for, but not checked before VerifyTlsPeer; with `ask_status` the server may staple a response.
void PrepareTls(ssl_st* tls, bool ask_status);

}  // namespace mg::script
