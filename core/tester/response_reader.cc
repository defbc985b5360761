#include "tester/response_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/strings.h"
#include "tester/sections.h"

namespace mg::tester {
namespace {

constexpr size_t kMaxHead = 256 * 1024;

// RFC 9110 5.6.2.
bool IsToken(std::string_view text) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlpha(c) || IsDigit(c) || kOther.find(c) != std::string_view::npos;
  });
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

}  // namespace

std::string JoinFields(const Fields& fields, std::string_view name, bool& found) {
  std::string joined;
  found = false;
  for (const auto& [key, value] : fields) {
    if (!EqualsIgnoreCase(key, name)) continue;
    if (found) joined += ", ";
    joined += value;
    found = true;
  }
  return joined;
}

const std::string* Response::Header(std::string_view name) {
  bool found = false;
  joined_ = JoinFields(headers, name, found);
  return found ? &joined_ : nullptr;
}

bool ResponseReader::Fail(std::string message) {
  if (error_.empty()) error_ = std::move(message);
  return false;
}

bool ResponseReader::Feed(std::string_view bytes) {
  if (!error_.empty()) return false;
  received_ += bytes;
  buffer_ += bytes;
  if (!bytes.empty()) progress_ = true;
  for (bool more = true; more;) {
    more = false;
    if (!Step(more)) return false;
  }
  return true;
}

bool ResponseReader::End() {
  if (!error_.empty()) return false;
  if (state_ == State::kUntilClose) {
    Finish();
    return true;
  }
  if (state_ == State::kSwitched) return true;
  if (!partial()) return true;
  if (state_ != State::kHead) {
    current_.cut = true;
    Finish();
  }
  return Fail(fmt::format("the connection ended in the middle of a response, after \"{}\"",
                          Escape(received_.substr(received_.size() - std::min<size_t>(received_.size(), 60)))));
}

// One piece of what is in the buffer; `more` when there may be another.
bool ResponseReader::Step(bool& more) {
  switch (state_) {
    case State::kHead: {
      if (buffer_.empty()) return true;
      size_t end = buffer_.find("\r\n\r\n");
      if (end == std::string::npos) {
        if (!std::string_view("HTTP/").starts_with(std::string_view(buffer_).substr(0, 5)))
          return Fail(fmt::format("not a response: \"{}\"", Escape(buffer_.substr(0, 80))));
        return buffer_.size() <= kMaxHead || Fail("a head without an end");
      }
      std::string head = buffer_.substr(0, end + 4);
      buffer_.erase(0, end + 4);
      more = true;
      return ParseHead(head);
    }
    case State::kLength:
    case State::kChunkData: {
      size_t size = static_cast<size_t>(std::min<uint64_t>(left_, buffer_.size()));
      current_.body.append(buffer_, 0, size);
      buffer_.erase(0, size);
      left_ -= size;
      if (left_ != 0) return true;
      more = true;
      if (state_ == State::kLength) {
        Finish();
      } else {
        state_ = State::kChunkEnd;
      }
      return true;
    }
    case State::kChunkEnd:
      if (buffer_.size() < 2) return true;
      if (!buffer_.starts_with("\r\n")) return Fail("a chunk that does not end in CRLF");
      buffer_.erase(0, 2);
      state_ = State::kChunkSize;
      more = true;
      return true;
    case State::kChunkSize: {
      std::string line;
      if (!TakeLine(line, more)) return error_.empty();
      std::string_view digits = std::string_view(line).substr(0, line.find(';'));
      if (digits.empty() || digits.size() > 15 || HexDigit(digits[0]) < 0)
        return Fail(fmt::format("not a chunk's size: \"{}\"", Escape(line)));
      left_ = 0;
      for (char c : digits) {
        if (HexDigit(c) < 0) return Fail(fmt::format("not a chunk's size: \"{}\"", Escape(line)));
        left_ = left_ << 4 | static_cast<uint64_t>(HexDigit(c));
      }
      state_ = left_ == 0 ? State::kTrailers : State::kChunkData;
      return true;
    }
    case State::kTrailers: {
      std::string line;
      if (!TakeLine(line, more)) return error_.empty();
      if (!line.empty()) {
        trailer_lines_.append(line).append("\r\n");
        return true;
      }
      if (!ParseFields(trailer_lines_, current_.trailers)) return false;
      Finish();
      return true;
    }
    case State::kUntilClose:
    case State::kSwitched:
      (state_ == State::kSwitched ? responses_.back() : current_).body += buffer_;
      buffer_.clear();
      return true;
  }
  return true;
}

