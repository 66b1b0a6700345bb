// Unicode Normalization Form C, by utf8proc's tables (Unicode 15 in Debian 12). Pure function.
#pragma once

#include <string>
#include <string_view>

namespace heng::text {

// REQUIRES: `text` is valid UTF-8. Time is O(n log n) also for hostile runs of combining marks.
std::string to_nfc(std::string_view text);

}  // namespace heng::text
