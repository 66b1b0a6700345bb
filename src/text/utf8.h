// UTF-8 by the byte: where a character ends, and what is ill-formed. Pure functions.
// "Maximal ill-formed piece" is that of the Unicode Standard (3.9, table 3-7), as Python decodes
// with errors="replace". replace_invalid_utf8 itself is public: heng/tokenizer.h.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace heng::text {

enum class Utf8Kind {
  kCharacter,   // a whole character
  kIllFormed,   // `length` bytes that no further byte can make a character
  kUnfinished,  // the text ends inside a character that began well
};

struct Utf8Step {
  Utf8Kind kind;
  size_t length;  // bytes, at least 1
};

// What `bytes` begins with. REQUIRES: bytes is not empty.
Utf8Step utf8_step(std::string_view bytes);

bool is_valid_utf8(std::string_view bytes);

// The character that `bytes` begins with. REQUIRES: utf8_step says kCharacter.
char32_t utf8_decode(std::string_view bytes);

// REQUIRES: `c` is a Unicode scalar value.
void utf8_append(char32_t c, std::string& out);

}  // namespace heng::text
