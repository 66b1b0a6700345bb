// GPT-2's way of writing bytes as printable characters (encoder.py, bytes_to_unicode), in which the
// vocabularies of byte-level BPE are published: printable Latin-1 bytes stand for themselves, the
// others for U+0100 onwards in order. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace heng::text {

// False where `spelled` has a character outside the alphabet; `bytes` is then unspecified.
bool bytes_of_spelling(std::string_view spelled, std::string& bytes);

std::string spelling_of_bytes(std::string_view bytes);

}  // namespace heng::text
