// Shared dictionaries.
#include "proxy/exchange.h"
#include "script/program.h"
#include "script/surface.h"
#include "store/shared_dict.h"

using mg::script::Give;
using mg::script::t_active;
using mg::script::View;
using mg::store::DictInput;
using mg::store::DictOutput;
using mg::store::DictStatus;
using mg::store::DictType;
using mg::store::ListEnd;

namespace {

static_assert(static_cast<int>(DictStatus::kNotFound) == MG_SHARED_NOT_FOUND);

mg::store::SharedDict& Dict(int index) { return *t_active.vm->around.dicts.at(static_cast<size_t>(index)); }

mg::Milliseconds Now() {
  mg::script::Program* program = t_active.vm->around.program;
  bool on_loop = program != nullptr && program->loop() != nullptr;
  return (on_loop ? program->loop()->loop.WallTime() : mg::WallNow()) / 1'000'000;
}

// More than 0 stays more than 0: that would mean "for ever".
mg::Milliseconds Ttl(double seconds) {
  constexpr double kLongest = 1e12;
  double ms = std::min(seconds * 1000, kLongest);
  return ms > 0 && ms < 1 ? 1 : static_cast<mg::Milliseconds>(ms);
}

DictInput InputOf(const mg_value& value) {
  switch (value.type) {
    case MG_BOOLEAN: return DictInput::Boolean(value.boolean != 0);
    case MG_NUMBER: return DictInput::Number(value.number);
    case MG_STRING: return DictInput::String(View(value.data, value.size));
    default: return {};
  }
}

void Fill(const DictOutput& from, mg_value* out) {
  out->type = from.type == DictType::kBoolean  ? MG_BOOLEAN
              : from.type == DictType::kNumber ? MG_NUMBER
              : from.type == DictType::kString ? MG_STRING
                                               : MG_NIL;
  out->boolean = from.boolean;
  out->number = from.number;
  out->data = from.string.data();
  out->size = from.string.size();
  out->flags = from.flags;
  out->stale = from.stale;
}

// What the last get or pop found, and the last list of keys: kept until the next, for their memory.
thread_local DictOutput t_found;
thread_local std::vector<std::string> t_keys;

int Code(DictStatus status) { return static_cast<int>(status); }

}  // namespace

extern "C" {

int mg_shared_count(void) noexcept { return static_cast<int>(t_active.vm->around.dicts.size()); }
void mg_shared_name(int dict, mg_string* out) noexcept { Give(out, Dict(dict).name()); }
void mg_shared_message(int status, mg_string* out) noexcept {
  Give(out, DictStatusText(static_cast<DictStatus>(status)));
}

int mg_shared_get(int dict, const char* key, size_t size, int stale, mg_value* out) noexcept {
  DictStatus status = stale != 0 ? Dict(dict).GetStale(View(key, size), Now(), t_found)
                                 : Dict(dict).Get(View(key, size), Now(), t_found);
  if (status == DictStatus::kOk) Fill(t_found, out);
  return Code(status);
}

int mg_shared_set(int dict, const char* key, size_t size, const mg_value* value, double ttl, uint32_t flags, int mode,
                  int safe, mg_value* out) noexcept {
  mg::store::SetResult result =
      Dict(dict).Set(View(key, size), InputOf(*value), Ttl(ttl), flags, Now(), static_cast<mg::store::SetMode>(mode),
                     safe != 0 ? mg::store::OnFull::kFail : mg::store::OnFull::kEvict);
  out->forcible = result.forcible;
  return Code(result.status);
}

int mg_shared_incr(int dict, const char* key, size_t size, double delta, int has_init, double init, double init_ttl,
                   mg_value* out) noexcept {
  std::optional<double> initial;
  if (has_init != 0) initial = init;
  mg::store::IncrResult result = Dict(dict).Incr(View(key, size), delta, initial, Ttl(init_ttl), Now());
  out->number = result.value;
  out->forcible = result.forcible;
  return Code(result.status);
}

int mg_shared_ttl(int dict, const char* key, size_t size, mg_value* out) noexcept {
  mg::store::TtlResult result = Dict(dict).Ttl(View(key, size), Now());
  out->number = static_cast<double>(result.ttl) / 1000;
  return Code(result.status);
}

int mg_shared_expire(int dict, const char* key, size_t size, double ttl) noexcept {
  return Code(Dict(dict).Expire(View(key, size), Ttl(ttl), Now()));
}

int mg_shared_push(int dict, const char* key, size_t size, const mg_value* value, int left, mg_value* out) noexcept {
  mg::store::LengthResult result =
      Dict(dict).Push(View(key, size), InputOf(*value), left != 0 ? ListEnd::kLeft : ListEnd::kRight, Now());
  out->number = static_cast<double>(result.length);
  return Code(result.status);
}

int mg_shared_pop(int dict, const char* key, size_t size, int left, mg_value* out) noexcept {
  DictStatus status = Dict(dict).Pop(View(key, size), left != 0 ? ListEnd::kLeft : ListEnd::kRight, Now(), t_found);
  if (status == DictStatus::kOk) Fill(t_found, out);
  return Code(status);
}

int mg_shared_length(int dict, const char* key, size_t size, mg_value* out) noexcept {
  mg::store::LengthResult result = Dict(dict).Length(View(key, size), Now());
  out->number = static_cast<double>(result.length);
  return Code(result.status);
}

void mg_shared_flush_all(int dict) noexcept { Dict(dict).FlushAll(); }

double mg_shared_flush_expired(int dict, double most) noexcept {
  return static_cast<double>(Dict(dict).FlushExpired(static_cast<size_t>(most), Now()));
}

int mg_shared_keys(int dict, double most) noexcept {
  t_keys = Dict(dict).Keys(static_cast<size_t>(most), Now());
  return static_cast<int>(t_keys.size());
}

void mg_shared_key(int index, mg_string* out) noexcept { Give(out, t_keys.at(static_cast<size_t>(index))); }

double mg_shared_capacity(int dict) noexcept { return static_cast<double>(Dict(dict).capacity()); }
double mg_shared_free_space(int dict) noexcept { return static_cast<double>(Dict(dict).free_space()); }

}  // extern "C"

namespace mg::script {
void LinkShared() {}
}  // namespace mg::script
