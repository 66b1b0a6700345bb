#include "text/utf8.h"

#include <cstdint>
#include <cstring>

#include "heng/tokenizer.h"

namespace heng {
namespace text {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Row of table 3-7 for a first byte: bytes in all (0: cannot begin a character) and the range of
// the second byte, which shuts out overlong forms, surrogates and what lies past U+10FFFF.
struct Lead {
  size_t length;
  uint8_t second_low = 0x80, second_high = 0xBF;
};

Lead lead_of(uint8_t b) {
  if (b < 0x80) return {1};
  if (b < 0xC2) return {0};
  if (b < 0xE0) return {2};
  if (b == 0xE0) return {3, 0xA0, 0xBF};
  if (b == 0xED) return {3, 0x80, 0x9F};
  if (b < 0xF0) return {3};
  if (b == 0xF0) return {4, 0x90, 0xBF};
  if (b < 0xF4) return {4};
  if (b == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

// Bytes of plain ASCII at the beginning, counted eight at a time.
size_t ascii_run(std::string_view bytes) {
  size_t n = 0;
  for (uint64_t word; n + sizeof(word) <= bytes.size(); n += sizeof(word)) {
    std::memcpy(&word, bytes.data() + n, sizeof(word));
    if (word & 0x8080808080808080u) break;
  }
  while (n < bytes.size() && static_cast<uint8_t>(bytes[n]) < 0x80) ++n;
  return n;
}

// Appends the valid form of `bytes` and returns how many bytes of an unfinished character end them.
size_t append_valid(std::string_view bytes, std::string& out) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t plain = ascii_run(bytes.substr(at));
    out.append(bytes.substr(at, plain));
    at += plain;
    if (at == bytes.size()) break;
    const Utf8Step step = utf8_step(bytes.substr(at));
    if (step.kind == Utf8Kind::kUnfinished) return step.length;
    out.append(step.kind == Utf8Kind::kCharacter ? bytes.substr(at, step.length) : kReplacement);
    at += step.length;
  }
  return 0;
}

}  // namespace

Utf8Step utf8_step(std::string_view bytes) {
  const Lead lead = lead_of(static_cast<uint8_t>(bytes[0]));
  if (lead.length == 0) return {Utf8Kind::kIllFormed, 1};
  for (size_t i = 1; i < lead.length; ++i) {
    if (i == bytes.size()) return {Utf8Kind::kUnfinished, i};
    const auto b = static_cast<uint8_t>(bytes[i]);
    const bool fits = i == 1 ? b >= lead.second_low && b <= lead.second_high : (b & 0xC0) == 0x80;
    if (!fits) return {Utf8Kind::kIllFormed, i};
  }
  return {Utf8Kind::kCharacter, lead.length};
}

bool is_valid_utf8(std::string_view bytes) {
  for (size_t at = ascii_run(bytes); at < bytes.size(); at += ascii_run(bytes.substr(at))) {
    const Utf8Step step = utf8_step(bytes.substr(at));
    if (step.kind != Utf8Kind::kCharacter) return false;
    at += step.length;
  }
  return true;
}

char32_t utf8_decode(std::string_view bytes) {
  const auto first = static_cast<uint8_t>(bytes[0]);
  const size_t length = lead_of(first).length;
  if (length == 1) return first;
  char32_t c = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) c = c << 6 | (static_cast<uint8_t>(bytes[i]) & 0x3Fu);
  return c;
}

void utf8_append(char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;  // bytes after the first
  out += static_cast<char>((0xF00u >> (more + 1) & 0xFFu) | c >> 6 * more);
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80u | (c >> 6 * i & 0x3Fu));
}

}  // namespace text

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  if (text::append_valid(bytes, out) > 0) out += text::kReplacement;
  return out;
}

std::string Utf8Stream::push(std::string_view bytes) {
  held_.append(bytes);
  std::string out;
  const size_t unfinished = text::append_valid(held_, out);
  held_.erase(0, held_.size() - unfinished);
  return out;
}

std::string Utf8Stream::flush() {
  std::string out = replace_invalid_utf8(held_);
  held_.clear();
  return out;
}

}  // namespace heng
