#include "script/limit_policy.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <charconv>
#include <cmath>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "http/h1_encoder.h"
#include "proxy/exchange.h"
#include "proxy/variables.h"
#include "script/limiters.h"
#include "script/program.h"
#include "script/scheduler.h"

namespace mg::script {

store::TokenBuckets& Limiters() {
  static store::TokenBuckets buckets;
  return buckets;
}

namespace {

constexpr std::string_view kRefused = "too many requests: the limit of this route is reached";

// One step on the server, by the server's clock: refill, take one, remember, expire when it would be full again.
// KEYS[1]: the bucket; ARGV: rate a second, burst, milliseconds to live. Numbers go back as texts, for Redis cuts them
// down to integers.
constexpr std::string_view kTakeScript = R"lua(
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(bucket[1]) or burst, tonumber(bucket[2]) or now
if at > now then at = now end
tokens = math.min(burst, tokens + (now - at) * rate)
local allowed = 0
if tokens >= 1 then
  allowed = 1
  tokens = tokens - 1
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local wait = allowed == 1 and 0 or (1 - tokens) / rate
return {allowed, string.format('%.6f', tokens), string.format('%.6f', wait), string.format('%.6f', (burst - tokens) / rate)}
)lua";

const std::string& ScriptSha() {
  static const std::string sha = HexEncode(crypto::ComputeDigest(crypto::Digest::kSha1, kTakeScript));
  return sha;
}

uint64_t WholeSeconds(Nanoseconds span) {
  constexpr Nanoseconds kSecond = 1'000'000'000, kLongest = 86400LL * 365 * kSecond;
  return static_cast<uint64_t>((std::min(span, kLongest) + kSecond - 1) / kSecond);
}

std::string_view Decimal(Arena& arena, uint64_t number) {
  http::HeadWriter digits(arena, 20);
  digits.PutDecimal(number);
  return digits.text();
}

double NumberOf(const redisReply* reply) {
  double number = 0;
  if (reply->type == REDIS_REPLY_STRING) std::from_chars(reply->str, reply->str + reply->len, number);
  return number;
}

}  // namespace

std::string LimitPolicy::Read(const PolicyConf& conf) {
  rate_ = conf.Number("rate", 1);
  if (!(rate_ > 0)) return "rate must be more than 0";
  burst_ = conf.Number("burst", std::max(1.0, std::ceil(rate_)));
  fields_ = conf.Flag("headers", true);
  store_ = conf.Text("store", "memory");
  if (store_ == "memory") store_.clear();
  if (!store_.empty()) {
    if (std::string wrong = CheckRedisName(store_); !wrong.empty()) return "store: " + wrong;
  }
  std::string on_error = conf.Text("on_error", "local");
  on_error_ = on_error == "open" ? OnError::kOpen : on_error == "closed" ? OnError::kClosed : OnError::kLocal;
  std::string keys;
  for (const std::string& text : conf.Texts("key")) {
    Result<config::Expression> expression = config::ParseExpression(text);
    if (!expression) return "key: " + expression.error().message;
    key_.push_back(std::move(*expression));
    keys += text + '\n';
  }
  std::string name = conf.Text("name"), scope = conf.Text("scope");
  by_route_ = name.empty() && scope.empty();
  scope_ = fmt::format("{}\n{}\n{}\n{}\n{}", name, scope, rate_, burst_, keys);
  limit_text_ = fmt::format("{:.0f}", burst_);
  rate_text_ = fmt::format("{}", rate_);
  burst_text_ = fmt::format("{}", burst_);
  ttl_text_ = fmt::format("{:.0f}", std::min(std::ceil(burst_ / rate_ * 1000) + 1000, 1e13));
  return {};
}

// Each part with its size before it, so that no two lists of values make one key. Valid until the thread's next.
std::string_view LimitPolicy::KeyOf(proxy::Exchange& exchange) const {
  static thread_local std::string key;
  key = scope_;
  auto add = [](std::string_view part) {
    auto size = static_cast<uint32_t>(part.size());
    key.append(reinterpret_cast<const char*>(&size), sizeof size);
    key.append(part);
  };
  if (by_route_) add(exchange.route->conf->name);
  for (const config::Expression& expression : key_) add(proxy::Evaluate(exchange, expression));
  return key;
}

int LimitPolicy::Take(proxy::Exchange& exchange) {
  std::string_view key = KeyOf(exchange);
  return store_.empty() ? TakeHere(exchange, key) : TakeFromRedis(exchange, key);
}

int LimitPolicy::TakeHere(proxy::Exchange& exchange, std::string_view key) const {
  return Judge(exchange, Limiters().Take(key, rate_, burst_, 1, exchange.context.loop.Now()));
}

