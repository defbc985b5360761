// The control socket: how `moongate reload` and `moongate stop` reach a running gateway. A unix socket of the user's
// own, whose path follows from the configuration file's, so that it is found even while that file is broken.
//
// One line asks ("reload", "stop", "quit", "status", "generations", "profile start SECONDS ROUTE", "profile take",
// "trace arm", "trace take TOKEN"), the answer's first line is "ok" or "error", text follows, the connection closes.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace mg::server {

// $XDG_RUNTIME_DIR (root: /run), else /tmp, "/moongate-UID/HASH.sock".
std::string ControlSocketPath(const std::string& config_file);

class ControlSocket {
 public:
  // Opens it (mode 0600, in a directory of mode 0700).
  static Result<ControlSocket> Open(const std::string& path);
  ControlSocket(ControlSocket&& other) noexcept;
  ~ControlSocket();

  int fd() const { return fd_; }
  // Serves one waiting connection: `answer` gets the line, returns the whole answer. Waits at most a second for the
  // line.
  void Serve(const std::function<std::string(const std::string&)>& answer);

 private:
  ControlSocket(int fd, std::string path);
  int fd_;
  int spare_;  // given up to answer when there is no other descriptor left
  std::string path_;
};

// Asks a running gateway; the whole answer.
Result<std::string> AskGateway(const std::string& path, const std::string& line);
// The text after "ok", or as an error what the gateway tells.
Result<std::string> AskForText(const std::string& path, const std::string& line);

}  // namespace mg::server
