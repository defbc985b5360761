// H1Session over real sockets, with a handler that does what each test says.
#include "http/h1_session.h"

#include <gmock/gmock.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "http/test_support.h"

namespace mg::http {
namespace {

using test::Repeated;
using test::RunUntil;
using test::ScriptedHandler;
using test::SessionRig;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

config::Limits Quick() {
  config::Limits limits;
  limits.head_timeout = limits.body_timeout = limits.send_timeout = limits.idle_timeout = config::Duration(60);
  return limits;
}

std::string Body(std::string_view answer) { return std::string(answer.substr(answer.find("\r\n\r\n") + 4)); }

// --- one request after the other

TEST(H1Session, AnswersAndServesTheNextRequest) {
  SessionRig rig;
  rig.Open();
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(1));
  EXPECT_EQ(rig.at(0).target, "/a");
  rig.at(0).Answer(200, "one");
  ASSERT_TRUE(rig.Receives("one"));
  EXPECT_THAT(rig.client.received, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(rig.client.received, HasSubstr("\r\nDate: "));
  EXPECT_THAT(rig.client.received, Not(HasSubstr("Connection:")));
  rig.Send("GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(rig.Requests(2));
  rig.at(1).Answer(404, "two");
  ASSERT_TRUE(rig.Receives("two"));
  EXPECT_EQ(rig.list.size(), 1u);
}

TEST(H1Session, ReadsAHeadByteByByte) {
  SessionRig rig;
  rig.Open();
  for (char c : kGet) {
    rig.Send(std::string_view(&c, 1));
    rig.loop.RunOnce(0);
  }
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Answer(200, "x");
  EXPECT_TRUE(rig.Receives("x"));
}

TEST(H1Session, PipelinedRequestsAreAnsweredInOrder) {
  SessionRig rig;
  rig.Open();
  rig.Send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n");
  ASSERT_TRUE(rig.Requests(1));
  for (int i = 0; i < 5; i++) rig.loop.RunOnce(1);
  EXPECT_EQ(rig.factory.made.size(), 1u) << "one at a time";
  rig.at(0).Answer(200, "first");
  ASSERT_TRUE(rig.Requests(2));
  EXPECT_EQ(rig.at(1).target, "/2");
  rig.Send("\r\n");
  for (int i = 0; i < 5; i++) rig.loop.RunOnce(1);
  EXPECT_EQ(rig.factory.made.size(), 2u);
  rig.at(1).Answer(200, "second");
  ASSERT_TRUE(rig.Requests(3));
  rig.at(2).Answer(200, "third");
  ASSERT_TRUE(rig.Receives("third"));
  EXPECT_LT(rig.client.received.find("first"), rig.client.received.find("second"));
}

TEST(H1Session, ReadsNoFurtherWhileAsManyRequestsAsMayWait) {
  config::Limits limits;
  limits.pipelined = 3;
  SessionRig rig(limits);
  rig.Open(net::test::Pair());
  auto unread = [&] {  // of a socket pair, what the session has not read
    for (int i = 0; i < 4; i++) rig.loop.RunOnce(0);
    int bytes = 0;
    EXPECT_EQ(ioctl(rig.client.transport.fd(), SIOCOUTQ, &bytes), 0);
    return bytes > 0;
  };
  for (int i = 0; i < 4; i++) {
    rig.Send(kGet);
    EXPECT_FALSE(unread()) << i;
  }
  EXPECT_EQ(rig.factory.made.size(), 1u);
  rig.Send(kGet);
  EXPECT_TRUE(unread()) << "three wait behind the first";
  rig.at(0).Answer(200, "x");
  EXPECT_FALSE(unread()) << "there is room again";
  for (size_t i = 1; i < 5; i++) {
    ASSERT_TRUE(rig.Requests(i + 1));
    rig.at(i).Answer(200, "x");
  }
  for (int i = 0; i < 100; i++) rig.Send(kGet);  // more than may wait, in one read
  for (size_t i = 5; i < 105; i++) {
    ASSERT_TRUE(rig.Requests(i + 1));
    rig.at(i).Answer(200, "x");
  }
  EXPECT_FALSE(unread());
}

TEST(H1Session, TellsTrailersBeforeTheEnd) {
  SessionRig rig;
  std::string trailers;
  rig.factory.on_request = [&](ScriptedHandler& handler) {
    handler.on_trailers = [&](ScriptedHandler& h, std::string_view lines) {
      EXPECT_FALSE(h.body_ended);
      trailers = lines;
    };
  };
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: 1\r\nU:\r\n\r\n");
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return !rig.factory.made.empty() && rig.at(0).body_ended; }));
  EXPECT_EQ(trailers, "T: 1\r\nU:\r\n");
  rig.at(0).Answer(200, "x");
}

