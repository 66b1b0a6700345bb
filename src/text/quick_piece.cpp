#include "text/quick_piece.h"

#include <array>
#include <cstdint>

namespace heng::text {
namespace {

enum class Kind : uint8_t { kLetter, kDigit, kSpace, kNewline, kOther, kUnknown };

constexpr std::array<Kind, 128> kAscii = [] {
  std::array<Kind, 128> kinds{};
  for (size_t c = 0; c < kinds.size(); ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    kinds[c] = letter                   ? Kind::kLetter
               : c >= '0' && c <= '9'   ? Kind::kDigit
               : c == '\r' || c == '\n' ? Kind::kNewline
               : space                  ? Kind::kSpace
                                        : Kind::kOther;
  }
  return kinds;
}();

// A character at the beginning of a text, or the end of the text: kUnknown with no bytes.
struct Character {
  Kind kind = Kind::kUnknown;
  size_t length = 0;
};

// Unified ideographs of Unicode 1.0, and punctuation that is no space, letter or number.
Kind kind_of_three_bytes(uint32_t c) {
  const auto between = [c](uint32_t low, uint32_t high) { return c - low <= high - low; };
  if (between(0x4E00, 0x9FA5)) return Kind::kLetter;
  const bool punctuation = between(0x2010, 0x2027) || between(0x3001, 0x3003) ||
                           between(0x3008, 0x3011) || between(0xFF08, 0xFF09) || c == 0xFF01 ||
                           c == 0xFF0C || between(0xFF1A, 0xFF1B) || c == 0xFF1F;
  return punctuation ? Kind::kOther : Kind::kUnknown;
}

Character character_at(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  const auto byte = [&](size_t i) { return uint32_t{static_cast<uint8_t>(text[at + i])}; };
  const uint32_t first = byte(0);
  if (first < 0x80) return {kAscii[first], 1};
  if ((first & 0xF0) != 0xE0) return {Kind::kUnknown, 1};
  const uint32_t c = (first & 0xF) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  return {kind_of_three_bytes(c), 3};
}

// Where the run of characters that `belongs` accepts ends; the character after it goes to `next`.
template <typename Belongs>
size_t run_end(std::string_view text, size_t at, const Belongs& belongs, Character& next) {
  for (next = character_at(text, at); belongs(next.kind); next = character_at(text, at)) {
    at += next.length;
  }
  return at;
}

bool is_unknown(const Character& c) {
  return c.kind == Kind::kUnknown && c.length > 0;
}

constexpr auto kIsLetter = [](Kind kind) { return kind == Kind::kLetter; };
constexpr auto kIsOther = [](Kind kind) { return kind == Kind::kOther; };
constexpr auto kIsNewline = [](Kind kind) { return kind == Kind::kNewline; };
constexpr auto kIsSpace = [](Kind kind) { return kind == Kind::kSpace || kind == Kind::kNewline; };

// 's 't 're 've 'm 'll 'd in either case, at the beginning; else 0.
size_t contraction(std::string_view text) {
  const auto lower = [&](size_t at) { return at < text.size() ? text[at] | 0x20 : 0; };
  const auto a = lower(1), b = lower(2);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  const bool two = (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l');
  return two ? 3 : 0;
}

size_t spaces(std::string_view text) {
  Character next;
  const size_t end = run_end(text, 0, kIsSpace, next);
  if (is_unknown(next)) return 0;
  const size_t newline = text.substr(0, end).find_last_of("\r\n");
  if (newline != std::string_view::npos) return newline + 1;
  return end == text.size() || end == 1 ? end : end - 1;  // the last one goes with what follows
}

}  // namespace

size_t quick_qwen_piece(std::string_view text) {
  const Character first = character_at(text, 0);
  Character next = character_at(text, first.length);
  if (is_unknown(first) || is_unknown(next)) return 0;
  if (text[0] == '\'') {
    if (is_unknown(character_at(text, 2))) return 0;  // one that is a letter's other case
    if (const size_t n = contraction(text)) return n;
  }
  const bool leads = first.kind == Kind::kOther || first.kind == Kind::kSpace;
  if (first.kind == Kind::kLetter || (leads && next.kind == Kind::kLetter)) {
    const size_t end = run_end(text, first.length, kIsLetter, next);
    return is_unknown(next) ? 0 : end;
  }
  if (first.kind == Kind::kDigit) return first.length;
  if (first.kind == Kind::kOther || (text[0] == ' ' && next.kind == Kind::kOther)) {
    size_t end = run_end(text, first.length, kIsOther, next);
    if (!is_unknown(next)) end = run_end(text, end, kIsNewline, next);
    return is_unknown(next) ? 0 : end;
  }
  return spaces(text);
}

}  // namespace heng::text
