// Inbox on any bytes: what is asked for comes out whole, in order, however the bytes were cut; and a pattern's answer
// is what a plain search finds.
#include <cstdint>
#include <string>

#include "base/result.h"
#include "script/cosocket_inbox.h"

using namespace mg;
using namespace mg::script;

namespace {

// The answers to one question asked again and again, and what is left at the end.
std::string Answers(std::string_view bytes, const Wanted& wanted, size_t cut) {
  Inbox inbox;
  std::string out;
  inbox.Begin();
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, cut);
    bytes.remove_prefix(piece.size());
    inbox.Append(piece);
    while (auto answer = inbox.Take(wanted)) {
      MG_CHECK(wanted.mode != Wanted::Mode::kUntil || wanted.size == 0 || wanted.inclusive ||
               answer->data.size() <= wanted.size);
      out.append(answer->data) += answer->met ? "!" : "|";
      inbox.Begin();
    }
  }
  return out.append(inbox.TakePartial(wanted, true));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  Wanted wanted;
  wanted.mode = data[0] % 2 == 0 ? Wanted::Mode::kLine : Wanted::Mode::kUntil;
  wanted.inclusive = data[0] % 4 == 1;
  wanted.size = data[1] % 8;
  size_t length = 1 + data[2] % 8, cut = 1 + data[3] % 16;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);
  if (bytes.size() < length) return 0;
  wanted.pattern = bytes.substr(0, length);
  bytes.remove_prefix(length);
  std::string whole = Answers(bytes, wanted, bytes.size() + 1);
  MG_CHECK(whole == Answers(bytes, wanted, cut));
  MG_CHECK(whole == Answers(bytes, wanted, 1));
  if (wanted.mode != Wanted::Mode::kUntil || wanted.size != 0) return 0;
  std::string expected;
  for (size_t at; (at = bytes.find(wanted.pattern)) != std::string_view::npos;) {
    expected.append(bytes.substr(0, at + (wanted.inclusive ? length : 0))) += '!';
    bytes.remove_prefix(at + length);
  }
  MG_CHECK(whole == expected.append(bytes));
  return 0;
}
