// The small languages within values: addresses, networks, hosts, tokens. Pure functions; no name is resolved here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/config.h"

namespace mg::config {

// "127.0.0.1:80", "[::1]:80", "name:80", "*:80" and ":80" (any IPv4), "unix:PATH" (made absolute from `directory`).
Result<Address> ParseAddress(std::string_view text, const std::string& directory);

// "http://host[:port]" or "https://..." as an upstream is written in place: no path, query or user.
struct TargetUrl {
  bool tls = false;
  Address address;
};
Result<TargetUrl> ParseTargetUrl(std::string_view text);

// "10.0.0.0/8", "::1/128", "192.0.2.1": empty when it is one, else why not.
std::string CheckCidr(std::string_view text);

// A name of a match: "api.example.com", "*.example.com", an IP address without brackets. Empty: it is one.
std::string CheckMatchHost(std::string_view text);

// RFC 9110 5.6.2: header names and methods are tokens.
bool IsToken(std::string_view text);
// What may stand in a field value: no control characters but tab.
bool IsFieldValue(std::string_view text);
// Letters, digits and "_", not beginning with a digit.
bool IsIdentifier(std::string_view text);
// Names of policies, upstreams, routes ...: letters, digits and "_-./:@", beginning with a letter, digit or "_".
bool IsName(std::string_view text);
bool IsHostName(std::string_view text);

}  // namespace mg::config
