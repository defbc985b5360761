#include "tester/fixture.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "base/strings.h"
#include "tester/certificates.h"
#include "tester/sections.h"

namespace mg::tester {
namespace {

std::unexpected<Error> Bad(std::string message) { return Fail(ErrorCode::kInvalid, std::move(message)); }

// A name below the folder: relative, and nowhere up.
bool StaysBelow(const std::filesystem::path& name) {
  if (name.empty() || name.is_absolute()) return false;
  for (const auto& part : name) {
    if (part == "..") return false;
  }
  return true;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::error_code error;
  std::string name = (std::filesystem::temp_directory_path(error) / "moongate-test-XXXXXX").string();
  if (!error && mkdtemp(name.data()) != nullptr) path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

Fixture::~Fixture() {
  for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
    if (it->was_set) {
      setenv(it->name.c_str(), it->before.c_str(), 1);
    } else {
      unsetenv(it->name.c_str());
    }
  }
}

Result<void> Fixture::SetUp(const Block& block, const std::string& test_folder, RedisServer& redis,
                            const DeadPort& dead) {
  folder_ = test_folder;
  Set("TEST_DIR", test_folder);
  Set("DEAD", fmt::format("127.0.0.1:{}", dead.port()));
  if (const Section* files = block.Find("user_files")) {
    if (auto done = WriteFiles(*files); !done) return done;
  }
  if (block.Has("tls")) {
    certificates_ = std::make_unique<TemporaryFolder>();
    if (auto done = WriteCertificates(certificates_->path()); !done) return Bad("--- tls: " + done.error().message);
    Set("TLS", certificates_->path());
  }
  if (auto done = StartUpstreams(block); !done) return done;
  if (const Section* section = block.Find("redis")) {
    if (auto done = StartRedis(*section, redis); !done) return done;
  }
  if (const Section* section = block.Find("env")) return SetVariables(*section);
  return {};
}

Result<void> Fixture::WriteFiles(const Section& section) {
  files_ = std::make_unique<TemporaryFolder>();
  if (files_->path().empty()) return Bad("--- user_files: no temporary folder could be made");
  folder_ = files_->path();
  std::ofstream out;
  for (std::string_view line : SplitLines(section.text)) {
    if (!line.starts_with(">>>")) {
      if (!out.is_open()) return Bad("--- user_files: expected \">>> NAME\" first");
      out << line << '\n';
      continue;
    }
    std::string_view rest = Trim(line.substr(3));
    std::filesystem::path name(rest.substr(0, rest.find_first_of(" \t")));  // a time may follow, which is not used
    if (!StaysBelow(name)) return Bad(fmt::format("--- user_files: not a relative name: \"{}\"", Escape(rest)));
    std::filesystem::path path = folder_ / name;
    std::error_code ignored;
    std::filesystem::create_directories(path.parent_path(), ignored);
    out.close();
    out.open(path, std::ios::binary | std::ios::trunc);
    if (!out) return Bad(fmt::format("--- user_files: {} cannot be written", path.string()));
  }
  out.close();
  return {};
}

Result<void> Fixture::StartUpstreams(const Block& block) {
  for (const Section& section : block.sections) {
    bool numbered = section.name.size() == 10 && section.name.starts_with("upstream_") && IsDigit(section.name[9]);
    if (section.name != "upstream" && !numbered) continue;
    Result<AnswerBook> book = AnswerBook::Parse(section.text);
    if (!book) return Bad(fmt::format("--- {}: {}", section.name, book.error().message));
    mocks_.push_back(std::make_unique<MockUpstream>(mocks_.size(), std::move(*book), journal_));
    if (mocks_.back()->port() == 0) return Bad(fmt::format("--- {}: no port to listen on", section.name));
    std::string address = fmt::format("127.0.0.1:{}", mocks_.back()->port());
    if (mocks_.size() == 1) Set("UPSTREAM", address);
    if (numbered) Set(fmt::format("UPSTREAM_{}", section.name[9]), address);
  }
  return {};
}

Result<void> Fixture::StartRedis(const Section& section, RedisServer& redis) {
  uint16_t port = 0;
  if (RedisScript::Is(section.text)) {
    Result<RedisScript> script = RedisScript::Parse(section.text);
    if (!script) return Bad("--- redis: " + script.error().message);
    mock_redis_ = std::make_unique<MockRedis>(std::move(*script));
    port = mock_redis_->port();
    if (port == 0) return Bad("--- redis: no port to listen on");
  } else {
    if (auto done = redis.Start(); !done) return done;
    if (auto done = redis.Prepare(section.text); !done) return Bad("--- redis: " + done.error().message);
    port = redis.port();
  }
  Set("REDIS", fmt::format("127.0.0.1:{}", port));
  Set("REDIS_PORT", std::to_string(port));
  return {};
}

Result<void> Fixture::SetVariables(const Section& section) {
  for (std::string_view line : SplitLines(section.text)) {
    if (Trim(line).empty()) continue;
    size_t equals = line.find('=');
    std::string_view name = Trim(line.substr(0, equals));
    if (equals == std::string_view::npos || name.empty() || line.find('\0') != std::string_view::npos)
      return Bad(fmt::format("--- env: expected NAME=VALUE, got \"{}\"", Escape(line)));
    Set(std::string(name), std::string(line.substr(equals + 1)));
  }
  return {};
}

void Fixture::Set(const std::string& name, const std::string& value) {
  const char* before = std::getenv(name.c_str());
  variables_.push_back({name, before == nullptr ? "" : before, before != nullptr});
  setenv(name.c_str(), value.c_str(), 1);
}

std::vector<size_t> Fixture::upstream_connections() const {
  std::vector<size_t> counts;
  for (const auto& mock : mocks_) counts.push_back(mock->connections());
  return counts;
}

}  // namespace mg::tester
