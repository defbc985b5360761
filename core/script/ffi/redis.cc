// moongate.redis: commands and scripts over the loop's named connections.
#include <hiredis/hiredis.h>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "redis/redis.h"
#include "script/program.h"
#include "script/scheduler.h"
#include "script/surface.h"

namespace mg::script {
namespace {

constexpr int kDeepest = 16;

// A reply of its own, for Lua gets it after the connection has let go of the original.
struct Reply {
  enum class Kind : uint8_t { kNull, kText, kError, kInteger, kList } kind = Kind::kNull;
  std::string text;
  int64_t integer = 0;
  std::vector<Reply> items;

  static Reply Of(const redisReply& from, int depth = 0) {
    Reply reply;
    switch (from.type) {
      case REDIS_REPLY_STRING:
      case REDIS_REPLY_STATUS:
        reply.kind = Kind::kText;
        reply.text.assign(from.str, static_cast<size_t>(from.len));
        break;
      case REDIS_REPLY_ERROR:
        reply.kind = Kind::kError;
        reply.text.assign(from.str, static_cast<size_t>(from.len));
        break;
      case REDIS_REPLY_INTEGER:
        reply.kind = Kind::kInteger;
        reply.integer = from.integer;
        break;
      case REDIS_REPLY_ARRAY:
        reply.kind = Kind::kList;
        for (size_t i = 0; i < from.elements && depth < kDeepest; i++)
          reply.items.push_back(Of(*from.element[i], depth + 1));
        break;
      default: break;
    }
    return reply;
  }
  static Reply Failure(const Error& error) {
    Reply reply;
    reply.kind = Kind::kError;
    reply.text = error.message;
    return reply;
  }
};

// One value; an error within a list is {false, text}, as lua-resty-redis has it.
void PushReply(lua_State* L, const Reply& reply) {
  lua_checkstack(L, 4);
  switch (reply.kind) {
    case Reply::Kind::kNull: lua_pushlightuserdata(L, nullptr); return;
    case Reply::Kind::kText: lua_pushlstring(L, reply.text.data(), reply.text.size()); return;
    case Reply::Kind::kInteger: lua_pushnumber(L, static_cast<lua_Number>(reply.integer)); return;
    case Reply::Kind::kError:
      lua_createtable(L, 2, 0);
      lua_pushboolean(L, 0);
      lua_rawseti(L, -2, 1);
      lua_pushlstring(L, reply.text.data(), reply.text.size());
      lua_rawseti(L, -2, 2);
      return;
    case Reply::Kind::kList:
      lua_createtable(L, static_cast<int>(reply.items.size()), 0);
      for (size_t i = 0; i < reply.items.size(); i++) {
        PushReply(L, reply.items[i]);
        lua_rawseti(L, -2, static_cast<int>(i) + 1);
      }
      return;
  }
}

// Commands that one coroutine waits for; ends with the last reply.
class RedisOperation final : public Operation {
 public:
  RedisOperation(size_t count, bool as_list)
      : replies_(std::make_shared<std::vector<Reply>>(count)), left_(count), as_list_(as_list) {}
  ~RedisOperation() override {
    if (left_ == 0) return;
    for (uint64_t number : numbers_) connection_->Forget(number);
  }

  void Begin(Handle handle, redis::Connection& connection) {
    handle_ = handle;
    connection_ = &connection;
  }
  void Sent(uint64_t number) { numbers_.push_back(number); }
  redis::OnReply Taker(size_t index) {
    return [this, index](Result<redisReply*> reply) {
      Came(index, reply ? Reply::Of(**reply) : Reply::Failure(reply.error()));
    };
  }

 private:
  void Came(size_t index, Reply reply) {
    (*replies_)[index] = std::move(reply);
    if (--left_ > 0) return;
    Scheduler::Wake(handle_, [replies = replies_, as_list = as_list_](lua_State* L) {
      if (as_list) {
        Reply list;
        list.kind = Reply::Kind::kList;
        list.items = *replies;
        PushReply(L, list);
        return 1;
      }
      const Reply& only = (*replies)[0];
      if (only.kind != Reply::Kind::kError) {
        PushReply(L, only);
        return 1;
      }
      lua_pushnil(L);
      lua_pushlstring(L, only.text.data(), only.text.size());
      return 2;
    });
  }

  Handle handle_;
  redis::Connection* connection_ = nullptr;
  std::shared_ptr<std::vector<Reply>> replies_;
  size_t left_;
  bool as_list_;
  std::vector<uint64_t> numbers_;
};

redis::Connection* FindConnection(const mg_string& name, mg_string* error) {
  redis::Connections* connections = t_active.vm->around.redis;
  std::string_view wanted = View(name.data, name.size);
  redis::Connection* connection = connections != nullptr ? connections->Find(wanted) : nullptr;
  if (!CanWait()) {
    GiveScratch(error, "a script cannot wait here");
    return nullptr;
  }
  if (connection == nullptr) GiveScratch(error, "no redis connection \"" + std::string(wanted) + "\" is configured");
  return connection;
}

std::vector<std::string_view> Views(const mg_string* texts, int count) {
  std::vector<std::string_view> views;
  for (int i = 0; i < count; i++) views.push_back(View(texts[i].data, texts[i].size));
  return views;
}

config::Duration TimeoutOf(double seconds) {
  return config::Duration(static_cast<int64_t>(std::clamp(seconds, 0.0, 86400.0) * 1000));
}

}  // namespace

void LinkRedis() {}

}  // namespace mg::script

extern "C" {

int mg_redis_known(const char* name, size_t size) noexcept {
  mg::redis::Connections* connections = mg::script::t_active.vm->around.redis;
  return connections != nullptr && connections->Find(mg::script::View(name, size)) != nullptr;
}

int mg_redis_send(const mg_string* name, const mg_string* arguments, const int* counts, int commands, int as_list,
                  double timeout, mg_string* error) noexcept {
  using namespace mg::script;
  mg::redis::Connection* connection = FindConnection(*name, error);
  if (connection == nullptr) return MG_ERROR;
  auto owned = std::make_unique<RedisOperation>(static_cast<size_t>(commands), as_list != 0);
  RedisOperation* operation = owned.get();
  operation->Begin(Scheduler::BeginWait(std::move(owned)), *connection);
  for (int i = 0; i < commands; i++) {
    std::vector<std::string_view> views = Views(arguments, counts[i]);
    arguments += counts[i];
    operation->Sent(connection->Send(views, operation->Taker(static_cast<size_t>(i)), TimeoutOf(timeout)));
  }
  return MG_AGAIN;
}

int mg_redis_eval(const mg_string* name, const mg_string* script, const char* sha, const mg_string* arguments, int keys,
                  int count, double timeout, mg_string* error) noexcept {
  using namespace mg::script;
  mg::redis::Connection* connection = FindConnection(*name, error);
  if (connection == nullptr) return MG_ERROR;
  auto owned = std::make_unique<RedisOperation>(1, false);
  RedisOperation* operation = owned.get();
  operation->Begin(Scheduler::BeginWait(std::move(owned)), *connection);
  std::vector<std::string_view> views = Views(arguments, count);
  std::span<const std::string_view> all = views;
  operation->Sent(connection->Eval({sha, 40}, View(script->data, script->size), all.first(static_cast<size_t>(keys)),
                                   all.subspan(static_cast<size_t>(keys)), operation->Taker(0), TimeoutOf(timeout)));
  return MG_AGAIN;
}

}  // extern "C"
