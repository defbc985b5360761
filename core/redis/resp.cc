#include "redis/resp.h"

#include <charconv>

#include "base/result.h"

namespace mg::redis {

namespace {

void AppendLine(std::string& to, char type, size_t number) {
  char text[24];
  auto end = std::to_chars(text, text + sizeof text, number).ptr;
  to += type;
  to.append(text, end);
  to += "\r\n";
}

// hiredis' own functions; those it does not export are taken from a reader of its making.
const redisReplyObjectFunctions& Defaults() {
  static const redisReplyObjectFunctions functions = [] {
    redisReader* reader = redisReaderCreate();
    MG_CHECK(reader != nullptr);
    redisReplyObjectFunctions copy = *reader->fn;
    redisReaderFree(reader);
    return copy;
  }();
  return functions;
}

}  // namespace

void AppendCommand(std::string& to, size_t count) { AppendLine(to, '*', count); }

void AppendArgument(std::string& to, std::string_view argument) {
  AppendLine(to, '$', argument.size());
  to += argument;
  to += "\r\n";
}

ReplyReader::ReplyReader() : functions_(Defaults()) {
  // An array is allocated as large as it claims to be, before its elements come: so claims are limited.
  functions_.createArray = [](const redisReadTask* task, int count) -> void* {
    auto* budget = static_cast<Budget*>(task->privdata);
    if (count < 0 || static_cast<size_t>(count) > kMostElements - budget->elements) return nullptr;
    budget->elements += static_cast<size_t>(count);
    return Defaults().createArray(task, count);
  };
  reader_ = redisReaderCreateWithFunctions(&functions_);
  MG_CHECK(reader_ != nullptr);
  reader_->privdata = &budget_;
}

ReplyReader::~ReplyReader() { redisReaderFree(reader_); }

void ReplyReader::Feed(std::string_view bytes) {
  if (!error_.empty()) return;
  fed_ += bytes.size();
  if (fed_ > kMostBytes) {
    error_ = "a reply is larger than 64 MiB";
  } else if (redisReaderFeed(reader_, bytes.data(), bytes.size()) != REDIS_OK) {
    error_ = reader_->errstr;
  }
}

ReplyPtr ReplyReader::Next() {
  if (!error_.empty()) return nullptr;
  void* reply = nullptr;
  if (redisReaderGetReply(reader_, &reply) != REDIS_OK) {
    error_ = reader_->err == REDIS_ERR_OOM ? "a reply has too many elements" : reader_->errstr;
    return nullptr;
  }
  if (reply == nullptr) return nullptr;
  budget_.elements = 0;
  fed_ = 0;
  return ReplyPtr(static_cast<redisReply*>(reply));
}

}  // namespace mg::redis
