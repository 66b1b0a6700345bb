#include "text/pretokenize.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/message.h"
#include "heng/error.h"
#include "text/quick_piece.h"
#include "text/utf8.h"

namespace heng::text {
namespace {

// The patterns as upstream writes them: openai/gpt-2 encoder.py; tokenization_qwen.py;
// Llama 3's and SmolLM's tokenizer.json; "default" as llama.cpp has it for files that name none.
constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDigit = R"(\p{N})";

const std::vector<PreTokenizer>& pre_tokenizers() {
  static const std::vector<PreTokenizer> kAll = {
      {.name = "default",
       .patterns = {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", R"([0-9][0-9][0-9])"}},
      // DeepSeek-R1-Distill-Qwen, whose tokenizer is Qwen2.5's with other names.
      {.name = "deepseek-r1-qwen", .patterns = {kQwen}, .nfc = true},
      {.name = "gpt-2", .patterns = {kGpt2}},
      {.name = "llama-bpe", .patterns = {kLlama3}, .take_whole = true, .add_bos = true},
      {.name = "qwen2", .patterns = {kQwen}, .nfc = true},
      {.name = "smollm", .patterns = {kDigit, kGpt2}},
  };
  return kAll;
}

// PCRE2's own \s also takes U+180E, which is no White_Space since Unicode 6.3.
std::string with_unicode_space(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view part = pattern.substr(i, pattern[i] == '\\' ? 2 : 1);
    out += part == R"(\s)" ? R"(\p{White_Space})" : part == R"(\S)" ? R"(\P{White_Space})" : part;
    i += part.size() - 1;
  }
  return out;
}

struct Deleter {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
};

}  // namespace

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  for (const PreTokenizer& pre : pre_tokenizers()) {
    if (pre.name == name) return &pre;
  }
  return nullptr;
}

std::vector<std::string_view> pre_tokenizer_names() {
  std::vector<std::string_view> names;
  for (const PreTokenizer& pre : pre_tokenizers()) names.push_back(pre.name);
  return names;
}

std::string_view qwen_pattern() {
  return kQwen;
}
std::string_view gpt2_pattern() {
  return kGpt2;
}
std::string_view digit_pattern() {
  return kDigit;
}

// Steps that a file's patterns may still take on one text. A match is tried with few steps first,
// then with ever more; what it was allowed is taken off, so the sum is bounded, the same on every
// machine, and large enough for runs of a whole text.
class PieceSplitter::Budget {
 public:
  explicit Budget(size_t text_bytes) : left_(kAlways + kPerByte * uint64_t{text_bytes}) {}

  static constexpr uint32_t kFirst = 1000;
  // The next limit after `limit`, or 0 where the budget does not have it.
  uint32_t more(uint32_t limit) {
    const uint64_t next = std::min<uint64_t>(uint64_t{limit} * 16, UINT32_MAX);
    if (next > left_ || next == limit) return 0;
    left_ -= next;
    return static_cast<uint32_t>(next);
  }

