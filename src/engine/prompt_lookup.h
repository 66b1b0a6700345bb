// Guesses at the next tokens of a text: what followed an earlier place that ends as the text does
// (Saxena, "Prompt Lookup Decoding", 2023). Free, and good where a reply repeats its prompt:
// summaries, changes to code. Pure.
#pragma once

#include <cstddef>
#include <span>

#include "heng/tokenizer.h"

namespace heng::engine {

// At most `most` tokens of `ids`, from behind its latest place that shares the longest ending with
// it, of 2 to 4 tokens; empty where there is none.
std::span<const TokenId> look_up(std::span<const TokenId> ids, size_t most);

}  // namespace heng::engine
