#include "text/gguf_tokenizer.h"

#include "base/message.h"
#include "text/bpe_tokenizer.h"
#include "text/gguf_sentencepiece.h"
#include "text/gguf_vocabulary.h"
#include "text/token_spelling.h"

namespace heng::text {
namespace {

constexpr std::string_view kModelKey = "tokenizer.ggml.model";
constexpr std::string_view kPreKey = "tokenizer.ggml.pre";
constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";

TokenKind kind_of(int64_t type) {
  switch (type) {
    case GgufVocabulary::kControl:
    case GgufVocabulary::kUnknown:
      return TokenKind::kSpecial;
    case GgufVocabulary::kUserDefined:
      return TokenKind::kAdded;
    case GgufVocabulary::kUnused:
      return TokenKind::kUnused;
    default:
      return TokenKind::kPlain;
  }
}

// Special and added tokens are spelled as they are, plain ones in the alphabet.
Vocabulary read_vocabulary(const JsonObject& metadata) {
  GgufVocabulary gguf = read_gguf_vocabulary(metadata);
  Vocabulary vocabulary;
  for (size_t i = 0; i < gguf.tokens.size(); ++i) {
    std::string& token = gguf.tokens[i];
    TokenKind kind = kind_of(gguf.types[i]);
    std::string bytes;
    if (kind == TokenKind::kPlain) {
      if (spelled_bytes(Spelling::kByteAlphabet, token, bytes)) {
        token = std::move(bytes);
      } else {
        kind = TokenKind::kUnused;  // no text can spell it; decoding shows it as it is
      }
    }
    vocabulary.bytes.push_back(std::move(token));
    vocabulary.kinds.push_back(kind);
  }
  return vocabulary;
}

std::vector<ByteBpe::Merge> read_merges(const JsonObject& metadata, const Vocabulary& vocabulary) {
  const std::vector<std::string> lines = metadata.strings_or_empty(kMergesKey);
  std::vector<SpelledPair> pairs;
  pairs.reserve(lines.size());
  for (const std::string& line : lines) pairs.push_back(pair_of_line(line));
  const auto fail = [&](std::string_view key) {
    return [&metadata, key](size_t index, const std::string& problem) {
      metadata.fail(key, "entry " + std::to_string(index) + " " + problem);
    };
  };
  return resolve_merges(vocabulary, Spelling::kByteAlphabet, pairs, fail(kGgufTokensKey),
                        fail(kMergesKey));
}

std::string list_of(const std::vector<std::string_view>& names) {
  std::string list;
  for (const std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
  return list;
}

const PreTokenizer& read_pre_tokenizer(const JsonObject& metadata) {
  const std::string name = metadata.string_or(kPreKey, "default");
  if (const PreTokenizer* pre = find_pre_tokenizer(name)) return *pre;
  throw Error(ErrorCode::kUnsupported, metadata.where(kPreKey) + " is \"" + printable(name) +
                                           "\"; supported: " + list_of(pre_tokenizer_names()));
}

std::shared_ptr<const Tokenizer> make_gguf_bpe_tokenizer(const JsonObject& metadata) {
  const PreTokenizer& pre = read_pre_tokenizer(metadata);
  Vocabulary vocabulary = read_vocabulary(metadata);
  const size_t n_tokens = vocabulary.bytes.size();
  const auto merges = read_merges(metadata, vocabulary);
  const auto bos_id = read_gguf_id(metadata, "tokenizer.ggml.bos_token_id", n_tokens);
  auto names = named_tokens(vocabulary);
  return make_bpe_tokenizer({
      .bpe =
          ByteBpe(std::move(vocabulary), merges,
                  pre.take_whole ? ByteBpe::WholePiece::kTakeToken : ByteBpe::WholePiece::kMerge),
      .splitter = PieceSplitter(pre.patterns),
      .nfc = pre.nfc,
      .names = std::move(names),
      .bos_id = bos_id,
      .eos_id = read_gguf_id(metadata, "tokenizer.ggml.eos_token_id", n_tokens),
      .prefix = read_gguf_prefix(metadata, pre.add_bos, bos_id),
      .description =
          "gpt2 BPE (" + std::string(pre.name) + "), " + with_commas(n_tokens) + " tokens",
  });
}

}  // namespace

std::shared_ptr<const Tokenizer> make_gguf_tokenizer(const Json& json, std::string_view file) {
  const JsonObject metadata(json, file);
  const std::string model = metadata.string_or(kModelKey, "");
  if (model == "gpt2") return make_gguf_bpe_tokenizer(metadata);
  if (model == "llama") return make_gguf_sentencepiece_tokenizer(metadata, file);
  throw Error(ErrorCode::kUnsupported,
              metadata.where(kModelKey) + " is \"" + printable(model) +
                  "\"; supported: gpt2 (byte-level BPE), llama (SentencePiece)");
}

}  // namespace heng::text