TEST(H1Session, AnswersFromWithinOnRequest) {
  SessionRig rig;
  rig.factory.on_request = [](ScriptedHandler& handler) { handler.Answer(200, handler.target); };
  rig.Open();
  std::string many;
  for (int i = 0; i < 2000; i++) many += fmt::format("GET /n{} HTTP/1.1\r\nHost: h\r\n\r\n", i);
  rig.Send(many);
  ASSERT_TRUE(rig.Receives("/n1999"));
  EXPECT_EQ(rig.factory.made.size(), 2000u);
}

TEST(H1Session, TakesAnEmptyLineBeforeARequestHoweverItIsCut) {
  SessionRig rig;
  rig.factory.on_request = [](ScriptedHandler& handler) { handler.Answer(200, "good"); };
  rig.Open();
  rig.Send("\r");
  for (int i = 0; i < 3; i++) rig.loop.RunOnce(1);
  rig.Send("\n");
  for (int i = 0; i < 3; i++) rig.loop.RunOnce(1);
  rig.Send(kGet);
  ASSERT_TRUE(rig.Receives("HTTP/1.1"));
  EXPECT_THAT(rig.client.received, HasSubstr("good"));
}

TEST(H1Session, ClosesWhenAsked) {
  SessionRig rig;
  rig.Open();
  rig.Send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Answer(200, "x");
  ASSERT_TRUE(rig.Ends());
  EXPECT_TRUE(rig.client.ended);
  EXPECT_THAT(rig.client.received, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(rig.Gone());
}

// --- framing

TEST(H1Session, ChunksABodyOfUnknownLength) {
  SessionRig rig;
  rig.Open();
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Head(200);
  rig.at(0).stream->SendBody("hello", End::kNo);
  rig.at(0).stream->SetTrailers("X-T: 1\r\n");
  rig.at(0).End_("!");
  ASSERT_TRUE(rig.Receives("0\r\nX-T: 1\r\n\r\n"));
  EXPECT_THAT(rig.client.received, HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_EQ(Body(rig.client.received), "5\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n");
}

TEST(H1Session, AContentLengthThatIsNoNumberNeverLeaves) {
  SessionRig rig;
  rig.Open();
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Head(200, {{"Content-Length", "many"}, {"Content-Length", "3"}});
  rig.at(0).End_("abc");
  ASSERT_TRUE(rig.Receives("abc"));
  EXPECT_THAT(rig.client.received, Not(HasSubstr("many")));
  ASSERT_TRUE(rig.Receives("0\r\n\r\n"));
}

TEST(H1Session, HeadAnd204And304HaveNoBody) {
  SessionRig rig;
  rig.Open();
  rig.Send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Answer(200, "hidden");
  ASSERT_TRUE(rig.Requests(2));
  rig.at(1).Answer(204, "hidden");
  ASSERT_TRUE(rig.Requests(3));
  rig.at(2).Head(304, {{"ETag", "1"}});
  rig.at(2).End_("hidden");
  ASSERT_TRUE(RunUntil(rig.loop, [&] {
    size_t third = rig.client.received.find("ETag: 1\r\n");
    return third != std::string::npos && rig.client.received.find("\r\n\r\n", third) != std::string::npos;
  }));
  EXPECT_THAT(rig.client.received, Not(HasSubstr("hidden")));
  EXPECT_THAT(rig.client.received, HasSubstr("200 OK\r\nDate"));
  std::string& all = rig.client.received;
  EXPECT_THAT(all.substr(0, all.find("\r\n\r\n")), HasSubstr("Content-Length: 6"));
  EXPECT_THAT(all.substr(all.find("204")), Not(HasSubstr("Content-Length")));
  EXPECT_THAT(all, Not(HasSubstr("chunked")));
  EXPECT_EQ(rig.list.size(), 1u) << "kept";
}

TEST(H1Session, Http10GetsNoChunksAndTheEndOfTheConnectionIsTheEndOfTheBody) {
  SessionRig rig;
  rig.Open();
  rig.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Head(200);
  rig.at(0).stream->SendBody("abc", End::kNo);
  rig.at(0).End_("def");
  ASSERT_TRUE(rig.Ends());
  EXPECT_TRUE(rig.client.ended);
  EXPECT_EQ(Body(rig.client.received), "abcdef");
  EXPECT_THAT(rig.client.received, HasSubstr("Connection: close"));
}

TEST(H1Session, Http10IsKeptWhenItAsksAndTheLengthIsKnown) {
  SessionRig rig;
  rig.Open();
  rig.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Answer(200, "abc");
  ASSERT_TRUE(rig.Receives("abc"));
  EXPECT_THAT(rig.client.received, HasSubstr("Connection: keep-alive"));
  rig.Send("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(rig.Requests(2));
  rig.at(1).Answer(200, "def");
  ASSERT_TRUE(rig.Ends());
}

TEST(H1Session, AShortBodyCutsTheConnectionALongOneIsCut) {
  SessionRig rig;
  rig.Open();
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Head(200, {{"Content-Length", "3"}});
  rig.at(0).End_("abcdef");
  ASSERT_TRUE(rig.Receives("abc"));
  EXPECT_THAT(rig.client.received, EndsWith("\r\n\r\nabc"));
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(2));
  rig.at(1).Head(200, {{"Content-Length", "10"}});
  rig.at(1).End_("abcdef");
  ASSERT_TRUE(rig.Ends());
  EXPECT_TRUE(rig.Gone());
}

// A body that ends with the connection looks whole when the connection ends well: it must not.
TEST(H1Session, CuttingABodyThatEndsWithTheConnectionIsAReset) {
  SessionRig rig;
  rig.Open();
  rig.Send("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Head(200);
  rig.at(0).stream->SendBody("part", End::kNo);
  ASSERT_TRUE(rig.Receives("part"));
  rig.at(0).Abort();
  ASSERT_TRUE(rig.Ends());
  EXPECT_TRUE(rig.client.failed);
  EXPECT_FALSE(rig.client.ended);
}

TEST(H1Session, InformationalHeadsComeBeforeTheFinalOne) {
  SessionRig rig;
  rig.Open();
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(1));
  ResponseHead hints;
  hints.status = 103;
  hints.headers.Append(rig.at(0).arena, "Link", "</s>");
  rig.at(0).stream->SendInformational(hints);
  ResponseHead go_on;
  go_on.status = 100;
  rig.at(0).stream->SendInformational(go_on);  // nobody asked: not sent
  rig.at(0).Answer(200, "done");
  ASSERT_TRUE(rig.Receives("done"));
  EXPECT_THAT(rig.client.received, StartsWith("HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

// --- request bodies

TEST(H1Session, DeliversBodiesByLengthAndInChunks) {
  SessionRig rig;
  rig.Open();
  rig.Send(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  ASSERT_TRUE(rig.at(0).body_ended);
  EXPECT_EQ(rig.at(0).body, "hello");
  EXPECT_EQ(rig.at(0).stream->bytes_received(),
            std::string_view("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello").size());
  rig.at(0).Answer(200, "a");
  ASSERT_TRUE(rig.Requests(2));
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.at(1).body_ended; }));
  EXPECT_EQ(rig.at(1).body, "abcde");
  rig.at(1).Answer(200, "b");
  EXPECT_TRUE(rig.Receives("\r\n\r\nb"));
}

TEST(H1Session, AMalformedChunkFailsTheBody) {
  SessionRig rig;
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  ASSERT_TRUE(rig.Ends());
  EXPECT_EQ(rig.at(0).body_failed, 400);
  EXPECT_THAT(rig.client.received, HasSubstr("400 Bad Request"));
  EXPECT_THAT(rig.client.received, HasSubstr("Connection: close"));
}

TEST(H1Session, APausedBodyStaysWithTheClient) {
  SessionRig rig;
  rig.factory.on_request = [](ScriptedHandler& handler) { handler.stream->PauseBody(); };
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nabcd");
  ASSERT_TRUE(rig.Requests(1));
  rig.Send("efgh");
  for (int i = 0; i < 5; i++) rig.loop.RunOnce(1);
  EXPECT_EQ(rig.at(0).body, "");
  rig.at(0).stream->ResumeBody();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).body_ended; }));
  EXPECT_EQ(rig.at(0).body, "abcdefgh");
  rig.at(0).Answer(200, "x");
  EXPECT_TRUE(rig.Receives("x"));
}

