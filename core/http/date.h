// Dates of HTTP (RFC 9110 5.6.7). Any thread.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace mg::http {

// "Sun, 06 Nov 1994 08:49:37 GMT"; the text belongs to the thread until its next call.
std::string_view FormatDate(std::time_t time);

// IMF-fixdate, RFC 850 and asctime forms; nullopt: none of them.
std::optional<std::time_t> ParseDate(std::string_view text);

}  // namespace mg::http
