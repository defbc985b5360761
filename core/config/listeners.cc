// listeners: where the gateway accepts connections.
#include <map>

#include <fmt/format.h>

#include "config/build.h"
#include "config/section.h"
#include "config/syntax.h"

namespace mg::config {

using namespace build;  // NOLINT: the tables read better

namespace {

ListenerTls ReadTls(const Value& value, const std::string& path, Reading& reading) {
  ListenerTls tls;
  size_t index = 0;
  for (const Value* item : ItemsOf(value.Find("certificates"))) {
    std::string item_path = fmt::format("{}.certificates[{}]", path, index++);
    Certificate certificate;
    Get(*item, "cert", certificate.cert);
    Get(*item, "key", certificate.key);
    ReadFile(*item, "cert", item_path + ".cert", certificate.cert_pem, reading);
    ReadFile(*item, "key", item_path + ".key", certificate.key_pem, reading);
    tls.certificates.push_back(std::move(certificate));
  }
  if (const Value* auth = value.Find("client_auth")) {
    std::string mode;
    Get(*auth, "mode", mode);
    if (mode == "optional") tls.client_auth = ListenerTls::ClientAuth::kOptional;
    if (mode == "required") tls.client_auth = ListenerTls::ClientAuth::kRequired;
    Get(*auth, "ca", tls.client_ca);
    ReadFile(*auth, "ca", path + ".client_auth.ca", tls.client_ca_pem, reading);
    if (tls.client_auth != ListenerTls::ClientAuth::kNone && auth->Find("ca") == nullptr) {
      reading.Error(*auth, path + ".client_auth.ca", "required: the authorities that sign clients' certificates");
    }
  }
  std::string version;
  Get(value, "min_version", version);
  if (version == "1.3") tls.min_version = 0x0304;
  return tls;
}

Listener ReadListener(const Value& value, const std::string& path, Reading& reading) {
  Listener listener;
  listener.position = value.position;
  const Value* address = value.kind == Value::Kind::kMap ? value.Find("address") : &value;
  if (address != nullptr && address->kind == Value::Kind::kString) {
    listener.address = ReadAddress(*address, reading);
    listener.position = address->position;
    if (listener.address.kind == Address::Kind::kName) {
      reading.Error(*address, path + ".address",
                    fmt::format("{}: needs an IP address, such as 0.0.0.0 or 127.0.0.1", Quote(*address)));
    }
  }
  if (value.kind != Value::Kind::kMap) return listener;
  Get(value, "name", listener.name);
  Get(value, "proxy_protocol", listener.proxy_protocol);
  Get(value, "keep_identity", listener.keep_identity);
  Get(value, "backlog", listener.backlog);
  if (const Value* tls = value.Find("tls")) listener.tls = ReadTls(*tls, path + ".tls", reading);
  return listener;
}

// Whether the two cannot both be listened on: the same address, or every address with the same port.
bool Clash(const Address& a, const Address& b) {
  if (a.kind != b.kind || a.port != b.port) return false;
  auto is_any = [](const Address& address) { return address.host == "0.0.0.0" || address.host == "::"; };
  if (a.kind == Address::Kind::kUnix) return a.host == b.host;
  bool same_family = (a.host.find(':') == std::string::npos) == (b.host.find(':') == std::string::npos);
  return a.port != 0 && (a.host == b.host || (same_family && (is_any(a) || is_any(b))));
}

// Addresses and names that are given twice, the status and admin endpoints' too.
void CheckUnique(Reading& reading) {
  std::map<std::string, Position> addresses, names;
  for (size_t i = 0; i < reading.config.listeners.size(); i++) {
    const Listener& listener = reading.config.listeners[i];
    const std::string path = fmt::format("listeners[{}]", i);
    auto cite = [&](const Position& first) {
      return fmt::format("{}:{}:{}", reading.diagnostics.files[first.file], first.line, first.column);
    };
    const Address& address = listener.address;
    std::string key =
        address.kind == Address::Kind::kUnix ? address.host : fmt::format("[{}]:{}", address.host, address.port);
    bool fixed = address.kind == Address::Kind::kUnix || address.port != 0;  // port 0: any that is free
    if (fixed && !address.host.empty()) {
      auto [first, added] = addresses.emplace(key, listener.position);
      if (!added) {
        reading.diagnostics.Error(
            listener.position, path + ".address",
            fmt::format("the address \"{}\" is given twice: first at {}", address.text, cite(first->second)));
      }
      for (const auto* endpoint : {&reading.config.status, &reading.config.admin}) {
        if (!endpoint->has_value() || !Clash(**endpoint, address)) continue;
        bool same = (*endpoint)->host == address.host;
        reading.diagnostics.Error(
            listener.position, path + ".address",
            fmt::format("the address \"{}\" {} that of \"{}\"", address.text, same ? "is" : "overlaps",
                        endpoint == &reading.config.status ? "status" : "admin"));
      }
    }
    if (listener.name.empty()) continue;
    auto [first, added] = names.emplace(listener.name, listener.position);
    if (!added) {
      reading.diagnostics.Error(
          listener.position, path + ".name",
          fmt::format("the listener \"{}\" is defined twice: first at {}", listener.name, cite(first->second)));
    }
  }
}

}  // namespace

Schema ListenersSchema() {
  const Listener d;
  Schema certificate = Map("", {
                                   {"cert", File("The certificate and those above it, PEM.").Required()},
                                   {"key", File("Its private key, PEM.").Required()},
                               });
  Schema tls = Map(
      "TLS on this listener.",
      {
          {"certificates",
           ListOf("Picked by the name the client asks for (SNI); the first is the default.", certificate)
               .Items(1)
               .Required()},
          {"client_auth",
           Map("Whether clients present a certificate.",
               {
                   {"mode", Text("`required` refuses a client without one.")
                                .OneOf({"none", "optional", "required"})
                                .Default("none")},
                   {"ca",
                    File("The authorities that sign clients' certificates, PEM; required unless the mode is `none`.")},
               })},
          {"min_version", Text("The oldest version of TLS that is spoken.").OneOf({"1.2", "1.3"}).Default("1.2")},
      });
  return ListOf(
      "Where connections are accepted.",
      Map("",
          {
              {"address", At("`IP:port`, `*:port`, `[IPv6]:port` or `unix:PATH`.").Required()},
              {"name", Text("For `listeners` of routes.").AtLeast(1)},
              {"tls", tls},
              {"proxy_protocol",
               Bool("Whether connections begin with a PROXY header (versions 1 and 2) from a trusted proxy.")
                   .Default(d.proxy_protocol)},
              {"keep_identity", Bool("Whether its clients may say who a caller is: identity_headers are not removed.")
                                    .Default(d.keep_identity)},
              {"backlog",
               Integer("Connections that may wait to be accepted.").AtLeast(1).AtMost(65535).Default(d.backlog)},
          })
          .Or(At("")));
}

void ReadListeners(const Value& root, Reading& reading) {
  size_t index = 0;
  for (const Value* item : ItemsOf(root.Find("listeners"))) {
    reading.config.listeners.push_back(ReadListener(*item, fmt::format("listeners[{}]", index++), reading));
  }
  CheckUnique(reading);
}

}  // namespace mg::config
