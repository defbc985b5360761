#include "proxy/variables.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/encoding.h"
#include "base/json.h"
#include "base/strings.h"
#include "crypto/random.h"
#include "http/h1_encoder.h"
#include "http/url.h"
#include "net/tls.h"

namespace mg::proxy {

namespace {

using http::HeaderId;

constexpr std::string_view kNginxVersion =
    "1.27.1";  // as ngx.config.nginx_version: whose variables and Lua API these are

std::string_view Decimal(Exchange& x, uint64_t number) {
  http::HeadWriter writer(x.arena, 20);
  writer.PutDecimal(number);
  return writer.text();
}

std::string_view Seconds(Exchange& x, Nanoseconds span) {
  return x.arena.Copy(fmt::format("{}.{:03}", span / 1'000'000'000, span / 1'000'000 % 1000));
}

std::string_view TimeIso8601(Exchange& x) {
  std::time_t at = x.timing.wall / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&at, &utc);
  return x.arena.Copy(fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}+00:00", utc.tm_year + 1900, utc.tm_mon + 1,
                                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec));
}

std::string_view TimeLocal(Exchange& x) {
  std::time_t at = x.timing.wall / 1'000'000'000;
  std::tm local{};
  localtime_r(&at, &local);
  char text[64];
  size_t size = std::strftime(text, sizeof text, "%d/%b/%Y:%H:%M:%S %z", &local);
  return x.arena.Copy({text, size});
}

std::string_view HostOf(const Exchange& x) {
  std::optional<http::Authority> authority = http::ParseAuthority(x.request.authority);
  return authority ? authority->host : x.request.authority;
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string_view Protocol(const Exchange& x) { return x.request.minor == 0 ? "HTTP/1.0" : "HTTP/1.1"; }

std::string_view ClientAddress(Exchange& x) {
  return ClientBehind(x.snapshot().trusted, x.request.headers, x.peer_ip());
}

// What the client speaks to us, or to a trusted proxy that says so.
std::string_view Scheme(Exchange& x) {
  std::string_view told = x.request.headers.Get(HeaderId::kXForwardedProto);
  if (!told.empty() && x.snapshot().trusted.Contains(x.peer_ip())) {
    if (EqualsIgnoreCase(told, "https")) return "https";
    if (EqualsIgnoreCase(told, "http")) return "http";
  }
  return x.connection.tls != nullptr ? "https" : "http";
}

// Several fields of a name, joined as one (RFC 9110 5.2).
std::optional<std::string_view> JoinedHeader(Exchange& x, http::HeaderList& headers, std::string_view name,
                                             bool underscores) {
  std::optional<std::string_view> joined;
  for (const http::Header& header : headers) {
    if (header.name.size() != name.size()) continue;
    bool same = true;
    for (size_t i = 0; i < name.size() && same; i++) {
      char c = ToLower(header.name[i]);
      same = c == ToLower(name[i]) || (underscores && c == '-' && name[i] == '_');
    }
    if (!same) continue;
    joined =
        joined ? x.arena.Concat(*joined, header.id == HeaderId::kCookie ? "; " : ", ", header.value) : header.value;
  }
  return joined;
}

// A list over all attempts, as nginx writes its $upstream_* variables: "a, b".
template <class Text>
std::string_view OverAttempts(Exchange& x, Text&& text) {
  std::string_view all;
  for (uint8_t i = 0; i < x.upstream.count; i++) {
    std::string_view one = text(x.upstream.attempts[i]);
    all = i == 0 ? one : x.arena.Concat(all, ", ", one);
  }
  return all;
}

std::string_view UpstreamStatus(Exchange& x) {
  return OverAttempts(x, [&](const Attempt& a) -> std::string_view {
    if (a.status != 0) return Decimal(x, a.status);
    if (!a.failed) return "-";
    return a.error == ErrorCode::kTimeout ? "504" : "502";
  });
}

std::string_view UpstreamTime(Exchange& x, Nanoseconds Attempt::*until) {
  return OverAttempts(x, [&](const Attempt& a) -> std::string_view {
    Nanoseconds end = a.*until;
    return end == 0 ? "-" : Seconds(x, end - a.began);
  });
}

// A client may send several Cookie fields (HTTP/2 does, RFC 9113 8.2.3).
std::optional<std::string_view> Cookie(Exchange& x, std::string_view name) {
  for (const http::Header& header : x.request.headers) {
    if (header.id != HeaderId::kCookie) continue;
    if (std::optional<std::string_view> value = http::CookieValue(header.value, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> UpstreamCookie(Exchange& x, std::string_view name) {
  for (const http::Header& header : x.upstream.head.headers) {
    if (header.id != HeaderId::kSetCookie) continue;
    std::string_view pair = header.value.substr(0, header.value.find(';'));
    size_t equals = pair.find('=');
    if (equals != std::string_view::npos && Trim(pair.substr(0, equals)) == name) return Trim(pair.substr(equals + 1));
  }
  return std::nullopt;
}

// The user name of Basic credentials (RFC 7617), whoever checks them.
std::string_view RemoteUser(Exchange& x) {
  std::string_view value = x.request.headers.Get(HeaderId::kAuthorization);
  if (value.size() < 6 || !EqualsIgnoreCase(value.substr(0, 6), "basic ")) return {};
  std::optional<std::string> plain = Base64Decode(Trim(value.substr(6)));
  if (!plain || plain->find(':') == std::string::npos) return {};
  return x.arena.Copy(std::string_view(*plain).substr(0, plain->find(':')));
}

std::string_view Uri(Exchange& x) {
  return x.request.has_query ? x.arena.Concat(x.request.path, "?", x.request.query) : x.request.path;
}

std::string_view DecodedPath(Exchange& x) {
  std::string_view path = x.request.path;
  bool encoded = path.find('%') != std::string_view::npos;
  return encoded ? x.arena.Copy(http::DecodeLenient(path, http::Plus::kKeep)) : path;
}

std::string_view RequestLine(Exchange& x) {
  return x.arena.Concat(x.request.method_text, " ", x.in.original_target, " ", Protocol(x));
}

std::string_view Claim(Exchange& x, std::string_view name) {
  if (x.identity.claims.empty()) return {};
  Result<JsonDocument> document = JsonDocument::Parse(x.identity.claims);
  if (!document) return {};
  JsonValue value = document->root().Find(name);
  switch (value.type()) {
    case JsonType::kString: return x.arena.Copy(value.string());
    case JsonType::kInteger: return x.arena.Copy(std::to_string(value.integer().value_or(0)));
    case JsonType::kDouble: return x.arena.Copy(fmt::format("{}", value.number().value_or(0)));
    case JsonType::kBoolean: return value.boolean() ? "true" : "false";
    default: return {};
  }
}

std::string_view DecodedQueryArgument(Exchange& x, std::string_view name) {
  std::optional<std::string_view> value = http::QueryArgument(x.request.query, name);
  if (!value) return {};
  return x.arena.Copy(http::DecodeLenient(*value, http::Plus::kSpace));
}

// The first argument of that name, in any case, that has a value: as nginx's $arg_NAME.
std::optional<std::string_view> Argument(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    size_t end = std::min(query.find('&'), query.size());
    std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    size_t equals = pair.find('=');
    if (equals != std::string_view::npos && EqualsIgnoreCase(pair.substr(0, equals), name)) {
      return pair.substr(equals + 1);
    }
  }
  return std::nullopt;
}

std::optional<std::string_view> PrefixedVariable(Exchange& x, std::string_view name) {
  if (name.starts_with("arg_")) return Argument(x.request.query, name.substr(4));
  if (name.starts_with("http_")) return JoinedHeader(x, x.request.headers, name.substr(5), true);
  if (name.starts_with("cookie_")) return Cookie(x, name.substr(7));
  if (name.starts_with("sent_http_")) return JoinedHeader(x, x.response.head.headers, name.substr(10), true);
  if (name.starts_with("upstream_cookie_")) return UpstreamCookie(x, name.substr(16));
  if (name.starts_with("upstream_http_")) return JoinedHeader(x, x.upstream.head.headers, name.substr(14), true);
  if (name.size() == 1 && IsDigit(name[0])) return x.PathParam(name);
  return std::nullopt;
}

// As the client has told it; of a body in chunks, once it was read.
std::string_view ContentLength(Exchange& x) {
  std::string_view told = x.request.headers.Get(HeaderId::kContentLength);
  bool counted =
      told.empty() && x.request.framing == http::BodyFraming::kChunked && x.in.body_state == BodyState::kRead;
  return counted ? Decimal(x, x.in.BodySize()) : told;
}

using Reader = std::string_view (*)(Exchange&);

struct Builtin {
  std::string_view name;
  Reader read;
};

std::string_view LocalIp(Exchange& x) {
  if (x.stream != nullptr) return x.arena.Copy(x.stream->LocalAddress().Ip());
  return x.local_ip;
}

std::string_view LocalPort(Exchange& x) {
  if (x.stream != nullptr) return Decimal(x, x.stream->LocalAddress().port());
  return x.local_port != 0 ? Decimal(x, x.local_port) : std::string_view();
}

// How the exchange ended. A tunnel has no other end than that somebody goes.
std::string_view Completion(Exchange& x) {
  if (x.response.cut) return "cut";
  return x.client_gone && !x.upstream.tunnel ? "client_closed" : "complete";
}

std::string_view UpstreamName(Exchange& x) {
  if (x.upstream.upstream != nullptr) return x.upstream.upstream->conf().name;
  return x.route != nullptr && x.route->upstream != nullptr ? std::string_view(x.route->conf->upstream) : "";
}

net::TlsInfo Tls(Exchange& x) {
  return x.connection.tls != nullptr ? net::DescribeTls(x.connection.tls) : net::TlsInfo{};
}

template <net::PeerField kField>
std::string_view Peer(Exchange& x) {
  if (x.connection.tls == nullptr) return {};
  return x.arena.Copy(net::PeerCertificate(x.connection.tls, kField));
}

std::string_view EscapedCertificate(Exchange& x) {
  std::string out;
  for (char c : Peer<net::PeerField::kPem>(x)) {
    if (IsAlpha(c) || IsDigit(c) || c == '-') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return x.arena.Copy(out);
}

constexpr Builtin kBuiltins[] = {
    {"args", [](Exchange& x) { return x.request.query; }},
    {"binary_remote_addr",
     [](Exchange& x) -> std::string_view {
       Result<net::SocketAddress> address = net::SocketAddress::FromIp(ClientAddress(x), 0);
       return address ? x.arena.Copy(address->ip_bytes()) : std::string_view();
     }},
    {"body_bytes_received", [](Exchange& x) { return Decimal(x, x.in.body_bytes); }},
    {"body_bytes_sent", [](Exchange& x) { return Decimal(x, x.BodyBytesSent()); }},
    {"bytes_sent", [](Exchange& x) { return Decimal(x, x.BytesSent()); }},
    {"completion", Completion},
    {"connection", [](Exchange& x) { return Decimal(x, x.connection.serial); }},
    {"connection_requests", [](Exchange& x) { return Decimal(x, x.connection.requests); }},
    {"consumer", [](Exchange& x) { return x.identity.consumer; }},
    {"content_length", ContentLength},
    {"content_type", [](Exchange& x) { return x.request.headers.Get(HeaderId::kContentType); }},
    {"document_uri", DecodedPath},
    {"error", [](Exchange& x) { return x.failure.detail; }},
    {"generation", [](Exchange& x) { return Decimal(x, x.snapshot().generation); }},
    {"host", [](Exchange& x) -> std::string_view { return x.arena.Copy(Lower(HostOf(x))); }},
    {"hostname",
     [](Exchange& x) -> std::string_view {
       char name[256] = {};
       gethostname(name, sizeof name - 1);
       return x.arena.Copy(name);
     }},
    {"https", [](Exchange& x) -> std::string_view { return x.connection.tls != nullptr ? "on" : ""; }},
    {"is_args", [](Exchange& x) -> std::string_view { return x.request.query.empty() ? "" : "?"; }},
    {"loop", [](Exchange& x) { return Decimal(x, static_cast<uint64_t>(x.context.index)); }},
    {"msec", [](Exchange& x) { return Seconds(x, x.context.loop.WallTime()); }},
    {"nginx_version", [](Exchange&) -> std::string_view { return kNginxVersion; }},
    {"peer_addr", [](Exchange& x) { return x.peer_ip(); }},
    {"pid", [](Exchange& x) { return Decimal(x, static_cast<uint64_t>(getpid())); }},
    {"proxy_add_x_forwarded_for",
     [](Exchange& x) -> std::string_view {
       std::string_view earlier = x.request.headers.Get(HeaderId::kXForwardedFor);
       return earlier.empty() ? x.peer_ip() : x.arena.Concat(earlier, ", ", x.peer_ip());
     }},
    {"query_string", [](Exchange& x) { return x.request.query; }},
    {"realip_remote_addr", [](Exchange& x) { return x.peer_ip(); }},
    {"realip_remote_port", [](Exchange& x) { return Decimal(x, x.connection.peer_port); }},
    {"remote_addr", ClientAddress},
    {"remote_port", [](Exchange& x) { return Decimal(x, x.connection.peer_port); }},
    {"remote_user", RemoteUser},
    {"request", RequestLine},
    {"request_body",
     [](Exchange& x) -> std::string_view {
       return x.in.body_state == BodyState::kRead ? x.arena.Copy(x.in.body.ToString()) : std::string_view();
     }},
    {"request_body_file",
     [](Exchange& x) -> std::string_view {
       return x.in.body_state == BodyState::kRead && x.in.file ? std::string_view(x.in.file->path()) : "";
     }},
    {"request_completion", [](Exchange& x) -> std::string_view { return x.response.ended ? "OK" : ""; }},
    {"request_id", [](Exchange& x) { return x.RequestId(); }},
    {"request_length", [](Exchange& x) { return Decimal(x, x.BytesReceived()); }},
    {"request_method", [](Exchange& x) { return x.request.method_text; }},
    {"request_time",
     [](Exchange& x) {
       return Seconds(x, (x.timing.ended != 0 ? x.timing.ended : x.context.loop.Now()) - x.timing.began);
     }},
    {"request_uri", [](Exchange& x) { return x.in.original_target; }},
    {"route", [](Exchange& x) -> std::string_view { return x.route ? std::string_view(x.route->conf->name) : ""; }},
    {"scheme", Scheme},
    {"server_addr", LocalIp},
    {"server_name", [](Exchange& x) -> std::string_view { return x.arena.Copy(Lower(HostOf(x))); }},
    {"server_port", LocalPort},
    {"server_protocol", [](Exchange& x) { return Protocol(x); }},
    {"ssl_alpn_protocol", [](Exchange& x) { return Tls(x).alpn; }},
    {"ssl_cipher", [](Exchange& x) { return Tls(x).cipher; }},
    {"ssl_client_escaped_cert", EscapedCertificate},
    {"ssl_client_fingerprint", Peer<net::PeerField::kSha1>},
    {"ssl_client_fingerprint_sha256", Peer<net::PeerField::kSha256>},
    {"ssl_client_i_dn", Peer<net::PeerField::kIssuer>},
    {"ssl_client_raw_cert", Peer<net::PeerField::kPem>},
    {"ssl_client_s_dn", Peer<net::PeerField::kSubject>},
    {"ssl_client_san", Peer<net::PeerField::kNames>},
    {"ssl_client_serial", Peer<net::PeerField::kSerial>},
    {"ssl_client_verify", Peer<net::PeerField::kVerify>},
    {"ssl_protocol", [](Exchange& x) { return Tls(x).version; }},
    {"ssl_server_name", [](Exchange& x) { return Tls(x).server_name; }},
    {"ssl_session_reused",
     [](Exchange& x) -> std::string_view {
       if (x.connection.tls == nullptr) return "";
       return Tls(x).resumed ? "r" : ".";  // as nginx writes it
     }},
    {"status",
     [](Exchange& x) {
       uint16_t status = x.HasStatus() ? x.response.head.status : x.in.error_status;
       return status == 0 ? "000" : Decimal(x, status);
     }},
    {"time_iso8601", TimeIso8601},
    {"time_local", TimeLocal},
    {"upstream", UpstreamName},
    {"upstream_addr", [](Exchange& x) { return OverAttempts(x, [](const Attempt& a) { return a.address; }); }},
    {"upstream_attempts", [](Exchange& x) { return Decimal(x, x.upstream.count); }},
    {"upstream_connect_time", [](Exchange& x) { return UpstreamTime(x, &Attempt::connected); }},
    {"upstream_header_time", [](Exchange& x) { return UpstreamTime(x, &Attempt::first_byte); }},
    {"upstream_response_length",
     [](Exchange& x) { return OverAttempts(x, [&](const Attempt& a) { return Decimal(x, a.body_bytes); }); }},
    {"upstream_response_time", [](Exchange& x) { return UpstreamTime(x, &Attempt::ended); }},
    {"upstream_status", UpstreamStatus},
    {"uri", DecodedPath},
};

// By length, and then by name: few of a search's steps have to compare text.
constexpr bool Before(const Builtin& a, const Builtin& b) {
  return a.name.size() != b.name.size() ? a.name.size() < b.name.size() : a.name < b.name;
}
constexpr auto kBuiltinsToSearch = [] {
  auto sorted = std::to_array(kBuiltins);
  std::ranges::sort(sorted, Before);
  return sorted;
}();

// In microseconds, as hooks take: 0 for a phase that had none.
std::string_view PhaseTime(Exchange& x, std::string_view name) {
  Nanoseconds spent = 0;
  for (size_t i = 0; x.phase_times != nullptr && i < PhaseTimes::kPhases; i++) {
    if (PhaseName(static_cast<Phase>(i)) == name) spent = x.phase_times->spent[i];
  }
  return x.arena.Copy(fmt::format("{}.{:06}", spent / 1'000'000'000, spent / 1'000 % 1'000'000));
}

}  // namespace

bool IsFamily(std::string_view name) {
  constexpr std::string_view kPrefixes[] = {"arg_",       "http_",          "cookie_",
                                            "sent_http_", "upstream_http_", "upstream_cookie_"};
  return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

std::optional<std::string_view> BuiltinVariable(Exchange& x, std::string_view name) {
  auto found = std::ranges::lower_bound(kBuiltinsToSearch, Builtin{name, nullptr}, Before);
  if (found != kBuiltinsToSearch.end() && found->name == name) return found->read(x);
  return PrefixedVariable(x, name);
}

std::string_view Evaluate(Exchange& x, const config::Expression& expression) {
  using Kind = config::Expression::Kind;
  const std::string& name = expression.name;
  auto variable = [&](std::string_view of) { return BuiltinVariable(x, of).value_or(std::string_view()); };
  switch (expression.kind) {
    case Kind::kConsumer: return x.identity.consumer;
    case Kind::kRoute: return variable("route");
    case Kind::kRemoteAddr: return ClientAddress(x);
    case Kind::kMethod: return x.request.method_text;
    case Kind::kHost: return variable("host");
    case Kind::kPath: return name.empty() ? x.request.path : x.PathParam(name).value_or(std::string_view());
    case Kind::kHeader: return JoinedHeader(x, x.request.headers, name, false).value_or(std::string_view());
    case Kind::kQuery: return DecodedQueryArgument(x, name);
    case Kind::kCookie: return Cookie(x, name).value_or(std::string_view());
    case Kind::kClaim: return Claim(x, name);
    case Kind::kVar: return x.GetVariable(name).value_or(std::string_view());
    case Kind::kRequestId: return x.RequestId();
    case Kind::kUri: return Uri(x);
    case Kind::kScheme: return variable("scheme");
    case Kind::kProtocol: return Protocol(x);
    case Kind::kTls: return variable(name);
    case Kind::kStatus: return variable("status");
    case Kind::kBytesSent: return variable("bytes_sent");
    case Kind::kBytesReceived: return variable("request_length");
    case Kind::kRequestTime: return variable("request_time");
    case Kind::kUpstreamTime: return variable("upstream_response_time");
    case Kind::kUpstreamAddr: return variable("upstream_addr");
    case Kind::kUpstreamStatus: return variable("upstream_status");
    case Kind::kTimeIso8601: return TimeIso8601(x);
    case Kind::kTimeLocal: return TimeLocal(x);
    case Kind::kUserAgent: return x.request.headers.Get(HeaderId::kUserAgent);
    case Kind::kReferer: return x.request.headers.Get(HeaderId::kReferer);
    case Kind::kGeneration: return variable("generation");
    case Kind::kRequestLine: return RequestLine(x);
    case Kind::kTlsVersion: return variable("ssl_protocol");
    case Kind::kTlsCipher: return variable("ssl_cipher");
    case Kind::kBuiltin: return variable(name);
    case Kind::kResponseHeader:
      return JoinedHeader(x, x.response.head.headers, name, false).value_or(std::string_view());
    case Kind::kUpstreamHeader:
      return JoinedHeader(x, x.upstream.head.headers, name, false).value_or(std::string_view());
    case Kind::kPhaseTime: return PhaseTime(x, name);
  }
  return {};
}

std::string_view Evaluate(Exchange& x, const config::Template& text) {
  if (text.constant()) return text.pieces().empty() ? std::string_view() : std::string_view(text.pieces()[0].literal);
  std::string whole;
  for (const config::Template::Piece& piece : text.pieces()) {
    whole += piece.is_literal ? std::string_view(piece.literal) : Evaluate(x, piece.expression);
  }
  return x.arena.Copy(whole);
}

void DefineVariable(Exchange& x, std::string_view name, const config::Template& text) {
  std::string_view value = Evaluate(x, text);
  // Without a place of its own an empty text would look like none.
  x.SetVariable(name, value.data() != nullptr ? value : std::string_view("", 0));
}

std::string_view FieldValue(Exchange& x, std::string_view value) {
  if (std::ranges::none_of(value, IsControl)) return value;
  std::string out(value);
  std::ranges::replace_if(out, IsControl, ' ');
  return x.arena.Copy(out);
}

uint64_t HashKey(Exchange& x) {
  if (!x.route->has_hash_key) return 0;
  uint64_t hash = 14695981039346656037u;  // FNV-1a over length-prefixed parts
  auto mix = [&](std::string_view bytes) {
    for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  };
  for (const config::Expression& expression : x.upstream.fell_back ? x.route->fallback_hash_key : x.route->hash_key) {
    std::string_view part = Evaluate(x, expression);
    uint32_t size = static_cast<uint32_t>(part.size());
    mix({reinterpret_cast<const char*>(&size), sizeof size});
    mix(part);
  }
  return hash;
}

std::string_view Exchange::RequestId() {
  if (!request_id.empty()) return request_id;
  uint8_t bytes[16];
  crypto::RandomBytes(bytes, sizeof bytes);
  char* text = static_cast<char*>(arena.Allocate(32, 1));
  for (int i = 0; i < 16; i++) {
    text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
    text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
  }
  request_id = {text, 32};
  return request_id;
}

}  // namespace mg::proxy
