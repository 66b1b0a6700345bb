#include "terminal/terminal.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "terminal/numbers.h"
#include "terminal/phrases.h"
#include "terminal/progress_bar.h"

namespace heng::terminal {
namespace {

TEST(Harmless, ControlCharactersBecomeVisible) {
  EXPECT_EQ(harmless("a\x1b[2Jb\r\x7f"), "a\u241b[2Jb\u240d\u2421");
  EXPECT_EQ(harmless(std::string_view("\0", 1)), "\u2400");
  EXPECT_EQ(harmless("\u009b1m"), "\ufffd1m");                // an eight-bit escape sequence
  EXPECT_EQ(harmless("\u202eabc\u2066"), "\ufffdabc\ufffd");  // text turned around
}

TEST(Harmless, OtherTextStaysAsItIs) {
  EXPECT_EQ(harmless("衡\tis\na 😀 é"), "衡\tis\na 😀 é");
  EXPECT_EQ(harmless("\xff"), "\ufffd");
}

TEST(Columns, WideCharactersTakeTwo) {
  EXPECT_EQ(columns("abc"), 3);
  EXPECT_EQ(columns("衡 ·"), 4);
  EXPECT_EQ(columns("e\u0301"), 1);
}

TEST(Styled, PlainWhereThereIsNoTerminal) {
  if (is_terminal(Stream::kOut)) GTEST_SKIP() << "standard output is a terminal";
  EXPECT_EQ(styled("x", Style::kRed, Stream::kOut), "x");
  EXPECT_EQ(wrapped("a b", Stream::kOut), "a b");
}

TEST(Numbers, AreShort) {
  EXPECT_EQ(short_number(0.517), "0.52");
  EXPECT_EQ(short_number(7.68), "7.7");
  EXPECT_EQ(short_number(99.97), "100");
  EXPECT_EQ(short_number(12345.4), "12,345");
  EXPECT_EQ(bytes(57300000), "57 MB");
  EXPECT_EQ(bytes(15461882265), "14.4 GiB");
  EXPECT_EQ(bytes(1), "1 kB");
}

TEST(Durations, FitTheirSize) {
  EXPECT_EQ(duration(0.0314), "31 ms");
  EXPECT_EQ(duration(0.9999), "1.0 s");
  EXPECT_EQ(duration(4.21), "4.2 s");
  EXPECT_EQ(duration(59.7), "1m00s");
  EXPECT_EQ(duration(72), "1m12s");
  EXPECT_EQ(duration(7500), "2h05m");
}

TEST(Bar, IsFilledByEighthsAndAlwaysAsWide) {
  EXPECT_EQ(bar(0.5, 4), "██  ");
  EXPECT_EQ(bar(0.25 + 0.125, 4), "█▌  ");
  for (double share = -0.1; share < 1.2; share += 0.013) EXPECT_EQ(columns(bar(share, 7)), 7);
}

TEST(Phrases, SaySomethingInBothLanguagesWithTheSameGaps) {
  const std::vector<const char*> keys = {
#define HENG_PHRASE(key, en, zh) #key,
#include "terminal/phrases.inc"
#include "terminal/eval_phrases.inc"
#undef HENG_PHRASE
  };
  const auto gaps = [](const char* text) {
    int n = 0;
    for (; (text = std::strchr(text, '{')) != nullptr; ++text) {
      n += std::strchr("}:0123456789", text[1]) != nullptr;
    }
    return n;
  };
  for (size_t i = 0; i < keys.size(); ++i) {
    set_language(Language::kEnglish);
    const char* english = text(static_cast<Phrase>(i));
    set_language(Language::kChinese);
    const char* chinese = text(static_cast<Phrase>(i));
    EXPECT_NE(*english, 0) << keys[i];
    EXPECT_NE(*chinese, 0) << keys[i];
    EXPECT_EQ(gaps(english), gaps(chinese)) << keys[i];
  }
  set_language(Language::kEnglish);
}

}  // namespace
}  // namespace heng::terminal
