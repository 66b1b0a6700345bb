// Text as code points, with Python's notions of them: the published scripts count, compare and
// match so. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace heng::eval {

using Runes = std::u32string;
using RunesView = std::u32string_view;

// Bytes that are no UTF-8 become U+FFFD, one each.
Runes to_runes(std::string_view text);
std::string to_utf8(RunesView runes);

bool is_word(char32_t c);    // \w: letters and numbers of any script, "_"
bool is_space(char32_t c);   // str.isspace(), which is \s
bool is_digit(char32_t c);   // \d: decimal digits of any script
char32_t lower(char32_t c);  // the simple lower case
// The same for characters that re.IGNORECASE takes for one.
char32_t fold_case(char32_t c);

// Whether \b matches in front of text[at].
bool is_word_edge(RunesView text, size_t at);

// As str.replace: with an empty `from`, `to` goes between all characters and to both ends.
Runes replace_all(RunesView text, RunesView from, RunesView to);
// As re.sub of the escaped `from` with re.IGNORECASE.
Runes replace_all_folded(RunesView text, RunesView from, RunesView to);

RunesView strip_spaces(RunesView text);           // as str.strip()
RunesView strip_end(RunesView text, char32_t c);  // as str.rstrip(c)

}  // namespace heng::eval
