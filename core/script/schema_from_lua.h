// A policy's `schema`, a Lua table, as a config::Schema.
//
//   schema = {
//     rate = { type = "rate", required = true },
//     burst = { type = "integer", default = 1, min = 1, doc = "requests at once" },
//     origins = { type = "list", values = "string", min_items = 1 },
//     headers = { type = "map", values = "string" },           -- free keys
//     breaker = { open = "duration", minimum = "integer" },    -- a map of these fields
//     { exactly_one_of = { "secret", "jwks_url" } },
//   }
//
// A table whose `type` is a text describes a value; any other table is a map of fields, with rules between them
// (exactly_one_of, at_least_one_of) in its list part; a text alone stands for { type = text }.
// Types: any, bool, integer, number, string, secret, duration, size, rate, share, address, path, list, map.
// Keys beside type: required, default, min, max, one_of, values, fields, min_items, max_items, any_of (other shapes),
// pattern, doc, raw_text (true: ${NAME} stays as it is).
#pragma once

#include "base/result.h"
#include "config/schema.h"

struct lua_State;

namespace mg::script {

// Reads the table (or text) at `index`, without running any Lua. kInvalid tells where in the schema it is wrong.
Result<config::Schema> ReadSchema(lua_State* L, int index);

}  // namespace mg::script
