// What a SharedDict is made of: entries, the elements of lists, and shards. Included by shared_dict.cc alone.
#pragma once

#include <algorithm>
#include <mutex>

#include "store/shared_dict.h"

namespace mg::store {

constexpr Milliseconds kForEver = 0;
constexpr Milliseconds kFlushed = -1;

constexpr uint8_t kListType = 4;  // beside DictType's

// What malloc takes for it.
constexpr size_t Charge(size_t bytes) { return std::max<size_t>(32, (bytes + 8 + 15) & ~size_t{15}); }

struct SharedDict::Element {
  Element* previous;
  Element* next;
  double number;
  uint32_t size;
  DictType type;
  char* text() { return reinterpret_cast<char*>(this + 1); }
  size_t charge() const { return Charge(sizeof(Element) + size); }
};

struct SharedDict::Entry {
  Entry* chain;  // the next of its hash bucket
  Entry* newer;
  Entry* older;
  uint64_t hash;
  Milliseconds expires;
  uint32_t flags;
  uint32_t key_size;
  uint32_t room;  // for text
  uint32_t size;  // of the text
  uint8_t type;
  union {
    bool boolean;
    double number;
    struct {
      Element* first;
      Element* last;
    } list;
  };
  size_t length;  // of the list

  char* key_bytes() { return reinterpret_cast<char*>(this + 1); }
  std::string_view key() { return {key_bytes(), key_size}; }
  char* text() { return key_bytes() + key_size; }
  bool is_list() const { return type == kListType; }
  bool Expired(Milliseconds now) const { return expires != kForEver && expires <= now; }
  size_t charge() const { return Charge(sizeof(Entry) + key_size + room); }
};

// A hash table and a list by use.
struct SharedDict::Shard {
  mutable std::mutex mutex;
  std::vector<Entry*> buckets;
  Entry* newest = nullptr;
  Entry* oldest = nullptr;
  size_t count = 0;

  Entry*& Bucket(uint64_t hash) { return buckets[hash & (buckets.size() - 1)]; }

  Entry* Find(std::string_view key, uint64_t hash) {
    for (Entry* entry = Bucket(hash); entry != nullptr; entry = entry->chain) {
      if (entry->hash == hash && entry->key() == key) return entry;
    }
    return nullptr;
  }

  void LinkNewest(Entry* entry) {
    entry->newer = nullptr;
    entry->older = newest;
    (newest != nullptr ? newest->newer : oldest) = entry;
    newest = entry;
  }

  void UnlinkFromUse(Entry* entry) {
    (entry->newer != nullptr ? entry->newer->older : newest) = entry->older;
    (entry->older != nullptr ? entry->older->newer : oldest) = entry->newer;
  }

  void Touch(Entry* entry) {
    if (entry == newest) return;
    UnlinkFromUse(entry);
    LinkNewest(entry);
  }

  void Insert(Entry* entry) {
    Entry*& bucket = Bucket(entry->hash);
    entry->chain = bucket;
    bucket = entry;
    LinkNewest(entry);
    count++;
  }

  void Unlink(Entry* entry) {
    Entry** at = &Bucket(entry->hash);
    while (*at != entry) at = &(*at)->chain;
    *at = entry->chain;
    UnlinkFromUse(entry);
    count--;
  }

  void Rehash(size_t bucket_count) {
    buckets.assign(bucket_count, nullptr);
    for (Entry* entry = newest; entry != nullptr; entry = entry->older) {
      Entry*& bucket = Bucket(entry->hash);
      entry->chain = bucket;
      bucket = entry;
    }
  }
};

}  // namespace mg::store
