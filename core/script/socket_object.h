// SocketObject: what a script's socket handle (mg_socket) stands for. It belongs to the context that made it; a handle
// that is left over finds nothing. Owner: its context. Thread: its loop's.
#pragma once

#include "config/config.h"
#include "script/context.h"
#include "script/ffi/moongate_ffi.h"

namespace mg::script {

class SocketObject : public Belonging {
 public:
  enum class Kind : uint8_t { kTcp, kUdp };

  ~SocketObject() override;

  // Null: it was never made, or its context has ended.
  static SocketObject* Find(uint32_t slot, uint32_t generation);

  Kind kind() const { return kind_; }
  Context& context() { return context_; }
  // Whether nothing waits in it: a handle that nobody holds may be collected.
  virtual void Collect() = 0;

 protected:
  // Writes where it is found into the handle.
  SocketObject(Kind kind, Context& context, mg_socket& handle);

  // A handle's timeout, 0 standing for the configured one.
  static Milliseconds TimeoutOf(uint32_t wanted, config::Duration configured) {
    return wanted > 0 ? wanted : configured.count();
  }
  uint32_t slot() const { return slot_; }
  uint32_t generation() const { return generation_; }

 private:
  Kind kind_;
  Context& context_;
  uint32_t slot_ = 0, generation_ = 0;
};

// A coroutine that waits for one direction of a socket.
class SocketWait {
 public:
  void Begin();  // the running coroutine
  // False, too, when the coroutine was killed meanwhile.
  bool busy() const { return waiting_ && Waits(); }
  // Wakes it with what `push` pushes; does nothing when nobody waits.
  void End(Push push);
  // The results are being pushed.
  void Over() { waiting_ = false; }

 private:
  bool Waits() const;
  Handle handle_;
  bool waiting_ = false;
};

// The text of a system's error as scripts know it: in lower case.
std::string SocketErrorText(std::string_view text);
// Why a name has no address, as OpenResty says it.
std::string ResolveErrorText(const std::string& host, const Error& error);

}  // namespace mg::script
