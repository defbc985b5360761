#include "server/file_watch.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace mg::server {
namespace {

bool TellsOfAChange(FileWatch& watch) {
  pollfd ready{watch.fd(), POLLIN, 0};
  return poll(&ready, 1, 5'000) == 1 && watch.Changed();
}

// The kernel has one watch for a folder, whatever it is called: a spelling that is watched no more does not end it.
TEST(FileWatchTest, AFolderOfTwoSpellingsIsWatchedWhileOneOfThemIs) {
  char name[] = "/tmp/moongate_watch_XXXXXX";
  std::string folder = mkdtemp(name);
  std::string file = folder + "/a.lua";
  FileWatch watch;
  watch.Watch({file}, {folder + "/./*.lua"});
  std::ofstream(file) << "1";
  EXPECT_TRUE(TellsOfAChange(watch));
  watch.Watch({file}, {});
  std::ofstream(file) << "2";
  EXPECT_TRUE(TellsOfAChange(watch));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace mg::server
