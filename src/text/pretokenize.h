// Cuts text into the pieces that byte-pair encoding works on, by published patterns run in PCRE2.
// Patterns keep the meaning they have upstream (Rust's regex, Oniguruma): \s is Unicode's
// White_Space. Letters and digits are those of PCRE2's Unicode tables (14 in Debian 12). Immutable
// after construction; safe to use from many threads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heng::text {

// A pre-tokenizer as GGUF files name it in tokenizer.ggml.pre.
struct PreTokenizer {
  std::string_view name;
  // Each pattern cuts the pieces that the one before it left, matches and what lies between alike.
  std::vector<std::string_view> patterns;
  bool nfc = false;         // the text is normalised first
  bool take_whole = false;  // a piece that is a token is that token, whatever the merges say
  bool add_bos = false;     // unless the file says otherwise
};

// nullptr where `name` is not known; names for the error text.
const PreTokenizer* find_pre_tokenizer(std::string_view name);
std::vector<std::string_view> pre_tokenizer_names();

// The pattern of Qwen's own tokenizer (tokenization_qwen.py, PAT_STR).
std::string_view qwen_pattern();

// The pattern that GPT-2's ByteLevel cuts with; and one digit of any script.
std::string_view gpt2_pattern();
std::string_view digit_pattern();

// One step of cutting, out of a file.
struct FilePattern {
  std::string regex;
  std::string where;  // file and field, for errors
};

class PieceSplitter {
 public:
  // Patterns of ours, which are known to take time linear in the text.
  explicit PieceSplitter(std::span<const std::string_view> patterns);
  // Patterns that anybody wrote. Throws Error kUnsupported where one does not compile.
  explicit PieceSplitter(const std::vector<FilePattern>& patterns);
  ~PieceSplitter();
  PieceSplitter(PieceSplitter&&) noexcept;

  // Calls `take` with every piece in order; together they are exactly `text`.
  // REQUIRES: `text` is valid UTF-8. Throws Error kUnsupported where a file's pattern takes more
  // steps than linear work on this text could.
  void split(std::string_view text, const std::function<void(std::string_view)>& take) const;

 private:
  class Budget;
  class Pattern;
  std::vector<Pattern> patterns_;
};

}  // namespace heng::text
