#include "script/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>

#include "base/strings.h"
#include "script/ffi/moongate_ffi.h"
#include "script/limits.h"

namespace mg::script {
namespace {

constexpr uint32_t kHeapLimit = 16 * 1024;    // KiB, for PCRE2's interpreter
constexpr size_t kFirstStack = 32 * 1024;     // of machine code; grows
constexpr uint32_t kSlowSearches = 16;        // before a pattern is worth machine code
constexpr size_t kWorkspace = 8 * 1024;       // ints, of the search for the longest
constexpr size_t kLargestStack = 64u << 20u;  // that a script may ask for

// A thread's working memory. PCRE2 allocates from it, so that it can be thrown away when a search is interrupted.
class Workspace {
 public:
  Workspace() { Make(); }
  ~Workspace() { Drop(); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  pcre2_match_data* Data(uint32_t pairs) {
    if (pairs > pairs_) {
      pcre2_match_data_free(data_);
      data_ = Require(pcre2_match_data_create(pairs, general_));
      pairs_ = pairs;
    }
    return data_;
  }
  pcre2_match_context* Context(uint64_t match_limit, size_t stack) {
    pcre2_set_match_limit(context_, static_cast<uint32_t>(match_limit));
    if (stack != stack_size_) {
      pcre2_jit_stack_free(stack_);
      stack_ = pcre2_jit_stack_create(std::min(kFirstStack, stack), stack, nullptr);
      pcre2_jit_stack_assign(context_, nullptr, stack_);  // none: machine code uses the thread's, and 32 KiB of it
      stack_size_ = stack;
    }
    return context_;
  }
  std::array<int, kWorkspace>& longest() { return longest_; }

  // After an interrupted search: what it has left is not to be trusted.
  void Renew() {
    Drop();
    Make();
  }

 private:
  template <class T>
  static T* Require(T* made) {
    if (made == nullptr) throw std::bad_alloc();
    return made;
  }
  void Make() {
    general_ = Require(pcre2_general_context_create(Allocate, Release, this));
    context_ = Require(pcre2_match_context_create(general_));
    pcre2_set_heap_limit(context_, kHeapLimit);
  }
  void Drop() {
    pcre2_jit_stack_free(stack_);
    for (void* block : blocks_) std::free(block);
    blocks_.clear();
    stack_ = nullptr;
    stack_size_ = 0;
    data_ = nullptr;
    pairs_ = 0;
  }

  // No jump out of the allocator.
  class Uninterrupted {
   public:
    Uninterrupted() : before_(t_interrupt) { t_interrupt = nullptr; }
    ~Uninterrupted() { t_interrupt = before_; }
    Uninterrupted(const Uninterrupted&) = delete;
    Uninterrupted& operator=(const Uninterrupted&) = delete;

   private:
    sigjmp_buf* before_;
  };
  static void* Allocate(size_t size, void* self) {
    Uninterrupted guard;
    void* block = std::malloc(size);
    if (block != nullptr) static_cast<Workspace*>(self)->blocks_.push_back(block);
    return block;
  }
  static void Release(void* block, void* self) {
    Uninterrupted guard;
    std::erase(static_cast<Workspace*>(self)->blocks_, block);
    std::free(block);
  }

  std::vector<void*> blocks_;
  pcre2_general_context* general_ = nullptr;
  pcre2_match_context* context_ = nullptr;
  pcre2_match_data* data_ = nullptr;
  uint32_t pairs_ = 0;
  pcre2_jit_stack* stack_ = nullptr;
  size_t stack_size_ = 0;
  std::array<int, kWorkspace> longest_;
};

struct Call {
  const pcre2_code* code;
  PCRE2_SPTR subject;
  size_t size, from;
  uint32_t options;
  bool longest;
  pcre2_match_data* data;
  pcre2_match_context* context;
  int* workspace;
};

// PCRE2's answer; `interrupted`: the run's time was over.
[[gnu::noinline]] int Interruptible(const Call& call, bool& interrupted) {
  sigjmp_buf back;
  if (sigsetjmp(back, 0) != 0) {
    sigset_t urgent;
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &urgent, nullptr);
    interrupted = true;
    return PCRE2_ERROR_MATCHLIMIT;
  }
  t_interrupt = &back;
  int count = call.longest
                  ? pcre2_dfa_match(call.code, call.subject, call.size, call.from, call.options, call.data,
                                    call.context, call.workspace, kWorkspace)
                  : pcre2_match(call.code, call.subject, call.size, call.from, call.options, call.data, call.context);
  t_interrupt = nullptr;
  return count;
}

std::string ErrorText(int error) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(error, text, sizeof(text));
  return reinterpret_cast<const char*>(text);
}

// PCRE2's number as that of PCRE's first version, which OpenResty's documentation tells.
int OldNumber(int error) {
  if (error <= PCRE2_ERROR_UTF8_ERR1 && error >= PCRE2_ERROR_UTF8_ERR21) return -10;
  switch (error) {
    case PCRE2_ERROR_BADUTFOFFSET: return -11;
    case PCRE2_ERROR_MATCHLIMIT: return Regex::kMatchLimit;
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT: return -21;
    case PCRE2_ERROR_JIT_STACKLIMIT: return -27;
    case PCRE2_ERROR_NOMEMORY: return -6;
    case PCRE2_ERROR_DFA_UITEM: return -16;
    case PCRE2_ERROR_DFA_UCOND: return -17;
    case PCRE2_ERROR_DFA_WSSIZE: return -19;
    case PCRE2_ERROR_DFA_RECURSE: return -20;
    case PCRE2_ERROR_RECURSELOOP: return -26;
    default: return error;
  }
}

uint32_t OptionsOf(int options) {
  uint32_t out = 0;
  auto add = [&](int letter, uint32_t option) {
    if ((options & letter) != 0) out |= option;
  };
  add(MG_REGEX_A, PCRE2_ANCHORED);
  add(MG_REGEX_I, PCRE2_CASELESS);
  add(MG_REGEX_M, PCRE2_MULTILINE);
  add(MG_REGEX_S, PCRE2_DOTALL);
  add(MG_REGEX_X, PCRE2_EXTENDED);
  add(MG_REGEX_NAMES, PCRE2_DUPNAMES);
  add(MG_REGEX_JAVASCRIPT, PCRE2_ALT_BSUX | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF);
  add(MG_REGEX_U | MG_REGEX_ANY_UTF, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C);
  // The search for the longest cannot do it; it then checks the subject.
  if ((options & MG_REGEX_D) == 0) add(MG_REGEX_ANY_UTF, PCRE2_MATCH_INVALID_UTF);
  return out;
}

}  // namespace

