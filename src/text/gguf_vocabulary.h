// What every tokenizer in a GGUF file has: the list of tokens with their types, and some ids.
// `metadata` is the file's keys as one object. All throw Error kCorrupt naming the key.
// Source: ggml's docs/gguf.md; types are llama_token_type of llama.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "heng/tokenizer.h"

namespace heng::text {

inline constexpr std::string_view kGgufTokensKey = "tokenizer.ggml.tokens";
inline constexpr std::string_view kGgufTypesKey = "tokenizer.ggml.token_type";

struct GgufVocabulary {
  enum Type : int64_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };
  std::vector<std::string> tokens;  // index = id; not empty
  std::vector<int64_t> types;       // as long
};

GgufVocabulary read_gguf_vocabulary(const JsonObject& metadata);

// nullopt where the key is absent.
std::optional<TokenId> read_gguf_id(const JsonObject& metadata, std::string_view key,
                                    size_t n_tokens);

// The bos token where the file, or else `add_by_default`, says that a text begins with it. Throws
// kUnsupported where the file says that a text ends with a token.
std::vector<TokenId> read_gguf_prefix(const JsonObject& metadata, bool add_by_default,
                                      std::optional<TokenId> bos_id);

}  // namespace heng::text
