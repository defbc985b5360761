// listeners: where the gateway accepts connections.
#include <map>

#include <fmt/format.h>

#include "config/build.h"
#include "config/section.h"
#include "config/syntax.h"

namespace mg::config {

using namespace build;  // NOLINT: the tables read better

namespace {

void ReadHandshakeChunks(const Value& value, ListenerTls& tls, Reading& reading) {
  if (const Value* hello = value.Find("ssl_client_hello")) tls.client_hello = ReadLuaSource(*hello, reading);
  if (const Value* chunk = value.Find("ssl_certificate")) tls.certificate = ReadLuaSource(*chunk, reading);
}

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
    Get(*item, "ocsp", certificate.ocsp);
    if (item->Find("ocsp") != nullptr) ReadFile(*item, "ocsp", item_path + ".ocsp", certificate.ocsp_der, reading);
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
  ReadHandshakeChunks(value, tls, reading);
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
  if (const Value* policies = value.Find("policies")) {
    listener.policies = ReadPolicies(policies, path + ".policies", reading);
  }
  if (const Value* tls = value.Find("tls")) listener.tls = ReadTls(*tls, path + ".tls", reading);
  return listener;
}

// Whether one address stands for all of the machine's, the other's included: both cannot be listened on.
bool Overlap(const Address& a, const Address& b) {
  if (a.kind != Address::Kind::kIp || b.kind != Address::Kind::kIp || a.port != b.port || a.port == 0) return false;
  auto v6 = [](const Address& address) { return address.host.find(':') != std::string::npos; };
  auto any = [](const Address& address) { return address.host == "0.0.0.0" || address.host == "::"; };
  return v6(a) == v6(b) && a.host != b.host && (any(a) || any(b));
}

// 0.0.0.0:80 beside 127.0.0.1:80: the kernel takes only one of them.
void CheckOverlaps(Reading& reading) {
  const std::vector<Listener>& listeners = reading.config.listeners;
  for (size_t i = 0; i < listeners.size(); i++) {
    auto refuse = [&](const Address& other, const std::string& who) {
      reading.diagnostics.Error(
          listeners[i].position, fmt::format("listeners[{}].address", i),
          fmt::format("\"{}\" and \"{}\" ({}) cannot both be listened on: one of them is every address of the machine",
                      listeners[i].address.text, other.text, who));
    };
    for (size_t k = 0; k < i; k++) {
      const Position& at = listeners[k].position;
      if (Overlap(listeners[i].address, listeners[k].address))
        refuse(listeners[k].address, fmt::format("{}:{}:{}", reading.diagnostics.files[at.file], at.line, at.column));
    }
    const Config& conf = reading.config;
    if (conf.status && Overlap(listeners[i].address, *conf.status)) refuse(*conf.status, "status");
    if (conf.admin && Overlap(listeners[i].address, *conf.admin)) refuse(*conf.admin, "admin");
  }
}

// A PROXY header is believed from trusted proxies alone. A unix socket's peers are those that may open it.
void CheckProxyProtocol(Reading& reading) {
  const std::vector<Listener>& listeners = reading.config.listeners;
  for (size_t i = 0; i < listeners.size(); i++) {
    bool local = listeners[i].address.kind == Address::Kind::kUnix;
    if (!listeners[i].proxy_protocol || local || !reading.config.trusted_proxies.empty()) continue;
    reading.diagnostics.Error(listeners[i].position, fmt::format("listeners[{}].proxy_protocol", i),
                              "nobody's PROXY header would be believed: name the proxies in trusted_proxies");
  }
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
        if (!endpoint->has_value() || (*endpoint)->host != address.host || (*endpoint)->port != address.port) continue;
        reading.diagnostics.Error(listener.position, path + ".address",
                                  fmt::format("the address \"{}\" is that of \"{}\"", address.text,
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
                                   {"ocsp", File("Its authority's OCSP response, DER, to be stapled.")},
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
                   {"mode", Text("`required` refuses a client without a valid one; `optional` tells what came of it.")
                                .OneOf({"none", "optional", "required"})
                                .Default("none")},
                   {"ca",
                    File("The authorities that sign clients' certificates, PEM; required unless the mode is `none`.")},
               })},
          {"ssl_client_hello", LuaSourceSchema("A Lua chunk, run when a client has said hello; may wait.")},
          {"ssl_certificate", LuaSourceSchema("A Lua chunk, run before the certificate is shown; may wait.")},
          {"min_version", Text("The oldest version of TLS that is spoken.").OneOf({"1.2", "1.3"}).Default("1.2")},
      });
  return ListOf(
      "Where connections are accepted.",
      Map("",
          {
              {"address", At("`IP:port`, `*:port`, `[IPv6]:port` or `unix:PATH`.").Required()},
              {"name", Text("For `listeners` of routes.").AtLeast(1)},
              {"tls", tls},
              {"policies", PoliciesSchema()},
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

// The gateway's chunks of handshakes are for the listeners that have none of their own.
void InheritHandshakeChunks(const Value& root, Reading& reading) {
  const Value* section = root.Find("tls");
  if (section == nullptr) return;
  ListenerTls all;
  ReadHandshakeChunks(*section, all, reading);
  for (Listener& listener : reading.config.listeners) {
    if (!listener.tls) continue;
    if (listener.tls->client_hello.empty()) listener.tls->client_hello = all.client_hello;
    if (listener.tls->certificate.empty()) listener.tls->certificate = all.certificate;
  }
}

void ReadListeners(const Value& root, Reading& reading) {
  size_t index = 0;
  for (const Value* item : ItemsOf(root.Find("listeners"))) {
    reading.config.listeners.push_back(ReadListener(*item, fmt::format("listeners[{}]", index++), reading));
  }
  InheritHandshakeChunks(root, reading);
  CheckUnique(reading);
  CheckOverlaps(reading);
  CheckProxyProtocol(reading);
}

}  // namespace mg::config
