// What stands around the model in a tokenizer.json: normalizer, pre_tokenizer, post_processor and
// decoder. Each is read into what BpeTokenizer can do; whatever else one says is refused by name.
// Source: huggingface/tokenizers, the serde names of its Rust types.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "text/bpe_tokenizer.h"
#include "text/token_spelling.h"

namespace heng::text {

struct TokenizerSteps {
  Spelling spelling = Spelling::kByteAlphabet;
  bool nfc = false;
  SpacePrefix space_prefix = SpacePrefix::kNone;
  std::vector<FilePattern> patterns = {};
  std::vector<TokenId> prefix = {};  // in front of a text
  bool drops_first_space = false;
};

// `file`: a whole tokenizer.json. Throws Error kCorrupt; kUnsupported names file and field, what
// was found and what is supported.
TokenizerSteps read_tokenizer_steps(const JsonObject& file);

}  // namespace heng::text
