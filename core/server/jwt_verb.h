// `moongate jwt sign`: makes a signed JSON Web Token, for demonstrations and tests. Prints it on standard output.
//
//   --secret TEXT | --key FILE   what signs: a shared secret, or a private key in PEM or as a JSON Web Key
//   --alg NAME                   default: HS256 with a secret, else what fits the key
//   --claim NAME=VALUE           any number; a number, true, false or JSON list or object is taken as such
//   --expires 5m                 sets exp, from now
//   --kid TEXT                   names the key in the token's header
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace mg::server {

// The verb "jwt"; exit codes as in cli.h.
int RunJwt(std::span<const std::string> arguments);

// The token, for RunJwt and its test. `now` in seconds since 1970. kInvalid: what is wrong, without any secret.
Result<std::string> MakeToken(std::span<const std::string> arguments, int64_t now);

}  // namespace mg::server
