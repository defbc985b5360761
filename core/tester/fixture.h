// Fixture: what one block needs around the gateway: its files, environment variables, mock upstreams and Redis. Made
// before the block runs, undone by its destructor. The tester's thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "tester/block.h"
#include "tester/mock_redis.h"
#include "tester/mock_upstream.h"
#include "tester/redis_server.h"

namespace mg::tester {

// A folder of its own under the system's temporary one, removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }  // "": it could not be made

 private:
  std::string path_;
};

class Fixture {
 public:
  Fixture() = default;
  ~Fixture();
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  // `test_folder`: where the .t file is, absolute. kNotFound: the block cannot run on this machine (the message says
  // why), which skips it; any other error fails it.
  Result<void> SetUp(const Block& block, const std::string& test_folder, RedisServer& redis, const DeadPort& dead);

  // What relative paths of the configuration are relative to: the block's own files, or the .t file's folder.
  const std::string& folder() const { return folder_; }
  // Where the certificates are: ${TLS}.
  std::string certificates() const { return certificates_ ? certificates_->path() : ""; }
  std::vector<MockRequest> upstream_requests() const { return journal_.Take(); }
  std::vector<size_t> upstream_connections() const;
  const MockRedis* mock_redis() const { return mock_redis_.get(); }  // null: --- redis has no replies

 private:
  Result<void> WriteFiles(const Section& section);
  Result<void> StartUpstreams(const Block& block);
  Result<void> StartRedis(const Section& section, RedisServer& redis);
  Result<void> SetVariables(const Section& section);
  void Set(const std::string& name, const std::string& value);

  std::string folder_;
  std::unique_ptr<TemporaryFolder> files_, certificates_;
  MockJournal journal_;
  std::vector<std::unique_ptr<MockUpstream>> mocks_;
  std::unique_ptr<MockRedis> mock_redis_;
  struct Variable {
    std::string name, before;
    bool was_set;
  };
  std::vector<Variable> variables_;
};

}  // namespace mg::tester
