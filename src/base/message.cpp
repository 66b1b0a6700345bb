#include "base/message.h"

#include <cstddef>

namespace heng {
namespace {

constexpr size_t kMaxShown = 120;

// Bytes of the well-formed, visible character at the head of `text` (RFC 3629, table of section 4),
// or 0. C1 control characters count as not visible: terminals obey them.
size_t visible_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  unsigned low = 0x80, high = 0xbf;  // of the second byte
  if (lead == 0xc2) low = 0xa0;      // U+0080..U+009F are C1
  if (lead == 0xe0) low = 0xa0;      // shorter forms exist
  if (lead == 0xed) high = 0x9f;     // surrogates
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;  // above U+10FFFF
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  return length;
}

}  // namespace

std::string with_commas(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t i = text.size(); i > 3;) text.insert(i -= 3, 1, ',');
  return text;
}

std::string printable(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    if (out.size() >= kMaxShown) return out + "...";
    const size_t length = visible_length(text);
    if (length > 0) {
      out += text.substr(0, length);
    } else {
      const auto byte = static_cast<unsigned char>(text[0]);
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
    text.remove_prefix(length > 0 ? length : 1);
  }
  return out;
}

}  // namespace heng
