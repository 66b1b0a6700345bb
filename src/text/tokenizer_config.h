// What the small files beside a Hugging Face tokenizer say: tokenizer_config.json, or in older
// folders special_tokens_map.json and added_tokens.json. Read as transformers' from_pretrained
// reads them: the older two count only where tokenizer_config.json lists no added tokens itself.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "heng/tokenizer.h"

namespace heng::text {

// A token that is found by its name, not by merging.
struct AddedToken {
  std::string content = {};
  TokenId id = 0;
  bool special = false;
  bool normalized = false;  // looked for in the normalised text
};

struct TokenizerConfig {
  std::string tokenizer_class = {};  // empty: not said
  std::optional<std::string> bos_token = {}, eos_token = {};
  std::optional<bool> add_bos_token = {};
  std::vector<AddedToken> added = {};
  // Further names that are special, whatever `added` says of them.
  std::vector<std::string> special = {};
};

// Reads what is there; a folder without any of the files gives an empty answer. Throws Error
// kCorrupt; kUnsupported for added tokens that swallow spaces or only count as whole words, and
// for add_eos_token.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder);
// The same of tokenizer_config.json alone.
TokenizerConfig tokenizer_config_from_json(const JsonObject& settings);

// One entry of "added_tokens" or "added_tokens_decoder", without its id.
AddedToken read_added_token(const JsonObject& token);

// A small JSON file that must be an object; empty where there is no such file.
Json read_json_file(const std::filesystem::path& file, size_t limit_bytes);

inline constexpr int64_t kMostTokenIds = 1 << 22;

}  // namespace heng::text
