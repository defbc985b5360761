// The life of a request: a static table of steps (pipeline.cc), read top to bottom.
#pragma once

#include "proxy/exchange.h"

namespace mg::proxy {

// Runs one step; see Next.
using StepFunction = Next (*)(Exchange&);
StepFunction FunctionOf(Step step);

// What step functions answer with.
Next Go(Exchange& exchange, Step step);
Next FailWith(Exchange& exchange, int status, std::string_view detail);
Next RunHook(Exchange& exchange, Phase phase, Step next);  // the phase's hooks, if there are any, then `next`

// attempts.cc: the steps from the choice of a target to the answer's head.
Next PickTarget(Exchange& exchange);
Next Connect(Exchange& exchange);
Next SendRequest(Exchange& exchange);
Next ReadHead(Exchange& exchange);

// fallback.cc: answers in place of an upstream whose circuit breaker is open.
Next AnswerFallback(Exchange& exchange);

// forward.cc: what leaves for the upstream and what comes back.
struct RequestTarget {
  std::string_view path_and_query, host;
};
Result<RequestTarget> TargetFor(Exchange& exchange);
std::string_view EncodeUpstreamRequest(Exchange& exchange, http::BodyFraming& framing);
void CleanUpstreamResponse(http::ResponseHead& head);
// Of a trailer section, what may go on: not what belongs into a head (RFC 9110 6.5.1), nor what `reserved` has, which
// may be null. Field lines, each with CRLF, in the arena.
std::string_view TrailersToForward(std::string_view lines, const IdentityHeaders* reserved, Arena& arena);
// Removes what the Connection fields name (RFC 9110 7.6.1), but for fields that the gateway knows by name: before any
// hook, so that a client cannot have fields removed that hooks set.
void RemoveNamedFields(http::HeaderList& headers);
// OPTIONS and TRACE go only so many hops (RFC 9110 7.6.2): counts one. True: the gateway itself is to answer.
bool IsLastHop(Exchange& exchange);

// response_headers of the configuration: the gateway's, then the route's.
void EditResponseHeaders(Exchange& exchange);

// errors.cc: fills exchange.response with the answer that exchange.failure describes.
void MakeErrorResponse(Exchange& exchange);
// A script has ended the request with a redirection: gives it a line of text for those that do not follow it.
void MakeRedirectNote(Exchange& exchange);
// error_pages: turns to the route that answers for the failure, if there is one.
bool TurnToErrorPage(Exchange& exchange);

// access_log.cc
void WriteAccessLog(Exchange& exchange);
// Those the exchange will be written to; null: none.
const LogSet* LogsOf(const Exchange& exchange);

}  // namespace mg::proxy
