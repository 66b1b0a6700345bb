#include "eval/scoring/code_points.h"

#include <utf8proc.h>

#include <algorithm>
#include <utility>

namespace heng::eval {
namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

// Characters with one lower case that is not theirs: CPython's table of extra cases.
constexpr std::pair<char32_t, char32_t> kExtraCases[] = {
    {0x131, 0x69},    {0x17f, 0x73},    {0xb5, 0x3bc},   {0x345, 0x3b9},  {0x1fbe, 0x3b9},
    {0x1fd3, 0x390},  {0x1fe3, 0x3b0},  {0x3d0, 0x3b2},  {0x3f5, 0x3b5},  {0x3d1, 0x3b8},
    {0x3f0, 0x3ba},   {0x3d6, 0x3c0},   {0x3f1, 0x3c1},  {0x3c2, 0x3c3},  {0x3d5, 0x3c6},
    {0x1e9b, 0x1e61}, {0xfb05, 0xfb06}, {0x1c80, 0x432}, {0x1c81, 0x434}, {0x1c82, 0x43e},
    {0x1c83, 0x441},  {0x1c84, 0x442},  {0x1c85, 0x442}, {0x1c86, 0x44a}, {0x1c87, 0x463},
    {0x1c88, 0xa64b}};

template <typename Same>
Runes replace_where(RunesView text, RunesView from, RunesView to, const Same& same) {
  Runes out;
  if (from.empty()) {
    for (const char32_t c : text) out.append(to).push_back(c);
    return out.append(to);
  }
  size_t at = 0;
  while (at + from.size() <= text.size()) {
    if (std::equal(from.begin(), from.end(), text.begin() + static_cast<ptrdiff_t>(at), same)) {
      out += to;
      at += from.size();
    } else {
      out += text[at++];
    }
  }
  return out.append(text.substr(at));
}

}  // namespace

Runes to_runes(std::string_view text) {
  Runes runes;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (size_t at = 0; at < text.size();) {
    utf8proc_int32_t rune = 0;
    const auto n =
        utf8proc_iterate(bytes + at, static_cast<utf8proc_ssize_t>(text.size() - at), &rune);
    runes += n > 0 ? static_cast<char32_t>(rune) : U'\ufffd';
    at += n > 0 ? static_cast<size_t>(n) : 1;
  }
  return runes;
}

std::string to_utf8(RunesView runes) {
  std::string text;
  for (const char32_t c : runes) {
    utf8proc_uint8_t bytes[4];
    const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
    text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(n));
  }
  return text;
}

bool is_word(char32_t c) {
  if (c < 0x80) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

bool is_space(char32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20);
  if (c == 0x85) return true;
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_ZS || kind == UTF8PROC_CATEGORY_ZL ||
         kind == UTF8PROC_CATEGORY_ZP;
}

bool is_digit(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return category(c) == UTF8PROC_CATEGORY_ND;
}

char32_t lower(char32_t c) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

char32_t fold_case(char32_t c) {
  const char32_t small = lower(c);
  for (const auto& [from, to] : kExtraCases) {
    if (small == from) return to;
  }
  return small;
}

bool is_word_edge(RunesView text, size_t at) {
  const bool before = at > 0 && is_word(text[at - 1]);
  const bool behind = at < text.size() && is_word(text[at]);
  return before != behind;
}

Runes replace_all(RunesView text, RunesView from, RunesView to) {
  return replace_where(text, from, to, [](char32_t a, char32_t b) { return a == b; });
}

Runes replace_all_folded(RunesView text, RunesView from, RunesView to) {
  return replace_where(text, from, to,
                       [](char32_t a, char32_t b) { return fold_case(a) == fold_case(b); });
}

RunesView strip_spaces(RunesView text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

RunesView strip_end(RunesView text, char32_t c) {
  while (!text.empty() && text.back() == c) text.remove_suffix(1);
  return text;
}

}  // namespace heng::eval
