// ngx.socket.udp.
#include <algorithm>

#include "script/program.h"
#include "script/surface.h"
#include "script/udp_socket.h"

namespace mg::script {
namespace {

UdpSocket* FindUdp(const mg_socket& handle) {
  SocketObject* found = SocketObject::Find(handle.slot, handle.generation);
  return found != nullptr && found->kind() == SocketObject::Kind::kUdp ? static_cast<UdpSocket*>(found) : nullptr;
}

// The socket, when it belongs to who runs. Else `code` says what it is, and `error` that it is closed.
UdpSocket* OwnUdp(const mg_socket& handle, int& code, mg_string* error) {
  UdpSocket* socket = FindUdp(handle);
  if (socket != nullptr && &socket->context() == t_active.context) return socket;
  code = handle.slot != 0 ? static_cast<int>(MG_STALE) : static_cast<int>(MG_ERROR);
  Give(error, "closed");
  return nullptr;
}

UdpSocket* UsableUdp(mg_socket& handle, int& code, mg_string* error) {
  Program* program = t_active.vm->around.program;
  if (t_active.context == nullptr || program == nullptr || program->loop() == nullptr) {
    Give(error, "no loop runs here");
    code = MG_ERROR;
    return nullptr;
  }
  if (FindUdp(handle) != nullptr) return OwnUdp(handle, code, error);
  return &UdpSocket::Make(*t_active.context, handle, *program->loop(), t_active.vm->conf().socket);
}

int UdpStatus(UdpSocket::Outcome outcome, const UdpSocket& socket, mg_string* error) {
  if (outcome == UdpSocket::Outcome::kDone) return MG_OK;
  if (outcome == UdpSocket::Outcome::kWait) return MG_AGAIN;
  Give(error, socket.error());
  return MG_ERROR;
}

}  // namespace

void LinkUdp() {}

}  // namespace mg::script

using namespace mg::script;

extern "C" {

int mg_udp_connect(mg_socket* handle, const char* host, size_t size, int port, mg_string* error) noexcept {
  int code = MG_OK;
  UdpSocket* socket = UsableUdp(*handle, code, error);
  if (socket == nullptr) return code;
  return UdpStatus(socket->SetPeer(std::string(View(host, size)), static_cast<uint16_t>(port), *handle), *socket,
                   error);
}

int mg_udp_bind(mg_socket* handle, const char* ip, size_t size) noexcept {
  auto address = mg::net::SocketAddress::FromIp(View(ip, size), 0);
  if (!address) return MG_ERROR;
  mg_string error{};
  int code = MG_OK;
  UdpSocket* socket = UsableUdp(*handle, code, &error);
  if (socket == nullptr) return code;
  socket->Bind(*address);
  return MG_OK;
}

int mg_udp_send(mg_socket* handle, const char* data, size_t size, mg_string* error) noexcept {
  int code = MG_OK;
  UdpSocket* socket = OwnUdp(*handle, code, error);
  return socket == nullptr ? code : UdpStatus(socket->Send(View(data, size)), *socket, error);
}

int mg_udp_receive(mg_socket* handle, double size, mg_string* data, mg_string* error) noexcept {
  int code = MG_OK;
  UdpSocket* socket = OwnUdp(*handle, code, error);
  if (socket == nullptr) return code;
  size_t most = static_cast<size_t>(std::clamp(size, 0.0, static_cast<double>(UdpSocket::kLongest)));
  UdpSocket::Outcome outcome = socket->Receive(most, *handle);
  if (outcome == UdpSocket::Outcome::kDone) Give(data, socket->received());
  return UdpStatus(outcome, *socket, error);
}

int mg_udp_close(mg_socket* handle, mg_string* error) noexcept {
  int code = MG_OK;
  UdpSocket* socket = OwnUdp(*handle, code, error);
  if (socket == nullptr) return code;
  if (socket->Close()) return MG_OK;
  Give(error, "closed");
  return MG_ERROR;
}

}  // extern "C"
