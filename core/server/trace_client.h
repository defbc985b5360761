// Sends one request to a listener of a running gateway, as `moongate explain --trace` does: blocking, on the caller's
// thread. With TLS no certificate is verified: it is the user's own gateway.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/config.h"

namespace mg::server {

// The bytes that came back until the gateway closed the connection; no more than the first 64 KiB. `server_name`: for
// SNI; "": none.
Result<std::string> SendToListener(const config::Listener& listener, const std::string& server_name,
                                   std::string_view request, std::chrono::milliseconds patience);

}  // namespace mg::server
