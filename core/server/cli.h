// The command line: verbs and their table. Exit codes: 0 done, 1 the configuration (or what was asked for) failed, 2
// usage.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace mg::server {

struct Verb {
  std::string_view name;
  std::string_view arguments;  // for the usage text
  std::string_view help;
  int (*run)(std::span<const std::string> arguments);
};

// Runs the verb that argv names; prints the usage text where it names none.
int RunCommandLine(int argc, char** argv, std::span<const Verb> verbs);

// Prints "moongate VERB: MESSAGE" and how to get help; answers 2.
int UsageError(std::string_view verb, std::string_view message);

// The FILE of "-c FILE" in `arguments`, or the default; false (and a message) where it is malformed or other arguments
// are left.
bool ConfigFileArgument(std::string_view verb, std::span<const std::string> arguments, std::string& file);

// The verbs of this module.
int RunGateway(std::span<const std::string> arguments);
int RunCheck(std::span<const std::string> arguments);
int RunReload(std::span<const std::string> arguments);
int RunGenerations(std::span<const std::string> arguments);
int RunStop(std::span<const std::string> arguments);
int RunVersion(std::span<const std::string> arguments);
int RunSchema(std::span<const std::string> arguments);

}  // namespace mg::server
