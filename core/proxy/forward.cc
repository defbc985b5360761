// What leaves for the upstream and what comes back: the request's target and head as the gateway sends them, and the
// upstream's response without what was meant for the connection alone (RFC 9110 7.6).
#include "http/h1_encoder.h"
#include "http/url.h"
#include "proxy/deadline.h"
#include "proxy/pipeline.h"
#include "proxy/variables.h"

namespace mg::proxy {

namespace {

using http::HeaderId;

constexpr std::string_view kVia = "1.1 moongate", kViaHttp10 = "1.0 moongate";  // the version that was received

// Fields that concern one connection only, whatever Connection says.
bool IsHopByHop(HeaderId id) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade: return true;
    default: return false;
  }
}

// Whether Connection names fields beyond the usual options, which then concern this connection only too.
bool NamesFields(std::string_view connection) {
  bool names = false;
  ForEachListItem(connection, [&](std::string_view option) {
    names = names || !(EqualsIgnoreCase(option, "close") || EqualsIgnoreCase(option, "keep-alive") ||
                       EqualsIgnoreCase(option, "upgrade") || EqualsIgnoreCase(option, "te"));
  });
  return names;
}

}  // namespace

void RemoveNamedFields(http::HeaderList& headers) {
  std::string names;
  for (const http::Header& header : headers) {
    if (header.id != HeaderId::kConnection || !NamesFields(header.value)) continue;
    if (!names.empty()) names += ',';
    names += header.value;
  }
  if (names.empty()) return;
  headers.RemoveIf([&](const http::Header& header) {
    // What a field that the gateway knows concerns is not for a peer to say: Host, Content-Length, Authorization, ...
    if (header.id != HeaderId::kOther) return false;
    bool named = false;
    ForEachListItem(names, [&](std::string_view option) { named = named || EqualsIgnoreCase(option, header.name); });
    return named;
  });
}

namespace {

// Fields beyond those the gateway knows that are for the head alone (RFC 9110 6.5.1): of routing, conditions,
// authentication, or of how the content is to be read.
constexpr std::string_view kHeadOnly[] = {
    "Age",
    "Authentication-Info",
    "Content-Language",
    "Content-Location",
    "Content-Range",
    "Expires",
    "Max-Forwards",
    "Pragma",
    "Range",
    "Retry-After",
    "Set-Cookie2",
    "Strict-Transport-Security",
    "Vary",
    "Warning",
    "WWW-Authenticate",
};
constexpr std::string_view kHeadOnlyPrefixes[] = {"If-", "Proxy-", "X-Forwarded-", "Sec-", "Access-Control-"};

bool MayBeTrailer(const http::Header& header) {
  if (header.id != HeaderId::kOther) return false;
  for (std::string_view name : kHeadOnly) {
    if (EqualsIgnoreCase(header.name, name)) return false;
  }
  for (std::string_view prefix : kHeadOnlyPrefixes) {
    if (EqualsIgnoreCase(header.name.substr(0, prefix.size()), prefix)) return false;
  }
  return true;
}

bool WantsTrailers(std::string_view te) {
  bool wants = false;
  ForEachListItem(te, [&](std::string_view coding) { wants = wants || EqualsIgnoreCase(coding, "trailers"); });
  return wants;
}

}  // namespace

std::string_view TrailersToForward(std::string_view lines, const IdentityHeaders* reserved, Arena& arena) {
  http::HeaderList trailers;
  if (http::ParseTrailers(lines, arena, trailers) != http::ParseError::kNone) return {};
  trailers.RemoveIf([&](const http::Header& trailer) {
    return !MayBeTrailer(trailer) || (reserved != nullptr && reserved->Matches(trailer.name));
  });
  http::HeadWriter writer(arena, http::EncodedSize(trailers));
  for (const http::Header& trailer : trailers) writer.PutField(trailer.name, trailer.value);
  return writer.text();
}

