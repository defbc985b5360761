#include "store/shared_dict.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "base/result.h"
#include "store/shared_dict_entry.h"
#include "store/siphash.h"

namespace mg::store {

namespace {

constexpr size_t kShardedFrom = size_t{1} << 20;
constexpr size_t kShards = 16;
constexpr size_t kBytesPerBucket = 256;  // of capacity; the table takes 3% of it
constexpr size_t kMostEvicted = 64;      // by one operation
constexpr size_t kLookForExpired = 8;    // entries looked at before one that holds is evicted
constexpr size_t kLookHard = 64;         // where that is not allowed

void* Allocate(size_t bytes) {
  void* memory = std::malloc(bytes);
  MG_CHECK(memory != nullptr);
  return memory;
}

Milliseconds ExpiryOf(Milliseconds ttl, Milliseconds now) {
  if (ttl <= 0) return kForEver;
  return ttl > INT64_MAX - now ? kForEver : now + ttl;
}

DictStatus CheckKey(std::string_view key) {
  if (key.empty()) return DictStatus::kEmptyKey;
  return key.size() > SharedDict::kMaxKey ? DictStatus::kKeyTooLong : DictStatus::kOk;
}

}  // namespace

std::string_view DictStatusText(DictStatus status) {
  constexpr std::array<std::string_view, 9> kTexts{
      "",          "not found",   "exists", "no memory", "not a number", "value not a list", "value is a list",
      "empty key", "key too long"};
  return kTexts[static_cast<size_t>(status)];
}

struct SharedDict::Room {
  size_t evicted = 0;
  bool forcible = false;
};

SharedDict::SharedDict(std::string name, size_t capacity_bytes)
    : name_(std::move(name)),
      capacity_(0),
      shard_count_(capacity_bytes >= kShardedFrom ? kShards : 1),
      shards_(std::make_unique<Shard[]>(shard_count_)) {
  SetCapacity(capacity_bytes);
}

SharedDict::~SharedDict() {
  for (size_t i = 0; i < shard_count_; i++) {
    while (shards_[i].newest != nullptr) Remove(shards_[i], shards_[i].newest);
  }
}

SharedDict::Shard& SharedDict::ShardOf(uint64_t hash) const { return shards_[(hash >> 48) & (shard_count_ - 1)]; }

bool SharedDict::Reserve(size_t bytes) {
  size_t used = used_.load(std::memory_order_relaxed);
  do {
    if (used + bytes > capacity()) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

void SharedDict::Release(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

// Frees one entry of the shard, other than the one of the key `keep`: an expired one that is near, else, if that is
// allowed, the one least recently used.
bool SharedDict::EvictFrom(Shard& shard, std::string_view keep, OnFull on_full, Milliseconds now, Room& room) {
  std::lock_guard lock(shard.mutex);
  size_t look = on_full == OnFull::kEvict ? kLookForExpired : kLookHard;
  Entry* victim = nullptr;
  bool holds = true;
  for (Entry* entry = shard.oldest; entry != nullptr && look > 0 && holds; entry = entry->newer, look--) {
    if (entry->key() == keep) continue;
    holds = !entry->Expired(now);
    if (!holds || (victim == nullptr && on_full == OnFull::kEvict)) victim = entry;
  }
  if (victim == nullptr) return false;
  room.evicted++;
  room.forcible = room.forcible || holds;
  Remove(shard, victim);
  return true;
}

// Takes no lock of a shard while it holds another's, so it is called without any.
bool SharedDict::MakeRoom(size_t bytes, std::string_view keep, OnFull on_full, Milliseconds now, Room& room) {
  size_t in_vain = 0;
  while (used_.load(std::memory_order_relaxed) + bytes > capacity()) {
    if (in_vain == shard_count_ || room.evicted == kMostEvicted) return false;
    size_t turn = turn_.fetch_add(1, std::memory_order_relaxed);
    in_vain = EvictFrom(shards_[turn & (shard_count_ - 1)], keep, on_full, now, room) ? 0 : in_vain + 1;
  }
  return true;
}

template <class Attempt>
DictStatus SharedDict::WithRoom(std::string_view key, OnFull on_full, Milliseconds now, Room& room, Attempt&& attempt) {
  if (DictStatus wrong = CheckKey(key); wrong != DictStatus::kOk) return wrong;
  uint64_t hash = SipHash13(ProcessSipKey(), key);
  Shard& shard = ShardOf(hash);
  while (true) {
    size_t needed = 0;
    {
      std::lock_guard lock(shard.mutex);
      DictStatus status = attempt(shard, hash, needed);
      if (status != DictStatus::kNoMemory) return status;
    }
    if (needed > capacity() || !MakeRoom(needed, key, on_full, now, room)) return DictStatus::kNoMemory;
  }
}

// Its memory has been reserved.
SharedDict::Entry* SharedDict::NewEntry(std::string_view key, uint64_t hash, size_t value_size) {
  auto* entry = static_cast<Entry*>(Allocate(sizeof(Entry) + key.size() + value_size));
  *entry = Entry{};
  entry->hash = hash;
  entry->key_size = static_cast<uint32_t>(key.size());
  entry->room = static_cast<uint32_t>(value_size);
  std::memcpy(entry->key_bytes(), key.data(), key.size());
  return entry;
}

void SharedDict::ClearList(Entry* entry) {
  if (!entry->is_list()) return;
  for (Element* element = entry->list.first; element != nullptr;) {
    Element* next = element->next;
    Release(element->charge());
    std::free(element);
    element = next;
  }
  entry->length = 0;
  entry->list = {nullptr, nullptr};
}

void SharedDict::Remove(Shard& shard, Entry* entry) {
  ClearList(entry);
  shard.Unlink(entry);
  Release(entry->charge());
  std::free(entry);
}

DictStatus SharedDict::Read(std::string_view key, Milliseconds now, bool stale_too, DictOutput& out) {
  out.type = DictType::kNil;
  out.stale = false;
  if (DictStatus wrong = CheckKey(key); wrong != DictStatus::kOk) return wrong;
  uint64_t hash = SipHash13(ProcessSipKey(), key);
  Shard& shard = ShardOf(hash);
  std::lock_guard lock(shard.mutex);
  Entry* entry = shard.Find(key, hash);
  if (entry == nullptr) return DictStatus::kNotFound;
  shard.Touch(entry);
  out.stale = entry->Expired(now);
  if (out.stale && !stale_too) return DictStatus::kNotFound;
  if (entry->is_list()) return DictStatus::kIsAList;
  out.type = static_cast<DictType>(entry->type);
  out.flags = entry->flags;
  switch (out.type) {
    case DictType::kBoolean: out.boolean = entry->boolean; break;
    case DictType::kNumber: out.number = entry->number; break;
    case DictType::kString: out.string.assign(entry->text(), entry->size); break;
    case DictType::kNil: break;
  }
  return DictStatus::kOk;
}

DictStatus SharedDict::Get(std::string_view key, Milliseconds now, DictOutput& out) {
  return Read(key, now, false, out);
}

DictStatus SharedDict::GetStale(std::string_view key, Milliseconds now, DictOutput& out) {
  return Read(key, now, true, out);
}

SetResult SharedDict::Set(std::string_view key, const DictInput& value, Milliseconds ttl, uint32_t flags,
                          Milliseconds now, SetMode mode, OnFull on_full) {
  Room room;
  std::string_view text = value.type == DictType::kString ? value.string : std::string_view();
  if (text.size() >= UINT32_MAX) return {DictStatus::kNoMemory};
  auto attempt = [&](Shard& shard, uint64_t hash, size_t& needed) {
    Entry* entry = shard.Find(key, hash);
    bool present = entry != nullptr && !entry->Expired(now);
    if (mode == SetMode::kOnlyNew && present) return DictStatus::kExists;
    if (mode == SetMode::kOnlyExisting && !present) return DictStatus::kNotFound;
    if (value.type == DictType::kNil) {
      if (entry != nullptr) Remove(shard, entry);
      return DictStatus::kOk;
    }
    size_t charge = Charge(sizeof(Entry) + key.size() + text.size());
    if (entry != nullptr && !entry->is_list() && entry->charge() == charge && entry->room >= text.size()) {
      shard.Touch(entry);
    } else {
      size_t had = entry == nullptr ? 0 : entry->charge();
      if (charge > had && !Reserve(charge - had)) {
        needed = charge - had;
        return DictStatus::kNoMemory;
      }
      if (entry != nullptr) {
        ClearList(entry);
        shard.Unlink(entry);
        std::free(entry);
        if (had > charge) Release(had - charge);
      }
      entry = NewEntry(key, hash, text.size());
      shard.Insert(entry);
    }
    entry->type = static_cast<uint8_t>(value.type);
    entry->flags = flags;
    entry->expires = ExpiryOf(ttl, now);
    entry->size = static_cast<uint32_t>(text.size());
    if (value.type == DictType::kBoolean) entry->boolean = value.boolean;
    if (value.type == DictType::kNumber) entry->number = value.number;
    if (!text.empty()) std::memcpy(entry->text(), text.data(), text.size());
    return DictStatus::kOk;
  };
  DictStatus status = WithRoom(key, on_full, now, room, attempt);
  return {status, room.forcible};
}

DictStatus SharedDict::Delete(std::string_view key) { return Set(key, DictInput{}, 0, 0, 0).status; }

IncrResult SharedDict::Incr(std::string_view key, double delta, std::optional<double> init, Milliseconds init_ttl,
                            Milliseconds now) {
  Room room;
  double result = 0;
  auto attempt = [&](Shard& shard, uint64_t hash, size_t& needed) {
    Entry* entry = shard.Find(key, hash);
    if (entry != nullptr && !entry->Expired(now)) {
      shard.Touch(entry);
      if (entry->type != static_cast<uint8_t>(DictType::kNumber)) return DictStatus::kNotANumber;
      result = entry->number += delta;
      return DictStatus::kOk;
    }
    if (!init) return DictStatus::kNotFound;
    if (entry != nullptr) {
      ClearList(entry);
      shard.Touch(entry);
    } else {
      needed = Charge(sizeof(Entry) + key.size());
      if (!Reserve(needed)) return DictStatus::kNoMemory;
      entry = NewEntry(key, hash, 0);
      shard.Insert(entry);
    }
    entry->type = static_cast<uint8_t>(DictType::kNumber);
    entry->flags = 0;
    entry->expires = ExpiryOf(init_ttl, now);
    result = entry->number = *init + delta;
    return DictStatus::kOk;
  };
  DictStatus status = WithRoom(key, OnFull::kEvict, now, room, attempt);
  return {status, result, room.forcible};
}

TtlResult SharedDict::Ttl(std::string_view key, Milliseconds now) {
  if (DictStatus wrong = CheckKey(key); wrong != DictStatus::kOk) return {wrong};
  uint64_t hash = SipHash13(ProcessSipKey(), key);
  Shard& shard = ShardOf(hash);
  std::lock_guard lock(shard.mutex);
  Entry* entry = shard.Find(key, hash);
  if (entry == nullptr || entry->Expired(now)) return {DictStatus::kNotFound};
  return {DictStatus::kOk, entry->expires == kForEver ? 0 : entry->expires - now};
}

DictStatus SharedDict::Expire(std::string_view key, Milliseconds ttl, Milliseconds now) {
  if (DictStatus wrong = CheckKey(key); wrong != DictStatus::kOk) return wrong;
  uint64_t hash = SipHash13(ProcessSipKey(), key);
  Shard& shard = ShardOf(hash);
  std::lock_guard lock(shard.mutex);
  Entry* entry = shard.Find(key, hash);
  if (entry == nullptr || entry->Expired(now)) return DictStatus::kNotFound;
  entry->expires = ExpiryOf(ttl, now);
  return DictStatus::kOk;
}

LengthResult SharedDict::Push(std::string_view key, const DictInput& element, ListEnd end, Milliseconds now) {
  Room room;
  size_t length = 0;
  std::string_view text = element.type == DictType::kString ? element.string : std::string_view();
  if (text.size() >= UINT32_MAX) return {DictStatus::kNoMemory};
  auto attempt = [&](Shard& shard, uint64_t hash, size_t& needed) {
    Entry* entry = shard.Find(key, hash);
    bool present = entry != nullptr && !entry->Expired(now);
    if (present && !entry->is_list()) return DictStatus::kNotAList;
    needed = Charge(sizeof(Element) + text.size()) + (entry == nullptr ? Charge(sizeof(Entry) + key.size()) : 0);
    if (!Reserve(needed)) return DictStatus::kNoMemory;
    if (entry == nullptr) {
      entry = NewEntry(key, hash, 0);
      shard.Insert(entry);
    } else {
      shard.Touch(entry);
    }
    if (!present) {  // new, or expired and begun anew
      ClearList(entry);
      entry->type = kListType;
      entry->flags = 0;
      entry->expires = kForEver;
      entry->list = {nullptr, nullptr};
      entry->length = 0;
    }
    auto* added = static_cast<Element*>(Allocate(sizeof(Element) + text.size()));
    bool left = end == ListEnd::kLeft;
    *added = {left ? nullptr : entry->list.last, left ? entry->list.first : nullptr, element.number,
              static_cast<uint32_t>(text.size()), element.type};
    if (!text.empty()) std::memcpy(added->text(), text.data(), text.size());
    (added->previous != nullptr ? added->previous->next : entry->list.first) = added;
    (added->next != nullptr ? added->next->previous : entry->list.last) = added;
    length = ++entry->length;
    return DictStatus::kOk;
  };
  DictStatus status = WithRoom(key, OnFull::kFail, now, room, attempt);
  return {status, length};
}

void SharedDict::TakeElement(Shard& shard, Entry* entry, ListEnd end, DictOutput& out) {
  Element* element = end == ListEnd::kLeft ? entry->list.first : entry->list.last;
  (element->previous != nullptr ? element->previous->next : entry->list.first) = element->next;
  (element->next != nullptr ? element->next->previous : entry->list.last) = element->previous;
  out.type = element->type;
  out.number = element->number;
  out.flags = 0;
  if (out.type == DictType::kString) out.string.assign(element->text(), element->size);
  Release(element->charge());
  std::free(element);
  if (--entry->length == 0) Remove(shard, entry);
}

DictStatus SharedDict::Pop(std::string_view key, ListEnd end, Milliseconds now, DictOutput& out) {
  out.type = DictType::kNil;
  if (DictStatus wrong = CheckKey(key); wrong != DictStatus::kOk) return wrong;
  uint64_t hash = SipHash13(ProcessSipKey(), key);
  Shard& shard = ShardOf(hash);
  std::lock_guard lock(shard.mutex);
  Entry* entry = shard.Find(key, hash);
  if (entry == nullptr || entry->Expired(now)) return DictStatus::kNotFound;
  if (!entry->is_list()) return DictStatus::kNotAList;
  shard.Touch(entry);
  TakeElement(shard, entry, end, out);
  return DictStatus::kOk;
}

LengthResult SharedDict::Length(std::string_view key, Milliseconds now) {
  if (DictStatus wrong = CheckKey(key); wrong != DictStatus::kOk) return {wrong};
  uint64_t hash = SipHash13(ProcessSipKey(), key);
  Shard& shard = ShardOf(hash);
  std::lock_guard lock(shard.mutex);
  Entry* entry = shard.Find(key, hash);
  if (entry == nullptr || entry->Expired(now)) return {DictStatus::kOk, 0};
  if (!entry->is_list()) return {DictStatus::kNotAList};
  shard.Touch(entry);
  return {DictStatus::kOk, entry->length};
}

void SharedDict::FlushAll() {
  for (size_t i = 0; i < shard_count_; i++) {
    std::lock_guard lock(shards_[i].mutex);
    for (Entry* entry = shards_[i].newest; entry != nullptr; entry = entry->older) entry->expires = kFlushed;
  }
}

size_t SharedDict::FlushExpired(size_t max, Milliseconds now) {
  size_t freed = 0;
  for (size_t i = 0; i < shard_count_; i++) {
    std::lock_guard lock(shards_[i].mutex);
    for (Entry* entry = shards_[i].oldest; entry != nullptr && (max == 0 || freed < max);) {
      Entry* newer = entry->newer;
      if (entry->Expired(now)) {
        Remove(shards_[i], entry);
        freed++;
      }
      entry = newer;
    }
  }
  return freed;
}

std::vector<std::string> SharedDict::Keys(size_t max, Milliseconds now) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < shard_count_; i++) {
    std::lock_guard lock(shards_[i].mutex);
    for (Entry* entry = shards_[i].oldest; entry != nullptr; entry = entry->newer) {
      if (max != 0 && keys.size() >= max) return keys;
      if (!entry->Expired(now)) keys.emplace_back(entry->key());
    }
  }
  return keys;
}

size_t SharedDict::free_space() const {
  size_t used = used_.load(std::memory_order_relaxed), all = capacity();
  return used < all ? all - used : 0;
}

size_t SharedDict::size() const {
  size_t sum = 0;
  for (size_t i = 0; i < shard_count_; i++) {
    std::lock_guard lock(shards_[i].mutex);
    sum += shards_[i].count;
  }
  return sum;
}

void SharedDict::SetCapacity(size_t capacity_bytes) {
  capacity_bytes = std::max(capacity_bytes, kLeastCapacity);
  size_t buckets = std::bit_floor(capacity_bytes / kBytesPerBucket / shard_count_);
  for (size_t i = 0; i < shard_count_; i++) {
    std::lock_guard lock(shards_[i].mutex);
    Release(shards_[i].buckets.size() * sizeof(Entry*));
    shards_[i].Rehash(buckets);
    used_.fetch_add(buckets * sizeof(Entry*), std::memory_order_relaxed);
  }
  capacity_.store(capacity_bytes, std::memory_order_relaxed);
  size_t in_vain = 0;
  for (size_t i = 0; used_.load(std::memory_order_relaxed) > capacity_bytes && in_vain < shard_count_; i++) {
    Room room;
    in_vain = EvictFrom(shards_[i & (shard_count_ - 1)], {}, OnFull::kEvict, 0, room) ? 0 : in_vain + 1;
  }
}

}  // namespace mg::store
