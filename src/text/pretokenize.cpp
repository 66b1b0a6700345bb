#include "text/pretokenize.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <limits>

#include "heng/error.h"
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
using MatchData = std::unique_ptr<pcre2_match_data, Deleter>;

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

class PieceSplitter::Pattern {
 public:
  explicit Pattern(std::string_view pattern) {
    const std::string source = with_unicode_space(pattern);
    int problem = 0;
    PCRE2_SIZE at = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                              PCRE2_UTF | PCRE2_UCP, &problem, &at, nullptr));
    context_.reset(pcre2_match_context_create(nullptr));
    if (!code_ || !context_) {
      throw Error(ErrorCode::kInternal, "pre-tokenizer pattern: PCRE2 error " +
                                            std::to_string(problem) + " at byte " +
                                            std::to_string(at) + " of " + source);
    }
    // Every pattern of the table backtracks over at most one run, so no limit is needed for safety,
    // and a limit would cut long runs of spaces.
    pcre2_set_match_limit(context_.get(), std::numeric_limits<uint32_t>::max());
    pcre2_set_heap_limit(context_.get(), std::numeric_limits<uint32_t>::max());
    // Without JIT (a system that forbids it) pcre2_match interprets: slower, the same pieces.
    (void)pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
  }

  MatchData new_match_data() const {
    MatchData data(pcre2_match_data_create(1, nullptr));
    if (!data) throw std::bad_alloc();
    return data;
  }

  struct Range {
    size_t begin, end;
  };
  // The first match at or after `from`. nullopt where there is none.
  std::optional<Range> find(std::string_view text, size_t from, pcre2_match_data* data) const {
    const auto match = [&](uint32_t options) {
      return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                         options | PCRE2_NO_UTF_CHECK, data, context_.get());
    };
    int found = match(0);
    // The JIT's stack may be too small for a strange text; the interpreter's lies on the heap.
    if (found < 0 && found != PCRE2_ERROR_NOMATCH) found = match(PCRE2_NO_JIT);
    if (found < 0) return std::nullopt;
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data);
    return Range{range[0], range[1]};
  }

 private:
  std::unique_ptr<pcre2_code, Deleter> code_;
  std::unique_ptr<pcre2_match_context, Deleter> context_;
};

PieceSplitter::PieceSplitter(std::span<const std::string_view> patterns) {
  for (const std::string_view pattern : patterns) patterns_.emplace_back(pattern);
}
PieceSplitter::~PieceSplitter() = default;
PieceSplitter::PieceSplitter(PieceSplitter&&) noexcept = default;

void PieceSplitter::split(std::string_view text,
                          const std::function<void(std::string_view)>& take) const {
  std::vector<MatchData> data;
  for (const Pattern& pattern : patterns_) data.push_back(pattern.new_match_data());
  // What stage `stage` leaves goes to the next; after the last, to `take`.
  const auto cut = [&](const auto& self, size_t stage, std::string_view part) -> void {
    if (part.empty()) return;
    if (stage == patterns_.size()) return take(part);
    size_t done = 0;
    while (done < part.size()) {
      const auto match = patterns_[stage].find(part, done, data[stage].get());
      // A match of nothing would not advance; no pattern of the table has one.
      if (!match || match->end == match->begin) break;
      self(self, stage + 1, part.substr(done, match->begin - done));
      self(self, stage + 1, part.substr(match->begin, match->end - match->begin));
      done = match->end;
    }
    self(self, stage + 1, part.substr(done));
  };
  cut(cut, 0, text);
}

}  // namespace heng::text