TEST(H1Session, PausingWithinABodyCallbackKeepsTheRest) {
  SessionRig rig;
  rig.factory.on_request = [](ScriptedHandler& handler) {
    handler.on_body = [](ScriptedHandler& h) {
      if (!h.body_ended) h.stream->PauseBody();
    };
  };
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  for (int i = 0; i < 5; i++) rig.loop.RunOnce(1);
  EXPECT_EQ(rig.at(0).body, "a");
  rig.at(0).stream->ResumeBody();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).body == "ab"; }));
  rig.at(0).stream->ResumeBody();
  EXPECT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).body_ended; }));
}

TEST(H1Session, SendsContinueWhenTheBodyIsWanted) {
  SessionRig rig;
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).stream->WantBody();
  rig.at(0).stream->WantBody();
  ASSERT_TRUE(rig.Receives("HTTP/1.1 100 Continue\r\n\r\n"));
  rig.Send("abc");
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).body_ended; }));
  rig.at(0).Answer(200, "ok");
  ASSERT_TRUE(rig.Receives("\r\n\r\nok"));
  EXPECT_THAT(rig.client.received, StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"));
  EXPECT_THAT(rig.client.received, Not(HasSubstr("close")));
}

TEST(H1Session, AnAnswerInPlaceOfContinueClosesTheConnection) {
  SessionRig rig;
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Answer(413, "no");
  ASSERT_TRUE(rig.Ends());
  EXPECT_THAT(rig.client.received, StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(rig.client.received, HasSubstr("Connection: close"));
}

TEST(H1Session, ExpectationsWithoutABodyDoNotCloseTheConnection) {
  SessionRig rig;
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Answer(200, "ok");
  ASSERT_TRUE(rig.Receives("ok"));
  EXPECT_THAT(rig.client.received, Not(HasSubstr("close")));
}

TEST(H1Session, AnEarlyAnswerToASmallBodyKeepsTheConnection) {
  SessionRig rig;
  rig.factory.on_request = [](ScriptedHandler& handler) {
    handler.stream->PauseBody();
    handler.Answer(200, "early");
  };
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
  ASSERT_TRUE(rig.Receives("early"));
  rig.client.received.clear();
  rig.Send("def");
  rig.Send(kGet);
  ASSERT_TRUE(rig.Receives("early"));
  EXPECT_EQ(rig.factory.made.size(), 2u);
  EXPECT_EQ(rig.at(0).body, "");
}

TEST(H1Session, AnEarlyAnswerToALargeBodyReachesAClientThatGoesOnSending) {
  SessionRig rig;
  rig.factory.on_request = [](ScriptedHandler& handler) {
    handler.stream->PauseBody();
    handler.Answer(413, "too large");
  };
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  std::string piece = Repeated("x", 50'000);
  for (int i = 0; i < 100; i++) {
    rig.client.transport.Write(piece);
    rig.loop.RunOnce(0);
  }
  ASSERT_TRUE(rig.Ends());
  EXPECT_TRUE(rig.client.ended);
  EXPECT_THAT(rig.client.received, EndsWith("too large"));
}

// As above, but the answer does not fit the socket, and the client ends its side meanwhile.
TEST(H1Session, ALargeEarlyAnswerReachesAClientThatStopsSending) {
  SessionRig rig;
  std::string answer = Repeated("0123456789", 3'000'000);
  rig.factory.on_request = [&](ScriptedHandler& handler) {
    handler.stream->PauseBody();
    handler.Answer(200, answer);
  };
  rig.Open(20'000);
  rig.client.on_readable = [] {};
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\nabc");
  ASSERT_TRUE(rig.Requests(1));
  rig.Send("more");
  rig.client.transport.ShutdownWrite();
  for (int i = 0; i < 5; i++) rig.loop.RunOnce(1);
  rig.client.on_readable = nullptr;
  rig.client.Drain();
  ASSERT_TRUE(rig.Ends());
  EXPECT_EQ(Body(rig.client.received).size(), answer.size());
}

// The body timer has rung while the body was paused: what is thrown away afterwards has a deadline all the same.
TEST(H1Session, WaitsNotForeverForABodyNobodyWants) {
  SessionRig rig(Quick());
  rig.factory.on_request = [](ScriptedHandler& handler) { handler.stream->PauseBody(); };
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  Nanoseconds end = MonotonicNow() + 150'000'000;
  while (MonotonicNow() < end) rig.loop.RunOnce(20);
  EXPECT_EQ(rig.at(0).body_failed, 0) << "paused: not the client's fault";
  rig.at(0).Answer(200, "x");
  EXPECT_TRUE(rig.Gone());
}

TEST(H1Session, RefusedHeadsAreAnsweredEvenWhileTheClientSends) {
  SessionRig rig;
  rig.Open();
  rig.Send("GET / HTTP/1.1\r\nHost: h\r\nX: " + Repeated("x", 40'000));
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return !rig.factory.made.empty() && rig.at(0).refused != ParseError::kNone; }));
  std::string piece = Repeated("x", 50'000);
  for (int i = 0; i < 100; i++) {
    rig.client.transport.Write(piece);
    rig.loop.RunOnce(0);
  }
  ASSERT_TRUE(rig.Ends());
  EXPECT_TRUE(rig.client.ended);
  EXPECT_THAT(rig.client.received, StartsWith("HTTP/1.1 431 "));
}

TEST(H1Session, RefusesWhatIsNoRequest) {
  for (std::string_view bad :
       {"GET / HTTP/1.1\nHost: h\n\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\r\n\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    SessionRig rig;
    rig.Open();
    rig.Send(bad);
    ASSERT_TRUE(rig.Ends()) << bad;
    EXPECT_THAT(rig.client.received, StartsWith("HTTP/1.1 400 ")) << bad;
    EXPECT_THAT(rig.client.received, HasSubstr("Connection: close")) << bad;
  }
}

// --- clients that go

TEST(H1Session, AHalfClosedClientIsAnswered) {
  SessionRig rig;
  rig.Open();
  rig.Send(kGet);
  rig.client.transport.ShutdownWrite();
  ASSERT_TRUE(rig.Requests(1));
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).peer_closed == 1; }));
  std::string answer = Repeated("y", 2'000'000);
  rig.at(0).Answer(200, answer);
  ASSERT_TRUE(rig.Ends());
  EXPECT_EQ(Body(rig.client.received).size(), answer.size());
  EXPECT_TRUE(rig.Gone());
}

