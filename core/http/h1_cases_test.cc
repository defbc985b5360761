// The cases of corpus/cases (its README tells the format): raw bytes to a real session or client over a socket, whole,
// byte by byte, and cut in two at every byte. What must become of them stands beside them.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <string>
#include <vector>

#include "http/h1_client.h"
#include "http/h1_session.h"
#include "http/test_support.h"

namespace mg::http {
namespace {

using net::test::Peer;

struct HttpCase {
  std::string method;  // of the request, for a response
  std::string section, bytes, outcome, what, place;
  bool ends = false;  // the peer ends its side after the bytes
};

// --- reading the files

std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); at++) {
    char c = text[at];
    if (c == '~') {
      out += "\r\n";
    } else if (c != '\\') {
      out += c;
    } else if (text[++at] == 'x') {
      out += static_cast<char>(HexDigit(text[at + 1]) << 4 | HexDigit(text[at + 2]));
      at += 2;
    } else if (text[at] == 't') {
      out += '\t';
    } else if (text[at] == 'n') {
      out += '\n';
    } else if (text[at] == '{') {
      size_t star = text.find('*', at), end = text.find('}', at);
      size_t count = std::stoul(std::string(text.substr(at + 1, star - at - 1)));
      std::string unit = Unescape(text.substr(star + 1, end - star - 1));
      for (size_t i = 0; i < count; i++) out += unit;
      at = end;
    } else {
      out += text[at];  // "\\", and whatever else stands for itself
    }
  }
  return out;
}

std::vector<std::string> Split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (size_t end; (end = text.find(separator)) != std::string_view::npos; text.remove_prefix(end + separator.size())) {
    parts.emplace_back(text.substr(0, end));
  }
  parts.emplace_back(text);
  return parts;
}

std::vector<HttpCase> ReadCases(const std::string& name) {
  std::vector<HttpCase> cases;
  std::string path = "core/http/corpus/cases/" + name + ".txt", line, frame = "%", method = "GET";
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path << ": tests run in the repository's root";
  for (int number = 1; std::getline(file, line); number++) {
    if (line.empty() || line[0] == '#') continue;
    if (line[0] == '@') {
      size_t space = line.find(' ');
      method = line.substr(1, space - 1);
      frame = line.substr(space + 1);
      continue;
    }
    std::vector<std::string> parts = Split(line, " | ");
    EXPECT_EQ(parts.size(), 4u) << path << ":" << number;
    if (parts.size() != 4) continue;
    HttpCase made{method, parts[0], parts[1], parts[2], parts[3], fmt::format("{}:{}", path, number)};
    if (made.bytes.ends_with("\\E")) {
      made.ends = true;
      made.bytes.resize(made.bytes.size() - 2);
    }
    size_t mark = frame.find('%');
    made.bytes = Unescape(frame.substr(0, mark) + made.bytes + frame.substr(mark + 1));
    cases.push_back(std::move(made));
  }
  return cases;
}

// Bytes as they are shown in a failure.
std::string Show(std::string_view bytes) {
  std::string out;
  for (char c : bytes) {
    if (static_cast<uint8_t>(c) >= 0x20 && static_cast<uint8_t>(c) < 0x7F) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
    }
  }
  return out;
}

// --- what is expected, item by item

// One "METHOD AUTHORITY TARGET ..." or "STATUS ...", taken apart.
struct Item {
  std::string text;  // "GET a /x", "200"
  std::string body, trailers;
  std::vector<std::pair<std::string, std::string>> fields;
  bool continues = false, incomplete = false;
  int failed = 0;
};

