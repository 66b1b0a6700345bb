#include "text/jinja_text.h"

#include <utf8proc.h>

#include <cstdint>
#include <cstring>

#include "text/utf8.h"

namespace heng::text::jinja {
namespace {

char32_t character_at(std::string_view bytes, size_t at, size_t& length) {
  const std::string_view rest = bytes.substr(at);
  length = utf8_step(rest).length;
  return utf8_decode(rest);
}

// Characters whose upper, lower or title form is more than one character, or depends on their
// neighbours (Unicode's SpecialCasing.txt).
bool has_special_case(char32_t c) {
  return c == 0xDF || c == 0x130 || c == 0x149 || c == 0x1F0 || c == 0x390 || c == 0x3A3 ||
         c == 0x3B0 || c == 0x587 || (c >= 0x1E96 && c <= 0x1E9E) || (c >= 0x1F50 && c <= 0x1FFC) ||
         (c >= 0xFB00 && c <= 0xFB17);
}

bool is_cased(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT;
}

char32_t mapped(char32_t c, Case how) {
  const auto code = static_cast<utf8proc_int32_t>(c);
  if (how == Case::kUpper) return static_cast<char32_t>(utf8proc_toupper(code));
  if (how == Case::kLower) return static_cast<char32_t>(utf8proc_tolower(code));
  return static_cast<char32_t>(utf8proc_totitle(code));
}

// Python's str.isprintable, by the character.
bool is_printable(char32_t c) {
  if (c == ' ') return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

std::string escaped(char32_t c) {
  static constexpr char kHex[] = "0123456789abcdef";
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  const int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
  std::string out = digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
  for (int i = digits; i-- > 0;) out += kHex[(c >> (4 * i)) & 15];
  return out;
}

// Python's str.splitlines; 0 where no line ends at `at`.
size_t line_end_length(std::string_view bytes, size_t at) {
  if (bytes.substr(at).starts_with("\r\n")) return 2;
  size_t length = 0;
  const char32_t c = character_at(bytes, at, length);
  const bool ends = (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 ||
                    c == 0x2028 || c == 0x2029;
  return ends ? length : 0;
}

bool begins_word_of_filter(char32_t before) {
  constexpr std::u32string_view kMarks = U"-({[<";
  return is_space(before) || kMarks.find(before) != std::u32string_view::npos;
}

}  // namespace

Text Text::of_message(std::string bytes) {
  Text text(std::move(bytes));
  text.marks_.assign(text.bytes_.size(), 1);
  return text;
}

void Text::append(const Text& other, size_t begin, size_t end) {
  if (other.marks_.empty())
    return append(std::string_view(other.bytes_).substr(begin, end - begin));
  marks_.resize(bytes_.size(), 0);
  bytes_.append(other.bytes_, begin, end - begin);
  marks_.append(other.marks_, begin, end - begin);
}

void Text::append(std::string_view bytes, bool from_message) {
  if (from_message) marks_.resize(bytes_.size(), 0);
  bytes_ += bytes;
  if (from_message || !marks_.empty()) marks_.resize(bytes_.size(), from_message ? 1 : 0);
}

Text Text::slice(size_t begin, size_t end) const {
  Text out;
  out.append(*this, begin, end);
  return out;
}

bool is_space(char32_t c) {
  return (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= ' ') || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

std::vector<size_t> character_starts(const Text& text) {
  std::vector<size_t> starts;
  for (size_t at = 0; at < text.size();) {
    starts.push_back(at);
    at += utf8_step(std::string_view(text.bytes()).substr(at)).length;
  }
  starts.push_back(text.size());
  return starts;
}

size_t find_bytes(std::string_view text, std::string_view what, size_t at) {
  const void* hit = memmem(text.data() + at, text.size() - at, what.data(), what.size());
  return hit ? static_cast<size_t>(static_cast<const char*>(hit) - text.data()) : std::string::npos;
}

Text strip(const Text& text, Side side, std::optional<std::string_view> chars) {
  const std::string_view all = text.bytes();
  const auto goes = [&](std::string_view character) {
    return chars ? chars->find(character) != std::string_view::npos
                 : is_space(utf8_decode(character));
  };
  size_t begin = 0, end = all.size();
  while (side != Side::kRight && begin < end) {
    const size_t length = utf8_step(all.substr(begin)).length;
    if (!goes(all.substr(begin, length))) break;
    begin += length;
  }
  while (side != Side::kLeft && begin < end) {
    size_t last = end - 1;
    while ((static_cast<uint8_t>(all[last]) & 0xC0) == 0x80) --last;
    if (!goes(all.substr(last, end - last))) break;
    end = last;
  }
  return text.slice(begin, end);
}

std::vector<Text> split_words(const Text& text, int64_t most) {
  std::vector<Text> words;
  size_t at = 0;
  const auto skip = [&](bool spaces) {
    size_t length = 0;
    while (at < text.size() && is_space(character_at(text.bytes(), at, length)) == spaces) {
      at += length;
    }
  };
  for (skip(true); at < text.size(); skip(true)) {
    const size_t begin = at;
    if (most >= 0 && static_cast<int64_t>(words.size()) == most) {
      words.push_back(text.slice(begin, text.size()));
      break;
    }
    skip(false);
    words.push_back(text.slice(begin, at));
  }
  return words;
}

std::vector<Text> split(const Text& text, std::string_view separator, int64_t most) {
  std::vector<Text> parts;
  size_t at = 0;
  while (most < 0 || static_cast<int64_t>(parts.size()) < most) {
    const size_t hit = find_bytes(text.bytes(), separator, at);
    if (hit == std::string::npos) break;
    parts.push_back(text.slice(at, hit));
    at = hit + separator.size();
  }
  parts.push_back(text.slice(at, text.size()));
  return parts;
}

std::vector<Text> split_lines(const Text& text) {
  std::vector<Text> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end_length = line_end_length(text.bytes(), at);
    if (end_length == 0) {
      at += utf8_step(std::string_view(text.bytes()).substr(at)).length;
      continue;
    }
    lines.push_back(text.slice(begin, at));
    begin = at += end_length;
  }
  if (begin < text.size()) lines.push_back(text.slice(begin, text.size()));
  return lines;
}

Text replace(const Text& text, std::string_view from, const Text& to, int64_t most) {
  Text out;
  size_t at = 0;
  for (int64_t n = 0; most < 0 || n < most; ++n) {
    if (from.empty()) {  // in front of every character and at the end
      out.append(to);
      if (at == text.size()) return out;
      const size_t length = utf8_step(std::string_view(text.bytes()).substr(at)).length;
      out.append(text, at, at + length);
      at += length;
      continue;
    }
    const size_t hit = find_bytes(text.bytes(), from, at);
    if (hit == std::string::npos) break;
    out.append(text, at, hit);
    out.append(to);
    at = hit + from.size();
  }
  out.append(text, at, text.size());
  return out;
}

std::optional<Text> with_case(const Text& text, Case how) {
  Text out;
  char32_t before = 0;
  for (size_t at = 0, length = 0; at < text.size(); at += length) {
    const char32_t c = character_at(text.bytes(), at, length);
    if (has_special_case(c)) return std::nullopt;
    Case form = how;
    if (how == Case::kCapitalized) form = at == 0 ? Case::kTitle : Case::kLower;
    if (how == Case::kTitle) form = at > 0 && is_cased(before) ? Case::kLower : Case::kTitle;
    if (how == Case::kTitleOfFilter) {
      form = at == 0 || begins_word_of_filter(before) ? Case::kUpper : Case::kLower;
    }
    std::string bytes;
    utf8_append(mapped(c, form), bytes);
    out.append(bytes, text.is_from_message(at));
    before = c;
  }
  return out;
}

Text quoted(const Text& text) {
  const bool has_single = text.bytes().find('\'') != std::string::npos;
  const char quote = has_single && text.bytes().find('"') == std::string::npos ? '"' : '\'';
  Text out(std::string(1, quote));
  for (size_t at = 0, length = 0; at < text.size(); at += length) {
    const char32_t c = character_at(text.bytes(), at, length);
    const bool backslash = c == '\\' || c == static_cast<char32_t>(quote);
    if (backslash) {
      out.append(std::string{'\\', static_cast<char>(c)}, text.is_from_message(at));
    } else if (is_printable(c)) {
      out.append(text, at, at + length);
    } else {
      out.append(escaped(c), text.is_from_message(at));
    }
  }
  out.append(std::string(1, quote));
  return out;
}

}  // namespace heng::text::jinja