namespace {

// What may be switched to: an upgrade to HTTP/2 would carry requests past every hook.
bool MayUpgradeTo(std::string_view protocols) {
  bool allowed = true;
  ForEachListItem(protocols, [&](std::string_view protocol) {
    std::string_view name = protocol.substr(0, protocol.find('/'));
    if (EqualsIgnoreCase(name, "h2c") || EqualsIgnoreCase(name, "h2") || EqualsIgnoreCase(name, "http"))
      allowed = false;
  });
  return allowed;
}

// The values of a field that came several times, as one.
void Join(Exchange& x, std::string_view& joined, std::string_view value) {
  joined = joined.empty() ? value : x.arena.Concat(joined, ", ", value);
}

std::string_view PortText(Exchange& x) {
  std::string_view host = x.request.authority;
  size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) return host.substr(colon + 1);
  return x.connection.tls != nullptr ? "443" : "80";
}

// The fields that tell the upstream of the client, for each of which the gateway has a value of its own.
struct Forwarding {
  std::string_view earlier_for;  // of a trusted proxy, as are the next ones
  const http::Header *host = nullptr, *proto = nullptr, *port = nullptr;
  bool has_forwarded = false;
  uint32_t decided = 0;  // bits of those that request_headers decides

  static uint32_t Bit(HeaderId id) {
    switch (id) {
      case HeaderId::kForwarded: return 1;
      case HeaderId::kXForwardedFor: return 2;
      case HeaderId::kXForwardedHost: return 4;
      case HeaderId::kXForwardedProto: return 8;
      case HeaderId::kXForwardedPort: return 16;
      default: return 0;
    }
  }
  bool Decides(HeaderId id) const { return (decided & Bit(id)) == 0; }  // whether the gateway does
};

// An element for ourselves behind those that a trusted proxy has sent (RFC 7239).
void PutForwardedElement(Exchange& x, http::HeadWriter& writer, std::string_view proto) {
  std::string_view peer = x.peer_ip();
  bool v6 = peer.find(':') != std::string_view::npos && !x.connection.is_unix;
  writer.Put("Forwarded: for=");
  writer.Put(x.connection.is_unix ? "unknown" : v6 ? "\"[" : "");
  if (!x.connection.is_unix) writer.Put(peer);
  if (v6) writer.Put("]\"");
  writer.Put(";proto=");
  writer.Put(proto);
  if (!x.request.authority.empty()) {
    writer.Put(";host=\"");
    writer.Put(x.request.authority);
    writer.Put('"');
  }
  writer.Put("\r\n");
}

void PutForwarded(Exchange& x, http::HeadWriter& writer, const Forwarding& forwarding) {
  if (forwarding.Decides(HeaderId::kXForwardedFor)) {
    writer.Put("X-Forwarded-For: ");
    if (!forwarding.earlier_for.empty()) {
      writer.Put(forwarding.earlier_for);
      writer.Put(", ");
    }
    writer.Put(x.peer_ip());
    writer.Put("\r\n");
  }
  std::string_view proto = x.connection.tls != nullptr ? "https" : "http";
  if (forwarding.Decides(HeaderId::kXForwardedProto)) {
    writer.PutField("X-Forwarded-Proto", forwarding.proto != nullptr ? forwarding.proto->value : proto);
  }
  if (forwarding.Decides(HeaderId::kXForwardedHost) && (!x.request.authority.empty() || forwarding.host != nullptr)) {
    writer.PutField("X-Forwarded-Host", forwarding.host != nullptr ? forwarding.host->value : x.request.authority);
  }
  if (forwarding.Decides(HeaderId::kXForwardedPort)) {
    writer.PutField("X-Forwarded-Port", forwarding.port != nullptr ? forwarding.port->value : PortText(x));
  }
  if (forwarding.has_forwarded && forwarding.Decides(HeaderId::kForwarded)) PutForwardedElement(x, writer, proto);
}

// Changes the fields as request_headers of the configuration say. A value that comes out empty is not sent.
void EditRequestHeaders(Exchange& x, const RequestEdit& edit, http::HeaderList& headers, uint32_t& decided) {
  auto remove = [&](std::string_view name) {
    headers.Remove(name);
    decided |= Forwarding::Bit(http::IdentifyHeader(name));
  };
  auto append = [&](std::string_view name, const config::Template& text) {
    std::string_view value = FieldValue(x, Trim(Evaluate(x, text)));
    if (!value.empty()) headers.Append(x.arena, name, value);
  };
  for (const std::string& name : edit.conf->remove) remove(name);
  for (size_t i = 0; i < edit.set.size(); i++) {
    remove(edit.conf->set[i].first);
    append(edit.conf->set[i].first, edit.set[i]);
  }
  for (size_t i = 0; i < edit.add.size(); i++) {
    std::string_view name = edit.conf->add[i].first;
    if (uint32_t bit = Forwarding::Bit(http::IdentifyHeader(name)); (decided & bit) != bit) remove(name);
    append(name, edit.add[i]);
  }
}

