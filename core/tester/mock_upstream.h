// MockUpstream: a small HTTP/1.1 server on 127.0.0.1 that answers as a block says, and remembers what it was asked.
// Made and destroyed by the runner, for one block; its threads (one that accepts, one a connection) end with it.
// Blocking sockets, woken by an eventfd; nothing of the gateway's own code, which it must not agree with by accident.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tester/mock_answers.h"

namespace mg::tester {

// A request that a mock received.
struct MockRequest {
  size_t upstream = 0;    // which mock: its place
  size_t connection = 0;  // of that mock, from 0
  std::string method, target;
  std::string text;  // the head as received, lines ended by "\n", and after an empty line the body, decoded
  bool complete = false;
  bool answered = true;  // false: there was no answer for it (the mock sends 599)
};

// What all mocks of a block received, in the order of arrival. Any thread.
class MockJournal {
 public:
  size_t Add(MockRequest request);
  void Update(size_t index, MockRequest request);
  std::vector<MockRequest> Take() const;

 private:
  mutable std::mutex mutex_;
  std::vector<MockRequest> requests_;
};

class MockUpstream {
 public:
  // Listens at once, on a port of its own. `journal` outlives it.
  MockUpstream(size_t place, AnswerBook book, MockJournal& journal);
  ~MockUpstream();
  MockUpstream(const MockUpstream&) = delete;
  MockUpstream& operator=(const MockUpstream&) = delete;

  uint16_t port() const { return port_; }  // 0: it could not listen
  size_t connections() const;

 private:
  class Connection;
  void Accept();

  size_t place_;
  AnswerBook book_;
  MockJournal& journal_;
  int listening_ = -1, stop_ = -1;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;  // of the book and the list below
  std::vector<std::unique_ptr<Connection>> connections_;
  std::thread acceptor_;
};

// A port of 127.0.0.1 that refuses connections as long as this lives: bound, and not listened on.
class DeadPort {
 public:
  DeadPort();
  ~DeadPort();
  DeadPort(const DeadPort&) = delete;
  DeadPort& operator=(const DeadPort&) = delete;
  uint16_t port() const { return port_; }

 private:
  int fd_ = -1;
  uint16_t port_ = 0;
};

}  // namespace mg::tester