TEST(H1Session, PipelinedRequestsBeforeTheEndAreAllAnswered) {
  SessionRig rig;
  rig.factory.on_request = [](ScriptedHandler& handler) {
    if (handler.target != "/1") handler.Answer(200, "last");
  };
  rig.Open();
  rig.Send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  rig.client.transport.ShutdownWrite();
  ASSERT_TRUE(rig.Requests(1));
  for (int i = 0; i < 5; i++) rig.loop.RunOnce(1);
  rig.at(0).Answer(200, "first");
  ASSERT_TRUE(rig.Ends());
  EXPECT_TRUE(rig.client.ended);
  EXPECT_THAT(rig.client.received, HasSubstr("first"));
  EXPECT_THAT(rig.client.received, EndsWith("last"));
}

TEST(H1Session, ABodyThatEndsEarlyFails) {
  SessionRig rig;
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(rig.Requests(1));
  rig.client.transport.ShutdownWrite();
  EXPECT_TRUE(rig.Gone());
  EXPECT_EQ(rig.at(0).body_failed, 400);
}

TEST(H1Session, AResetIsTold) {
  SessionRig rig;
  rig.Open();
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(1));
  rig.Reset();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).closed; }));
  EXPECT_TRUE(rig.Gone());
}

TEST(H1Session, AResetThatComesWithBytesIsTold) {
  SessionRig rig;
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(rig.Requests(1));
  rig.Send("def");
  rig.Reset();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).closed; }));
  EXPECT_TRUE(rig.Gone());
}

