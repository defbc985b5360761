// The life of a request: a static table of steps (pipeline.cc), read top to bottom.
#pragma once

#include "proxy/exchange.h"

namespace mg::proxy {

// Runs one step; see Next.
using StepFunction = Next (*)(Exchange&);
StepFunction FunctionOf(Step step);

// forward.cc: what leaves for the upstream and what comes back.
struct RequestTarget {
  std::string_view path_and_query, host;
};
Result<RequestTarget> TargetFor(Exchange& exchange);
std::string_view EncodeUpstreamRequest(Exchange& exchange, http::BodyFraming& framing);
void CleanUpstreamResponse(Exchange& exchange, http::ResponseHead& head);

// errors.cc: fills exchange.response with the answer that exchange.failure describes.
void MakeErrorResponse(Exchange& exchange);

// access_log.cc
void WriteAccessLog(Exchange& exchange);

}  // namespace mg::proxy
