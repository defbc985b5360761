#include "tester/new_verb.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <tuple>

#include "base/strings.h"
#include "script/embedded.h"

namespace mg::tester {
namespace {

// @NAME@ stands for the policy's name.
constexpr std::string_view kPolicy = R"(-- @NAME@: lets requests in that carry a header, and tells clients so.
local problem = require "moongate.problem"

local policy = {
  -- What a route may say to this policy. It is checked before a configuration goes live; unknown keys are errors.
  schema = {
    header = { type = "string", required = true, doc = "the request header that must be there" },
    status = { type = "integer", default = 400, min = 400, max = 499, doc = "what requests without it get" },
  },
}

-- Runs before the request goes anywhere. `ctx` is the request's own table, ngx.ctx, the same in all phases.
function policy.access(conf, ctx)
  local value = ngx.req.get_headers()[conf.header]
  if not value then
    return problem.exit(conf.status, "the header " .. conf.header .. " is missing")
  end
  ctx.@NAME@ = value
end

-- Runs before the head of the answer goes out, whoever answers.
function policy.header_filter(conf, ctx)
  if ctx.@NAME@ then
    ngx.header["X-Checked"] = conf.header
  end
end

return policy
)";

constexpr std::string_view kTests = R"(=== TEST 1: a request with the header reaches the upstream
--- config
- match: { path: /t }
  policies:
    - script: { file: ../policies/@NAME@.lua, with: { header: X-Tenant } }
  upstream: "http://${UPSTREAM}"
--- upstream
200 OK

from the upstream
--- request
GET /t
--- more_headers
X-Tenant: acme
--- response_headers
X-Checked: X-Tenant
--- response_body
from the upstream
--- upstream_request_count: 1

=== TEST 2: one without it goes nowhere
--- config
- match: { path: /t }
  policies:
    - script: { file: ../policies/@NAME@.lua, with: { header: X-Tenant } }
  upstream: "http://${UPSTREAM}"
--- upstream
200 OK
--- request
GET /t
--- error_code: 400
--- response_headers
Content-Type: application/problem+json
!X-Checked
--- response_body_like: the header X-Tenant is missing
--- upstream_request_count: 0

=== TEST 3: the status is the route's to choose
--- config
- match: { path: /t }
  policies:
    - script: { file: ../policies/@NAME@.lua, with: { header: X-Tenant, status: 403 } }
  respond: { body: "in\n" }
--- request
GET /t
--- error_code: 403

=== TEST 4: the header must be named
--- config
- match: { path: /t }
  policies:
    - script: { file: ../policies/@NAME@.lua, with: { status: 403 } }
  respond: { body: "in\n" }
--- must_die
--- error_log
header
)";

std::string Filled(std::string_view text, std::string_view name) {
  constexpr std::string_view kMark = "@NAME@";
  std::string out;
  for (size_t mark; (mark = text.find(kMark)) != std::string_view::npos; text.remove_prefix(mark + kMark.size())) {
    out += text.substr(0, mark);
    out += name;
  }
  return out.append(text);
}

// It names a file, a key of YAML and a field in Lua.
Result<void> CheckName(const std::string& name) {
  bool plain = !name.empty() && name.size() <= 64 && name[0] >= 'a' && name[0] <= 'z' &&
               std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '_'; });
  if (!plain) {
    return Fail(ErrorCode::kInvalid,
                "a policy's name is lower-case letters, digits and _, begins with a letter, and has "
                "at most 64 characters");
  }
  constexpr std::string_view kTaken[] = {"lua",   "script", "and",      "break",  "do",   "else", "elseif", "end",
                                         "false", "for",    "function", "goto",   "if",   "in",   "local",  "nil",
                                         "not",   "or",     "repeat",   "return", "then", "true", "until",  "while"};
  bool bundled = std::ranges::find(script::EmbeddedLua(), "policies/" + name + ".lua", &script::EmbeddedFile::name) !=
                 script::EmbeddedLua().end();
  if (bundled) return Fail(ErrorCode::kInvalid, "\"" + name + "\" is a bundled policy");
  if (std::ranges::find(kTaken, name) != std::end(kTaken)) {
    return Fail(ErrorCode::kInvalid, "\"" + name + "\" has another meaning already");
  }
  return {};
}

// Only where there is nothing yet.
Result<void> WriteNew(const std::string& path, const std::string& text) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0 && errno == EEXIST) return Fail(ErrorCode::kDenied, path + " exists; nothing was written");
  if (fd < 0) return Fail(ErrorCode::kSystem, path + ": " + std::strerror(errno));
  bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  written = close(fd) == 0 && written;
  if (written) return {};
  unlink(path.c_str());
  return Fail(ErrorCode::kSystem, path + " could not be written");
}

}  // namespace

Result<std::vector<std::string>> WritePolicy(const std::string& name, const std::string& folder) {
  if (auto checked = CheckName(name); !checked) return std::unexpected(checked.error());
  std::vector<std::string> written;
  for (auto [place, ending, text] : {std::tuple{"policies", ".lua", kPolicy}, std::tuple{"t", ".t", kTests}}) {
    std::filesystem::path directory = std::filesystem::path(folder) / place;
    std::error_code ignored;  // opening the file tells what is wrong
    std::filesystem::create_directories(directory, ignored);
    std::string path = directory / (name + ending);
    if (auto made = WriteNew(path, Filled(text, name)); !made) {
      for (const std::string& before : written) unlink(before.c_str());
      return std::unexpected(made.error());
    }
    written.push_back(path);
  }
  return written;
}

int RunNew(std::span<const std::string> arguments) {
  auto wrong = [](std::string_view what) {
    fmt::print(stderr, "moongate new: {}; usage: moongate new policy NAME [--in FOLDER]\n", what);
    return 2;
  };
  bool has_folder = arguments.size() == 4 && arguments[2] == "--in";
  if (arguments.empty() || arguments[0] != "policy") return wrong("what it makes is a policy");
  if (arguments.size() != 2 && !has_folder) return wrong("a name is wanted");
  const std::string& name = arguments[1];
  Result<std::vector<std::string>> written = WritePolicy(name, has_folder ? arguments[3] : ".");
  if (!written) {
    if (written.error().code == ErrorCode::kInvalid) return wrong(written.error().message);
    fmt::print(stderr, "moongate new: {}\n", written.error().message);
    return 1;
  }
  for (const std::string& path : *written) fmt::print("wrote {}\n", path);
  fmt::print(
      "test it:  moongate test {}\nuse it:   lua: {{ path: policies }}  and, in a route,  policies: [{{ {}: {{ header: "
      "X-Tenant }} }}]\n",
      written->back(), name);
  return 0;
}

}  // namespace mg::tester
