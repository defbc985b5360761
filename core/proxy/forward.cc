// What leaves for the upstream and what comes back: the request's target and head as the gateway sends them, and the
// upstream's response without what was meant for the connection alone (RFC 9110 7.6).
#include "http/h1_encoder.h"
#include "http/url.h"
#include "proxy/pipeline.h"
#include "proxy/variables.h"

namespace mg::proxy {

namespace {

using http::HeaderId;

constexpr std::string_view kVia = "1.1 moongate";

// Fields that concern one connection only, whatever Connection says.
bool IsHopByHop(HeaderId id) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTrailer:  // no trailers are passed on
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
    if (header.id == HeaderId::kHost || header.id == HeaderId::kContentLength)
      return false;  // a client may not name these
    bool named = false;
    ForEachListItem(names, [&](std::string_view option) { named = named || EqualsIgnoreCase(option, header.name); });
    return named;
  });
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
  return x.stream != nullptr && x.stream->connection().tls != nullptr ? "443" : "80";
}

void PutForwarded(Exchange& x, http::HeadWriter& writer, std::string_view earlier_for, const http::Header* earlier_host,
                  const http::Header* earlier_proto, const http::Header* earlier_port) {
  writer.Put("X-Forwarded-For: ");
  if (!earlier_for.empty()) {
    writer.Put(earlier_for);
    writer.Put(", ");
  }
  writer.Put(x.peer_ip());
  writer.Put("\r\n");
  bool tls = x.stream != nullptr && x.stream->connection().tls != nullptr;
  std::string_view proto = tls ? "https" : "http";
  writer.PutField("X-Forwarded-Proto", earlier_proto != nullptr ? earlier_proto->value : proto);
  if (!x.request.authority.empty() || earlier_host != nullptr) {
    writer.PutField("X-Forwarded-Host", earlier_host != nullptr ? earlier_host->value : x.request.authority);
  }
  writer.PutField("X-Forwarded-Port", earlier_port != nullptr ? earlier_port->value : PortText(x));
}

}  // namespace

Result<RequestTarget> TargetFor(Exchange& x) {
  const config::Rewrite& rewrite = x.route->conf->rewrite;
  std::string_view path = x.request.path;
  if (!rewrite.strip_prefix.empty() && path.starts_with(rewrite.strip_prefix)) {
    std::string_view rest = path.substr(rewrite.strip_prefix.size());
    bool whole_segments = rest.empty() || rest.front() == '/' || rewrite.strip_prefix.back() == '/';
    if (whole_segments) path = rest.starts_with('/') ? rest : x.arena.Concat("/", rest);
  }
  if (x.route->rewrite_path) {
    std::optional<std::string_view> normal = http::NormalisePath(Evaluate(x, *x.route->rewrite_path), x.arena);
    if (!normal) return Fail(ErrorCode::kInvalid, "the rewritten path is not valid");
    path = *normal;
  }
  RequestTarget target;
  target.path_and_query = x.request.has_query ? x.arena.Concat(path, "?", x.request.query) : path;
  if (x.route->rewrite_host) {
    target.host = Evaluate(x, *x.route->rewrite_host);
    if (!http::ParseAuthority(target.host)) return Fail(ErrorCode::kInvalid, "the rewritten host is not valid");
  }
  return target;
}

std::string_view EncodeUpstreamRequest(Exchange& x, http::BodyFraming& framing) {
  UpstreamPart& up = x.upstream;
  http::RequestHead& request = x.request;
  Result<RequestTarget> target = TargetFor(x);
  if (!target) return {};
  std::string_view host = target->host;
  if (host.empty() && up.upstream->conf().preserve_host) host = request.authority;
  if (host.empty())
    host = up.chosen ? up.attempts[up.count - 1].address : std::string_view(up.attempts[up.count - 1].target->host);

  bool trusted = x.snapshot().trusted.Contains(x.peer_ip());
  std::string_view forwarded_for, via, upgrade;
  const http::Header *forwarded_host = nullptr, *forwarded_proto = nullptr, *forwarded_port = nullptr;
  constexpr size_t kOwnFields = 512;  // what is written below beside the names and values counted here
  http::HeadWriter writer(x.arena, http::EncodedSize(request.headers) + request.method_text.size() +
                                       target->path_and_query.size() + host.size() + request.authority.size() +
                                       kOwnFields);
  writer.Put(request.method_text);
  writer.Put(' ');
  writer.Put(target->path_and_query);
  writer.Put(" HTTP/1.1\r\n");
  writer.PutField("Host", host);
  for (const http::Header& header : request.headers) {
    switch (header.id) {
      case HeaderId::kOther: break;
      case HeaderId::kHost:
      case HeaderId::kContentLength:
      case HeaderId::kExpect: continue;
      case HeaderId::kForwarded:
        if (!trusted) continue;
        break;
      case HeaderId::kXForwardedFor:
        if (trusted) Join(x, forwarded_for, header.value);
        continue;
      case HeaderId::kXForwardedHost: forwarded_host = &header; continue;
      case HeaderId::kXForwardedProto: forwarded_proto = &header; continue;
      case HeaderId::kXForwardedPort: forwarded_port = &header; continue;
      case HeaderId::kVia: Join(x, via, header.value); continue;
      case HeaderId::kUpgrade: Join(x, upgrade, header.value); continue;
      default:
        if (IsHopByHop(header.id)) continue;
    }
    writer.PutField(header.name, header.value);
  }
  if (!trusted) forwarded_host = forwarded_proto = forwarded_port = nullptr;
  PutForwarded(x, writer, forwarded_for, forwarded_host, forwarded_proto, forwarded_port);
  writer.Put("Via: ");
  if (!via.empty()) {
    writer.Put(via);
    writer.Put(", ");
  }
  writer.Put(kVia);
  writer.Put("\r\n");
  up.upgrading = request.upgrade && !upgrade.empty() && MayUpgradeTo(upgrade);
  if (up.upgrading) {
    writer.PutField("Connection", "Upgrade");
    writer.PutField("Upgrade", upgrade);
  }
  framing = http::BodyFraming::kNone;
  if (x.in.body_state == BodyState::kRead) {
    framing = http::BodyFraming::kLength;
    writer.Put("Content-Length: ");
    writer.PutDecimal(x.in.body.size());
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
  if (x.route != nullptr) apply(x.route->conf->response_headers);
}

}  // namespace mg::proxy
