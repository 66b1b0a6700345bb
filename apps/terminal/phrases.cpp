#include "terminal/phrases.h"

#include <cstdlib>

namespace heng::terminal {
namespace {

Language current = Language::kEnglish;

struct Row {
  const char* english;
  const char* chinese;
};

constexpr Row kTable[] = {
#define HENG_PHRASE(key, en, zh) {en, zh},
#include "terminal/phrases.inc"
#include "terminal/eval_phrases.inc"
#undef HENG_PHRASE
};

}  // namespace

Language choose_language(std::string_view named) {
  for (const char* variable : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    if (!named.empty()) break;
    if (const char* value = std::getenv(variable)) named = value;
  }
  return named.starts_with("zh") ? Language::kChinese : Language::kEnglish;
}

void set_language(Language language) {
  current = language;
}

const char* text(Phrase phrase) {
  const Row& row = kTable[static_cast<size_t>(phrase)];
  return current == Language::kChinese ? row.chinese : row.english;
}

}  // namespace heng::terminal
