// UTF-8 as byte ranges, for forms that speak of characters. Source: RFC 3629. Pure functions.
#pragma once

#include <string_view>
#include <utility>

#include "grammar/program.h"

namespace heng::grammar {

// Code points from first to last.
struct CodeRange {
  char32_t first, last;
  bool operator==(const CodeRange&) const = default;
};

// The bytes of each of these code points but surrogates, then `next`.
NodeId utf8_range(ProgramBuilder& builder, CodeRange range, NodeId next);

// The character that `bytes` begins with, and its length. REQUIRES: valid UTF-8, not empty.
std::pair<char32_t, size_t> decode_utf8(std::string_view bytes);

}  // namespace heng::grammar
