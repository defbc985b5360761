#include "tester/request_text.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/strings.h"
#include "tester/sections.h"

namespace mg::tester {
namespace {

std::unexpected<Error> Bad(std::string message) { return Fail(ErrorCode::kInvalid, std::move(message)); }

struct Text {
  std::string method, target, version, body;
};

Result<Text> ParseRequest(std::string_view text, bool exact_body) {
  Text request;
  text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
  size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = Trim(text.substr(0, end));
  std::string_view body = text.substr(std::min(end + 1, text.size()));
  size_t space = line.find(' ');
  if (space == std::string_view::npos)
    return Bad(fmt::format("expected \"METHOD URI\", got \"{}\"", Escape(line.substr(0, 80))));
  request.method = line.substr(0, space);
  std::string_view target = Trim(line.substr(space + 1));
  request.version = "HTTP/1.1";
  if (size_t last = target.rfind(' '); last != std::string_view::npos && target.substr(last + 1).starts_with("HTTP/")) {
    request.version = target.substr(last + 1);
    target = Trim(target.substr(0, last));
  }
  request.target = target;
  if (body.starts_with('\n')) body.remove_prefix(1);
  if (!exact_body && body.ends_with('\n')) body.remove_suffix(1);
  request.body = body;
  return request;
}

// "Name: value" lines as they are written, and whether a field is among them.
bool HasField(std::string_view headers, std::string_view name) {
  for (std::string_view line : SplitLines(headers)) {
    if (EqualsIgnoreCase(Trim(line.substr(0, line.find(':'))), name)) return true;
  }
  return false;
}

std::string Build(const Text& request, std::string_view headers, bool last) {
  std::string out = fmt::format("{} {} {}\r\n", request.method, request.target, request.version);
  if (!HasField(headers, "host")) out += "Host: localhost\r\n";
  for (std::string_view line : SplitLines(headers)) {
    if (!Trim(line).empty()) out.append(line).append("\r\n");
  }
  if (last && !HasField(headers, "connection")) out += "Connection: close\r\n";
  bool may_have_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if ((may_have_body || !request.body.empty()) && !HasField(headers, "content-length") &&
      !HasField(headers, "transfer-encoding")) {
    out += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  return out + "\r\n" + request.body;
}

// The texts of several requests: parts, or lines where there is no "---8<---".
std::vector<std::string_view> SplitRequests(std::string_view text) {
  std::vector<std::string_view> texts;
  std::vector<Part> parts = SplitParts(text);
  if (parts.size() > 1) {
    for (const Part& part : parts) texts.push_back(part.text);
    return texts;
  }
  for (std::string_view line : SplitLines(text)) {
    if (!Trim(line).empty()) texts.push_back(line);
  }
  return texts;
}

Result<RequestPlan> PlanSeveral(const Section& section, std::string_view headers, bool pipelined) {
  RequestPlan plan;
  std::vector<std::string_view> texts =
      section.name == "request" ? std::vector<std::string_view>{section.text} : SplitRequests(section.text);
  std::vector<Part> parts = SplitParts(headers);
  if (parts.size() > 1 && parts.size() != texts.size())
    return Bad(fmt::format("--- more_headers has {} parts for {} requests", parts.size(), texts.size()));
  for (size_t i = 0; i < texts.size(); i++) {
    Result<Text> request = ParseRequest(texts[i], section.HasFilter("bytes"));
    if (!request) return Bad(fmt::format("--- {}: {}", section.name, request.error().message));
    std::string bytes = Build(*request, parts.size() > 1 ? parts[i].text : headers, i + 1 == texts.size());
    plan.methods.push_back(request->method);
    if (pipelined && !plan.packets.empty()) {
      plan.packets.back().bytes += bytes;
    } else {
      plan.packets.push_back({std::move(bytes), i, false});
    }
  }
  plan.responses = texts.size();
  return plan;
}

Result<RequestPlan> PlanRaw(const Block& block, const Section& section) {
  RequestPlan plan;
  for (const Part& part : SplitParts(section.text)) {
    // "bytes" has read the escapes already, and would not leave any.
    Result<std::string> bytes =
        section.HasFilter("bytes") ? Result<std::string>(std::string(part.text)) : Unescape(part.text);
    if (!bytes) return Bad("--- raw_request: " + bytes.error().message);
    if (part.note != "" && part.note != "wait")
      return Bad(fmt::format("--- raw_request: \"---8<--- {}\": only \"wait\" may stand there", Escape(part.note)));
    plan.packets.push_back({std::move(*bytes), 0, part.note == "wait"});
  }
  const std::string& first = plan.packets.front().bytes;
  plan.methods.push_back(first.substr(0, first.find(' ')));
  if (const Section* pause = block.Find("raw_request_middle_delay")) {
    auto time = ParseTime(pause->text);
    if (!time) return Bad("--- raw_request_middle_delay: expected a time such as 0.2 or 200ms");
    plan.between = *time;
  }
  plan.responses = 1;
  if (const Section* code = block.Find("error_code"))
    plan.responses = std::max<size_t>(SplitWords(code->text).size(), 1);
  if (const Section* body = block.Find("response_body"))
    plan.responses = std::max(plan.responses, SplitParts(body->text).size());
  return plan;
}

}  // namespace

Result<RequestPlan> PlanRequests(const Block& block) {
  constexpr std::array<std::string_view, 4> kKinds = {"request", "requests", "pipelined_requests", "raw_request"};
  const Section* section = nullptr;
  for (std::string_view kind : kKinds) {
    const Section* found = block.Find(kind);
    if (found != nullptr && section != nullptr)
      return Bad(fmt::format("--- {} and --- {}: a block has one of them", section->name, kind));
    if (found != nullptr) section = found;
  }
  if (section == nullptr) return RequestPlan{};
  if (section->name == "raw_request") return PlanRaw(block, *section);
  const Section* more = block.Find("more_headers");
  return PlanSeveral(*section, more == nullptr ? "" : more->text, section->name == "pipelined_requests");
}

}  // namespace mg::tester