bool ResponseReader::TakeLine(std::string& line, bool& more) {
  size_t end = buffer_.find("\r\n");
  if (end == std::string::npos) return buffer_.size() <= kMaxHead ? false : Fail("a line without an end");
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  more = true;
  return true;
}

bool ResponseReader::ParseStatusLine(std::string_view line) {
  bool good = line.size() >= 13 && line.starts_with("HTTP/1.") && (line[7] == '0' || line[7] == '1') &&
              line[8] == ' ' && line[12] == ' ' && ParseDecimal<int>(line.substr(9, 3)).value_or(0) >= 100;
  if (!good || HasControl(line)) return Fail(fmt::format("not a status line: \"{}\"", Escape(line)));
  current_.version = line.substr(5, 3);
  current_.status = *ParseDecimal<int>(line.substr(9, 3));
  current_.reason = line.substr(13);
  return true;
}

bool ResponseReader::ParseFields(std::string_view lines, Fields& out) {
  while (!lines.empty()) {
    size_t end = lines.find("\r\n");
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 2, lines.size()));
    size_t colon = line.find(':');
    std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos || !IsToken(name) || HasControl(line.substr(colon)))
      return Fail(fmt::format("not a header field: \"{}\"", Escape(line)));
    out.emplace_back(name, Trim(line.substr(colon + 1)));
  }
  return true;
}

bool ResponseReader::ParseHead(std::string_view head) {
  current_.head += head;
  size_t end = head.find("\r\n");
  current_.headers.clear();
  if (!ParseStatusLine(head.substr(0, end))) return false;
  std::string_view fields = head.substr(end + 2);
  fields.remove_suffix(2);
  if (!ParseFields(fields, current_.headers)) return false;
  if (current_.status == 101) {
    switched_ = true;
    state_ = State::kSwitched;
    current_.closes = true;
    responses_.push_back(std::move(current_));
    current_ = {};
    return true;
  }
  if (current_.status < 200) return true;  // 1xx: the head is kept before the final one
  return DecideBody();
}

// RFC 9112 6.3.
bool ResponseReader::DecideBody() {
  bool found = false;
  std::string connection = JoinFields(current_.headers, "connection", found);
  current_.closes = current_.version == "1.0";
  ForEachListItem(connection, [&](std::string_view option) {
    if (EqualsIgnoreCase(option, "close")) current_.closes = true;
    if (EqualsIgnoreCase(option, "keep-alive") && current_.version == "1.0") current_.closes = false;
  });
  bool is_head = !methods_.empty() && methods_.front() == "HEAD";
  bool has_none = is_head || current_.status == 204 || current_.status == 304;
  std::string coding = JoinFields(current_.headers, "transfer-encoding", found);
  if (found) {
    if (current_.version == "1.0") return Fail("Transfer-Encoding in HTTP/1.0");
    if (!EqualsIgnoreCase(coding, "chunked")) return Fail(fmt::format("Transfer-Encoding: {}", Escape(coding)));
    bool both = false;
    JoinFields(current_.headers, "content-length", both);
    if (both) return Fail("Transfer-Encoding with Content-Length");
    if (current_.status == 204) return Fail("Transfer-Encoding in a 204");
    current_.chunked = true;
  }
  if (has_none) {
    Finish();
    return true;
  }
  if (current_.chunked) {
    state_ = State::kChunkSize;
    return true;
  }
  return DecideLength();
}

bool ResponseReader::DecideLength() {
  bool found = false;
  std::string length = JoinFields(current_.headers, "content-length", found);
  if (!found) {
    current_.until_close = current_.closes = true;
    state_ = State::kUntilClose;
    return true;
  }
  auto value = ParseDecimal(length);
  if (!value) return Fail(fmt::format("Content-Length: {}", Escape(length)));
  left_ = *value;
  state_ = State::kLength;
  return true;
}

void ResponseReader::Finish() {
  responses_.push_back(std::move(current_));
  current_ = {};
  trailer_lines_.clear();
  if (!methods_.empty()) methods_.pop_front();
  state_ = State::kHead;
}

}  // namespace mg::tester