void Regex::Free::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

std::expected<std::unique_ptr<Regex>, std::string> Regex::Compile(std::string_view pattern, int options) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto out = std::make_unique<Regex>();
  out->code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), OptionsOf(options),
                                 &error, &offset, nullptr));
  if (out->code_ == nullptr) {
    std::string text = fmt::format("pcre_compile() failed: {} in \"{}\"", ErrorText(error), pattern);
    if (offset < pattern.size()) text += fmt::format(" at \"{}\"", pattern.substr(offset));
    return std::unexpected(std::move(text));
  }
  out->longest_ = (options & MG_REGEX_D) != 0;
  out->checks_ = (options & MG_REGEX_U) != 0 && (options & MG_REGEX_ANY_UTF) == 0;
  uint32_t all = 0;
  pcre2_pattern_info(out->code_.get(), PCRE2_INFO_ALLOPTIONS, &all);
  out->utf_ = (all & PCRE2_UTF) != 0;  // (*UTF) in the pattern says so, too
  if ((options & MG_REGEX_J) != 0) out->CompileToMachineCode();
  if (!out->longest_) {
    pcre2_pattern_info(out->code_.get(), PCRE2_INFO_CAPTURECOUNT, &out->groups_);
    out->ReadNames();
  }
  return out;
}

// Without a JIT, or for what it cannot do, the interpreter serves.
void Regex::CompileToMachineCode() {
  slow_searches_ = kSlowSearches;
  if (!longest_) pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
}

// The name table: entries of `size` bytes, the group's number (two bytes, high first), then the name and a NUL.
void Regex::ReadNames() {
  uint32_t count = 0, size = 0;
  PCRE2_SPTR table = nullptr;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMECOUNT, &count);
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMEENTRYSIZE, &size);
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMETABLE, &table);
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t* entry = table + size_t{i} * size;
    names_.push_back({reinterpret_cast<const char*>(entry + 2), entry[0] << 8 | entry[1]});
  }
}

int Regex::Match(const Search& search, std::span<int> ends) {
  thread_local Workspace workspace;
  if (slow_searches_ < kSlowSearches && ++slow_searches_ == kSlowSearches) CompileToMachineCode();
  Call call{
      .code = code_.get(),
      .subject = reinterpret_cast<PCRE2_SPTR>(search.subject.data()),
      .size = search.subject.size(),
      .from = search.from,
      .options = search.seen && checks_ ? PCRE2_NO_UTF_CHECK : 0,
      .longest = longest_,
      .data = workspace.Data(groups_ + 1),
      .context = workspace.Context(search.match_limit, search.jit_stack),
      .workspace = workspace.longest().data(),
  };
  bool interrupted = false;
  int count = Interruptible(call, interrupted);
  if (interrupted) workspace.Renew();
  if (count == PCRE2_ERROR_NOMATCH) return kNoMatch;
  if (count < 0) return OldNumber(count);
  uint32_t pairs = longest_ ? 1 : static_cast<uint32_t>(count);
  const PCRE2_SIZE* found = pcre2_get_ovector_pointer(call.data);
  for (uint32_t i = 0; 2 * i + 1 < ends.size(); i++) {
    bool set = i < pairs && found[2 * i] != PCRE2_UNSET;
    ends[2 * i] = set ? static_cast<int>(found[2 * i]) : -1;
    ends[2 * i + 1] = set ? static_cast<int>(found[2 * i + 1]) : -1;
  }
  return 1;
}

