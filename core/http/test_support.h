// What tests of connections share: a StreamHandler that does what the test says, a client and a server on real sockets.
// Not part of the library.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "http/h1_session.h"
#include "net/listener.h"
#include "net/test_support.h"

namespace mg::http::test {

using net::test::RunUntil;

inline std::string Repeated(std::string_view unit, size_t size) {
  std::string text;
  while (text.size() < size) text += unit;
  text.resize(size);
  return text;
}

// Collects what it is told. What must not happen after the end of its stream is checked in every callback.
class ScriptedHandler final : public StreamHandler {
 public:
  ScriptedHandler(BlockPool& blocks, Stream& to) : StreamHandler(blocks), stream(&to) {}

  void OnRequest() override {
    Alive();
    requested = true;
    target = request.target;
    if (on_request) on_request(*this);
  }
  void OnRefused(ParseError error) override {
    Alive();
    refused = error;
    Answer(StatusFor(error), "refused");
  }
  void OnBody(std::string_view data, End end) override {
    Alive();
    EXPECT_FALSE(body_ended) << "a body ends once";
    body += data;
    body_ended = end == End::kYes;
    if (on_body) on_body(*this);
  }
  void OnTrailers(std::string_view lines) override {
    Alive();
    if (on_trailers) on_trailers(*this, lines);
  }
  void OnBodyFailed(const Error& error, int status) override {
    Alive();
    body_failed = status;
    if (error.code == ErrorCode::kReset) {
      Abort();
    } else {
      stream->DisableKeepAlive();
      Answer(status, "failed");
    }
  }
  void OnInputPause() override {
    Alive();
    pauses++;
  }
  void OnDrained() override {
    Alive();
    drained++;
    if (on_drained) on_drained(*this);
  }
  void OnPeerClosed() override {
    Alive();
    peer_closed++;
  }
  void OnClosed(const Error& error) override {
    Alive();
    closed = true;
    close_code = error.code;
    stream = nullptr;
  }

  // The whole answer.
  void Answer(int status, std::string_view text) {
    Head(status, {{"Content-Length", std::to_string(text.size())}});
    End_(text);
  }
  void Head(int status, const std::vector<std::pair<std::string, std::string>>& fields = {}, End end = End::kNo) {
    ResponseHead head;
    head.status = static_cast<uint16_t>(status);
    for (const auto& [name, value] : fields) head.headers.Append(arena, arena.Copy(name), arena.Copy(value));
    Stream* to = stream;
    if (end == End::kYes) stream = nullptr;
    to->SendHead(head, end);
  }
  void End_(std::string_view text = {}) { std::exchange(stream, nullptr)->SendBody(text, End::kYes); }
  void Abort() { std::exchange(stream, nullptr)->Abort(); }

  Stream* stream;
  std::string target, body;
  bool requested = false, body_ended = false, closed = false;
  int body_failed = 0, drained = 0, peer_closed = 0, pauses = 0;
  ParseError refused = ParseError::kNone;
  ErrorCode close_code = ErrorCode::kInternal;
  std::function<void(ScriptedHandler&)> on_request, on_body, on_drained;
  std::function<void(ScriptedHandler&, std::string_view)> on_trailers;

 private:
  void Alive() { EXPECT_NE(stream, nullptr) << "a callback after the stream's end"; }
};

class ScriptedFactory final : public StreamHandlerFactory {
 public:
  explicit ScriptedFactory(net::Loop& loop) : loop_(loop) {}
  StreamHandler& NewHandler(Stream& stream) override {
    made.push_back(std::make_unique<ScriptedHandler>(loop_.blocks(), stream));
    made.back()->on_request = on_request;
    return *made.back();
  }
  std::vector<std::unique_ptr<ScriptedHandler>> made;
  std::function<void(ScriptedHandler&)> on_request;