Item ParseItem(std::string_view text) {
  Item item;
  size_t mark = text.size();
  for (std::string_view opening : {" \"", " {", " ^", " +100", " !", " ?"}) mark = std::min(mark, text.find(opening));
  item.text = Unescape(text.substr(0, mark));
  std::string_view rest = text.substr(mark);
  auto take = [&rest](char close) {
    size_t end = rest.rfind(close);
    std::string inside = Unescape(rest.substr(1, end - 1));
    rest.remove_prefix(end + 1);
    return inside;
  };
  while (!rest.empty()) {
    switch (rest[0]) {
      case '"': item.body = take('"'); break;
      case '{':  // the repetition in it has braces of its own
        item.trailers = take('}');
        break;
      case '^': {
        std::string field = Unescape(std::exchange(rest, {}).substr(1));
        size_t colon = field.find(": ");
        item.fields.emplace_back(field.substr(0, colon), field.substr(colon + 2));
        break;
      }
      case '+':
        item.continues = true;
        rest.remove_prefix(4);
        break;
      case '!':
        item.failed = std::stoi(std::string(rest.substr(1, 3)));
        rest.remove_prefix(4);
        break;
      case '?':
        item.incomplete = true;
        rest.remove_prefix(1);
        break;
      case ' ': rest.remove_prefix(1); break;
      default: ADD_FAILURE() << "an outcome that is not understood: " << text; return item;
    }
  }
  return item;
}

void ExpectItem(const Item& wanted, const Item& got) {
  EXPECT_EQ(Show(got.text), Show(wanted.text));
  if (!wanted.incomplete) {
    EXPECT_EQ(Show(got.body), Show(wanted.body));
  }
  EXPECT_EQ(Show(got.trailers), Show(wanted.trailers));
  EXPECT_EQ(got.failed, wanted.failed) << got.text;
  EXPECT_EQ(got.incomplete, wanted.incomplete) << got.text;
  for (const auto& [name, value] : wanted.fields) {
    auto found = std::ranges::find_if(got.fields, [&](const auto& f) { return EqualsIgnoreCase(f.first, name); });
    ASSERT_NE(found, got.fields.end()) << name;
    EXPECT_EQ(Show(found->second), Show(value)) << name;
  }
}

struct Outcome {
  std::vector<Item> items;
  enum Then : uint8_t { kKeep, kClose, kWait, kBad, kCut } then = kKeep;
};

Outcome ParseOutcome(std::string_view text) {
  Outcome out;
  for (std::string& part : Split(text, "; ")) {
    for (auto [word, then] : {std::pair{"keep", Outcome::kKeep}, std::pair{"close", Outcome::kClose}}) {
      if (part == word) {
        out.then = then;
        part.clear();
      } else if (part.ends_with(std::string(" ") + word)) {  // of a response
        out.then = then;
        part.resize(part.size() - std::string_view(word).size() - 1);
      } else if (size_t at = part.find(fmt::format(" {} ^", word)); at != std::string::npos) {
        out.then = then;
        part.erase(at, std::string_view(word).size() + 1);
      }
    }
    if (part == "wait") out.then = Outcome::kWait;
    if (part == "bad") out.then = Outcome::kBad;
    if (part == "cut") out.then = Outcome::kCut;
    if (part.empty() || part == "wait" || part == "bad" || part == "cut") continue;
    size_t count = 1;
    if (size_t times = part.rfind(" x"); times != std::string::npos && times + 2 < part.size()) {
      if (part.find_first_not_of("0123456789", times + 2) == std::string::npos) {
        count = std::stoul(part.substr(times + 2));
        part.resize(times);
      }
    }
    for (size_t i = 0; i < count; i++) out.items.push_back(ParseItem(part));
  }
  return out;
}

// --- requests

// Answers 200 when the request is whole, and remembers it.
class CaseHandler final : public StreamHandler {
 public:
  CaseHandler(BlockPool& blocks, Stream& stream) : StreamHandler(blocks), stream_(&stream) {}