TEST(H1Session, AResetIsToldWhileTheBodyIsPaused) {
  SessionRig rig;
  rig.factory.on_request = [](ScriptedHandler& handler) { handler.stream->PauseBody(); };
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(rig.Requests(1));
  rig.Reset();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).closed; }));
}

// Nothing is read while the body is paused: only a write shows that the client has gone.
TEST(H1Session, AWriteThatFailsIsTold) {
  SessionRig rig;
  rig.factory.on_request = [](ScriptedHandler& handler) { handler.stream->PauseBody(); };
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Head(200);
  rig.Reset();
  for (int i = 0; i < 3; i++) rig.loop.RunOnce(1);
  ASSERT_FALSE(rig.factory.made.empty());
  if (!rig.at(0).closed) rig.at(0).stream->SendBody("lost", End::kNo);
  EXPECT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).closed; }));
  EXPECT_TRUE(rig.Gone());
}

TEST(H1Session, EndsSafelyWhileItHasDeferredWork) {
  SessionRig rig;
  rig.factory.on_request = [](ScriptedHandler& handler) {
    if (handler.target != "/2") return;
    handler.Head(200, {{"Content-Length", "10"}});
    handler.End_("short");  // the write fails, then the response is cut
  };
  rig.Open();
  rig.Send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  rig.loop.Post([&] {
    rig.at(0).Answer(200, "x");
    rig.Reset();
  });
  EXPECT_TRUE(rig.Gone());
  for (int i = 0; i < 5; i++) rig.loop.RunOnce(1);
}

