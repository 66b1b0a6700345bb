#include "text/nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "heng/error.h"
#include "text/utf8.h"

namespace heng::text {
namespace {

// Longest canonical decomposition of one character is 4 in Unicode 15; room for a later table.
constexpr size_t kMostParts = 16;

void decompose(std::string_view text, std::vector<utf8proc_int32_t>& out) {
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const auto c = static_cast<utf8proc_int32_t>(utf8_decode(rest));
    at += utf8_step(rest).length;
    utf8proc_int32_t parts[kMostParts];
    int last_boundary = 0;
    const auto n = utf8proc_decompose_char(
        c, parts, kMostParts, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE),
        &last_boundary);
    if (n < 0 || n > static_cast<utf8proc_ssize_t>(kMostParts)) {
      throw Error(ErrorCode::kInternal, "text: utf8proc cannot decompose U+" + std::to_string(c));
    }
    out.insert(out.end(), parts, parts + n);
  }
}

int combining_class(utf8proc_int32_t c) {
  return static_cast<int>(utf8proc_get_property(c)->combining_class);
}

// Canonical ordering. utf8proc's own swaps neighbours: quadratic on a run of marks that anyone can
// send.
void reorder_marks(std::vector<utf8proc_int32_t>& text) {
  for (auto at = text.begin(); at != text.end();) {
    if (combining_class(*at) == 0) {
      ++at;
      continue;
    }
    const auto end = std::find_if(at, text.end(), [](auto c) { return combining_class(c) == 0; });
    std::stable_sort(at, end,
                     [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    at = end;
  }
}

// Whether a character is of those that most text consists of: NFC changes none of them, and none is
// a mark or joins the one before it, so a text of these alone is NFC.
bool is_settled(char32_t c) {
  return c < 0x300 || (c >= 0x4E00 && c <= 0x9FFF) ||                     // Latin, Chinese
         (c >= 0x3001 && c <= 0x3029) || (c >= 0xFF01 && c <= 0xFF5E) ||  // their punctuation
         (c >= 0x2010 && c <= 0x2027);
}

// Where the next character that is not settled begins, at or after `from`; and in `before` the
// settled one just before it, which it may join.
size_t find_unsettled(std::string_view text, size_t from, size_t& before) {
  before = from;
  while (from < text.size()) {
    size_t length = 1;
    if (static_cast<unsigned char>(text[from]) >= 0x80) {
      const std::string_view rest = text.substr(from);
      if (!is_settled(utf8_decode(rest))) return from;
      length = utf8_step(rest).length;
    }
    before = from;
    from += length;
  }
  return from;
}

size_t find_settled(std::string_view text, size_t from) {
  while (from < text.size() && !is_settled(utf8_decode(text.substr(from)))) {
    from += utf8_step(text.substr(from)).length;
  }
  return from;
}

void append_nfc(std::string_view text, std::string& out) {
  std::vector<utf8proc_int32_t> characters;
  decompose(text, characters);
  reorder_marks(characters);
  const auto n =
      utf8proc_normalize_utf32(characters.data(), static_cast<utf8proc_ssize_t>(characters.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (n < 0) throw Error(ErrorCode::kInternal, "text: utf8proc cannot compose");
  for (utf8proc_ssize_t i = 0; i < n; ++i) {
    utf8_append(static_cast<char32_t>(characters[static_cast<size_t>(i)]), out);
  }
}

}  // namespace

std::string to_nfc(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    size_t before = at;
    const size_t unsettled = find_unsettled(text, at, before);
    if (unsettled == text.size()) {
      out.append(text.substr(at));
      break;
    }
    out.append(text.substr(at, before - at));
    at = find_settled(text, unsettled);
    append_nfc(text.substr(before, at - before), out);
  }
  return out;
}

}  // namespace heng::text
