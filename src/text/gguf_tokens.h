// The token list of a GGUF file while it is written, and the keys that its writers share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/gguf_writer.h"

namespace heng::text {

struct GgufKeys {
  static constexpr const char* kModel = "tokenizer.ggml.model";
  static constexpr const char* kPre = "tokenizer.ggml.pre";
  static constexpr const char* kMerges = "tokenizer.ggml.merges";
  static constexpr const char* kBos = "tokenizer.ggml.bos_token_id";
  static constexpr const char* kEos = "tokenizer.ggml.eos_token_id";
  static constexpr const char* kAddBos = "tokenizer.ggml.add_bos_token";
};

struct GgufTokens {
  // llama_token_type of llama.h.
  enum Type : int32_t { kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5 };
  std::vector<std::string> texts;  // index = id
  std::vector<int32_t> types;

  void add(std::string text, int32_t type);
  // Sets the lists, with unused tokens up to `n_rows`. Throws Error kUnsupported naming `where`
  // where there are more tokens than rows.
  void write(const std::string& where, size_t n_rows, checkpoint::GgufWriter& out);
};

}  // namespace heng::text