TEST(H1Session, AbortFromEveryCallback) {
  for (int where = 0; where < 4; where++) {
    SessionRig rig;
    rig.factory.on_request = [&](ScriptedHandler& handler) {
      if (where == 0) return handler.Abort();
      if (where == 1) {
        handler.on_body = [](ScriptedHandler& h) {
          if (h.stream != nullptr) h.Abort();
        };
      }
      if (where == 2) {
        handler.Head(200);
        handler.stream->SendBody("x", End::kNo);
        handler.Abort();
      }
      if (where == 3) handler.Head(200, {{"Content-Length", "9"}}, End::kYes);  // cut by the session
    };
    rig.Open();
    rig.Send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    EXPECT_TRUE(rig.Gone()) << where;
    EXPECT_EQ(rig.factory.made.size(), 1u) << where;
  }
}

// --- back-pressure

TEST(H1Session, OutputWaitsForTheClientAndDrainIsTold) {
  SessionRig rig;
  rig.Open(20'000);
  rig.client.on_readable = [] {};
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(1));
  std::string part = Repeated("abcdefg", 700'000);
  rig.at(0).Head(200);
  rig.at(0).stream->SendBody(part, End::kNo);
  ASSERT_GT(rig.at(0).stream->pending(), 0u);
  rig.at(0).on_drained = [&](ScriptedHandler& handler) {
    if (handler.drained == 1) {
      handler.stream->SendBody(part, End::kNo);
    } else if (handler.stream != nullptr) {
      handler.End_();
    }
  };
  rig.client.on_readable = nullptr;
  rig.client.Drain();
  ASSERT_TRUE(rig.Receives("\r\n0\r\n\r\n"));
  EXPECT_GE(rig.at(0).drained, 1);
  EXPECT_GT(rig.client.received.size(), 1'400'000u);
}

TEST(H1Session, ThePipelinedRequestWaitsUntilTheAnswerBeforeHasLeft) {
  SessionRig rig;
  rig.factory.on_request = [](ScriptedHandler& handler) { handler.Answer(200, Repeated("z", 500'000)); };
  rig.Open(20'000);
  rig.client.on_readable = [] {};
  rig.Send(std::string(kGet) + std::string(kGet));
  for (int i = 0; i < 10; i++) rig.loop.RunOnce(1);
  EXPECT_EQ(rig.factory.made.size(), 1u);
  rig.client.on_readable = nullptr;
  rig.client.Drain();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.client.received.size() > 1'000'000; }));
  EXPECT_EQ(rig.factory.made.size(), 2u);
}

// --- time

TEST(H1Session, IdleConnectionsEnd) {
  SessionRig rig(Quick());
  rig.Open();
  EXPECT_TRUE(rig.Gone());
  EXPECT_TRUE(rig.factory.made.empty());
}

TEST(H1Session, ASlowHeadEnds) {
  config::Limits limits;
  limits.head_timeout = config::Duration(60);
  SessionRig rig(limits);
  rig.Open();
  rig.Send("GET / HT");
  ASSERT_TRUE(rig.Ends());
  EXPECT_THAT(rig.client.received, StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(rig.client.received, HasSubstr("Connection: close"));
}

TEST(H1Session, AStalledBodyIs408) {
  SessionRig rig(Quick());
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  ASSERT_TRUE(rig.Ends());
  EXPECT_EQ(rig.at(0).body_failed, 408);
  EXPECT_THAT(rig.client.received, StartsWith("HTTP/1.1 408 "));
}

TEST(H1Session, AClientThatDoesNotReadEnds) {
  SessionRig rig(Quick());
  rig.Open(20'000);
  rig.client.on_readable = [] {};
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Head(200);
  rig.at(0).stream->SendBody(Repeated("x", 3'000'000), End::kNo);
  EXPECT_TRUE(rig.Gone());
  EXPECT_TRUE(rig.at(0).closed);
  EXPECT_EQ(rig.at(0).close_code, ErrorCode::kTimeout);
}

TEST(H1Session, AnAnswerThatTakesLongHasNoDeadlineHere) {
  SessionRig rig(Quick());
  rig.Open();
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(1));
  Nanoseconds end = MonotonicNow() + 200'000'000;
  while (MonotonicNow() < end) rig.loop.RunOnce(20);
  ASSERT_FALSE(rig.at(0).closed);
  rig.at(0).Answer(200, "late");
  EXPECT_TRUE(rig.Receives("late"));
}

// --- tunnels

TEST(H1Session, ATunnelIsRawBothWaysAndEndsOnce) {
  SessionRig rig;
  rig.Open();
  rig.Send("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nfirst");
  ASSERT_TRUE(rig.Requests(1));
  rig.at(0).Head(101, {{"Connection", "upgrade"}, {"Upgrade", "x"}});
  rig.at(0).stream->Flush();
  rig.at(0).stream->StartTunnel();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).body == "first"; }));
  rig.at(0).stream->SendBody("raw", End::kNo);
  ASSERT_TRUE(rig.Receives("\r\n\r\nraw"));
  EXPECT_THAT(rig.client.received, HasSubstr("Connection: upgrade\r\n"));
  EXPECT_THAT(rig.client.received, Not(HasSubstr("chunked")));
  rig.Send("second");
  rig.client.transport.ShutdownWrite();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).body_ended; }));
  EXPECT_EQ(rig.at(0).body, "firstsecond");
  rig.at(0).stream->SendBody("still", End::kNo);
  ASSERT_TRUE(rig.Receives("still"));
  rig.client.transport.Close();  // a second hang-up: the end must not be told again
  for (int i = 0; i < 5; i++) rig.loop.RunOnce(1);
  if (rig.at(0).stream != nullptr) rig.at(0).End_();
  EXPECT_TRUE(rig.Gone());
}