  void OnRequest() override {
    seen.text =
        fmt::format("{} {} {}", request.method_text, request.authority.empty() ? "-" : request.authority, request.path);
    if (request.has_query) seen.text.append("?").append(request.query);
    for (const Header& h : request.headers) seen.fields.emplace_back(h.name, h.value);
    seen.incomplete = request.framing == BodyFraming::kChunked || request.content_length > 0;
    if (seen.incomplete) {
      stream_->WantBody();
    } else {
      Answer(200);
    }
  }
  void OnRefused(ParseError error) override {
    seen.text = std::to_string(StatusFor(error));
    Answer(StatusFor(error));
  }
  void OnBody(std::string_view data, End end) override {
    seen.body += data;
    if (end == End::kNo) return;
    seen.incomplete = false;
    Answer(200);
  }
  void OnTrailers(std::string_view lines) override { seen.trailers = lines; }
  void OnBodyFailed(const Error& error, int status) override {
    if (error.code == ErrorCode::kReset) {
      std::exchange(stream_, nullptr)->Abort();
      return;
    }
    seen.incomplete = false;
    seen.failed = status;
    stream_->DisableKeepAlive();
    Answer(status);
  }
  void OnDrained() override {}
  void OnPeerClosed() override {}
  void OnClosed(const Error&) override { stream_ = nullptr; }

  Item seen;

 private:
  void Answer(int status) {
    ResponseHead head;
    head.status = static_cast<uint16_t>(status);
    Stream* to = std::exchange(stream_, nullptr);
    to->SendHead(head, End::kYes);
  }

  Stream* stream_;
};

class CaseFactory final : public StreamHandlerFactory {
 public:
  explicit CaseFactory(net::Loop& loop) : loop_(loop) {}
  StreamHandler& NewHandler(Stream& stream) override {
    made.push_back(std::make_unique<CaseHandler>(loop_.blocks(), stream));
    return *made.back();
  }
  std::vector<std::unique_ptr<CaseHandler>> made;

 private:
  net::Loop& loop_;
};

config::Limits CaseLimits() {
  config::Limits limits;
  limits.head = 4096;
  limits.headers = 20;
  limits.uri = 1024;
  return limits;
}

// The statuses of what came back; the answers have no bodies.
std::vector<int> Statuses(std::string_view wire) {
  std::vector<int> all;
  for (size_t at = 0; (at = wire.find("HTTP/1.1 ", at)) != std::string_view::npos; at++) {
    all.push_back(std::stoi(std::string(wire.substr(at + 9, 3))));
  }
  return all;
}

// Nothing is timed: a socket pair has what was written at once, and a turn of the loop handles what there is.
void Turn(net::Loop& loop, int times) {
  for (int i = 0; i < times; i++) loop.RunOnce(0);
}

// `step`: how many bytes at a time, at most; `first`: how many before.
struct Cut {
  size_t first = 0, step = SIZE_MAX;
};

// Writes in the pieces that `cut` says, for as long as the other side is there.
template <class IsOpen>
void Write(net::Loop& loop, Peer& peer, std::string_view bytes, Cut cut, IsOpen&& open) {
  size_t size = cut.first;
  if (size == 0) size = cut.step;
  while (!bytes.empty() && open()) {
    std::string_view piece = bytes.substr(0, size);
    size_t taken = 0;
    while (taken < piece.size() && open()) {
      net::IoResult result = peer.transport.Write(piece.substr(taken));
      if (result.status == net::IoResult::kError) return;
      if (result.status == net::IoResult::kOk) taken += result.bytes;
      Turn(loop, 1);
    }
    bytes.remove_prefix(piece.size());
    size = cut.step;
  }
}