// The request's fields, edited: a list of their own, since an attempt may be made again.
http::HeaderList EditedHeaders(Exchange& x, uint32_t& decided) {
  http::HeaderList headers;
  headers.Reserve(x.arena, x.request.headers.size() + 8);
  for (const http::Header& header : x.request.headers) headers.Append(x.arena, header);
  if (const auto& edit = x.snapshot().request_edit) EditRequestHeaders(x, *edit, headers, decided);
  if (const auto& edit = x.route->request_edit) EditRequestHeaders(x, *edit, headers, decided);
  return headers;
}

// What `rewrite` of the route makes of the path and the host. An error: what came out is not valid.
Result<void> RewriteTarget(Exchange& x, std::string_view& path, std::string_view& host) {
  const std::string& prefix = x.route->conf->rewrite.strip_prefix;
  if (!prefix.empty() && path.starts_with(prefix)) {
    std::string_view rest = path.substr(prefix.size());
    bool whole_segments = rest.empty() || rest.front() == '/' || prefix.back() == '/';
    if (whole_segments) path = rest.starts_with('/') ? rest : x.arena.Concat("/", rest);
  }
  if (x.route->rewrite_path) {
    std::optional<std::string_view> normal = http::NormalisePath(Evaluate(x, *x.route->rewrite_path), x.arena);
    if (!normal) return Fail(ErrorCode::kInvalid, "the rewritten path is not valid");
    path = *normal;
  }
  if (x.route->rewrite_host) {
    host = Evaluate(x, *x.route->rewrite_host);
    if (!http::ParseAuthority(host)) return Fail(ErrorCode::kInvalid, "the rewritten host is not valid");
  }
  return {};
}

}  // namespace

Result<RequestTarget> TargetFor(Exchange& x) {
  RequestTarget target;
  std::string_view path = x.request.path;
  if (x.route->rewrites_target) {
    Result<void> rewritten = RewriteTarget(x, path, target.host);
    if (!rewritten) return std::unexpected(rewritten.error());
  }
  target.path_and_query = x.request.has_query ? x.arena.Concat(path, "?", x.request.query) : path;
  return target;
}