size_t Regex::NextCharacter(std::string_view subject, size_t at) const {
  at++;
  while (utf_ && at < subject.size() && (static_cast<uint8_t>(subject[at]) & 0xc0) == 0x80) at++;
  return at;
}

// --- replacements

std::expected<Replacement, std::string> Replacement::Parse(std::string_view text) {
  Replacement out;
  out.parts_.emplace_back();
  const std::string whole(text);
  for (size_t dollar; (dollar = text.find('$')) != std::string_view::npos;) {
    out.parts_.back().text += text.substr(0, dollar);
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out.parts_.back().text += '$';
      text.remove_prefix(1);
      continue;
    }
    bool braces = text.starts_with('{');
    if (braces) text.remove_prefix(1);
    bool number = !text.empty() && IsDigit(text[0]);
    auto end = std::ranges::find_if_not(
        text, [number](char c) { return IsDigit(c) || (!number && (IsAlpha(c) || c == '_')); });
    std::string_view name = text.substr(0, static_cast<size_t>(end - text.begin()));
    text.remove_prefix(name.size());
    if (name.empty()) return std::unexpected(fmt::format("invalid capturing variable name found in \"{}\"", whole));
    if (braces && !text.starts_with('}')) {
      return std::unexpected(fmt::format("the closing bracket in \"{}\" variable is missing", name));
    }
    if (braces) text.remove_prefix(1);
    if (!number) {
      return std::unexpected(
          fmt::format("attempt to use named capturing variable \"{}\" (named captures not supported yet)", name));
    }
    out.parts_.back().group = name.size() > 5 ? 65536 : std::atoi(std::string(name).c_str());
    out.parts_.emplace_back();
  }
  out.parts_.back().text += text;
  return out;
}

void Replacement::Append(std::string_view subject, std::span<const int> ends, std::string& out) const {
  for (const Part& part : parts_) {
    out += part.text;
    size_t at = static_cast<size_t>(part.group) * 2;
    if (part.group < 0 || at + 1 >= ends.size() || ends[at] < 0) continue;
    auto from = static_cast<size_t>(ends[at]), to = static_cast<size_t>(ends[at + 1]);
    if (from < to) out += subject.substr(from, to - from);
  }
}

// --- those of a VM

Regexes::~Regexes() = default;

int Regexes::Add(std::unique_ptr<Regex> regex) {
  if (free_.empty()) {
    regexes_.push_back(std::move(regex));
    return static_cast<int>(regexes_.size()) - 1;
  }
  int id = free_.back();
  free_.pop_back();
  regexes_[static_cast<size_t>(id)] = std::move(regex);
  return id;
}

void Regexes::Remove(int id) {
  if (Find(id) == nullptr) return;
  regexes_[static_cast<size_t>(id)].reset();
  free_.push_back(id);
}

Regex* Regexes::Find(int id) {
  return id >= 0 && static_cast<size_t>(id) < regexes_.size() ? regexes_[static_cast<size_t>(id)].get() : nullptr;
}

int Regexes::Match(Regex& regex, std::string_view subject, size_t from, bool seen, std::span<int> ends) const {
  return regex.Match(
      {.subject = subject, .from = from, .seen = seen, .match_limit = conf_.match_limit, .jit_stack = jit_stack_},
      ends);
}

int Regexes::Replace(Regex& regex, std::string_view subject, const Replacement& with, bool all, Limits& limits,
                     std::string& out) const {
  std::vector<int> ends(2 * (size_t{regex.groups()} + 1));
  size_t copied = 0, from = 0;
  int count = 0;
  while (from <= subject.size()) {
    int answer = Match(regex, subject, from, count > 0, ends);
    if (answer < 0) return answer;
    if (answer == Regex::kNoMatch) break;
    count++;
    auto begin = static_cast<size_t>(ends[0]), end = static_cast<size_t>(ends[1]);
    if (begin > copied) out += subject.substr(copied, begin - copied);
    with.Append(subject, ends, out);
    copied = std::max(copied, end);
    from = end > begin ? end : regex.NextCharacter(subject, end);
    if (!all || limits.stopping() || !limits.Allows(out.size())) break;
  }
  if (count > 0) out += subject.substr(copied);
  return count;
}

bool Regexes::SetJitStack(size_t bytes) {
  if (!regexes_.empty()) return false;
  jit_stack_ = std::clamp(bytes, kFirstStack, kLargestStack);
  return true;
}

}  // namespace mg::script