void RunRequest(const HttpCase& given, Cut cut) {
  SCOPED_TRACE(fmt::format("{} ({}, {}): {} [first {}, then {} at a time]", given.place, given.section, given.what,
                           Show(given.bytes.substr(0, 300)), cut.first, cut.step));
  static const auto limits = std::make_shared<const config::Limits>(CaseLimits());
  static net::Loop loop;
  CaseFactory factory(loop);
  auto fds = net::test::Pair();
  Peer client(loop);
  client.transport.Accept(fds[0]);
  SessionList list(loop);
  auto made = std::make_unique<H1Session>(loop, std::make_shared<SessionOptions>(&factory, limits));
  H1Session& session = *made;
  list.Add(std::move(made));
  session.Start(fds[1], *net::SocketAddress::FromIp("127.0.0.1", 9));
  Write(loop, client, given.bytes, cut, [&] { return !client.ended && !client.failed; });
  if (given.ends) client.transport.ShutdownWrite();
  Turn(loop, 4);

  Outcome wanted = ParseOutcome(given.outcome);
  std::vector<int> statuses;
  bool refused = false;
  ASSERT_EQ(factory.made.size(), wanted.items.size());
  for (size_t i = 0; i < wanted.items.size(); i++) {
    Item& item = wanted.items[i];
    bool is_refusal = IsDigit(item.text[0]) && item.text.size() == 3;
    ExpectItem(item, factory.made[i]->seen);
    if (item.continues) statuses.push_back(100);
    // Where a body is not read to its end, or was cut, whether it was asked for makes no difference here.
    if (!item.incomplete) statuses.push_back(is_refusal ? std::stoi(item.text) : item.failed != 0 ? item.failed : 200);
    refused = refused || is_refusal || item.failed != 0;
  }
  EXPECT_EQ(Statuses(client.received), statuses) << Show(client.received);
  bool ends = refused || wanted.then == Outcome::kClose;
  EXPECT_EQ(client.ended || client.failed, ends) << Show(client.received);
  if (ends && !statuses.empty() && !given.ends) {
    EXPECT_THAT(client.received, testing::HasSubstr("Connection: close"));
  }
  client.transport.Close();
  list.CloseAll();
  Turn(loop, 2);
}

// --- responses

class CaseClientHandler final : public ClientHandler {
 public:
  explicit CaseClientHandler(BlockPool& blocks) : arena_(blocks) {}
  void OnClientConnected() override {}
  void OnInformational(const ResponseHead& head) override { Add(head); }
  void OnResponseHead(ResponseHead& head) override {
    Add(head);
    seen.back().incomplete = true;
  }
  void OnResponseBody(std::string_view data, End end) override {
    seen.back().body += data;
    over = end == End::kYes;
    if (over) seen.back().incomplete = false;
  }
  void OnResponseTrailers(std::string_view lines) override { seen.back().trailers = lines; }
  void OnRequestDrained() override {}
  void OnFailed(const Error& error) override {
    over = true;
    failure = error.code;
  }
  Arena& response_arena() override { return arena_; }

  std::vector<Item> seen;
  bool over = false;
  std::optional<ErrorCode> failure;

 private:
  void Add(const ResponseHead& head) {
    Item item;
    item.text = std::to_string(head.status);
    for (const Header& h : head.headers) item.fields.emplace_back(h.name, h.value);
    seen.push_back(std::move(item));
  }

  Arena arena_;
};

