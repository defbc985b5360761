// What the policy "aggregate" does: asks several upstreams at once and makes one JSON object of their answers. Each
// part is checked to be JSON and copied byte for byte. One object a policy and VM; thread: the VM's.
#include "base/json.h"
#include "config/template.h"
#include "http/url.h"
#include "proxy/exchange.h"
#include "proxy/variables.h"
#include "script/policy_objects.h"
#include "script/program.h"
#include "script/scheduler.h"
#include "upstream/fetch.h"

namespace mg::script {
namespace {

class AggregatePolicy final : public PolicyObject {
 public:
  static constexpr char kKind = 0;
  AggregatePolicy() : PolicyObject(&kKind) {}

  std::string Read(const PolicyConf& conf);
  // MG_AGAIN: resumed with the body and whether it is partial, or nil and what failed. MG_ERROR: `error` tells.
  int Run(proxy::Exchange& exchange, mg_string* error) const;

 private:
  struct Part {
    std::string name, member;  // member: "\"name\":"
    std::string upstream;
    config::Template path;
    bool required = true;
    std::string otherwise = "null";
    config::Duration timeout{};
  };
  class Gathering;

  std::string PathOf(proxy::Exchange& exchange, const Part& part) const;

  std::vector<Part> parts_;
  std::vector<std::string> headers_;
  bool query_ = false;
  size_t limit_ = 0;
};

std::string AggregatePolicy::Read(const PolicyConf& conf) {
  headers_ = conf.Texts("headers");
  query_ = conf.Flag("query", false);
  limit_ = static_cast<size_t>(conf.Number("limit", 1 << 20));
  for (JsonValue each : conf.root().Find("parts")) {
    Part part;
    part.name = each.key();
    if (part.name == "partial")
      return "a part cannot be named \"partial\": that member lists the parts that are missing";
    part.member = JsonString(part.name) + ":";
    part.upstream = each.Find("upstream").string();
    if (std::string wrong = CheckUpstreamName(part.upstream); !wrong.empty())
      return "parts." + part.name + ": " + wrong;
    Result<config::Template> path = config::Template::Parse(each.Find("path").string());
    if (!path) return "parts." + part.name + ".path: " + path.error().message;
    part.path = std::move(*path);
    JsonValue otherwise = each.Find("default");
    part.required = each.Find("required").boolean().value_or(!otherwise);
    if (otherwise) {
      if (part.required) return "parts." + part.name + ": a part with a default cannot be required";
      part.otherwise.clear();
      AppendJson(part.otherwise, otherwise);
    }
    part.timeout = config::Duration(static_cast<int64_t>(each.Find("timeout").number().value_or(5) * 1000));
    parts_.push_back(std::move(part));
  }
  std::ranges::sort(parts_, {}, &Part::name);
  return parts_.empty() ? "there are no parts" : "";
}

// Parameters of the path are path text already; what else an expression yields is encoded.
std::string AggregatePolicy::PathOf(proxy::Exchange& exchange, const Part& part) const {
  std::string path;
  for (const config::Template::Piece& piece : part.path.pieces()) {
    if (piece.is_literal) {
      path += piece.literal;
    } else if (piece.expression.kind == config::Expression::Kind::kPath) {
      path += proxy::Evaluate(exchange, piece.expression);
    } else {
      path += http::EncodeComponent(proxy::Evaluate(exchange, piece.expression));
    }
  }
  if (query_ && !exchange.request.query.empty()) {
    path += path.find('?') == std::string::npos ? '?' : '&';
    path += exchange.request.query;
  }
  return path;
}

// The fetches of one request. Ends with the last answer, or with the first failure of a required part.
class AggregatePolicy::Gathering final : public Operation {
 public:
  explicit Gathering(const AggregatePolicy& policy)
      : policy_(policy), answers_(policy.parts_.size()), left_(answers_.size()) {}

  void Start(Handle handle, proxy::LoopContext& context, std::vector<upstream::FetchRequest> requests) {
    handle_ = handle;
    for (size_t i = 0; i < requests.size(); i++) {
      fetches_.push_back(
          upstream::StartFetch(context.loop, context.pools, context.resolver, std::move(requests[i]),
                               [this, i](Result<upstream::FetchResponse> result) { Came(i, std::move(result)); }));
    }
  }

