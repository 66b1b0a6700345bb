// Tokenizer over byte-pair encoding: find special names, normalise, cut into pieces, merge. What
// differs between families (vocabulary, patterns, names) comes in as BpeTokenizerParts.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heng/tokenizer.h"
#include "text/byte_bpe.h"
#include "text/pretokenize.h"
#include "text/special_names.h"

namespace heng::text {

// A space in front of each section of plain text, that is, of what lies between two names.
enum class SpacePrefix {
  kNone,
  kAlways,
  kUnlessThere,         // not where the section begins with a space
  kUnlessThereAtStart,  // so, and only in the section that the text begins with
};

struct BpeTokenizerParts {
  ByteBpe bpe;
  PieceSplitter splitter;
  bool nfc = false;               // normalise to NFC
  bool marks_are_spaces = false;  // U+2581 in a text counts as a space
  SpacePrefix space_prefix = SpacePrefix::kNone;
  bool drops_first_space = false;  // decoding does
  // Names that are found in the text as it is (then each section is normalised by itself, as
  // Hugging Face's tokenizers do), and names that are found after normalising.
  std::vector<SpecialNames::Entry> names = {};
  std::vector<SpecialNames::Entry> names_in_normal_text = {};
  std::optional<TokenId> bos_id;
  std::optional<TokenId> eos_id;
  std::vector<TokenId> prefix;  // in front of a text
  std::string description;
};

// The special and added tokens of `vocabulary`, by their bytes.
std::vector<SpecialNames::Entry> named_tokens(const Vocabulary& vocabulary);

std::shared_ptr<const Tokenizer> make_bpe_tokenizer(BpeTokenizerParts parts);

}  // namespace heng::text
