// From the request sections of a block to the bytes to send. Pure functions.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tester/block.h"

namespace mg::tester {

// What is sent in one go.
struct Packet {
  std::string bytes;
  size_t responses = 0;        // wait for as many responses, in all, before sending it
  bool for_something = false;  // wait until anything at all has come since the last packet
};

// What a block sends on its one connection.
struct RequestPlan {
  std::vector<Packet> packets;
  std::vector<std::string> methods;      // one a request, as far as they are known
  size_t responses = 0;                  // how many are expected
  std::chrono::milliseconds between{0};  // pause between two packets
};

// From --- request, requests, pipelined_requests or raw_request, and more_headers. A block without any of them has no
// plan that sends: packets is empty.
//
// A request is "METHOD URI" or "METHOD URI HTTP/1.0" on its first line; what follows (after one empty line, if there is
// one) is its body, without the newline at the end unless the section has the filter "bytes". Host, Connection: close
// (on the last request) and, with a body, Content-Length are added unless more_headers has them; Content-Length is not
// where it has Transfer-Encoding. The headers of several requests are split as the requests are, by "---8<---"; a
// single set is every request's.
Result<RequestPlan> PlanRequests(const Block& block);

}  // namespace mg::tester