 private:
  void Came(size_t index, Result<upstream::FetchResponse> result) {
    left_--;
    if (ended_) return;
    std::string wrong;
    if (!result) {
      wrong = result.error().code == ErrorCode::kTimeout ? "no answer in time" : "no answer";
    } else if (result->status < 200 || result->status > 299) {
      wrong = "status " + std::to_string(result->status);
    } else if (!ValidateJson(result->body)) {
      wrong = "an answer that is not JSON";
    } else {
      constexpr std::string_view kSpace = " \t\r\n";  // around the value, where it means nothing
      std::string& body = result->body;
      body.erase(body.find_last_not_of(kSpace) + 1);
      body.erase(0, body.find_first_not_of(kSpace));
      answers_[index] = std::move(body);
    }
    const Part& part = policy_.parts_[index];
    if (!wrong.empty() && part.required) {
      ended_ = true;
      Scheduler::Wake(handle_, [text = "part \"" + part.name + "\": " + wrong](lua_State* L) {
        lua_pushnil(L);
        lua_pushlstring(L, text.data(), text.size());
        return 2;
      });
      return;
    }
    if (left_ > 0) return;
    ended_ = true;
    bool partial = false;
    auto body = std::make_shared<const std::string>(Splice(partial));
    Scheduler::Wake(handle_, [body, partial](lua_State* L) {
      lua_pushlstring(L, body->data(), body->size());
      lua_pushboolean(L, partial);
      return 2;
    });
  }

  std::string Splice(bool& partial) const {
    size_t size = 16;
    for (size_t i = 0; i < answers_.size(); i++) size += policy_.parts_[i].member.size() + answers_[i].size() + 64;
    std::string body, missing;
    body.reserve(size);
    for (size_t i = 0; i < answers_.size(); i++) {
      const Part& part = policy_.parts_[i];
      body += i == 0 ? '{' : ',';
      body += part.member;
      body += answers_[i].empty() ? part.otherwise : answers_[i];
      if (!answers_[i].empty()) continue;
      missing += missing.empty() ? "" : ",";
      AppendJsonString(missing, part.name);
    }
    partial = !missing.empty();
    if (partial) body += ",\"partial\":[" + missing + "]";
    body += "}\n";
    return body;
  }

  const AggregatePolicy& policy_;
  Handle handle_;
  std::vector<std::string> answers_;  // an empty one failed: JSON is never empty
  size_t left_;
  bool ended_ = false;
  std::vector<std::unique_ptr<upstream::Fetch>> fetches_;
};

int AggregatePolicy::Run(proxy::Exchange& exchange, mg_string* error) const {
  Program* program = t_active.vm->around.program;
  if (!CanWait() || program == nullptr || program->loop() == nullptr) {
    GiveScratch(error, "an aggregate cannot wait here");
    return MG_ERROR;
  }
  const auto& upstreams = exchange.snapshot().upstream_names;
  std::vector<upstream::FetchRequest> requests;
  requests.reserve(parts_.size());
  for (const Part& part : parts_) {
    auto found = upstreams.find(part.upstream);
    if (found == upstreams.end()) {
      GiveScratch(error, "part \"" + part.name + "\": no upstream \"" + part.upstream + "\"");
      return MG_ERROR;
    }
    upstream::FetchRequest& request = requests.emplace_back();
    request.upstream = found->second;
    request.path_and_query = PathOf(exchange, part);
    request.timeout = part.timeout;
    request.limit = limit_;
    for (const std::string& name : headers_) {
      for (const http::Header& header : exchange.request.headers) {
        if (EqualsIgnoreCase(header.name, name)) request.headers.emplace_back(header.name, header.value);
      }
    }
  }
  auto owned = std::make_unique<Gathering>(*this);
  Gathering* gathering = owned.get();
  Handle handle = Scheduler::BeginWait(std::move(owned));
  gathering->Start(handle, *program->loop(), std::move(requests));
  return MG_AGAIN;
}

}  // namespace

void LinkAggregate() {}

}  // namespace mg::script

extern "C" {

int mg_aggregate_create(const char* conf, size_t size, mg_string* error) noexcept {
  return mg::script::CreatePolicyObject<mg::script::AggregatePolicy>(mg::script::View(conf, size), error);
}

int mg_aggregate_run(int number, mg_string* error) noexcept {
  auto* policy = mg::script::PolicyObjects::Current().Find<mg::script::AggregatePolicy>(number);
  if (policy == nullptr || mg::script::t_active.exchange == nullptr) return MG_NO_REQUEST;
  return policy->Run(*mg::script::t_active.exchange, error);
}

}  // extern "C"
