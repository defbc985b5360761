#include "proxy/identity.h"

#include "base/strings.h"

namespace mg::proxy {

namespace {

char Fold(char c) { return c == '_' ? '-' : ToLower(c); }

std::string Folded(std::string_view name) {
  std::string folded(name);
  for (char& c : folded) c = Fold(c);
  return folded;
}

bool StartsWithFolded(std::string_view name, std::string_view prefix) {
  if (name.size() < prefix.size()) return false;
  for (size_t i = 0; i < prefix.size(); i++) {
    if (Fold(name[i]) != prefix[i]) return false;
  }
  return true;
}

uint64_t LetterBit(char c) { return uint64_t{1} << (static_cast<unsigned char>(Fold(c)) & 63); }

}  // namespace

IdentityHeaders::IdentityHeaders(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name.empty()) continue;
    std::string folded = Folded(name);
    if (folded.back() == '*') {
      folded.pop_back();
      first_letters_ |= folded.empty() ? ~uint64_t{0} : LetterBit(folded[0]);
      prefixes_.push_back(folded);
    } else {
      first_letters_ |= LetterBit(folded[0]);
      exact_.push_back(folded);
    }
  }
}

bool IdentityHeaders::Matches(std::string_view name) const {
  if (name.empty() || (first_letters_ & LetterBit(name[0])) == 0) return false;
  for (const std::string& exact : exact_) {
    if (exact.size() == name.size() && StartsWithFolded(name, exact)) return true;
  }
  for (const std::string& prefix : prefixes_) {
    if (StartsWithFolded(name, prefix)) return true;
  }
  return false;
}

void IdentityHeaders::Strip(http::HeaderList& headers) const {
  if (first_letters_ == 0) return;
  for (const http::Header& header : headers) {
    if (!Matches(header.name)) continue;
    headers.RemoveIf([this](const http::Header& h) { return Matches(h.name); });
    return;
  }
}

}  // namespace mg::proxy
