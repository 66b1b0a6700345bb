#include "text/pretokenize.h"

#include <gtest/gtest.h>

#include "random_text.h"

namespace heng::text {
namespace {

using Pieces = std::vector<std::string>;

PieceSplitter splitter(std::string_view name) {
  return PieceSplitter(find_pre_tokenizer(name)->patterns);
}

Pieces split(const PieceSplitter& splitter, std::string_view text) {
  Pieces pieces;
  splitter.split(text, [&](std::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

TEST(Pretokenize, DigitsAreCutAsEachModelWasTrained) {
  EXPECT_EQ(split(splitter("gpt-2"), "a 1234"), (Pieces{"a", " 1234"}));
  EXPECT_EQ(split(splitter("smollm"), "a 1234"), (Pieces{"a", " ", "1", "2", "3", "4"}));
  EXPECT_EQ(split(splitter("qwen2"), "a 1234"), (Pieces{"a", " ", "1", "2", "3", "4"}));
  EXPECT_EQ(split(splitter("llama-bpe"), "a 1234"), (Pieces{"a", " ", "123", "4"}));
  EXPECT_EQ(split(splitter("default"), "a 1234"), (Pieces{"a", " ", "123", "4"}));
}

TEST(Pretokenize, PunctuationTakesLineBreaksOnlyInTheNewerPatterns) {
  EXPECT_EQ(split(splitter("gpt-2"), "x!\n\ny"), (Pieces{"x", "!", "\n", "\n", "y"}));
  EXPECT_EQ(split(splitter("qwen2"), "x!\n\ny"), (Pieces{"x", "!\n\n", "y"}));
}

TEST(Pretokenize, ContractionsIgnoreCaseOnlyInTheNewerPatterns) {
  EXPECT_EQ(split(splitter("gpt-2"), "I'LL"), (Pieces{"I", "'", "LL"}));
  EXPECT_EQ(split(splitter("llama-bpe"), "I'LL"), (Pieces{"I", "'LL"}));
}

TEST(Pretokenize, WhiteSpaceIsUnicodes) {
  EXPECT_EQ(split(splitter("qwen2"), "a \u3000\u00A0 b"), (Pieces{"a", " \u3000\u00A0", " b"}));
  // U+180E is none any more: it goes with what follows, like any other sign.
  EXPECT_EQ(split(splitter("qwen2"), " \u180E\n"), (Pieces{" \u180E\n"}));
}

TEST(Pretokenize, PiecesTogetherAreTheText) {
  std::mt19937 random(4);
  for (const std::string_view name : pre_tokenizer_names()) {
    const PieceSplitter one = splitter(name);
    for (int round = 0; round < 1000; ++round) {
      const std::string text = random_text(random, 60);
      std::string joined;
      for (const std::string& piece : split(one, text)) {
        ASSERT_FALSE(piece.empty());
        joined += piece;
      }
      ASSERT_EQ(joined, text) << name << ", round " << round;
    }
  }
}

// In a group the pattern is the same, and none of ours: the regular expression does all the work.
TEST(Pretokenize, QuickPiecesAreThoseOfThePattern) {
  const PieceSplitter quick = splitter("qwen2");
  const PieceSplitter exact({FilePattern{"(?:" + std::string(qwen_pattern()) + ")", "test"}});
  const std::vector<std::string> parts = {
      "'",      "s",      "S",      "'re",    "'LL",    "ve",     "d",      "word",       "Ab",
      "1",      "42",     " ",      "  ",     "\t",     "\n",     "\r",     "\r\n",       "\v",
      "\f",     "!",      "...",    "#",      "\u4F60", "\u597D", "\uFF0C", "\u3002",     "\u2026",
      "\u3000", "\u00A0", "\u00E9", "\u017F", "\uFF21", "\uFF11", "\u3042", "\U0001F600", "\u0301",
      "\x1C",   "\x7F",   "\u9FA5", "\u9FA6", "\u2010", "\u2028", "\u3004", "\uFF08",     "\uFF1F"};
  std::mt19937 random(6);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    const size_t most = round % 2 ? parts.size() : 24;  // also texts of everyday characters alone
    for (size_t n = random() % 12; n > 0; --n) text += parts[random() % most];
    ASSERT_EQ(split(quick, text), split(exact, text)) << testing::PrintToString(text);
  }
}

TEST(Pretokenize, LongRunsLoseNothing) {
  const size_t n = 4 << 20;
  for (const std::string_view name : pre_tokenizer_names()) {
    const PieceSplitter one = splitter(name);
    for (const char c : {' ', '\n', 'a', '!', '7'}) {
      size_t total = 0;
      one.split(std::string(n, c) + "x", [&](std::string_view piece) { total += piece.size(); });
      EXPECT_EQ(total, n + 1) << name << " with '" << c << "'";
    }
  }
}

TEST(Pretokenize, AnUnknownNameIsNotGuessed) {
  EXPECT_EQ(find_pre_tokenizer("gpt-4"), nullptr);
  EXPECT_EQ(find_pre_tokenizer(""), nullptr);
}

}  // namespace
}  // namespace heng::text
