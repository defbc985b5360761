// HeldText: bytes kept in one piece for a while. Eight bytes and nothing on the heap while there are none, which is
// nearly always. Owner: whoever holds it; one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace mg {

class HeldText {
 public:
  bool empty() const { return text_ == nullptr || text_->empty(); }
  size_t size() const { return text_ == nullptr ? 0 : text_->size(); }
  operator std::string_view() const { return text_ == nullptr ? std::string_view() : std::string_view(*text_); }
  size_t find(std::string_view what, size_t from = 0) const { return std::string_view(*this).find(what, from); }

  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (text_ == nullptr) text_ = std::make_unique<std::string>();
    text_->append(bytes);
  }
  void assign(std::string_view bytes) {
    clear();
    append(bytes);
  }
  void erase(size_t at, size_t count) {
    if (text_ != nullptr) text_->erase(at, count);
  }
  void clear() {
    if (text_ != nullptr) text_->clear();
  }
  void Release() { text_.reset(); }  // the memory too

 private:
  std::unique_ptr<std::string> text_;
};

}  // namespace mg
