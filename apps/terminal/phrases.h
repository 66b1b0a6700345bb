// What the program says to people, in English and Chinese: one line a phrase in phrases.inc.
// Errors of the library, files, keys and JSON stay English. The language is set once, before
// anything is said.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace heng::terminal {

enum class Language { kEnglish, kChinese };

// Chinese where `named` (--lang) or, without it, LC_ALL, LC_MESSAGES or LANG begins with "zh".
Language choose_language(std::string_view named);
void set_language(Language language);

enum class Phrase {
#define HENG_PHRASE(key, en, zh) key,
#include "terminal/phrases.inc"
#include "terminal/eval_phrases.inc"
#undef HENG_PHRASE
};

const char* text(Phrase phrase);

// The phrase with its {} filled in.
template <typename... Args>
std::string text(Phrase phrase, Args&&... args) {
  return fmt::format(fmt::runtime(text(phrase)), std::forward<Args>(args)...);
}

}  // namespace heng::terminal