int LimitPolicy::Judge(proxy::Exchange& exchange, const store::TakeResult& result) const {
  Arena& arena = exchange.arena;
  http::HeaderList& headers = exchange.response.head.headers;
  if (fields_) {
    headers.Set(arena, "RateLimit-Limit", limit_text_);
    headers.Set(arena, "RateLimit-Remaining", Decimal(arena, static_cast<uint64_t>(result.remaining)));
    headers.Set(arena, "RateLimit-Reset", Decimal(arena, WholeSeconds(result.reset)));
  }
  if (result.allowed) return MG_OK;
  headers.Set(arena, "Retry-After", Decimal(arena, std::max<uint64_t>(1, WholeSeconds(result.retry_after))));
  return Refuse(exchange, 429, kRefused);
}

// --- Redis

class LimitPolicy::RedisTake final : public Operation {
 public:
  ~RedisTake() override {
    if (connection != nullptr) connection->Forget(number);
  }
  redis::Connection* connection = nullptr;  // null once the reply is there
  uint64_t number = 0;
};

int LimitPolicy::TakeFromRedis(proxy::Exchange& exchange, std::string_view key) {
  redis::Connections* connections = t_active.vm->around.redis;
  redis::Connection* connection = connections != nullptr ? connections->Find(store_) : nullptr;
  if (connection == nullptr || !CanWait()) return Failed(exchange, "there is no such connection", key);
  std::string name = "moongate:limit:" + HexEncode(crypto::ComputeDigest(crypto::Digest::kSha1, key));
  std::string_view keys[] = {name}, arguments[] = {rate_text_, burst_text_, ttl_text_};
  auto operation = std::make_unique<RedisTake>();
  RedisTake* take = operation.get();
  Handle handle = Scheduler::BeginWait(std::move(operation));
  uint64_t number = connection->Eval(
      ScriptSha(), kTakeScript, keys, arguments,
      [this, take, handle, &exchange, bucket = std::string(key)](Result<redisReply*> reply) {
        take->connection = nullptr;
        // Judged when the coroutine is woken: only then is the exchange sure to be there still.
        Scheduler::Wake(handle, [this, &exchange, bucket, taken = ReadReply(reply)](lua_State* L) {
          lua_pushinteger(L, taken ? Judge(exchange, *taken) : Failed(exchange, taken.error().message, bucket));
          return 1;
        });
      });
  take->connection = connection;
  take->number = number;
  return MG_AGAIN;
}

Result<store::TakeResult> LimitPolicy::ReadReply(const Result<redisReply*>& reply) {
  if (!reply) return std::unexpected(reply.error());
  const redisReply& root = **reply;
  if (root.type == REDIS_REPLY_ERROR)
    return Fail(ErrorCode::kProtocol, std::string(root.str, static_cast<size_t>(root.len)));
  if (root.type != REDIS_REPLY_ARRAY || root.elements != 4 || root.element[0]->type != REDIS_REPLY_INTEGER) {
    return Fail(ErrorCode::kProtocol, "an unexpected reply");
  }
  auto span = [&](size_t index) {
    return static_cast<Nanoseconds>(std::clamp(NumberOf(root.element[index]), 0.0, 1e9) * 1e9);
  };
  return store::TakeResult{.allowed = root.element[0]->integer == 1,
                           .remaining = std::max(0.0, NumberOf(root.element[1])),
                           .retry_after = span(2),
                           .reset = span(3)};
}

int LimitPolicy::Failed(proxy::Exchange& exchange, std::string_view why, std::string_view key) const {
  MG_LOG(kWarn, "rate_limit: redis {}: {}", store_, why);
  switch (on_error_) {
    case OnError::kOpen: return MG_OK;
    case OnError::kClosed: return Refuse(exchange, 503, "the limit of this route cannot be checked at the moment");
    case OnError::kLocal: break;
  }
  return TakeHere(exchange, key);
}

}  // namespace mg::script

extern "C" {

int mg_limit_create(const char* conf, size_t size, mg_string* error) noexcept {
  return mg::script::CreatePolicyObject<mg::script::LimitPolicy>(mg::script::View(conf, size), error);
}

int mg_limit_take(int number) noexcept {
  auto* policy = mg::script::PolicyObjects::Current().Find<mg::script::LimitPolicy>(number);
  if (policy == nullptr || mg::script::t_active.exchange == nullptr) return MG_NO_REQUEST;
  return policy->Take(*mg::script::t_active.exchange);
}

}  // extern "C"

namespace mg::script {
void LinkLimit() {}
}  // namespace mg::script
