#include "base/message.h"

#include <gtest/gtest.h>

namespace heng {
namespace {

TEST(WithCommas, GroupsByThree) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1'610'612'736), "1,610,612,736");
  EXPECT_EQ(with_commas(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(Printable, KeepsWellFormedText) {
  for (const char* text : {"", "transformer.h.11.mlp.w1.weight", "a b~", "\xC3\xA9",
                           "\xE6\xA8\xA1\xE5\x9E\x8B", "\xF0\x9F\x98\x80", "\xEE\x80\x80"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, SpellsOutControlCharacters) {
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\x1b[2J\r\n\t\x7f"), "\\x1b[2J\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(printable("\xC2\x9B"
                      "2J"),
            "\\xc2\\x9b2J");  // U+009B starts an escape sequence, as ESC [ does
  EXPECT_EQ(printable("\xC2\xA0"), "\xC2\xA0");
}

TEST(Printable, SpellsOutBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("\xC0\x80"), "\\xc0\\x80");                    // over-long NUL
  EXPECT_EQ(printable("\xE0\x9F\xBF"), "\\xe0\\x9f\\xbf");           // over-long
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(printable("\xE4\xBD"), "\\xe4\\xbd");                    // cut off
  EXPECT_EQ(printable("\xE4\xBDx"), "\\xe4\\xbdx");
}

TEST(Printable, CutsLongTextBetweenCharacters) {
  EXPECT_EQ(printable(std::string(120, 'a')), std::string(120, 'a'));
  EXPECT_EQ(printable(std::string(121, 'a')), std::string(120, 'a') + "...");
  std::string wide;
  for (int i = 0; i < 1000; ++i) wide += "\xE6\xA8\xA1";
  EXPECT_EQ(printable(wide), wide.substr(0, 120) + "...");
}

}  // namespace
}  // namespace heng
