// Qwen-1's tokenizer: qwen.tiktoken, a line "base64 rank" per token, and special tokens right
// behind it whose names depend on the release. Source: Qwen-7B's tokenization_qwen.py of August and
// December 2023.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "heng/tokenizer.h"

namespace heng::text {

// The tokens of a tiktoken file by rank. Throws Error kCorrupt naming `file` and the line: what is
// not base64 or a number, ranks that do not count up from 0, a token twice, an empty or an
// over-long one.
std::vector<std::string> parse_tiktoken(std::string_view contents, std::string_view file);

enum class QwenRelease {
  kAugust2023,    // <|endoftext|> <|im_start|> <|im_end|> <R> <S> <X> <mask> <sep> <extra_0..199>
  kDecember2023,  // <|endoftext|> <|im_start|> <|im_end|> <|extra_0..204|>
};

// By the folder's own files: what its tokenization_qwen.py spells, else the configuration names of
// August ("n_embd"); December where neither says.
QwenRelease detect_qwen_release(const std::filesystem::path& folder);

// The special tokens behind the ranks, in the order of their ids.
std::vector<std::string> qwen_special_names(QwenRelease release);

// The tokens of folder/qwen.tiktoken by rank. Throws Error kNotFound, kCorrupt.
std::vector<std::string> read_qwen_ranks(const std::filesystem::path& folder);

// Throws Error kCorrupt where `ranks` lacks one of the 256 bytes. `file` is for errors and
// description.
std::shared_ptr<const Tokenizer> make_qwen_tokenizer(std::vector<std::string> ranks,
                                                     QwenRelease release, std::string_view file);

// Reads folder/qwen.tiktoken. Throws Error kNotFound, kCorrupt.
std::shared_ptr<const Tokenizer> load_qwen_tokenizer(const std::filesystem::path& folder);

}  // namespace heng::text
