// Quantities as users write them: durations, sizes, rates, shares. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mg::config {

// "250ms", "1.5s", "5m", "1h", "1d", "1h30m", "0": seconds. A number without a unit is an error that says so.
Result<double> ParseDuration(std::string_view text);

// "512", "16KiB", "10MiB", "1GiB", nginx' "16k", "10m", "1g": bytes. KB, MB and GB are refused as ambiguous.
Result<int64_t> ParseSize(std::string_view text);

// "10/s", "600/m", "100/h", "1000/d": events per second.
Result<double> ParseRate(std::string_view text);

// "20%", "0.5%": 0..1.
Result<double> ParseShare(std::string_view text);

// YAML 1.2's core schema: only these plain texts are not strings.
std::optional<int64_t> ParseYamlInteger(std::string_view text);  // -12, +3, 0o17, 0xff
std::optional<double> ParseYamlNumber(std::string_view text);    // the integers, 1.5, 1e3, .5, .inf, .nan
std::optional<bool> ParseYamlBool(std::string_view text);        // true, false (and True, TRUE, ...); never on or yes

// For messages and documentation: the shortest text that the parsers above read back as the same.
std::string FormatDuration(double seconds);
std::string FormatSize(int64_t bytes);
std::string FormatShare(double share);

}  // namespace mg::config
