#include "net/transport.h"

#include <gtest/gtest.h>

#include "base/buffer.h"
#include "net/test_support.h"

namespace mg::net {
namespace {

using test::Pair;
using test::Peer;
using test::RunUntil;
using test::TcpPair;

struct Owner : Deferred {
  explicit Owner(Loop& loop) : peer(loop) {}
  Peer peer;
};

class Sockets : public testing::TestWithParam<std::array<int, 2> (*)()> {
 protected:
  Loop loop;
};
INSTANTIATE_TEST_SUITE_P(Kinds, Sockets, testing::Values(&Pair, &TcpPair));

TEST_P(Sockets, CarriesBytesBothWays) {
  auto [a, b] = GetParam()();
  Peer one(loop), other(loop);
  one.transport.Accept(a);
  other.transport.Accept(b);
  EXPECT_TRUE(one.transport.readable());
  EXPECT_EQ(one.readables, 0);  // not from within Accept
  iovec pieces[] = {{const_cast<char*>("he"), 2}, {const_cast<char*>(""), 0}, {const_cast<char*>("llo"), 3}};
  EXPECT_EQ(one.transport.Write(pieces, 3).bytes, 5u);
  EXPECT_EQ(other.transport.Write("world").bytes, 5u);
  ASSERT_TRUE(RunUntil(loop, [&] { return other.received == "hello" && one.received == "world"; }));
  EXPECT_EQ(one.transport.bytes_written(), 5u);
  EXPECT_EQ(one.writables, 0);  // nothing was owed
  EXPECT_EQ(one.connects, 0);
  EXPECT_EQ(one.transport.Write("").status, IoResult::kOk);
}

TEST_P(Sockets, DataAndTheEndInOneEdge) {
  auto [a, b] = GetParam()();
  Peer one(loop);
  one.transport.Accept(a);
  one.Drain();
  loop.RunOnce(0);  // the registration's own event
  ASSERT_EQ(send(b, "last words", 10, 0), 10);
  close(b);
  ASSERT_TRUE(RunUntil(loop, [&] { return one.ended; }));
  EXPECT_EQ(one.received, "last words");
  EXPECT_TRUE(one.transport.peer_closed());
}

TEST_P(Sockets, DataBeforeAcceptIsReadAtOnce) {
  auto [a, b] = GetParam()();
  ASSERT_EQ(send(b, "early", 5, 0), 5);
  Peer one(loop);
  one.transport.Accept(a);
  one.Drain();
  EXPECT_EQ(one.received, "early");
  EXPECT_FALSE(one.transport.readable());
  close(b);
}

TEST_P(Sockets, TellsOfAHangUpThatNobodyReads) {
  auto [a, b] = GetParam()();
  Peer one(loop);
  one.transport.Accept(a);
  one.on_readable = [] {};
  ASSERT_EQ(send(b, "x", 1, 0), 1);
  close(b);
  ASSERT_TRUE(RunUntil(loop, [&] { return one.transport.peer_closed(); }));
  EXPECT_TRUE(one.transport.readable());
  one.Drain();
  EXPECT_EQ(one.received, "x");
  EXPECT_TRUE(one.ended);
}

TEST_P(Sockets, ReadsOnAfterHalfAClose) {
  auto [a, b] = GetParam()();
  Peer one(loop), other(loop);
  one.transport.Accept(a);
  other.transport.Accept(b);
  one.transport.Write("question");
  one.transport.ShutdownWrite();
  ASSERT_TRUE(RunUntil(loop, [&] { return other.ended; }));
  EXPECT_EQ(other.received, "question");
  other.transport.Write("answer");
  other.transport.Close();
  ASSERT_TRUE(RunUntil(loop, [&] { return one.ended; }));
  EXPECT_EQ(one.received, "answer");
}

TEST_P(Sockets, LookingAgainWhereNothingIsEndsWithTheRead) {
  auto [a, b] = GetParam()();
  Peer one(loop);
  one.transport.Accept(a);
  char byte;
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(one.transport.Read(&byte, 1).status, IoResult::kAgain);
    EXPECT_FALSE(one.transport.readable());
    one.transport.LookAgain();
    EXPECT_TRUE(one.transport.readable());
  }
  close(b);
}

TEST_P(Sockets, BytesGoThroughAPipe) {
  auto [a, b] = GetParam()();
  auto [c, d] = GetParam()();
  Peer from(loop), to(loop), reader(loop);
  from.transport.Accept(b);
  to.transport.Accept(c);
  reader.transport.Accept(d);
  std::unique_ptr<Pipe> pipe = loop.pipes().Take();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(from.transport.ReadInto(*pipe, 100).status, IoResult::kAgain);
  ASSERT_EQ(send(a, "question and more", 17, 0), 17);
  from.on_readable = [] {};
  ASSERT_TRUE(RunUntil(loop, [&] { return from.transport.readable(); }));
  IoResult read = from.transport.ReadInto(*pipe, 8);
  EXPECT_EQ(read.bytes, 8u);
  EXPECT_EQ(pipe->size(), 8u);
  EXPECT_EQ(to.transport.WriteFrom(*pipe).bytes, 8u);
  EXPECT_TRUE(pipe->empty());
  ASSERT_TRUE(RunUntil(loop, [&] { return reader.received == "question"; }));
  EXPECT_EQ(from.transport.ReadInto(*pipe, 100).bytes, 9u);
  Buffer rest;
  pipe->EmptyInto(rest);
  EXPECT_EQ(rest.ToString(), " and more");
  EXPECT_TRUE(pipe->empty());
  close(a);
  ASSERT_TRUE(RunUntil(loop, [&] { return from.transport.peer_closed(); }));
  EXPECT_EQ(from.transport.ReadInto(*pipe, 100).status, IoResult::kEnd);
  Pipe* same = pipe.get();
  loop.pipes().Give(std::move(pipe));
  EXPECT_EQ(loop.pipes().Take().get(), same);
}

TEST_P(Sockets, WhatThePeerDoesNotTakeStaysInThePipe) {
  auto [a, b] = GetParam()();
  auto [c, d] = GetParam()();
  Peer from(loop), to(loop), reader(loop);
  from.on_readable = [] {};
  reader.on_readable = [] {};
  from.transport.Accept(b);
  to.transport.Accept(c);
  reader.transport.Accept(d);
  std::string sent;
  std::unique_ptr<Pipe> pipe = loop.pipes().Take();
  ASSERT_TRUE(pipe);
  for (char letter = 'a'; pipe->empty(); letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1)) {
    std::string piece(50'000, letter);
    ssize_t count = send(a, piece.data(), piece.size(), 0);
    if (count > 0) sent.append(piece, 0, static_cast<size_t>(count));
    loop.RunOnce(0);
    if (from.transport.ReadInto(*pipe, 1'000'000).status == IoResult::kOk) to.transport.WriteFrom(*pipe);
  }
  EXPECT_EQ(to.transport.WriteFrom(*pipe).status, IoResult::kAgain);
  to.on_writable = [&] { to.transport.WriteFrom(*pipe); };
  reader.on_readable = nullptr;
  ASSERT_TRUE(RunUntil(loop, [&] {
    reader.Drain();
    if (pipe->empty() && from.transport.ReadInto(*pipe, 1'000'000).status == IoResult::kOk) {
      to.transport.WriteFrom(*pipe);
    }
    return reader.received.size() == sent.size();
  }));
  EXPECT_TRUE(reader.received == sent);
  EXPECT_GE(to.writables, 1);
  close(a);
}

TEST_P(Sockets, WritesUntilFullThenIsToldOnce) {
  auto [a, b] = GetParam()();
  Peer one(loop), other(loop);
  one.transport.Accept(a);
  other.transport.Accept(b);
  other.on_readable = [] {};  // does not read yet
  std::string chunk(100'000, 'x');
  size_t total = 0;
  IoResult result;
  while ((result = one.transport.Write(chunk)).status == IoResult::kOk) total += result.bytes;
  EXPECT_EQ(result.status, IoResult::kAgain);
  EXPECT_GT(total, 0u);
  for (int i = 0; i < 3; i++) loop.RunOnce(0);
  EXPECT_EQ(one.writables, 0);
  size_t drained = 0;
  std::string buffer(50'000, 0);
  auto drain = [&] {
    while ((result = other.transport.Read(buffer.data(), buffer.size())).status == IoResult::kOk) {
      drained += result.bytes;
    }
  };
  other.on_readable = drain;
  drain();
  ASSERT_TRUE(RunUntil(loop, [&] { return one.writables == 1 && drained == total; }));
  for (int i = 0; i < 3; i++) loop.RunOnce(0);
  EXPECT_EQ(one.writables, 1);
  EXPECT_EQ(one.transport.Write("more").bytes, 4u);
}

TEST_P(Sockets, CloseInAHandlerEndsAllCalls) {
  auto [a, b] = GetParam()();
  Peer one(loop);
  one.transport.Accept(a);
  one.on_readable = [&] { one.transport.Close(); };
  one.on_writable = [&] { ADD_FAILURE() << "called after Close"; };
  std::string chunk(1 << 20, 'x');
  while (one.transport.Write(chunk).status == IoResult::kOk) {
  }
  // One event brings both directions: room and a byte.
  std::string sink(1 << 16, 0);
  while (recv(b, sink.data(), sink.size(), 0) > 0) {
  }
  ASSERT_EQ(send(b, "x", 1, 0), 1);
  ASSERT_TRUE(RunUntil(loop, [&] { return one.readables == 1; }));
  for (int i = 0; i < 3; i++) loop.RunOnce(0);
  EXPECT_EQ(one.readables, 1);
  EXPECT_FALSE(one.transport.open());
  EXPECT_EQ(one.transport.Write("x").status, IoResult::kError);
  close(b);
}

TEST_P(Sockets, CloseAndReuseInAHandler) {
  auto [a, b] = GetParam()();
  auto [c, d] = GetParam()();
  Peer one(loop);
  one.transport.Accept(a);
  one.on_writable = [&] { ADD_FAILURE() << "owed to the socket before"; };
  std::string chunk(1 << 20, 'x');
  while (one.transport.Write(chunk).status == IoResult::kOk) {
  }
  one.on_readable = [&] {
    one.transport.Close();
    one.on_readable = nullptr;
    one.transport.Accept(c);
  };
  std::string sink(1 << 16, 0);
  while (recv(b, sink.data(), sink.size(), 0) > 0) {
  }
  ASSERT_EQ(send(b, "x", 1, 0), 1);
  ASSERT_TRUE(RunUntil(loop, [&] { return one.readables == 1; }));
  ASSERT_EQ(send(d, "new", 3, 0), 3);
  ASSERT_TRUE(RunUntil(loop, [&] { return one.received == "new"; }));
  close(b);
  close(d);
}

TEST_P(Sockets, OwnerGoesAtTheEndOfTheTurn) {
  auto [a, b] = GetParam()();
  auto owner = std::make_unique<Owner>(loop);
  Peer& peer = owner->peer;
  peer.transport.Accept(a);
  peer.on_readable = [&] { loop.DestroyLater(std::move(owner)); };
  close(b);
  ASSERT_TRUE(RunUntil(loop, [&] { return owner == nullptr; }));
}

// A reset that comes with data is told to a reader that asks on, though the edge looked like any other.
TEST(Transport, DataAndAResetInOneEdge) {
  Loop loop;
  auto [a, b] = TcpPair();
  Peer one(loop);
  one.transport.Accept(a);
  one.Drain();
  loop.RunOnce(0);
  ASSERT_EQ(send(a, "unread", 6, 0), 6);
  ASSERT_EQ(send(b, "half", 4, 0), 4);
  close(b);  // with unread data: RST
  one.on_readable = [&] {
    char buffer[100];
    IoResult result;
    while ((result = one.transport.Read(buffer, sizeof buffer)).status == IoResult::kOk) {
      one.received.append(buffer, result.bytes);
    }
    one.failed = result.status == IoResult::kError;
  };
  ASSERT_TRUE(RunUntil(loop, [&] { return one.failed; }));
  EXPECT_EQ(one.received, "half");
  EXPECT_EQ(one.transport.last_error(), "Connection reset by peer");
}

TEST(Transport, WritingToAPeerThatIsGoneIsAnError) {
  Loop loop;
  auto [a, b] = Pair();
  close(b);
  Peer one(loop);
  one.transport.Accept(a);
  EXPECT_EQ(one.transport.Write("x").status, IoResult::kError);  // and no SIGPIPE
  EXPECT_EQ(one.transport.last_error(), "Broken pipe");
}

TEST(Transport, ConnectsOverTcpAndUnix) {
  Loop loop;
  std::string path = testing::TempDir() + "mg-net-" + std::to_string(getpid()) + ".sock";
  for (const SocketAddress& address : {*SocketAddress::FromIp("127.0.0.1", 0), *SocketAddress::FromUnix(path)}) {
    int fd = *OpenListeningSocket(address, 8, ReusePort::kNo);
    Peer server(loop), client(loop);
    Listener listener(loop, fd, [&](int accepted, const SocketAddress&) {
      server.transport.Accept(accepted);
      server.transport.Write("banner");
    });
    client.transport.Connect(test::AddressOf(fd));
    EXPECT_EQ(client.connects, 0);  // never from within the call
    ASSERT_TRUE(RunUntil(loop, [&] { return client.connects == 1 && client.received == "banner"; }));
    EXPECT_TRUE(client.connected) << client.failure;
    EXPECT_EQ(client.transport.PeerAddress(), test::AddressOf(fd));
    EXPECT_EQ(client.transport.LocalAddress(), server.transport.PeerAddress());
    close(fd);
  }
  unlink(path.c_str());
}

TEST(Transport, SaysWhyItCannotConnect) {
  Loop loop;
  int fd = *OpenListeningSocket(*SocketAddress::FromIp("127.0.0.1", 0), 1, ReusePort::kNo);
  SocketAddress nobody = test::AddressOf(fd);
  close(fd);
  std::string message[2];
  int i = 0;
  for (const SocketAddress& address : {nobody, *SocketAddress::FromUnix("/nonexistent/socket")}) {
    Peer client(loop);
    client.transport.Connect(address);
    EXPECT_EQ(client.connects, 0);
    ASSERT_TRUE(RunUntil(loop, [&] { return client.connects == 1; }));
    EXPECT_FALSE(client.connected);
    message[i++] = client.failure;
    EXPECT_EQ(client.readables, 0);
  }
  EXPECT_EQ(message[0], "Connection refused");
  EXPECT_EQ(message[1], "No such file or directory");
}

TEST(Transport, CloseBeforeTheConnectionIsMade) {
  Loop loop;
  int fd = *OpenListeningSocket(*SocketAddress::FromIp("127.0.0.1", 0), 8, ReusePort::kNo);
  Peer client(loop);
  for (int i = 0; i < 3; i++) {
    client.transport.Connect(i == 1 ? *SocketAddress::FromUnix("/nonexistent/socket") : test::AddressOf(fd));
    client.transport.Close();
    loop.RunOnce(10);
  }
  EXPECT_EQ(client.connects, 0);
  close(fd);
}

}  // namespace
}  // namespace mg::net
