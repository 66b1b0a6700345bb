// The first piece of a text by Qwen's pattern, without a regular expression: for text of ASCII,
// everyday Chinese characters and their punctuation, which is nearly all there is. Pure function.
#pragma once

#include <cstddef>
#include <string_view>

namespace heng::text {

// Bytes of the match of qwen_pattern() that begins at text[0]; 0 where other characters play a
// part, for PCRE2 to tell. REQUIRES: `text` is valid UTF-8.
size_t quick_qwen_piece(std::string_view text);

}  // namespace heng::text