 private:
  static constexpr uint64_t kAlways = 4'000'000, kPerByte = 256;
  uint64_t left_;
};

class PieceSplitter::Pattern {
 public:
  // `where` is empty for a pattern of ours.
  Pattern(std::string_view pattern, std::string where)
      : where_(std::move(where)), is_qwens_(pattern == kQwen) {
    const std::string source = with_unicode_space(pattern);
    int problem = 0;
    PCRE2_SIZE at = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                              PCRE2_UTF | PCRE2_UCP, &problem, &at, nullptr));
    if (!code_) {
      std::array<PCRE2_UCHAR, 128> text{};
      pcre2_get_error_message(problem, text.data(), text.size());
      throw Error(
          where_.empty() ? ErrorCode::kInternal : ErrorCode::kUnsupported,
          (where_.empty() ? "pre-tokenizer" : where_) + ": the pattern \"" + printable(pattern) +
              "\" is refused by PCRE2: " + reinterpret_cast<const char*>(text.data()) + ".");
    }
    // Without JIT (a system that forbids it) pcre2_match interprets: slower, the same pieces.
    (void)pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
  }

  struct Range {
    size_t begin, end;
  };
  // What one thread needs to match.
  class Matcher {
   public:
    explicit Matcher(const Pattern& pattern)
        : pattern_(pattern),
          data_(pcre2_match_data_create(1, nullptr)),
          context_(pcre2_match_context_create(nullptr)) {
      if (!data_ || !context_) throw std::bad_alloc();
      // Every pattern of ours backtracks over at most one run, so no limit is needed for safety,
      // and a limit would cut long runs of spaces. The heap is what the interpreter backtracks on.
      const bool ours = pattern.where_.empty();
      pcre2_set_heap_limit(context_.get(), ours ? UINT32_MAX : kMostHeapKilobytes);
      set_limit(ours ? UINT32_MAX : Budget::kFirst);
    }

    // The first match at or after `from`. nullopt where there is none.
    std::optional<Range> find(std::string_view text, size_t from, Budget& budget) {
      if (pattern_.is_qwens_) {
        if (const size_t n = quick_qwen_piece(text.substr(from))) return Range{from, from + n};
      }
      int found = match(text, from);
      uint32_t limit = Budget::kFirst;
      while (found == PCRE2_ERROR_MATCHLIMIT && !pattern_.where_.empty()) {
        limit = budget.more(limit);
        if (limit == 0) break;
        set_limit(limit);
        found = match(text, from);
      }
      if (limit != Budget::kFirst) set_limit(Budget::kFirst);
      if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
      if (found < 0) {
        throw Error(ErrorCode::kUnsupported,
                    (pattern_.where_.empty() ? "pre-tokenizer" : pattern_.where_) +
                        ": the pattern takes too many steps on this text of " +
                        with_commas(text.size()) + " bytes.");
      }
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data_.get());
      return Range{range[0], range[1]};
    }

   private:
    static constexpr uint32_t kMostHeapKilobytes = 256 * 1024;

    void set_limit(uint32_t steps) { pcre2_set_match_limit(context_.get(), steps); }

    int match(std::string_view text, size_t from) {
      const auto run = [&](uint32_t options) {
        return pcre2_match(pattern_.code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                           text.size(), from, options | PCRE2_NO_UTF_CHECK, data_.get(),
                           context_.get());
      };
      const int found = run(0);
      // The JIT's stack may be too small for a strange text; the interpreter's lies on the heap.
      return found == PCRE2_ERROR_JIT_STACKLIMIT ? run(PCRE2_NO_JIT) : found;
    }

    const Pattern& pattern_;
    std::unique_ptr<pcre2_match_data, Deleter> data_;
    std::unique_ptr<pcre2_match_context, Deleter> context_;
  };

 private:
  std::string where_;
  bool is_qwens_;
  std::unique_ptr<pcre2_code, Deleter> code_;
};

PieceSplitter::PieceSplitter(std::span<const std::string_view> patterns) {
  for (const std::string_view pattern : patterns) patterns_.emplace_back(pattern, "");
}
PieceSplitter::PieceSplitter(const std::vector<FilePattern>& patterns) {
  for (const FilePattern& pattern : patterns) patterns_.emplace_back(pattern.regex, pattern.where);
}
PieceSplitter::~PieceSplitter() = default;
PieceSplitter::PieceSplitter(PieceSplitter&&) noexcept = default;

void PieceSplitter::split(std::string_view text,
                          const std::function<void(std::string_view)>& take) const {
  std::vector<Pattern::Matcher> matchers;
  for (const Pattern& pattern : patterns_) matchers.emplace_back(pattern);
  Budget budget(text.size());
  // What stage `stage` leaves goes to the next; after the last, to `take`.
  const auto cut = [&](const auto& self, size_t stage, std::string_view part) -> void {
    if (part.empty()) return;
    if (stage == matchers.size()) return take(part);
    size_t done = 0;
    for (size_t from = 0; from < part.size();) {
      const auto match = matchers[stage].find(part, from, budget);
      if (!match) break;
      self(self, stage + 1, part.substr(done, match->begin - done));
      self(self, stage + 1, part.substr(match->begin, match->end - match->begin));
      done = from = match->end;
      // A match of nothing cuts where it stands; the search goes on a character further.
      if (match->begin == match->end && from < part.size()) {
        from += utf8_step(part.substr(from)).length;
      }
    }
    self(self, stage + 1, part.substr(done));
  };
  cut(cut, 0, text);
}

}  // namespace heng::text
