// What the policy "rate_limit" does to a request: takes a token from the bucket of its key, in this process or in
// Redis, tells the client where it stands (RateLimit-* fields), and refuses it with 429 when there is none. One object
// a policy and VM; thread: the VM's.
#pragma once

#include <string>
#include <vector>

#include "config/template.h"
#include "redis/redis.h"
#include "script/policy_objects.h"
#include "store/token_bucket.h"

namespace mg::script {

class LimitPolicy final : public PolicyObject {
 public:
  static constexpr char kKind = 0;
  LimitPolicy() : PolicyObject(&kKind) {}

  std::string Read(const PolicyConf& conf);

  // MG_OK, a status to exit with (the answer is prepared), or MG_AGAIN: the wait ends with one of those.
  int Take(proxy::Exchange& exchange);

 private:
  class RedisTake;
  enum class OnError : uint8_t { kOpen, kClosed, kLocal };

  std::string_view KeyOf(proxy::Exchange& exchange) const;
  int TakeHere(proxy::Exchange& exchange, std::string_view key) const;
  int TakeFromRedis(proxy::Exchange& exchange, std::string_view key);
  int Judge(proxy::Exchange& exchange, const store::TakeResult& result) const;
  // Of a reply of the script: {allowed, tokens left, seconds until the next, seconds until full}, as texts.
  static Result<store::TakeResult> ReadReply(const Result<redisReply*>& reply);
  int Failed(proxy::Exchange& exchange, std::string_view why, std::string_view key) const;

  std::string scope_;  // what tells this limiter from others, the same after a reload
  bool by_route_ = false;
  std::vector<config::Expression> key_;
  double rate_ = 1, burst_ = 1;
  std::string limit_text_, rate_text_, burst_text_, ttl_text_;
  bool fields_ = true;
  std::string store_;  // a Redis connection; empty: this process
  OnError on_error_ = OnError::kLocal;
};

}  // namespace mg::script