void RunResponse(const HttpCase& given, Cut cut, net::Loop& loop, test::ScriptedServer& server) {
  SCOPED_TRACE(fmt::format("{} ({}, {}): {} [first {}, then {} at a time]", given.place, given.section, given.what,
                           Show(given.bytes.substr(0, 300)), cut.first, cut.step));
  CaseClientHandler handler(loop.blocks());
  H1Client client(loop, ParseLimits{4096, 20, 1024, {}});
  client.Connect(server.address(), nullptr, "");
  server.peers.clear();
  ASSERT_TRUE(test::RunUntil(loop, [&] { return client.connected() && !server.peers.empty(); }));
  Peer& peer = *server.peers[0];
  client.Begin(handler, ParseMethod(given.method));
  client.SendHead("GET / HTTP/1.1\r\nHost: a\r\n\r\n", BodyFraming::kNone);
  ASSERT_TRUE(test::RunUntil(loop, [&] { return peer.received.ends_with("\r\n\r\n"); }));
  Write(loop, peer, given.bytes, cut, [&] { return !peer.ended && !peer.failed; });
  if (given.ends && !handler.over) peer.transport.ShutdownWrite();

  Outcome wanted = ParseOutcome(given.outcome);
  if (wanted.then == Outcome::kWait) {
    Turn(loop, 4);
    EXPECT_FALSE(handler.over);
  } else {
    ASSERT_TRUE(test::RunUntil(loop, [&] { return handler.over; }));
  }
  std::optional<ErrorCode> failure;
  if (wanted.then == Outcome::kBad) failure = ErrorCode::kProtocol;
  if (wanted.then == Outcome::kCut) failure = ErrorCode::kReset;
  EXPECT_EQ(handler.failure, failure);
  ASSERT_EQ(handler.seen.size(), wanted.items.size());
  for (size_t i = 0; i < wanted.items.size(); i++) {
    ExpectItem(wanted.items[i], handler.seen[i]);
  }
  bool whole = wanted.then == Outcome::kKeep || wanted.then == Outcome::kClose;
  if (whole) {
    // Bytes behind the response that came later are seen when the connection is to be used again.
    bool at_rest = client.Detach();
    struct NoOwner final : IdleOwner {
      void OnIdleClosed(H1Client&) override { closed = true; }
      bool closed = false;
    } owner;
    if (at_rest) {
      client.Rest(owner);
      Turn(loop, 2);
      at_rest = !owner.closed && client.Wake();
    }
    EXPECT_EQ(at_rest, wanted.then == Outcome::kKeep);
  }
  client.Close();
}

// --- all of them, cut in all ways

constexpr size_t kCutAtEveryByte = 400;  // longer ones are not cut at every byte, but at some

template <class Run>
void RunAll(const std::string& name, size_t least, Run&& run) {
  std::vector<HttpCase> cases = ReadCases(name);
  EXPECT_GE(cases.size(), least);
  for (const HttpCase& given : cases) {
    size_t size = given.bytes.size();
    std::vector<Cut> cuts = {Cut{}, Cut{0, size <= kCutAtEveryByte ? size_t{1} : size_t{97}}};
    size_t stride = size / kCutAtEveryByte * 16 + 1;
    for (size_t at = 1; at < size; at += stride) cuts.push_back({at, SIZE_MAX});
    auto failures = [] { return testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count(); };
    int before = failures();
    for (size_t i = 0; i < cuts.size() && failures() == before; i++) run(given, cuts[i]);
  }
}

class H1RequestCases : public testing::TestWithParam<std::pair<const char*, size_t>> {};

TEST_P(H1RequestCases, ComeToWhatTheRfcSays) { RunAll(GetParam().first, GetParam().second, RunRequest); }

INSTANTIATE_TEST_SUITE_P(Files, H1RequestCases,
                         testing::Values(std::pair{"request_line", 95}, std::pair{"target", 95}, std::pair{"host", 85},
                                         std::pair{"field", 65}, std::pair{"framing", 85}, std::pair{"chunk", 95},
                                         std::pair{"connection", 54}),
                         [](const auto& given) { return std::string(given.param.first); });

class H1ResponseCases : public testing::TestWithParam<std::pair<const char*, size_t>> {};

TEST_P(H1ResponseCases, ComeToWhatTheRfcSays) {
  net::Loop loop;
  test::ScriptedServer server(loop);
  RunAll(GetParam().first, GetParam().second,
         [&](const HttpCase& given, Cut cut) { RunResponse(given, cut, loop, server); });
}

INSTANTIATE_TEST_SUITE_P(Files, H1ResponseCases,
                         testing::Values(std::pair{"response_head", 60}, std::pair{"response_body", 79}),
                         [](const auto& given) { return std::string(given.param.first); });

}  // namespace
}  // namespace mg::http
