#include "server/profile_verb.h"

#include <fmt/format.h>
#include <poll.h>

#include <cstdio>
#include <fstream>

#include "base/strings.h"
#include "server/cli.h"
#include "server/control_socket.h"
#include "server/flame_graph.h"

namespace mg::server {
namespace {

constexpr int kMostSeconds = 600;

int Failed(std::string_view what) {
  fmt::print(stderr, "moongate profile: {}\n", what);
  return 1;
}

}  // namespace

Result<ProfileRequest> ReadProfileArguments(std::span<const std::string> arguments) {
  ProfileRequest request;
  for (size_t i = 0; i < arguments.size(); i++) {
    const std::string& name = arguments[i];
    if (name != "--route" && name != "--seconds" && name != "-o" && name != "-c")
      return Fail(ErrorCode::kInvalid, "unknown argument \"" + name + "\"");
    if (i + 1 == arguments.size()) return Fail(ErrorCode::kInvalid, name + " wants a value");
    const std::string& value = arguments[++i];
    if (name == "--route") request.route = value;
    if (name == "-o") request.output = value;
    if (name == "-c") request.config_file = value;
    if (name != "--seconds") continue;
    auto seconds = ParseDecimal<int>(value);
    if (!seconds || *seconds < 1 || *seconds > kMostSeconds)
      return Fail(ErrorCode::kInvalid, fmt::format("--seconds takes a number from 1 to {}", kMostSeconds));
    request.seconds = *seconds;
  }
  bool one_line = request.route.find_first_of("\r\n") == std::string::npos;
  if (request.route.empty() || request.route.size() > 200 || !one_line)
    return Fail(ErrorCode::kInvalid, "--route NAME tells which route");
  return request;
}

int RunProfile(std::span<const std::string> arguments) {
  Result<ProfileRequest> request = ReadProfileArguments(arguments);
  if (!request) return UsageError("profile", request.error().message);
  std::vector<std::string> rest;
  if (!request->config_file.empty()) rest = {"-c", request->config_file};
  std::string file;
  if (!ConfigFileArgument("profile", rest, file)) return 2;
  std::string socket = ControlSocketPath(file);
  auto started = AskForText(socket, fmt::format("profile start {} {}", request->seconds, request->route));
  if (!started) return Failed(started.error().message);
  poll(nullptr, 0, request->seconds * 1000);
  Result<std::string> folded = AskForText(socket, "profile take");
  if (!folded) return Failed(folded.error().message);
  uint64_t samples = CountSamples(*folded);
  std::string title = fmt::format("Lua of route {}: {} samples in {} s", request->route, samples, request->seconds);
  std::ofstream out(request->output, std::ios::binary | std::ios::trunc);
  out << FlameGraph(*folded, title);
  out.close();
  if (!out) return Failed(request->output + " cannot be written");
  fmt::print("{}: {} samples\n", request->output, samples);
  if (samples == 0) fmt::print("no Lua of the route ran when it was looked at: is it being asked?\n");
  return 0;
}

}  // namespace mg::server
