// What parse_tiktoken takes and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <sstream>

#include "heng/error.h"
#include "support/tiny_tokenizer.h"
#include "text/qwen_tokenizer.h"

namespace heng::text {
namespace {

using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(TiktokenFile, IsReadWithEitherLineEndAndWithoutTheLast) {
  const auto ranks = test::tiny_ranks();
  std::string text = test::tiktoken_text(ranks);
  EXPECT_EQ(parse_tiktoken(text, "f"), ranks);
  EXPECT_EQ(parse_tiktoken(text.substr(0, text.size() - 1), "f"), ranks);
  std::string windows;
  for (const std::string& line : lines_of(text)) windows += line + "\r\n";
  EXPECT_EQ(parse_tiktoken(windows, "f"), ranks);
  EXPECT_TRUE(parse_tiktoken("", "f").empty());
}

// Damage to one line -> the line to be blamed, counted from the damaged one.
struct Damage {
  const char* name;
  std::function<void(std::vector<std::string>& lines, size_t at)> apply;
  size_t blamed_after = 0;
};

std::string token_of(const std::string& line) {
  return line.substr(0, line.find(' '));
}
std::string rank_of(const std::string& line) {
  return line.substr(line.find(' ') + 1);
}

const std::vector<Damage>& damages() {
  using Lines = std::vector<std::string>;
  static const std::vector<Damage> kAll = {
      {"blank", [](Lines& l, size_t i) { l[i] = ""; }},
      {"no space", [](Lines& l, size_t i) { l[i] = token_of(l[i]); }},
      {"no rank", [](Lines& l, size_t i) { l[i] = token_of(l[i]) + " "; }},
      {"no token", [](Lines& l, size_t i) { l[i] = " " + rank_of(l[i]); }},
      {"not base64", [](Lines& l, size_t i) { l[i] = "!!!! " + rank_of(l[i]); }},
      {"url base64", [](Lines& l, size_t i) { l[i] = "-_-_ " + rank_of(l[i]); }},
      {"unpadded", [](Lines& l, size_t i) { l[i] = "QQ " + rank_of(l[i]); }},
      {"padding inside", [](Lines& l, size_t i) { l[i] = "QQ==QQ== " + rank_of(l[i]); }},
      {"padding alone", [](Lines& l, size_t i) { l[i] = "==== " + rank_of(l[i]); }},
      {"stray bits", [](Lines& l, size_t i) { l[i] = "QR== " + rank_of(l[i]); }},
      {"high byte", [](Lines& l, size_t i) { l[i] = "QQ\xFF\xFE " + rank_of(l[i]); }},
      {"zero byte", [](Lines& l, size_t i) { l[i][0] = '\0'; }},
      {"space in front", [](Lines& l, size_t i) { l[i] = " " + l[i]; }},
      {"two spaces", [](Lines& l, size_t i) { l[i] = token_of(l[i]) + "  " + rank_of(l[i]); }},
      {"tab", [](Lines& l, size_t i) { l[i][l[i].find(' ')] = '\t'; }},
      {"something behind", [](Lines& l, size_t i) { l[i] += " x"; }},
      {"negative", [](Lines& l, size_t i) { l[i] = token_of(l[i]) + " -1"; }},
      {"signed", [](Lines& l, size_t i) { l[i] = token_of(l[i]) + " +" + rank_of(l[i]); }},
      {"fraction", [](Lines& l, size_t i) { l[i] += ".0"; }},
      {"hexadecimal", [](Lines& l, size_t i) { l[i] = token_of(l[i]) + " 0x1"; }},
      {"32 bits", [](Lines& l, size_t i) { l[i] = token_of(l[i]) + " 4294967296"; }},
      {"64 bits", [](Lines& l, size_t i) { l[i] = token_of(l[i]) + " 18446744073709551616"; }},
      {"2^31", [](Lines& l, size_t i) { l[i] = token_of(l[i]) + " 2147483648"; }},
      {"gap", [](Lines& l, size_t i) { l[i] = token_of(l[i]) + " 100000"; }},
      {"line lost", [](Lines& l, size_t i) { l.erase(l.begin() + static_cast<ptrdiff_t>(i)); }},
      {"line twice",
       [](Lines& l, size_t i) { l.insert(l.begin() + static_cast<ptrdiff_t>(i), l[i]); }, 1},
      {"token twice",
       [](Lines& l, size_t i) { l[i + 1] = token_of(l[i]) + " " + rank_of(l[i + 1]); }, 1},
      {"over-long",
       [](Lines& l, size_t i) { l[i] = std::string(4000, 'A') + " " + rank_of(l[i]); }},
      {"huge", [](Lines& l, size_t i) { l[i] = std::string(1 << 20, 'A'); }},
  };
  return kAll;
}

TEST(TiktokenFile, DamageIsRefusedByFileAndLine) {
  const auto whole = lines_of(test::tiktoken_text(test::tiny_ranks()));
  size_t n_files = 0;
  for (const Damage& damage : damages()) {
    for (const size_t at : {0u, 1u, 9u, 10u, 99u, 128u, 200u, 254u, 255u, 256u, 270u}) {
      auto lines = whole;
      damage.apply(lines, at);
      SCOPED_TRACE(std::string(damage.name) + " at line " + std::to_string(at + 1));
      ++n_files;
      try {
        parse_tiktoken(joined(lines), "some/qwen.tiktoken");
        ADD_FAILURE() << "was taken";
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::kCorrupt);
        const auto line = std::to_string(at + 1 + damage.blamed_after);
        EXPECT_THAT(e.what(), HasSubstr("some/qwen.tiktoken: line " + line + ":"));
        EXPECT_LT(std::string(e.what()).size(), 200u);
      }
    }
  }
  EXPECT_GE(n_files, 300u);
}

TEST(TiktokenFile, AnyTruncationIsAShorterFileOrRefused) {
  const std::string whole = test::tiktoken_text(test::tiny_ranks());
  for (size_t n = 0; n < whole.size(); ++n) {
    try {
      const auto ranks = parse_tiktoken(whole.substr(0, n), "f");
      ASSERT_LE(ranks.size(), test::tiny_ranks().size());
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::kCorrupt);
    }
  }
}

TEST(TiktokenFile, AVocabularyWithoutEveryByteIsRefused) {
  for (int missing = 0; missing < 256; ++missing) {
    auto ranks = test::tiny_ranks();
    ranks.erase(ranks.begin() + missing);
    EXPECT_THROW(make_qwen_tokenizer(ranks, QwenRelease::kDecember2023, "f"), Error) << missing;
  }
}

}  // namespace
}  // namespace heng::text
