// UdpSocket: a datagram socket with one peer, UDP or unix, as scripts use it (ngx.socket.udp). Owner: its context.
// Thread: its loop's.
#pragma once

#include <event2/event_struct.h>

#include <memory>
#include <optional>
#include <string>

#include "net/resolver.h"
#include "proxy/loop_context.h"
#include "script/socket_object.h"

namespace mg::script {

class UdpSocket final : public SocketObject, public net::Deferred {
 public:
  enum class Outcome : uint8_t { kDone, kWait, kFailed };  // kFailed: error() tells
  static constexpr size_t kLongest = 65536;

  static UdpSocket& Make(Context& context, mg_socket& handle, proxy::LoopContext& loop, const config::LuaSocket& conf);
  ~UdpSocket() override { Close(); }

  Outcome SetPeer(const std::string& host, uint16_t port, const mg_socket& handle);
  Outcome Send(std::string_view data);
  Outcome Receive(size_t size, const mg_socket& handle);  // kDone: received()
  bool Close();                                           // false: it was closed

  void Bind(const net::SocketAddress& from) { from_ = from; }
  const std::string& error() const { return error_; }
  std::string_view received() const { return received_; }

  void ContextEnded() override;
  void Collect() override;

 private:
  UdpSocket(Context& context, mg_socket& handle, proxy::LoopContext& loop, const config::LuaSocket& conf);
  Outcome Fail(std::string text);
  bool IsBusy();
  void Resolved(const std::string& host, Result<std::vector<net::SocketAddress>> found);
  bool Open(const net::SocketAddress& to);
  bool ReadOne();  // false: nothing there
  void Answer(bool with_data);
  void OnTimer();
  static void OnEvent(int fd, short what, void* self);

  proxy::LoopContext& loop_;
  const config::LuaSocket& conf_;
  int fd_ = -1;
  event event_{};
  std::optional<net::SocketAddress> from_;
  std::unique_ptr<net::Resolver::Query> query_;
  bool resolving_ = false, starting_ = false;
  SocketWait waiter_;
  net::Timer timer_;
  size_t size_ = 0;
  std::string_view received_;  // in the thread's buffer, or error_ is set
  std::string error_;
};

}  // namespace mg::script
