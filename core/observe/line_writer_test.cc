#include "observe/line_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace mg::observe {
namespace {

using ::testing::MatchesRegex;

class LineWriterTest : public ::testing::Test {
 protected:
  LineWriterTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "mg_lines_XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~LineWriterTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(std::string_view name) const { return folder_ + "/" + std::string(name); }
  static std::vector<std::string> Lines(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  std::string folder_;
};

TEST(LineRing, WrapsAndRefusesWhatDoesNotFit) {
  LineRing ring(4096);
  EXPECT_FALSE(ring.Push({0, 0, std::string(3000, 'x')}));
  uint64_t refused = 1;
  size_t in = 0, out = 0;
  for (int round = 0; round < 500; round++) {
    while (true) {
      std::string text(in * 37 % 700, static_cast<char>('a' + in % 26));
      if (!ring.Push({static_cast<uint16_t>(in % 7), 3, text})) break;
      in++;
    }
    refused++;
    ring.Drain([&](const LineRing::Line& line) {
      ASSERT_EQ(line.text, std::string(out * 37 % 700, static_cast<char>('a' + out % 26)));
      ASSERT_EQ(line.output, out % 7);
      out++;
    });
    ASSERT_EQ(in, out);
  }
  EXPECT_GT(in, 2000u);
  EXPECT_EQ(ring.dropped(), refused);
  EXPECT_TRUE(ring.empty());
}

TEST_F(LineWriterTest, KeepsTheOrderOfEachThread) {
  constexpr int kThreads = 6, kLines = 3000;
  LineWriter writer;
  auto a = writer.Open(Path("a")), b = writer.Open(Path("b"));
  ASSERT_TRUE(a && b);
  EXPECT_EQ(writer.Open(Path("a"))->index, a->index);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      if (t % 2 == 0) writer.Attach();
      for (int i = 0; i < kLines; i++) {
        while (!writer.Write(t % 3 == 0 ? *a : *b, std::to_string(t) + " " + std::to_string(i)))
          std::this_thread::yield();
      }
      if (t == 0) writer.Detach();  // the others detach by ending
    });
  }
  for (std::thread& thread : threads) thread.join();
  writer.Flush();
  std::vector<int> next(kThreads);
  for (const char* name : {"a", "b"}) {
    for (const std::string& line : Lines(Path(name))) {
      std::istringstream words(line);
      int t = -1, i = -1;
      words >> t >> i;
      ASSERT_EQ((t % 3 == 0 ? "a" : "b"), std::string(name));
      ASSERT_EQ(i, next[static_cast<size_t>(t)]++);
    }
  }
  for (int count : next) EXPECT_EQ(count, kLines);
  EXPECT_EQ(writer.written(), static_cast<uint64_t>(kThreads * kLines));
}

TEST_F(LineWriterTest, WritesWhatIsLeftWhenItEnds) {
  {
    LineWriter writer;
    auto output = writer.Open(Path("a"));
    writer.Attach();
    for (int i = 0; i < 100; i++) writer.Write(*output, "line");
  }
  EXPECT_EQ(Lines(Path("a")).size(), 100u);
}

TEST_F(LineWriterTest, WakesFromSleep) {
  LineWriter writer;
  auto output = writer.Open(Path("a"));
  for (int i = 0; i < 3; i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));  // long enough to be asleep
    writer.Write(*output, "line");
    while (Lines(Path("a")).size() <= static_cast<size_t>(i)) std::this_thread::yield();
  }
}

TEST_F(LineWriterTest, CutsLongLinesAndDropsWithoutWaiting) {
  std::string fifo = Path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK);  // never reads: the pipe fills up
  LineWriter writer(LineWriter::Options{.ring_bytes = 65536, .max_line = 1000});
  auto file = writer.Open(Path("a")), full = writer.Open(fifo);
  ASSERT_TRUE(file && full);
  writer.Write(*file, std::string(5000, 'x'));
  writer.Flush();
  EXPECT_EQ(Lines(Path("a")), std::vector<std::string>{std::string(1000, 'x')});
  int refused = 0;
  for (int i = 0; i < 1000; i++) refused += writer.Write(*full, std::string(1000, 'y')) ? 0 : 1;
  EXPECT_GT(refused, 0);
  writer.Flush();
  for (int i = 0; i < 60; i++) writer.Write(*full, std::string(1000, 'y'));
  writer.Flush();
  EXPECT_GT(writer.dropped(), static_cast<uint64_t>(refused));  // those that the pipe did not take, too
  EXPECT_TRUE(writer.Write(*file, "after"));
  writer.Flush();
  EXPECT_EQ(Lines(Path("a")).back(), "after");
  close(reader);
}

TEST_F(LineWriterTest, OpensPathsAgain) {
  LineWriter writer;
  auto output = writer.Open(Path("a"));
  writer.Write(*output, "one");
  writer.Flush();
  std::filesystem::rename(Path("a"), Path("a.1"));
  writer.Write(*output, "two");
  writer.Flush();
  writer.Reopen();
  writer.Flush();
  writer.Write(*output, "three");
  writer.Flush();
  EXPECT_EQ(Lines(Path("a.1")), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(Lines(Path("a")), std::vector<std::string>{"three"});
  EXPECT_FALSE(writer.Open(Path("none/file")));
  EXPECT_FALSE(writer.Open("syslog:" + Path("none")));
}

TEST_F(LineWriterTest, SpeaksSyslog) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = Path("log");
  std::copy(path.begin(), path.end(), address.sun_path);
  int daemon = socket(AF_UNIX, SOCK_DGRAM, 0);
  ASSERT_EQ(bind(daemon, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  LineWriter writer;
  auto output = writer.Open("syslog:" + path);
  ASSERT_TRUE(output);
  writer.Write(*output, "hello", 3);
  writer.Flush();
  char datagram[256];
  ssize_t size = recv(daemon, datagram, sizeof datagram, 0);
  ASSERT_GT(size, 0);
  EXPECT_THAT(std::string(datagram, static_cast<size_t>(size)),
              MatchesRegex("<27>[A-Z][a-z]+ +[0-9]+ [0-9:]+ moongate\\[[0-9]+\\]: hello"));
  close(daemon);
  writer.Write(*output, "nobody listens", 3);
  writer.Flush();
  EXPECT_EQ(writer.dropped(), 1u);
}

TEST_F(LineWriterTest, IsTheSinkOfTheLog) {
  LineWriter writer;
  LogToWriter sink(writer, *writer.Open(Path("log")));
  SetLogSink(&sink);
  MG_LOG(kError, "forged\n{} line\x01\ttab", 1);
  sink.SetOutput(*writer.Open(Path("other")));
  MG_LOG(kWarn, "moved");
  SetLogSink(nullptr);
  writer.Flush();
  auto lines = Lines(Path("log"));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], MatchesRegex("[0-9-]+T[0-9:]+\\.[0-9][0-9][0-9]Z \\[error\\] forged\\\\n1 line\\\\x01\ttab"));
  EXPECT_THAT(Lines(Path("other")).at(0), MatchesRegex(".* \\[warn\\] moved"));
}

}  // namespace
}  // namespace mg::observe
