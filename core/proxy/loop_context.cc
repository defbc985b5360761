#include "proxy/loop_context.h"

#include <algorithm>

#include "proxy/exchange.h"

namespace mg::proxy {

namespace {
constexpr size_t kKeptExchanges = 1024;
}

LoopContext::LoopContext(int loop_index, int loop_count) : index(loop_index), count(loop_count), loop(loop_index) {}

LoopContext::~LoopContext() = default;

void LoopContext::Switch(std::unique_ptr<Generation> next) {
  if (next->program) next->program->Start(*this);
  std::unique_ptr<Generation> old = std::exchange(current, std::move(next));
  if (!old) return;
  old->retired = true;
  if (old->program) old->program->Retire();
  retired.push_back(std::move(old));
  ReapSoon();
}

void LoopContext::ReapSoon() {
  if (std::exchange(reap_posted_, true)) return;
  loop.Defer([this] { Reap(); });
}

void LoopContext::Reap() {
  reap_posted_ = false;
  std::erase_if(retired, [](const std::unique_ptr<Generation>& generation) {
    return generation->live == 0 && (!generation->program || !generation->program->Busy());
  });
}

Exchange* LoopContext::TakeExchange() {
  exchanges_++;
  if (free_exchanges_.empty()) return new Exchange(*this);  // owned again by GiveExchange
  Exchange* exchange = free_exchanges_.back().release();
  free_exchanges_.pop_back();
  return exchange;
}

void LoopContext::GiveExchange(Exchange* exchange) {
  exchanges_--;
  std::unique_ptr<Exchange> owned(exchange);
  if (free_exchanges_.size() < kKeptExchanges) {
    free_exchanges_.push_back(std::move(owned));
  } else {
    // Its session may still be in a call of this handler.
    loop.Defer([raw = owned.release()] { delete raw; });
  }
}

}  // namespace mg::proxy
