// Byte-pair tokenizers in Hugging Face's files: tokenizer.json (Qwen1.5 to Qwen3, Llama 3, SmolLM2
// byte by byte; LLaMA-2 with U+2581 for spaces), or vocab.json with merges.txt (Qwen2's). What
// reads them upstream is the package `tokenizers`, also for the latter pair (transformers converts
// it), so both mean the same here. Sources: huggingface/tokenizers; transformers,
// convert_slow_tokenizer.py.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/json.h"
#include "text/tokenizer_config.h"

namespace heng::text {

// `file` is for errors. Throws Error kCorrupt; kUnsupported names the field, what was found and
// what is supported.
std::shared_ptr<const Tokenizer> make_json_tokenizer(const Json& json,
                                                     const TokenizerConfig& config,
                                                     std::string_view file);

// `merges`: the text of merges.txt. Pattern and normalisation are Qwen2's.
std::shared_ptr<const Tokenizer> make_qwen2_tokenizer(const Json& vocab, std::string_view merges,
                                                      const TokenizerConfig& config,
                                                      std::string_view vocab_file,
                                                      std::string_view merges_file);

// From a folder's tokenizer.json, or its vocab.json and merges.txt, with the configuration beside
// them. Also throw kNotFound; the second kUnsupported where the folder is not of a Qwen2 tokenizer.
std::shared_ptr<const Tokenizer> load_json_tokenizer(const std::filesystem::path& folder);
std::shared_ptr<const Tokenizer> load_qwen2_tokenizer(const std::filesystem::path& folder);

}  // namespace heng::text
