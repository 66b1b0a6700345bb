// Text <-> token ids. A Tokenizer is immutable and safe to use from many threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heng {

using TokenId = int32_t;

// What text such as "<|im_end|>" inside a text means.
enum class SpecialText {
  kPlain,  // plain text: no id of a special token can come out. For contents that others wrote.
  kParse,  // the special token of that name. Upstream's default; for templates written by oneself.
};

enum class SpecialTokens { kKeep, kSkip };  // on decoding

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // From a checkpoint folder (qwen.tiktoken, tokenizer.model, tokenizer.json, or vocab.json with
  // merges.txt: the first that is there; no weights are needed) or a .gguf file (its own).
  // Throws Error kNotFound, kCorrupt; kUnsupported names the tokenizer or pre-tokenizer found and
  // lists what is supported.
  static std::shared_ptr<const Tokenizer> load(const std::filesystem::path& path);

  // Ids of `text`, with no token put in front or behind. Text that is not UTF-8 is taken as
  // Python's errors="replace" would read it.
  virtual std::vector<TokenId> encode(std::string_view text,
                                      SpecialText special = SpecialText::kPlain) const = 0;

  // The bytes of one token; empty for an id that has none. Throws Error kInvalidArgument for an id
  // outside [0, size()).
  virtual std::string_view token_bytes(TokenId id) const = 0;
  virtual bool is_special(TokenId id) const = 0;
  // Id of the special token of that exact name, for instance "<|im_end|>".
  virtual std::optional<TokenId> special_id(std::string_view name) const = 0;

  // Ids 0 .. size()-1 exist. The model's vocabulary may have more rows.
  virtual size_t size() const = 0;
  virtual std::optional<TokenId> bos_id() const = 0;
  virtual std::optional<TokenId> eos_id() const = 0;
  // What upstream puts in front of a text that is no chat: LLaMA's <s>, ChatGLM's [gMASK] sop;
  // empty for most.
  virtual std::vector<TokenId> prefix() const = 0;
  // Whether a text loses the space that its first token begins with: SentencePiece puts one there.
  virtual bool drops_first_space() const { return false; }

  // One line for people: "qwen.tiktoken, 151,643 + 208 special".
  virtual std::string description() const = 0;

  // Raw bytes of the tokens one after another: not necessarily UTF-8. No space is dropped.
  std::string decode_bytes(std::span<const TokenId> ids,
                           SpecialTokens special = SpecialTokens::kKeep) const;
  // The same as text: each maximal ill-formed piece becomes one U+FFFD (as Python's
  // errors="replace").
  virtual std::string decode(std::span<const TokenId> ids,
                             SpecialTokens special = SpecialTokens::kKeep) const;
};

// Valid UTF-8 made from `bytes`: one U+FFFD for each maximal ill-formed piece.
std::string replace_invalid_utf8(std::string_view bytes);

// Tokens come in, whole characters go out: bytes of an unfinished character are held back until it
// is complete or flush() ends the text. One stream per reply; not thread-safe.
class Utf8Stream {
 public:
  // Returns what can be shown now: valid UTF-8, ill-formed pieces replaced.
  std::string push(std::string_view bytes);
  std::string flush();

 private:
  std::string held_;  // at most 3 bytes: the start of a character
};

}  // namespace heng
