// SharedDict: a dictionary for all loops of the process, with the semantics of ngx.shared.DICT (documented by
// OpenResty's lua-nginx-module): values are booleans, numbers, strings or lists of numbers and strings, with user flags
// and an expiry; when memory is out, what was least recently used goes.
//
// Owner: SharedDictRegistry (and, by reference, the generations that use it). Threads: any. A dictionary of 1 MiB or
// more is cut into shards by key, each with its lock, which is held for one look-up and a copy; memory is counted for
// the whole. In shards, "least recently used" is told within a shard, and shards take turns.
//
// Times are milliseconds of one clock, the caller's (a loop's cached one); a time to live of 0 means "for ever". An
// expired entry is as good as absent (but for GetStale) and its memory is taken back when needed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace mg::store {

enum class DictStatus : uint8_t {
  kOk,
  kNotFound,
  kExists,
  kNoMemory,
  kNotANumber,
  kNotAList,
  kIsAList,
  kEmptyKey,
  kKeyTooLong,
};
// As ngx.shared.DICT words it: "not found", "value not a list", ...; "" for kOk.
std::string_view DictStatusText(DictStatus status);

enum class DictType : uint8_t { kNil, kBoolean, kNumber, kString };

// A value given; its text is copied.
struct DictInput {
  DictType type = DictType::kNil;
  bool boolean = false;
  double number = 0;
  std::string_view string;

  static DictInput Boolean(bool value) { return {DictType::kBoolean, value}; }
  static DictInput Number(double value) { return {DictType::kNumber, false, value}; }
  static DictInput String(std::string_view value) { return {DictType::kString, false, 0, value}; }
};

// A value got. Use one again and again: its string keeps its memory.
struct DictOutput {
  DictType type = DictType::kNil;
  bool boolean = false;
  double number = 0;
  std::string string;
  uint32_t flags = 0;
  bool stale = false;  // of GetStale: it has expired
};

// What Set does with an entry that is there, or not there.
enum class SetMode : uint8_t { kAlways, kOnlyNew, kOnlyExisting };
// Whether entries that still hold may be evicted for it.
enum class OnFull : uint8_t { kEvict, kFail };
enum class ListEnd : uint8_t { kLeft, kRight };

struct SetResult {
  DictStatus status;
  bool forcible = false;  // an entry that still held was evicted
};
struct IncrResult {
  DictStatus status;
  double value = 0;
  bool forcible = false;
};
struct LengthResult {
  DictStatus status;
  size_t length = 0;
};
struct TtlResult {
  DictStatus status;
  Milliseconds ttl = 0;  // 0: it does not expire
};

class SharedDict {
 public:
  static constexpr size_t kLeastCapacity = 8192;
  static constexpr size_t kMaxKey = 65535;

  SharedDict(std::string name, size_t capacity_bytes);
  ~SharedDict();
  SharedDict(const SharedDict&) = delete;
  SharedDict& operator=(const SharedDict&) = delete;

  const std::string& name() const { return name_; }

  DictStatus Get(std::string_view key, Milliseconds now, DictOutput& out);
  DictStatus GetStale(std::string_view key, Milliseconds now, DictOutput& out);

  // set, add (kOnlyNew), replace (kOnlyExisting), safe_set and safe_add (kFail). A kNil value deletes.
  // On kNoMemory the old value stays; entries may have been evicted in vain (at most 64).
  SetResult Set(std::string_view key, const DictInput& value, Milliseconds ttl, uint32_t flags, Milliseconds now,
                SetMode mode = SetMode::kAlways, OnFull on_full = OnFull::kEvict);
  DictStatus Delete(std::string_view key);

  // Adds to a number. One that is absent becomes init + delta with `init_ttl`, or is kNotFound without `init`.
  IncrResult Incr(std::string_view key, double delta, std::optional<double> init, Milliseconds init_ttl,
                  Milliseconds now);

  TtlResult Ttl(std::string_view key, Milliseconds now);
  DictStatus Expire(std::string_view key, Milliseconds ttl, Milliseconds now);

  // Elements are numbers and strings. Pushing makes the list, popping the last element removes it; the former never
  // evicts what still holds. Popping from an absent list is kNotFound, its length is 0.
  LengthResult Push(std::string_view key, const DictInput& element, ListEnd end, Milliseconds now);
  DictStatus Pop(std::string_view key, ListEnd end, Milliseconds now, DictOutput& out);
  LengthResult Length(std::string_view key, Milliseconds now);

  // These visit every entry, a shard at a time.
  void FlushAll();                                              // everything expires now; memory stays taken
  size_t FlushExpired(size_t max, Milliseconds now);            // frees expired entries, at most `max`; 0: all
  std::vector<std::string> Keys(size_t max, Milliseconds now);  // at most `max`; 0: all

  size_t capacity() const { return capacity_.load(std::memory_order_relaxed); }
  size_t free_space() const;
  size_t size() const;  // entries, expired ones included

  // Growing keeps everything, shrinking evicts what no longer fits.
  void SetCapacity(size_t capacity_bytes);

 private:
  struct Entry;
  struct Element;
  struct Shard;
  struct Room;  // what making room has cost an operation

  Shard& ShardOf(uint64_t hash) const;
  bool Reserve(size_t bytes);
  void Release(size_t bytes);
  bool MakeRoom(size_t bytes, std::string_view keep, OnFull on_full, Milliseconds now, Room& room);
  bool EvictFrom(Shard& shard, std::string_view keep, OnFull on_full, Milliseconds now, Room& room);
  Entry* NewEntry(std::string_view key, uint64_t hash, size_t value_size);
  void Remove(Shard& shard, Entry* entry);
  void ClearList(Entry* entry);
  void TakeElement(Shard& shard, Entry* entry, ListEnd end, DictOutput& out);
  DictStatus Read(std::string_view key, Milliseconds now, bool stale_too, DictOutput& out);
  // Runs attempt(shard, hash, needed) under the lock until it neither lacks memory nor can be given more.
  template <class Attempt>
  DictStatus WithRoom(std::string_view key, OnFull on_full, Milliseconds now, Room& room, Attempt&& attempt);

  std::string name_;
  std::atomic<size_t> capacity_;
  std::atomic<size_t> used_{0};
  std::atomic<size_t> turn_{0};  // the shard to evict from next
  size_t shard_count_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace mg::store
