#include "server/cli.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <cstdio>
#include <filesystem>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "config/load.h"
#include "server/control_socket.h"
#include "server/gateway.h"
#include "server/lint.h"
#include "server/supervisor.h"

namespace mg::server {

namespace {

constexpr std::string_view kDefaultFile = "/etc/moongate/moongate.yaml";

void PrintUsage(std::FILE* to, std::span<const Verb> verbs) {
  fmt::print(to, "usage: moongate VERB [arguments]\n\n");
  for (const Verb& verb : verbs) fmt::print(to, "  {:<11} {:<28} {}\n", verb.name, verb.arguments, verb.help);
  fmt::print(to, "\n-t is short for check, -s reload|stop|quit for the verb of that name, -c FILE defaults to {}\n",
             kDefaultFile);
}

int Ask(std::string_view verb, std::span<const std::string> arguments, const std::string& line) {
  std::string file;
  if (!ConfigFileArgument(verb, arguments, file)) return 2;
  Result<std::string> answer = AskGateway(ControlSocketPath(file), line);
  if (!answer) {
    fmt::print(stderr, "moongate {}: {} ({})\n", verb, answer.error().message, file);
    return 1;
  }
  bool ok = answer->starts_with("ok\n");
  std::string text = answer->substr(answer->find('\n') + 1);
  std::fputs(text.c_str(), ok ? stdout : stderr);
  return ok ? 0 : 1;
}

}  // namespace

int UsageError(std::string_view verb, std::string_view message) {
  fmt::print(stderr, "moongate {}: {}; `moongate help` tells the usage\n", verb, message);
  return 2;
}

bool ConfigFileArgument(std::string_view verb, std::span<const std::string> arguments, std::string& file) {
  file = kDefaultFile;
  for (size_t i = 0; i < arguments.size(); i++) {
    if (arguments[i] == "-c" && i + 1 < arguments.size()) {
      file = arguments[++i];
    } else {
      UsageError(verb, arguments[i] == "-c" ? "-c wants a file" : fmt::format("unknown argument \"{}\"", arguments[i]));
      return false;
    }
  }
  return true;
}

int RunGateway(std::span<const std::string> arguments) {
  RunOptions options;
  if (!ConfigFileArgument("run", arguments, options.config_file)) return 2;
  return RunSupervised(options);
}

int RunCheck(std::span<const std::string> arguments) {
  std::string file;
  std::vector<std::string> others(arguments.begin(), arguments.end());
  bool strict = std::erase(others, "--strict") > 0;
  if (!ConfigFileArgument("check", others, file)) return 2;
  config::DiskFiles files;
  config::Diagnostics diagnostics;
  SetLogLevel(LogLevel::kWarn);
  std::unique_ptr<config::Config> conf = config::Load(file, files, diagnostics);
  bool good = conf != nullptr;
  if (good) {
    OwnSockets sockets;
    Gateway gateway({1, &sockets, nullptr});
    std::vector<script::ScriptText> texts;
    good = gateway.Build(std::move(conf), files, diagnostics, &texts) != nullptr;
    Lint(texts, files, diagnostics);
  }
  bool warned = std::ranges::any_of(diagnostics.all(),
                                    [](const auto& each) { return each.level == config::Diagnostic::Level::kWarning; });
  good = good && !(strict && warned);
  std::fputs(diagnostics.ToString().c_str(), stderr);
  if (good) fmt::print("{}: ok\n", file);
  return good ? 0 : 1;
}

int RunReload(std::span<const std::string> arguments) { return Ask("reload", arguments, "reload"); }
int RunGenerations(std::span<const std::string> arguments) { return Ask("generations", arguments, "generations"); }
int RunStop(std::span<const std::string> arguments) { return Ask("stop", arguments, "stop"); }

int RunVersion(std::span<const std::string>) {
  fmt::print("moongate {} ({}, libevent, LuaJIT)\n", MG_VERSION, OpenSSL_version(OPENSSL_VERSION));
  return 0;
}

int RunSchema(std::span<const std::string>) {
  std::string text = config::JsonSchema();
  std::fputs(text.c_str(), stdout);
  return 0;
}

int RunCommandLine(int argc, char** argv, std::span<const Verb> verbs) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) {
    PrintUsage(stderr, verbs);
    return 2;
  }
  if (words[0] == "help" || words[0] == "-h" || words[0] == "--help") {
    PrintUsage(stdout, verbs);
    return 0;
  }
  if (words[0] == "-t") words[0] = "check";
  if (words[0] == "-v" || words[0] == "--version") words[0] = "version";
  if (words[0] == "-s" && words.size() > 1) words.erase(words.begin());
  if (words[0] == "-c") words.insert(words.begin(), "run");
  std::vector<std::string_view> names;
  for (const Verb& verb : verbs) {
    names.push_back(verb.name);
    if (verb.name == words[0]) return verb.run(std::span(words).subspan(1));
  }
  std::string_view near = Nearest(words[0], names);
  fmt::print(stderr, "moongate: unknown verb \"{}\"{}\n", words[0],
             near.empty() ? "" : fmt::format(", did you mean {}?", near));
  return 2;
}

}  // namespace mg::server