// --- draining

TEST(H1Session, DrainingClosesIdleOnesAndEndsTheOthersAfterTheirAnswer) {
  SessionRig rig;
  rig.Open();
  net::test::Peer idle(rig.loop);
  auto fds = net::test::TcpPair();
  idle.transport.Accept(fds[0]);
  auto made = std::make_unique<H1Session>(rig.loop, rig.Options());
  H1Session& session = *made;
  rig.list.Add(std::move(made));
  session.Start(fds[1], *net::SocketAddress::FromIp("127.0.0.1", 9));
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(1));
  rig.list.Drain();
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return idle.ended; }));
  EXPECT_EQ(rig.list.size(), 1u);
  rig.at(0).Answer(200, "bye");
  ASSERT_TRUE(rig.Ends());
  EXPECT_THAT(rig.client.received, HasSubstr("Connection: close"));
  EXPECT_THAT(rig.client.received, EndsWith("bye"));
}

TEST(H1Session, ClosingAllTellsHandlers) {
  SessionRig rig;
  rig.Open();
  rig.Send(kGet);
  ASSERT_TRUE(rig.Requests(1));
  rig.list.CloseAll();
  EXPECT_TRUE(rig.at(0).closed);
  EXPECT_EQ(rig.list.size(), 0u);
}

