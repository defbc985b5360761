// Cosockets: how they connect and end. cosocket_io.cc has how they read and write.
#include "script/cosocket.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/strings.h"
#include "script/scheduler.h"

namespace mg::script {

namespace {

SocketPools& PoolsOf(proxy::LoopContext& loop) {
  if (!loop.cosockets) loop.cosockets = std::make_unique<SocketPools>(loop.loop);
  return static_cast<SocketPools&>(*loop.cosockets);
}

}  // namespace

Cosocket& Cosocket::Make(Context& context, mg_socket& handle, proxy::LoopContext& loop, const config::LuaSocket& conf) {
  return *new Cosocket(context, handle, loop, conf);  // ContextEnded and Collect destroy it
}

Cosocket& Cosocket::MakeDownstream(Context& context, mg_socket& handle, proxy::LoopContext& loop,
                                   const config::LuaSocket& conf, bool raw) {
  Cosocket& socket = Make(context, handle, loop, conf);
  socket.downstream_ = true;
  socket.raw_ = raw;
  socket.state_ = State::kOpen;
  context.downstream = &socket;
  return socket;
}

Cosocket::Cosocket(Context& context, mg_socket& handle, proxy::LoopContext& loop, const config::LuaSocket& conf)
    : SocketObject(Kind::kTcp, context, handle),
      loop_(loop),
      conf_(conf),
      pools_(PoolsOf(loop)),
      read_timer_(
          loop.loop, [](void* self) { static_cast<Cosocket*>(self)->OnReadTimer(); }, this),
      write_timer_(
          loop.loop, [](void* self) { static_cast<Cosocket*>(self)->OnWriteTimer(); }, this) {}

Cosocket::~Cosocket() { FreeTlsCertificate(chain_, key_); }

void Cosocket::ContextEnded() {
  Drop();
  loop_.loop.DestroyLater(std::unique_ptr<net::Deferred>(static_cast<net::TransportHandler*>(this)));
}

void Cosocket::Collect() {
  if (downstream_ || reader_.busy() || writer_.busy()) return;
  ListNode<Context>::Unlink();
  ContextEnded();
}

Cosocket::Outcome Cosocket::Fail(std::string text) {
  error_ = std::move(text);
  return Outcome::kFailed;
}

bool Cosocket::IsBusy(Busy what) {
  auto asked = [what](Busy one) { return (static_cast<uint8_t>(what) & static_cast<uint8_t>(one)) != 0; };
  if (connecting()) {
    // A coroutine that was killed while it connected leaves nothing of use.
    if (!writer_.busy() && !starting_) {
      Drop();
    } else if (asked(Busy::kConnecting)) {
      error_ = "socket busy connecting";
      return true;
    }
  }
  if (asked(Busy::kReading) && reader_.busy()) {
    error_ = "socket busy reading";
    return true;
  }
  if (asked(Busy::kWriting) && writer_.busy()) {
    error_ = "socket busy writing";
    return true;
  }
  return false;
}

void Cosocket::LogError(std::string_view what) const {
  if (conf_.log_errors) MG_LOG(kError, "lua tcp socket {}", what);
}

// Closes the connection, leaves the pool, forgets what was read.
void Cosocket::Drop() {
  query_.reset();
  addresses_.clear();
  read_timer_.Cancel();
  write_timer_.Cancel();
  if (entered_ != nullptr) {
    SocketPool& pool = *std::exchange(entered_, nullptr);
    state_ == State::kQueued ? pools_.StopWaiting(pool, *this) : pools_.Leave(pool);
  }
  if (connection_) pools_.Discard(std::move(connection_));
  state_ = State::kClosed;
  inbox_ = {};
  out_.clear();
  out_at_ = 0;
}

// --- connecting

Cosocket::Outcome Cosocket::Connect(SocketTarget target, const mg_socket& handle) {
  if (IsBusy(Busy::kAny)) return Outcome::kFailed;
  Drop();
  target_ = std::move(target);
  if (target_.pool.empty()) {
    target_.pool = target_.host.starts_with("unix:") ? target_.host : fmt::format("{}:{}", target_.host, target_.port);
  }
  read_closed_ = write_closed_ = at_end_ = false;
  SocketPool* pool = pools_.Find(target_.pool);
  if (pool == nullptr && target_.pooled) {
    pool = &pools_.Get(target_.pool, target_.pool_size > 0 ? target_.pool_size : conf_.pool_size, target_.backlog);
  }
  starting_ = true;
  if (pool != nullptr) {
    if (auto kept = pools_.Take(*pool)) {
      Adopt(std::move(kept));
    } else if (pools_.Enter(*pool)) {
      entered_ = pool;
    } else if (pools_.Wait(*pool, *this)) {
      entered_ = pool;
      state_ = State::kQueued;
    } else {
      starting_ = false;
      return Fail("too many waiting connect operations");
    }
  }
  write_timeout_ = TimeoutOf(handle.connect_timeout, conf_.connect_timeout);
  if (state_ == State::kClosed) Resolve();
  starting_ = false;
  if (state_ == State::kOpen) return Outcome::kDone;
  if (state_ == State::kClosed) return Outcome::kFailed;
  write_timer_.SetAfter(write_timeout_);
  writer_.Begin();
  return Outcome::kWait;
}

void Cosocket::OnTurn(std::unique_ptr<SocketConnection> kept) {
  if (kept) {
    entered_ = nullptr;
    Adopt(std::move(kept));
    return Answer(true);
  }
  Resolve();
}

void Cosocket::Adopt(std::unique_ptr<SocketConnection> connection) {
  connection_ = std::move(connection);
  connection_->transport.set_handler(*this);
  state_ = State::kOpen;
}

void Cosocket::Resolve() {
  state_ = State::kResolving;
  if (target_.host.starts_with("unix:")) {
    auto address = net::SocketAddress::FromUnix(std::string_view(target_.host).substr(5));
    if (!address) return ConnectFailed(SocketErrorText(address.error().message));
    addresses_ = {*address};
    return ConnectNext();
  }
  std::string host = target_.host;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  auto query = loop_.resolver.Resolve(host, target_.port, [this](Result<std::vector<net::SocketAddress>> found) {
    if (!found) return ConnectFailed(ResolveErrorText(target_.host, found.error()));
    addresses_ = std::move(*found);
    if (from_) {
      std::erase_if(addresses_, [this](const auto& address) { return address.family() != from_->family(); });
    }
    if (addresses_.empty()) return ConnectFailed("no address of the family that the socket is bound to");
    ConnectNext();
  });
  if (state_ == State::kResolving) query_ = std::move(query);
}

void Cosocket::ConnectNext() {
  state_ = State::kConnecting;
  net::SocketAddress to = addresses_.front();
  addresses_.erase(addresses_.begin());
  if (!connection_) connection_ = std::make_unique<SocketConnection>(loop_.loop, pools_);
  connection_->transport.set_handler(*this);
  bool bound = from_ && to.family() == from_->family();
  connection_->transport.Connect(to, nullptr, "", bound ? &*from_ : nullptr);
}

void Cosocket::OnConnected(Result<void> result) {
  if (state_ == State::kHandshaking) return HandshakeEnded(result);
  if (result) return Connected();
  connection_->transport.Close();
  if (!addresses_.empty()) return ConnectNext();
  ConnectFailed(SocketErrorText(result.error().message));
}

void Cosocket::Connected() {
  state_ = State::kOpen;
  connection_->pool = std::exchange(entered_, nullptr);
  addresses_.clear();
  Answer(true);
}

void Cosocket::ConnectFailed(std::string text) {
  LogError(fmt::format("connect() failed ({}), when connecting to {}", text, target_.host));
  Drop();
  error_ = std::move(text);
  Answer(false);
}

void Cosocket::Answer(bool ok) {
  write_timer_.Cancel();
  if (starting_) return;
  writer_.End([slot = slot(), generation = generation(), ok](lua_State* L) {
    auto* socket = static_cast<Cosocket*>(Find(slot, generation));
    if (socket != nullptr) socket->writer_.Over();
    if (ok && socket != nullptr) {
      lua_pushinteger(L, 1);
      return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, socket != nullptr ? socket->error_.c_str() : "closed");
    return 2;
  });
}

// --- TLS

void Cosocket::UseCertificate(void* chain, void* key) {
  FreeTlsCertificate(chain_, key_);
  chain_ = chain;
  key_ = key;
  KeepTlsCertificate(chain_, key_);
}

Cosocket::Outcome Cosocket::Handshake(TlsWish wish, const mg_socket& handle) {
  if (IsBusy(Busy::kAny)) return Outcome::kFailed;
  if (state_ != State::kOpen || read_closed_ || write_closed_) return Fail("closed");
  wish_ = std::move(wish);
  net::Transport& transport = connection_->transport;
  if (transport.tls() != nullptr) {  // done before, by whoever had the connection
    std::string wrong = wish_.verify ? VerifyTlsPeer(transport.tls(), wish_.server_name) : "";
    if (wrong.empty()) return Outcome::kDone;
    Drop();
    return Fail(std::move(wrong));
  }
  if (!inbox_.empty()) return Fail("unread data in buffer");  // it would have come before the handshake, in the clear
  auto context = CosocketTls(conf_);
  if (!context) return Fail(context.error().message);
  transport.StartTls(*context, wish_.server_name);
  if (ssl_st* tls = transport.tls(); tls != nullptr) {
    PrepareTls(tls, wish_.ask_status);
    BeginTlsSession(tls, wish_.session);
    if (chain_ != nullptr && !UseTlsCertificate(tls, chain_, key_)) {
      Drop();
      return Fail("the client certificate and its key do not belong together");
    }
  }
  state_ = State::kHandshaking;
  write_timeout_ = TimeoutOf(handle.connect_timeout, conf_.connect_timeout);
  write_timer_.SetAfter(write_timeout_);
  writer_.Begin();
  return Outcome::kWait;
}

void Cosocket::HandshakeEnded(const Result<void>& result) {
  std::string wrong;
  if (!result) {
    LogError(fmt::format("TLS handshake with {} failed: {}", target_.host, result.error().message));
    wrong = "handshake failed";
  } else if (wish_.verify) {
    wrong = VerifyTlsPeer(connection_->transport.tls(), wish_.server_name);
    if (!wrong.empty()) LogError(fmt::format("TLS handshake with {}: {}", target_.host, wrong));
  }
  if (wrong.empty()) {
    state_ = State::kOpen;
    return Answer(true);
  }
  Drop();
  error_ = std::move(wrong);
  Answer(false);
}

// --- the end

Cosocket::Outcome Cosocket::Close() {
  if (IsBusy(Busy::kAny)) return Outcome::kFailed;
  if (!open()) {
    Drop();
    return Fail("closed");
  }
  Drop();
  return Outcome::kDone;
}

Cosocket::Outcome Cosocket::ShutdownWrite() {
  if (IsBusy(Busy::kConnecting) || IsBusy(Busy::kWriting)) return Outcome::kFailed;
  if (state_ != State::kOpen || write_closed_) return Fail("closed");
  connection_->transport.ShutdownWrite();
  write_closed_ = true;
  return Outcome::kDone;
}

Cosocket::Outcome Cosocket::SetKeepAlive(Milliseconds timeout, size_t pool_size) {
  if (IsBusy(Busy::kAny)) return Outcome::kFailed;
  if (state_ != State::kOpen || read_closed_ || write_closed_ || !out_.empty()) return Fail("closed");
  if (!inbox_.empty()) return Fail("unread data in buffer");
  net::Transport& transport = connection_->transport;
  char byte;
  bool dubious =
      transport.peer_closed() || (transport.readable() && transport.Read(&byte, 1).status != net::IoResult::kAgain);
  if (dubious) {
    Drop();
    return Fail("connection in dubious state");
  }
  SocketPool& pool = pools_.Get(target_.pool, pool_size > 0 ? pool_size : conf_.pool_size, SocketPool::kNoBacklog);
  pools_.Keep(std::move(connection_), pool, timeout);
  Drop();
  return Outcome::kDone;
}

}  // namespace mg::script
