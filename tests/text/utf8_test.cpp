#include "text/utf8.h"

#include <gtest/gtest.h>

#include <random>

#include "heng/tokenizer.h"

namespace heng {
namespace {

constexpr const char* kBad = "\xEF\xBF\xBD";

TEST(ReplaceInvalidUtf8, EachMaximalIllFormedPieceBecomesOneCharacter) {
  const std::string bad = kBad;
  // Bytes and what Python's bytes.decode("utf-8", "replace") makes of them.
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""},
      {"plain", "plain"},
      {"\x80", bad},
      {"\xC0\xAF", bad + bad},                      // overlong: no first byte
      {"\xE0\x80\xAF", bad + bad + bad},            // overlong: the second byte does not follow
      {"\xED\xA0\x80", bad + bad + bad},            // a surrogate
      {"\xF4\x90\x80\x80", bad + bad + bad + bad},  // past U+10FFFF
      {"\xF0\x9F\x98", bad},                        // cut short at the end
      {"\xF0\x9F\x98x", bad + "x"},                 // cut short inside
      {"\xE4\xBD\xE4\xBD\xA0", bad + "\xE4\xBD\xA0"},
      {"\xF8\x88\x80\x80\x80", bad + bad + bad + bad + bad},
      {std::string("a\0b", 3), std::string("a\0b", 3)},
      {"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},
  };
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(replace_invalid_utf8(bytes), text) << testing::PrintToString(bytes);
    EXPECT_EQ(text::is_valid_utf8(bytes), bytes == text) << testing::PrintToString(bytes);
  }
}

TEST(Utf8, EveryScalarValueIsWrittenAndReadBack) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string bytes;
    text::utf8_append(c, bytes);
    const text::Utf8Step step = text::utf8_step(bytes);
    ASSERT_EQ(step.kind, text::Utf8Kind::kCharacter) << std::hex << uint32_t{c};
    ASSERT_EQ(step.length, bytes.size()) << std::hex << uint32_t{c};
    ASSERT_EQ(text::utf8_decode(bytes), c) << std::hex << uint32_t{c};
  }
}

// Bytes that are often the wrong ones at the wrong place.
std::string random_bytes(std::mt19937& random) {
  static constexpr unsigned char kTricky[] = {0x41, 0x80, 0xBF, 0xC2, 0xE0, 0xED, 0xF0,
                                              0xF4, 0x9F, 0xA0, 0xFF, 0xE4, 0xBD};
  std::string bytes;
  for (size_t n = random() % 40; n > 0; --n) {
    bytes += static_cast<char>(random() % 4 ? kTricky[random() % std::size(kTricky)] : random());
  }
  return bytes;
}

TEST(Utf8Stream, AnyChunkingGivesTheTextOfTheWhole) {
  std::mt19937 random(1);
  for (int round = 0; round < 10000; ++round) {
    const std::string bytes = random_bytes(random);
    Utf8Stream stream;
    std::string streamed;
    for (size_t at = 0; at < bytes.size();) {
      const size_t n = 1 + random() % 5;
      const std::string shown = stream.push(std::string_view(bytes).substr(at, n));
      ASSERT_TRUE(text::is_valid_utf8(shown)) << "round " << round;
      streamed += shown;
      at += n;
    }
    streamed += stream.flush();
    ASSERT_EQ(streamed, replace_invalid_utf8(bytes)) << "round " << round;
  }
}

TEST(Utf8Stream, AWholeCharacterIsShownAtOnce) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xF0\x9F"), "a");
  EXPECT_EQ(stream.push("\x98"), "");
  EXPECT_EQ(stream.push("\x80"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(stream.flush(), "");
}

TEST(Utf8Stream, FlushShowsAnUnfinishedCharacterAsReplaced) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("\xE4\xBD"), "");
  EXPECT_EQ(stream.flush(), kBad);
  EXPECT_EQ(stream.flush(), "") << "the stream begins anew";
}

}  // namespace
}  // namespace heng
