// A checked configuration value as a Lua value: lists and maps become tables, null is nil.
#pragma once

#include "config/schema.h"

struct lua_State;

namespace mg::script {

void PushValue(lua_State* L, const config::Value& value);

}  // namespace mg::script
