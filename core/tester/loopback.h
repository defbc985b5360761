// Sockets of the servers that the tester plays.
#pragma once

#include <cstdint>

namespace mg::tester {

// A socket bound to a free port of 127.0.0.1, and the port; -1: there is none.
int BindLoopback(uint16_t& port);

}  // namespace mg::tester
