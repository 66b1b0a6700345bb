// Random texts for property tests: characters that tokenizers trip over, mixed. Same seed, same
// texts.
#pragma once

#include <array>
#include <random>
#include <string>

#include "text/utf8.h"

namespace heng::text {

inline std::string random_text(std::mt19937& random, size_t most_characters) {
  struct Range {
    char32_t first, last;
  };
  static constexpr std::array<Range, 12> kRanges = {{
      {0x09, 0x0D},
      {0x20, 0x20},
      {0x20, 0x7E},
      {0x61, 0x7A},
      {0x00, 0xFF},
      {0x0300, 0x034E},
      {0x1100, 0x11FF},
      {0x1E00, 0x1FFF},
      {0x2000, 0x2030},
      {0x4E00, 0x9FFF},
      {0xAC00, 0xD7A3},
      {0x1F300, 0x1FAFF},
  }};
  std::string text;
  for (size_t n = random() % (most_characters + 1); n > 0; --n) {
    const Range range = kRanges[random() % kRanges.size()];
    utf8_append(range.first + random() % (range.last - range.first + 1), text);
  }
  return text;
}

}  // namespace heng::text
