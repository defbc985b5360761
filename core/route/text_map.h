// TextMap: (scope, text) -> number, for the matcher's look-ups by host, path, prefix and segment. Filled once, then
// only read, by any thread. One map serves all scopes, so that ten thousand small tables cost no more than one large
// one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mg::route {

constexpr uint32_t kNone = UINT32_MAX;

class TextMap {
 public:
  // kNone: there is no such entry. Constant time, no allocation.
  uint32_t Find(uint32_t scope, std::string_view text) const;

  // The entry's number, kNone at first, to be set by the caller; valid until the next Insert. Copies the text.
  uint32_t& Insert(uint32_t scope, std::string_view text);

  size_t footprint() const {
    return entries_.capacity() * sizeof(Entry) + slots_.capacity() * sizeof(uint32_t) + texts_.capacity();
  }

 private:
  struct Entry {
    uint32_t hash;
    uint32_t scope;
    uint32_t offset, size;  // of the text in texts_
    uint32_t value;
  };
  bool Same(const Entry& entry, uint32_t hash, uint32_t scope, std::string_view text) const {
    return entry.hash == hash && entry.scope == scope &&
           std::string_view(texts_).substr(entry.offset, entry.size) == text;
  }
  void Rehash(size_t slots);

  std::vector<Entry> entries_;
  std::vector<uint32_t> slots_;  // open addressing; a power of two, at most half full; kNone: free
  std::string texts_;
};

}  // namespace mg::route
