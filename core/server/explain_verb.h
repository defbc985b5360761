// `moongate explain METHOD URL [-H "NAME: VALUE"]... [--trace [-d DATA]] [-c FILE]`: which route would answer a
// request, why it and no other, and which policies it would run, phase by phase. Builds the configuration as `check`
// does; sends and runs nothing, but with --trace: then the running gateway is sent the request, and tells what each
// policy did.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/snapshot.h"

namespace mg::server {

// The request that is asked about. Its URL is a path ("/a?b=1", then the host is localhost) or absolute.
struct ExplainRequest {
  std::string method, url;
  std::vector<std::string> fields;  // "NAME: VALUE"; a Host goes before the URL's
  bool trace = false;
  std::string body;                    // with `trace`
  std::vector<std::string> arguments;  // what is left: "-c FILE"
};

// kInvalid: what is wrong with the arguments.
Result<ExplainRequest> ReadExplainArguments(std::span<const std::string> arguments);

struct Explanation {
  bool answered = false;  // on every listener a route answers
  std::string text;
};

// kInvalid: the URL or a field cannot be sent as it is.
Result<Explanation> Explain(const proxy::Snapshot& snapshot, const ExplainRequest& request);

// What is sent to have it traced: the request with the token in its field, and what ends the connection after it.
Result<std::string> TracedRequest(const ExplainRequest& request, std::string_view token);
// The listener that the URL names by its scheme and port, else the first one. Null: none has that scheme.
const config::Listener* ListenerFor(const config::Config& conf, const ExplainRequest& request);

// The verb. 0: a route answers, and with --trace: the gateway has told; 1: not so, or the configuration is wrong; 2:
// usage.
int RunExplain(std::span<const std::string> arguments);

}  // namespace mg::server
