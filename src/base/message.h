// Pieces of error messages: figures that can be read, and names out of files that cannot harm the
// terminal or the JSON they are printed into. Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace heng {

// "1,610,612,736"
std::string with_commas(uint64_t number);

// `text` as one line of well-formed UTF-8: control characters and stray bytes become \xNN, and what
// passes 120 bytes is cut off and shown as "...".
std::string printable(std::string_view text);

}  // namespace heng
