// How vocabularies and merge lists of byte-pair tokenizers spell their tokens as text, and how
// pairs so spelled become merges of ids. Pure functions.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/byte_bpe.h"

namespace heng::text {

enum class Spelling {
  kByteAlphabet,  // a character per byte, by GPT-2's table (encoder.py, bytes_to_unicode)
  kSpaceMarks,    // as it is, but a space is U+2581 and a single byte may be "<0xE5>"
};

// False where `spelled` stands for no bytes: in kByteAlphabet a character outside the table, in
// kSpaceMarks a real space. "<0xE5>" is not looked at here.
bool spelled_bytes(Spelling spelling, std::string_view spelled, std::string& out);

// The byte that "<0xE5>" names, or -1. The spelling is SentencePiece's.
int byte_named(std::string_view spelled);

// A copy of `text` with every U+2581 as a space.
std::string with_spaces(std::string_view text);

using SpelledPair = std::pair<std::string_view, std::string_view>;

// "a b" -> the two. Two empty parts where it is no such line.
SpelledPair pair_of_line(std::string_view line);

// The problem with token or pair number `index` of a file; must throw.
using FailAt = std::function<void(size_t index, const std::string& problem)>;

// Throws by `fail_token` where two plain tokens are the same bytes, by `fail_pair` for a pair that
// names or makes a token that the vocabulary does not have. A pair that would make a special token
// out of plain text is left out.
std::vector<ByteBpe::Merge> resolve_merges(const Vocabulary& vocabulary, Spelling spelling,
                                           std::span<const SpelledPair> pairs,
                                           const FailAt& fail_token, const FailAt& fail_pair);

}  // namespace heng::text