 private:
  net::Loop& loop_;
};

// A session and its client over TCP on loopback.
struct SessionRig {
  explicit SessionRig(const config::Limits& with = {}) : limits(with) {}
  ~SessionRig() { list.CloseAll(); }

  // The limits are the rig's own.
  std::shared_ptr<const SessionOptions> Options() {
    return std::make_shared<SessionOptions>(&factory,
                                            std::shared_ptr<const config::Limits>(std::shared_ptr<void>(), &limits));
  }
  // `buffer`: of the sockets, 0 for the system's own.
  void Open(int buffer = 0) { Open(net::test::TcpPair(), buffer); }
  void Open(std::array<int, 2> fds, int buffer = 0) {
    if (buffer > 0) {
      setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
      setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    }
    client.transport.Accept(fds[0]);
    auto made = std::make_unique<H1Session>(loop, Options());
    H1Session& session = *made;
    list.Add(std::move(made));
    session.Start(fds[1], *net::SocketAddress::FromIp("127.0.0.1", 9));
  }
  void Send(std::string_view text) { ASSERT_EQ(client.transport.Write(text).bytes, text.size()); }
  void Reset() {
    linger hard{1, 0};
    setsockopt(client.transport.fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client.transport.Close();
  }
  // Until the client has that text, or the bytes end.
  bool Receives(std::string_view text) {
    return RunUntil(loop, [&] { return client.received.find(text) != std::string::npos; });
  }
  bool Ends() {
    return RunUntil(loop, [&] { return client.ended || client.failed; });
  }
  bool Gone() {
    return RunUntil(loop, [&] { return list.size() == 0; });
  }
  bool Requests(size_t count) {
    return RunUntil(loop, [&] { return factory.made.size() >= count && factory.made[count - 1]->requested; });
  }
  ScriptedHandler& at(size_t index) { return *factory.made.at(index); }

  config::Limits limits;
  net::Loop loop;
  ScriptedFactory factory{loop};
  net::test::Peer client{loop};
  SessionList list{loop};
};

// A listening socket and the connections it took.
struct ScriptedServer {
  explicit ScriptedServer(net::Loop& on) : loop(on) {
    fd = *net::OpenListeningSocket(*net::SocketAddress::FromIp("127.0.0.1", 0), 64, net::ReusePort::kNo);
    Listen();
  }
  ~ScriptedServer() { Refuse(); }
  // From now on nobody listens there.
  void Refuse() {
    listener.reset();
    if (fd >= 0) close(fd);
    fd = -1;
  }
  void Listen() {
    bound = net::test::AddressOf(fd);
    listener = std::make_unique<net::Listener>(loop, fd, [this](int socket, const net::SocketAddress&) {
      peers.push_back(std::make_unique<net::test::Peer>(loop));
      net::test::Peer& peer = *peers.back();
      peer.transport.Accept(socket);
      if (on_accept) on_accept(peer);
      peer.on_readable = [this, &peer] { Read(peer); };
      Read(peer);
    });
  }
  void Read(net::test::Peer& peer) {
    if (holds) return;
    peer.Drain();
    if (on_bytes) on_bytes(peer);
  }
  // Answers each request (a head with an empty line) with these bytes.
  void Answers(std::string bytes) {
    on_bytes = [bytes](net::test::Peer& peer) {
      for (size_t end; (end = peer.received.find("\r\n\r\n")) != std::string::npos;) {
        peer.received.erase(0, end + 4);
        peer.transport.Write(bytes);
      }
    };
  }
  const net::SocketAddress& address() const { return bound; }

  net::Loop& loop;
  int fd;
  net::SocketAddress bound;
  std::unique_ptr<net::Listener> listener;
  std::vector<std::unique_ptr<net::test::Peer>> peers;
  bool holds = false;  // reads nothing
  std::function<void(net::test::Peer&)> on_accept;
  std::function<void(net::test::Peer&)> on_bytes;  // after each read
};

}  // namespace mg::http::test
