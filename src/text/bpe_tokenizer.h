// Tokenizer over byte-pair encoding: normalise, find special names, cut into pieces, merge. What
// differs between families (vocabulary, patterns, names) comes in as BpeTokenizerParts.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "heng/tokenizer.h"
#include "text/byte_bpe.h"
#include "text/pretokenize.h"

namespace heng::text {

struct BpeTokenizerParts {
  ByteBpe bpe;
  PieceSplitter splitter;
  bool nfc = false;
  std::optional<TokenId> bos_id;
  std::optional<TokenId> eos_id;
  std::vector<TokenId> prefix;  // in front of a text
  std::string description;
};

std::shared_ptr<const Tokenizer> make_bpe_tokenizer(BpeTokenizerParts parts);

}  // namespace heng::text
