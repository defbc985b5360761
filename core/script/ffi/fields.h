// Header fields as scripts read and write them, for requests and responses alike.
#pragma once

#include <span>
#include <string_view>

#include "base/arena.h"
#include "http/message.h"
#include "script/ffi/moongate_ffi.h"

struct lua_State;

namespace mg::script {

// What may not stand in a field is percent-encoded, so that no script can break a message in two: control characters in
// a value, everything but token characters in a name (RFC 9110 5.1, 5.5). In the arena.
std::string_view SafeName(Arena& arena, std::string_view name);
std::string_view SafeValue(Arena& arena, std::string_view value);

// Gives the fields of that name these values, in place of the ones they have (or, with kYes, beside them). No values:
// removes them.
enum class Keep : bool { kNo, kYes };
void ReplaceFields(http::HeaderList& headers, Arena& arena, std::string_view name, std::span<const mg_string> values,
                   Keep keep);

// Whether a response has at most one field of that name: of several values, the last one counts.
bool TakesOneValue(std::string_view name);

// Fills in at most `most`; answers how many there are.
int ListFields(const http::HeaderList& headers, mg_header* out, int most);

// A field of an answer, into the Lua table on top of the stack; a name that comes again makes a list.
void PushField(lua_State* L, std::string_view name, std::string_view value);

}  // namespace mg::script
