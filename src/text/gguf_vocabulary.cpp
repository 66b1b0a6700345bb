#include "text/gguf_vocabulary.h"

#include <limits>

namespace heng::text {

GgufVocabulary read_gguf_vocabulary(const JsonObject& metadata) {
  GgufVocabulary vocabulary;
  vocabulary.tokens = metadata.strings_or_empty(kGgufTokensKey);
  vocabulary.types = metadata.integers_or_empty(kGgufTypesKey);
  const size_t n = vocabulary.tokens.size();
  auto& types = vocabulary.types;
  if (n == 0) metadata.fail(kGgufTokensKey, "is missing or empty, expected the vocabulary");
  if (n > std::numeric_limits<TokenId>::max()) {
    metadata.fail(kGgufTokensKey, "has " + std::to_string(n) + " entries, too many");
  }
  if (types.empty()) types.assign(n, GgufVocabulary::kNormal);
  if (types.size() != n) {
    metadata.fail(kGgufTypesKey, "has " + std::to_string(types.size()) + " entries, expected " +
                                     std::to_string(n) + ", one per token");
  }
  for (size_t i = 0; i < n; ++i) {
    if (types[i] < GgufVocabulary::kNormal || types[i] > GgufVocabulary::kByte) {
      metadata.fail(kGgufTypesKey, "entry " + std::to_string(i) + " is " +
                                       std::to_string(types[i]) + ", expected 1 to 6");
    }
  }
  return vocabulary;
}

std::optional<TokenId> read_gguf_id(const JsonObject& metadata, std::string_view key,
                                    size_t n_tokens) {
  if (!metadata.has(key)) return std::nullopt;
  return static_cast<TokenId>(metadata.integer(key, 0, static_cast<int64_t>(n_tokens) - 1));
}

std::vector<TokenId> read_gguf_prefix(const JsonObject& metadata, bool add_by_default,
                                      std::optional<TokenId> bos_id) {
  constexpr std::string_view kAddEos = "tokenizer.ggml.add_eos_token";
  if (metadata.boolean_or(kAddEos, false)) {
    throw Error(ErrorCode::kUnsupported,
                metadata.where(kAddEos) + ": is true; supported: texts that no token ends");
  }
  if (!metadata.boolean_or("tokenizer.ggml.add_bos_token", add_by_default)) return {};
  if (!bos_id) {
    metadata.fail("tokenizer.ggml.bos_token_id", "is missing, but the text begins with that token");
  }
  return {*bos_id};
}

}  // namespace heng::text
