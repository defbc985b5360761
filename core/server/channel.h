// Channel: messages, with descriptors, between the supervisor and its worker over a socket pair. Blocking; control
// threads only. A message is a kind, a text, and up to 64 descriptors.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace mg::server {

struct Message {
  enum Kind : uint8_t {
    kOpen = 'O',  // worker: "COUNT BACKLOG ADDRESS"; answered by kSockets or kError
    kSockets = 'S',
    kError = 'E',
    kKeep = 'K',     // worker: the addresses still listened on, a line each
    kFile = 'F',     // worker, before kReady: "PATH\0CONTENT" of a file of the generation that is live now
    kPidFile = 'P',  // worker, of the first generation: where the supervisor writes its process id
    kReady = 'R',    // worker: a generation is live; the files sent before are the last good ones
    kFailed = 'X',   // worker: the first configuration was refused (exit code 1)
  } kind;
  std::string text;
  std::vector<int> descriptors;
};

class Channel {
 public:
  explicit Channel(int fd) : fd_(fd) {}
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  bool Send(const Message& message);
  // nullopt: the other side has gone.
  std::optional<Message> Receive();
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace mg::server
