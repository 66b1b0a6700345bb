#include "text/nfc.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <cstdlib>

#include "random_text.h"
#include "text/utf8.h"

namespace heng::text {
namespace {

TEST(Nfc, ComposesAsTheStandardSays) {
  EXPECT_EQ(to_nfc("e\u0301"), "\u00E9");
  EXPECT_EQ(to_nfc("\u1112\u1161\u11AB"), "\uD55C");
  EXPECT_EQ(to_nfc("\u212B"), "\u00C5");               // singleton
  EXPECT_EQ(to_nfc("\u0958"), "\u0915\u093C");         // composition exclusion
  EXPECT_EQ(to_nfc("a\u0301\u0316"), "\u00E1\u0316");  // marks are put in order first
  EXPECT_EQ(to_nfc("\uFB01"), "\uFB01");               // compatibility forms stay
  EXPECT_EQ(to_nfc(std::string("a\0e\u0301", 5)), std::string("a\0\u00E9", 4));
}

std::string by_utf8proc(const std::string& text) {
  utf8proc_uint8_t* out = nullptr;
  const auto n = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                              static_cast<utf8proc_ssize_t>(text.size()), &out,
                              static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  EXPECT_GE(n, 0);
  std::string composed(reinterpret_cast<char*>(out), static_cast<size_t>(n));
  std::free(out);
  return composed;
}

TEST(Nfc, EqualsUtf8procsOwnOnEveryCharacter) {
  for (char32_t c = 1; c < 0x20000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text = "e";
    utf8_append(c, text);
    ASSERT_EQ(to_nfc(text), by_utf8proc(text)) << std::hex << static_cast<uint32_t>(c);
  }
}

TEST(Nfc, EqualsUtf8procsOwnOnRandomTexts) {
  std::mt19937 random(2);
  for (int round = 0; round < 5000; ++round) {
    const std::string text = random_text(random, 40);
    ASSERT_EQ(to_nfc(text), by_utf8proc(text)) << "round " << round;
  }
}

// Two classes of marks in the wrong order: swapping neighbours would take 10^10 steps.
TEST(Nfc, LongRunsOfMarksAreSortedNotSwapped) {
  std::string text = "a";
  std::string sorted = "\u0101";  // a with the first macron
  for (int i = 0; i < 200000; ++i) text += "\u0304";
  for (int i = 0; i < 200000; ++i) text += "\u0316";
  for (int i = 0; i < 200000; ++i) sorted += "\u0316";
  for (int i = 1; i < 200000; ++i) sorted += "\u0304";
  EXPECT_TRUE(to_nfc(text) == sorted);
}

}  // namespace
}  // namespace heng::text
