// resolver: how the names of targets, URLs and Redis servers are asked for.
#include <fmt/format.h>

#include "base/strings.h"
#include "config/build.h"
#include "config/section.h"
#include "config/syntax.h"

namespace mg::config {

using namespace build;  // NOLINT: the tables read better

namespace {

constexpr double kMillisecond = 0.001;

// "10.0.0.2", "10.0.0.2:53", "::1" and "[::1]:53" as address and port.
void ReadNameserver(const Value& value, const std::string& path, Reading& reading) {
  std::string text = value.text;
  if (CheckMatchHost(text).empty()) text = text.find(':') == std::string::npos ? text + ":53" : "[" + text + "]:53";
  Result<Address> address = ParseAddress(text, "/");
  if (!address || address->kind != Address::Kind::kIp || address->port == 0) {
    reading.Error(value, path, fmt::format("{} is not an IP address, with a port or without", Quote(value)));
    return;
  }
  bool is_v6 = address->host.find(':') != std::string::npos;
  reading.config.resolver.nameservers.push_back(is_v6 ? fmt::format("[{}]:{}", address->host, address->port)
                                                      : fmt::format("{}:{}", address->host, address->port));
}

}  // namespace

Schema ResolverSchema() {
  const Resolver d;
  auto time = [](std::string doc, Duration value) { return Time(std::move(doc)).AtLeast(kMillisecond).Default(value); };
  return Map("How names are asked for.",
             {
                 {"nameservers", OneOrMore("IP addresses, with a port or without; resolv.conf's where none is given.",
                                           Text("").AtLeast(1))},
                 {"search", OneOrMore("Domains to try for short names; resolv.conf's where none is given.",
                                      Text("").AtLeast(1).AtMost(253))},
                 {"timeout", time("Of one question to one server.", d.timeout)},
                 {"attempts", Integer("Rounds over all servers.").AtLeast(1).AtMost(10).Default(d.attempts)},
                 {"min_ttl", Time("Answers count at least as long.").AtLeast(0.1).Default(d.min_ttl)},
                 {"max_ttl", Time("And at most as long.").AtLeast(0.1).Default(d.max_ttl)},
                 {"family", Text("Which addresses are used.").OneOf({"any", "ipv4", "ipv6"}).Default("any")},
             });
}

void ReadResolver(const Value& root, Reading& reading) {
  const Value* section = root.Find("resolver");
  if (section == nullptr) return;
  Resolver& resolver = reading.config.resolver;
  size_t index = 0;
  for (const Value* item : ItemsOf(section->Find("nameservers")))
    ReadNameserver(*item, fmt::format("resolver.nameservers[{}]", index++), reading);
  index = 0;
  for (const Value* item : ItemsOf(section->Find("search"))) {
    if (!IsHostName(item->text))
      reading.Error(*item, fmt::format("resolver.search[{}]", index), fmt::format("{} is not a domain", Quote(*item)));
    resolver.search.push_back(item->text);
    index++;
  }
  Get(*section, "timeout", resolver.timeout);
  Get(*section, "attempts", resolver.attempts);
  Get(*section, "min_ttl", resolver.min_ttl);
  Get(*section, "max_ttl", resolver.max_ttl);
  if (resolver.max_ttl < resolver.min_ttl) reading.Error(*section, "resolver", "max_ttl is shorter than min_ttl");
  std::string family;
  Get(*section, "family", family);
  if (family == "ipv4") resolver.family = Resolver::Family::kIpv4;
  if (family == "ipv6") resolver.family = Resolver::Family::kIpv6;
}

}  // namespace mg::config
