// Certificates for the blocks that speak TLS: made once a run, by an authority of the run's own, written as files.
#pragma once

#include <string>

#include "base/result.h"

namespace mg::tester {

// Writes into the folder, each certificate as NAME.crt and NAME.key:
//   ca.pem    the authority
//   server    for localhost and 127.0.0.1
//   example   for example.com and *.example.org
//   client    a client, O=Moongate,CN=alice, with the names email:alice@example.com and URI:spiffe://example/alice
//   stranger  a client, CN=mallory, signed by nobody that ca.pem knows
Result<void> WriteCertificates(const std::string& folder);

}  // namespace mg::tester
