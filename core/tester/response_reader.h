// Reads HTTP/1.1 responses as a strict client does (RFC 9112): what a careless one would forgive is an error here, so
// that a test notices it. Shares no code with the gateway's own parser, which it judges. Pure: fed with bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mg::tester {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Response {
  int status = 0;
  std::string reason;
  std::string version;  // "1.1"
  Fields headers, trailers;
  std::string head;  // as received, with the 1xx heads before it; each ends in its empty line
  std::string body;  // decoded
  bool chunked = false;
  bool until_close = false;  // the body had no length: it ended with the connection
  bool closes = false;       // the sender says that it will close the connection, or must
  bool cut = false;          // the connection ended in the middle of the body, which holds what came

  // Values of all fields of this name, joined with ", "; null: there is none.
  const std::string* Header(std::string_view name);

 private:
  std::string joined_;
};

std::string JoinFields(const Fields& fields, std::string_view name, bool& found);

class ResponseReader {
 public:
  // The methods of the requests that were sent, in order: HEAD has no body. Further responses are as if to GET.
  void Expect(std::string method) { methods_.push_back(std::move(method)); }

  // Takes bytes. False: they break the protocol; `error()` says how.
  bool Feed(std::string_view bytes);
  // The connection has ended. False: in the middle of a response (of which, when its head is complete, responses() then
  // has what came, marked `cut`).
  bool End();

  std::vector<Response>& responses() { return responses_; }
  const std::string& error() const { return error_; }
  // A 101 or 2xx-to-CONNECT: what follows is not HTTP.
  bool switched() const { return switched_; }
  // Bytes that belong to no complete response.
  bool partial() const { return state_ != State::kHead || !buffer_.empty() || !current_.head.empty(); }
  const std::string& received() const { return received_; }
  // A 1xx head, or any byte of a response, has come since the last call.
  bool TakeProgress() { return std::exchange(progress_, false); }

 private:
  enum class State : uint8_t { kHead, kLength, kChunkSize, kChunkData, kChunkEnd, kTrailers, kUntilClose, kSwitched };
  bool Step(bool& more);
  bool TakeLine(std::string& line, bool& more);
  bool ParseHead(std::string_view head);
  bool ParseStatusLine(std::string_view line);
  bool ParseFields(std::string_view lines, Fields& out);
  bool DecideBody();
  bool DecideLength();
  void Finish();
  bool Fail(std::string message);

  State state_ = State::kHead;
  std::deque<std::string> methods_;
  std::string buffer_, received_, error_, trailer_lines_;
  Response current_;
  uint64_t left_ = 0;
  bool switched_ = false, progress_ = false;
  std::vector<Response> responses_;
};

}  // namespace mg::tester
