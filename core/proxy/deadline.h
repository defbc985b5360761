// The deadline of a request, as a header tells it: milliseconds in decimal, or for grpc-timeout digits and a unit.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace mg::proxy {

// What is left according to a field of that name; nullopt: not well-formed, or more than a year.
std::optional<Nanoseconds> ParseDeadline(std::string_view name, std::string_view value);
// The same the other way; what is left is rounded down, and at least 0.
std::string FormatDeadline(std::string_view name, Nanoseconds left);

}  // namespace mg::proxy
