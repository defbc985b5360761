// Any bytes as a .t file, and each section's own small language.
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "tester/block_parser.h"
#include "tester/mock_answers.h"
#include "tester/mock_redis.h"
#include "tester/request_text.h"
#include "tester/response_reader.h"
#include "tester/sections.h"
#include "tester/test_clock.h"

using namespace mg;
using namespace mg::tester;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  ParsedFile file = ParseBlocks(text);
  for (const Block& block : file.blocks) {
    for (const Section& section : block.sections) {
      MG_CHECK(WhyNotSection(section.name).empty());
      MG_CHECK(section.text_line >= section.line);
      MG_CHECK(Unescape(Escape(section.text)) == section.text);
      if (Result<AnswerBook> book = AnswerBook::Parse(section.text)) {
        if (const MockAnswer* answer = book->Choose("GET", "/")) answer->Encode("GET", "echo");
      }
    }
    if (const Section* section = block.Find("redis")) {
      if (Result<RedisScript> script = RedisScript::Parse(section->text)) script->Choose({"GET", "a"});
    }
    if (const Section* section = block.Find("clock")) {
      if (auto clock = ParseClock(section->text, 0)) MG_CHECK(!clock->empty());
    }
    if (Result<RequestPlan> plan = PlanRequests(block)) MG_CHECK(plan->packets.empty() || plan->responses > 0);
  }
  std::string bytes(text);
  std::vector<std::string> command;
  while (TakeCommand(bytes, command) == Taken::kCommand) {
    Result<std::vector<std::string>> again = ParseCommandText(CommandText(command));
    MG_CHECK(again && *again == command);
  }
  // In one piece or in two, a response is the same.
  ResponseReader whole, halves;
  bool good = whole.Feed(text) && whole.End();
  bool same = halves.Feed(text.substr(0, size / 2)) && halves.Feed(text.substr(size / 2)) && halves.End();
  MG_CHECK(good == same);
  MG_CHECK(whole.responses().size() == halves.responses().size());
  return 0;
}
