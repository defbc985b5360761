#include "proxy/body_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace mg::proxy {
namespace {

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

TEST(BodyFile, IsForThisUserAloneAndGoesWithTheObject) {
  auto file = BodyFile::Create();
  ASSERT_TRUE(file) << file.error().message;
  std::string path = (*file)->path();
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  file->reset();
  EXPECT_FALSE(Exists(path));
}

TEST(BodyFile, ReadsWhatWasAppended) {
  auto file = std::move(*BodyFile::Create());
  ASSERT_TRUE(file->Append("hello, "));
  ASSERT_TRUE(file->Append(""));
  ASSERT_TRUE(file->Append("world"));
  EXPECT_EQ(file->size(), 12u);
  char text[32];
  EXPECT_EQ(std::string_view(text, *file->Read(0, text, 5)), "hello");
  EXPECT_EQ(std::string_view(text, *file->Read(7, text, sizeof text)), "world");
  EXPECT_EQ(*file->Read(12, text, sizeof text), 0u);
}

TEST(BodyFile, OpensWhatThereIsAndRemovesItWhereAsked) {
  auto made = std::move(*BodyFile::Create());
  ASSERT_TRUE(made->Append("abc"));
  std::string path = made->path();
  {
    auto kept = BodyFile::Open(path, false);
    ASSERT_TRUE(kept) << kept.error().message;
    EXPECT_EQ((*kept)->size(), 3u);
  }
  EXPECT_TRUE(Exists(path));
  ASSERT_TRUE(BodyFile::Open(path, true));
  EXPECT_FALSE(Exists(path));
}

TEST(BodyFile, TellsWhyItCannotBeOpened) {
  EXPECT_EQ(BodyFile::Open("/no/such/file", false).error().message, "stat() \"/no/such/file\" failed");
  EXPECT_EQ(BodyFile::Open("/tmp", true).error().message, "\"/tmp\" is not a regular file");
}

TEST(BodyFile, AFileThatWasCutShortIsAnError) {
  auto file = std::move(*BodyFile::Create());
  ASSERT_TRUE(file->Append("abc"));
  ASSERT_EQ(truncate(file->path().c_str(), 0), 0);
  char text[8];
  EXPECT_FALSE(file->Read(0, text, sizeof text));
}

}  // namespace
}  // namespace mg::proxy
