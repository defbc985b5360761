// What a VM keeps for bundled policies: each compile(conf) makes an object here and holds its number, so that a phase
// function is one call of the surface. Owner: the VM, whose end is theirs. Thread: the VM's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "script/surface.h"

namespace mg::script {

// The base of an object; its class has a `static constexpr char kKind`, whose address tells it from the others.
struct PolicyObject {
  explicit PolicyObject(const char* k) : kind(k) {}
  virtual ~PolicyObject() = default;
  const char* const kind;
};

class PolicyObjects {
 public:
  // Those of the running VM.
  static PolicyObjects& Current() {
    auto& objects = t_active.vm->around.policies;
    if (!objects) objects = std::make_shared<PolicyObjects>();
    return *objects;
  }

  int Add(std::unique_ptr<PolicyObject> object) {
    objects_.push_back(std::move(object));
    return static_cast<int>(objects_.size()) - 1;
  }
  // Null: no object of that kind has the number.
  template <class T>
  T* Find(int number) {
    auto index = static_cast<size_t>(number);
    if (index >= objects_.size() || objects_[index]->kind != &T::kKind) return nullptr;
    return static_cast<T*>(objects_[index].get());
  }

 private:
  std::vector<std::unique_ptr<PolicyObject>> objects_;
};

// A policy's configuration as compile(conf) hands it over: a JSON text. What is absent keeps its default.
class PolicyConf {
 public:
  explicit PolicyConf(std::string_view json) : document_(JsonDocument::Parse(json)) {}
  bool good() const { return document_.has_value() && root().is_object(); }
  JsonValue root() const { return document_ ? document_->root() : JsonValue(); }
  std::string Text(std::string_view name, std::string_view otherwise = {}) const {
    JsonValue value = root().Find(name);
    return std::string(value.is_string() ? value.string() : otherwise);
  }
  double Number(std::string_view name, double otherwise) const {
    return root().Find(name).number().value_or(otherwise);
  }
  bool Flag(std::string_view name, bool otherwise) const { return root().Find(name).boolean().value_or(otherwise); }
  // A list of texts; a text alone is a list of one.
  std::vector<std::string> Texts(std::string_view name) const;

 private:
  Result<JsonDocument> document_;
};

// Makes an object of `T` with its Read(conf), which answers what is wrong, "" for nothing. MG_ERROR: `error` tells.
template <class T>
int CreatePolicyObject(std::string_view json, mg_string* error) {
  PolicyConf conf(json);
  auto object = std::make_unique<T>();
  std::string wrong = conf.good() ? object->Read(conf) : "the configuration is not a JSON object";
  if (wrong.empty()) return PolicyObjects::Current().Add(std::move(object));
  GiveScratch(error, std::move(wrong));
  return MG_ERROR;
}

// What is wrong with the name of an upstream or a Redis connection, "" for nothing: it must be configured.
std::string CheckUpstreamName(std::string_view name);
std::string CheckRedisName(std::string_view name);

// Ends the request with a problem (RFC 9457); answers the status, for ngx.exit.
int Refuse(proxy::Exchange& exchange, int status, std::string_view detail);

}  // namespace mg::script
