#include "text/gguf_tokens.h"

#include "heng/error.h"

namespace heng::text {

void GgufTokens::add(std::string text, int32_t type) {
  texts.push_back(std::move(text));
  types.push_back(type);
}

void GgufTokens::write(const std::string& where, size_t n_rows, checkpoint::GgufWriter& out) {
  if (texts.size() > n_rows) {
    throw Error(ErrorCode::kUnsupported, where + ": " + std::to_string(texts.size()) +
                                             " tokens for a model of " + std::to_string(n_rows) +
                                             " rows. GGUF needs a row for every token.");
  }
  while (texts.size() < n_rows) add("[PAD" + std::to_string(texts.size()) + "]", kUnused);
  out.set("tokenizer.ggml.tokens", texts);
  out.set("tokenizer.ggml.token_type", types);
}

}  // namespace heng::text