std::string_view EncodeUpstreamRequest(Exchange& x, http::BodyFraming& framing) {
  UpstreamPart& up = x.upstream;
  http::RequestHead& request = x.request;
  Result<RequestTarget> target = TargetFor(x);
  if (!target) return {};
  std::string_view host = target->host;
  if (host.empty() && up.upstream->conf().preserve_host) host = request.authority;
  const Attempt& attempt = up.attempts[up.count - 1];
  if (host.empty()) host = attempt.listed ? std::string_view(attempt.target->host) : attempt.address;
  const std::string& deadline_header = up.upstream->conf().deadline_header;

  bool trusted = x.snapshot().trusted.Contains(x.peer_ip());
  std::string_view via, upgrade;
  bool chunked = request.framing == http::BodyFraming::kChunked && x.in.body_state != BodyState::kRead &&
                 x.in.body_state != BodyState::kNone;
  bool trailers = false;  // the client takes them
  Forwarding forwarding;
  bool edits = x.snapshot().request_edit != nullptr || x.route->request_edit != nullptr;
  http::HeaderList headers = edits ? EditedHeaders(x, forwarding.decided) : request.headers;
  constexpr size_t kOwnFields = 512;  // what is written below beside the names and values counted here
  http::HeadWriter writer(x.arena, http::EncodedSize(headers) + request.method_text.size() +
                                       target->path_and_query.size() + host.size() + 3 * request.authority.size() +
                                       deadline_header.size() + kOwnFields);
  writer.Put(request.method_text);
  writer.Put(' ');
  writer.Put(target->path_and_query);
  writer.Put(" HTTP/1.1\r\n");
  writer.PutField("Host", host);
  for (const http::Header& header : headers) {
    bool decided = !forwarding.Decides(header.id);
    switch (decided ? HeaderId::kOther : header.id) {
      case HeaderId::kOther:
        if (!deadline_header.empty() && EqualsIgnoreCase(header.name, deadline_header)) continue;
        break;
      case HeaderId::kHost:
      case HeaderId::kContentLength:
      case HeaderId::kExpect: continue;
      case HeaderId::kForwarded:
        if (!trusted) continue;
        forwarding.has_forwarded = true;
        break;
      case HeaderId::kXForwardedFor:
        if (trusted) Join(x, forwarding.earlier_for, header.value);
        continue;
      case HeaderId::kXForwardedHost: forwarding.host = trusted ? &header : nullptr; continue;
      case HeaderId::kXForwardedProto: forwarding.proto = trusted ? &header : nullptr; continue;
      case HeaderId::kXForwardedPort: forwarding.port = trusted ? &header : nullptr; continue;
      case HeaderId::kVia: Join(x, via, header.value); continue;
      case HeaderId::kUpgrade: Join(x, upgrade, header.value); continue;
      case HeaderId::kTe: trailers = trailers || WantsTrailers(header.value); continue;
      case HeaderId::kTrailer:
        if (!chunked) continue;
        break;
      default:
        if (IsHopByHop(header.id)) continue;
    }
    writer.PutField(header.name, header.value);
  }
  PutForwarded(x, writer, forwarding);
  writer.Put("Via: ");
  if (!via.empty()) {
    writer.Put(via);
    writer.Put(", ");
  }
  writer.Put(request.minor == 0 ? kViaHttp10 : kVia);
  writer.Put("\r\n");
  if (!deadline_header.empty() && up.deadline_at != 0) {
    writer.PutField(deadline_header, FormatDeadline(deadline_header, up.deadline_at - x.context.loop.Now()));
  }
  up.upgrading = request.upgrade && !upgrade.empty() && MayUpgradeTo(upgrade);
  if (up.upgrading) {
    writer.PutField("Connection", trailers ? "Upgrade, TE" : "Upgrade");
    writer.PutField("Upgrade", upgrade);
  } else if (trailers) {
    writer.PutField("Connection", "TE");
  }
  if (trailers) writer.PutField("TE", "trailers");
  framing = http::BodyFraming::kNone;
  if (x.in.body_state == BodyState::kRead) {
    framing = http::BodyFraming::kLength;
    writer.Put("Content-Length: ");
    writer.PutDecimal(x.in.BodySize());
    writer.Put("\r\n");
  } else if (x.in.body_state != BodyState::kNone) {
    framing = request.framing;
    if (framing == http::BodyFraming::kLength) {
      writer.Put("Content-Length: ");
      writer.PutDecimal(request.content_length);
      writer.Put("\r\n");
    } else {
      writer.Put("Transfer-Encoding: chunked\r\n");
    }
  }
  writer.Put("\r\n");
  return writer.text();
}

bool IsLastHop(Exchange& x) {
  http::RequestHead& request = x.request;
  if (request.method != http::Method::kOptions && request.method != http::Method::kTrace) return false;
  const http::Header* field = request.headers.Find("Max-Forwards");
  std::optional<uint64_t> hops = field != nullptr ? ParseDecimal(field->value) : std::nullopt;
  if (!hops) return false;
  if (*hops == 0) return true;
  http::HeadWriter digits(x.arena, 20);
  digits.PutDecimal(*hops - 1);
  request.headers.Set(x.arena, "Max-Forwards", digits.text());
  return false;
}

void CleanUpstreamResponse(http::ResponseHead& head) {
  if (head.status == 101) return;
  bool clean = true;
  for (const http::Header& header : head.headers) clean = clean && !IsHopByHop(header.id);
  if (clean) return;
  RemoveNamedFields(head.headers);
  head.headers.RemoveIf([](const http::Header& header) { return IsHopByHop(header.id); });
}

void EditResponseHeaders(Exchange& x) {
  if (x.generation == nullptr) return;  // a tunnel
  http::HeaderList& headers = x.response.head.headers;
  auto apply = [&](const config::HeaderEdit& edit) {
    for (const std::string& name : edit.remove) headers.Remove(name);
    for (const auto& [name, value] : edit.set) headers.Set(x.arena, name, value);
    for (const auto& [name, value] : edit.add) headers.Append(x.arena, name, value);
  };
  apply(x.snapshot().config->response_headers);
  if (x.route != nullptr && x.route->edits_response) apply(x.route->conf->response_headers);
}

}  // namespace mg::proxy
