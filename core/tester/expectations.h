// What a block expects, held against what was observed. Pure functions; each failure names the section and its line.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tester/block.h"
#include "tester/client.h"
#include "tester/mock_redis.h"
#include "tester/mock_upstream.h"
#include "tester/response_reader.h"

namespace mg::tester {

struct Observed {
  std::vector<Response> responses;
  size_t expected_responses = 0;
  Client::Outcome outcome = Client::Outcome::kDone;
  std::string protocol_error;
  bool closed = false;           // the gateway closed the connection
  std::string received;          // every byte
  std::vector<std::string> log;  // "[error] the line"
  std::string access_log;
  std::vector<MockRequest> upstream_requests;
  std::vector<size_t> upstream_connections;  // of each mock
  bool has_mock_redis = false;
  std::vector<MockRedis::Received> redis_commands;
};

struct Failure {
  size_t line = 0;
  std::string section;
  std::string message;           // one line
  std::string expected, actual;  // for a diff; both empty: none
};
using Failures = std::vector<Failure>;

// The answers, unless the block ignores them.
void CheckResponses(const Block& block, Observed& observed, Failures& failures);
// Log lines that must be there (which may take a moment: ask again), and those that must not.
void CheckLogHas(const Block& block, const std::vector<std::string>& log, Failures& failures);
void CheckLogHasNot(const Block& block, const std::vector<std::string>& log, Failures& failures);
// The access log's lines, all of them.
void CheckAccessLog(const Block& block, const std::string& log, Failures& failures);
void CheckUpstreams(const Block& block, const Observed& observed, Failures& failures);
void CheckRedis(const Block& block, const Observed& observed, Failures& failures);

}  // namespace mg::tester
