// Variables and expressions: what scripts read as ngx.var, and what configuration templates are filled with.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "config/template.h"
#include "proxy/exchange.h"

namespace mg::proxy {

// The text of an expression for this exchange; empty where there is none. Lives as long as the exchange.
std::string_view Evaluate(Exchange& exchange, const config::Expression& expression);
// A whole template.
std::string_view Evaluate(Exchange& exchange, const config::Template& text);
// Gives the exchange's variable the text's value. An empty one is a value, too.
void DefineVariable(Exchange& exchange, std::string_view name, const config::Template& text);

// The gateway's own variables, by nginx's names: "remote_addr", "http_NAME", "arg_NAME", "cookie_NAME",
// "upstream_addr", ... nullopt: none of that name.
std::optional<std::string_view> BuiltinVariable(Exchange& exchange, std::string_view name);

// Whether the name is one of a family's: "http_NAME", "arg_NAME", ... What it stands for may be there and empty.
bool IsFamily(std::string_view name);

// What may stand in a field: control bytes become spaces (RFC 9110 5.5).
std::string_view FieldValue(Exchange& exchange, std::string_view value);

// For consistent hashing: the upstream's key expressions.
uint64_t HashKey(Exchange& exchange);

}  // namespace mg::proxy
