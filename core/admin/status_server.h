// StatusServer: answers GET of /healthz, /readyz and /metrics on an address of its own, from a thread of its own: it
// reads what loops have counted, so a scrape holds up no request, and answers come while every loop and the control
// thread are busy. Owner: the Gateway. The methods are the control thread's.
#pragma once

#include <cstdint>
#include <memory>
#include <thread>

#include "admin/control.h"
#include "http/h1_session.h"
#include "net/listener.h"
#include "net/loop.h"

namespace mg::admin {

class StatusServer {
 public:
  // Starts the thread. `control` outlives it.
  explicit StatusServer(Control& control);
  // Ends its connections and the thread.
  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

  // Accepts on this listening socket, which stays the caller's, in place of the one before; -1: on none. When it
  // returns, the one before is not used any more.
  void Listen(int fd);

 private:
  class Request;
  class Requests;
  template <class F>
  void OnThread(F&& task);  // and waits
  void Accept(int fd, const net::SocketAddress& peer);

  net::Loop loop_;
  std::unique_ptr<Requests> requests_;
  std::shared_ptr<const http::SessionOptions> options_;  // of its sessions
  http::SessionList sessions_{loop_};
  std::unique_ptr<net::Listener> listener_;
  int listening_ = -1;
  std::thread thread_;
};

}  // namespace mg::admin