// A reset that comes with a part of a head ends the session, not only the time for heads.
TEST(H1Session, AResetBehindAPartOfAHeadIsSeen) {
  config::Limits limits;
  limits.head_timeout = std::chrono::minutes(5);
  SessionRig rig(limits);
  rig.Open();
  rig.loop.RunOnce(1);  // what the registration itself tells of is over
  rig.Send("GET / HT");
  rig.Reset();
  EXPECT_TRUE(rig.Gone());
}

// A client that sends as fast as it is read does not keep the loop to itself.
TEST(H1Session, ReadsOnlySoMuchInATurn) {
  SessionRig rig;
  rig.Open();
  rig.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n");
  ASSERT_TRUE(rig.Requests(1));
  const std::string piece(1 << 20, 'b');
  size_t sent = 0;  // as much as the kernel holds
  for (;;) {
    net::IoResult result = rig.client.transport.Write(piece);
    if (result.status != net::IoResult::kOk) break;
    sent += result.bytes;
  }
  ASSERT_GT(sent, 32 * net::Loop::kReadSize);
  rig.loop.RunOnce(1);
  EXPECT_LE(rig.at(0).body.size(), 33 * net::Loop::kReadSize);
  EXPECT_TRUE(RunUntil(rig.loop, [&] { return rig.at(0).body.size() == sent; })) << "and goes on by itself";
}

// Bytes and reset make one event, which looks as one of bytes alone does.
TEST(H1Session, AResetThatCameWithTheRequestIsNoticed) {
  for (std::string_view request :
       {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"}) {
    SessionRig rig;
    rig.Open();
    rig.Send(request);
    rig.Reset();
    ASSERT_TRUE(rig.Gone()) << request;
    ASSERT_EQ(rig.factory.made.size(), 1u);
    EXPECT_TRUE(rig.at(0).closed);
  }
}

}  // namespace
}  // namespace mg::http
