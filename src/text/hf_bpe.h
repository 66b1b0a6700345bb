// Byte-pair tokenizers as Hugging Face publishes them, whichever files they come in: checks that
// vocabulary, merges and added tokens fit each other, and builds the tokenizer. Its ids are those
// of the package `tokenizers`, but for what SpecialText::kPlain keeps out: no added token comes
// from plain text, special or not, unless it is one that merging makes too.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/token_spelling.h"
#include "text/tokenizer_config.h"
#include "text/tokenizer_steps.h"

namespace heng::text {

// Borrows the JSON it was read from.
struct HfBpe {
  JsonObject model;   // for errors
  const Json& vocab;  // an object: token -> id
  std::vector<SpelledPair> merges;
  FailAt fail_merge;
  std::vector<AddedToken> added;
  TokenizerSteps steps;
  bool take_whole = false;     // ignore_merges
  bool byte_fallback = false;  // unknown characters become <0x..>
  bool has_unknown = false;    // unknown characters become a token of their own
  std::string description;     // "tokenizer.json"
};

// Throws Error kCorrupt, kUnsupported naming file and field.
std::shared_ptr<const Tokenizer> make_hf_bpe_tokenizer(HfBpe parts, const TokenizerConfig& config);

}  // namespace heng::text
