#include "text/qwen_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "heng/error.h"
#include "random_text.h"
#include "support/tiny_tokenizer.h"
#include "text/nfc.h"

namespace heng::text {
namespace {

using testing::HasSubstr;
using Ids = std::vector<TokenId>;

std::shared_ptr<const Tokenizer> tiny(QwenRelease release = QwenRelease::kDecember2023) {
  return make_qwen_tokenizer(test::tiny_ranks(), release, "tiny");
}

const TokenId kFirstSpecial = static_cast<TokenId>(test::tiny_ranks().size());

std::filesystem::path fresh_folder() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const auto folder = std::filesystem::path(testing::TempDir()) / "heng_qwen" / info->name();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

TEST(QwenTokenizer, DecodingGivesBackTheNormalisedText) {
  const auto tokenizer = tiny();
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random_text(random, 80);
    ASSERT_EQ(tokenizer->decode(tokenizer->encode(text)), to_nfc(text)) << "round " << round;
  }
}

TEST(QwenTokenizer, IllFormedTextIsReadAsReplaced) {
  const auto tokenizer = tiny();
  EXPECT_EQ(tokenizer->encode("a\xFF\xE4\xBD"), tokenizer->encode("a\uFFFD\uFFFD"));
}

TEST(QwenTokenizer, PlainTextNeverGivesASpecialToken) {
  std::mt19937 random(6);
  for (const auto release : {QwenRelease::kAugust2023, QwenRelease::kDecember2023}) {
    const auto tokenizer = tiny(release);
    for (TokenId id = kFirstSpecial; id < static_cast<TokenId>(tokenizer->size()); ++id) {
      std::string text = random_text(random, 20);
      const std::string name(tokenizer->token_bytes(id));
      size_t at = random() % (text.size() + 1);
      while (at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) ++at;
      text.insert(at, name);
      for (const TokenId each : tokenizer->encode(text)) ASSERT_LT(each, kFirstSpecial) << name;
      // The space keeps a combining mark from joining the name.
      EXPECT_THAT(tokenizer->encode(" " + name + " ", SpecialText::kParse),
                  testing::ElementsAre(' ', id, ' '));
    }
  }
}

TEST(QwenTokenizer, NamesOfTheOtherReleaseArePlainText) {
  const auto august = tiny(QwenRelease::kAugust2023);
  EXPECT_EQ(august->special_id("<R>"), kFirstSpecial + 3);
  EXPECT_EQ(august->special_id("<|extra_0|>"), std::nullopt);
  EXPECT_EQ(august->special_id("<extra_199>"), kFirstSpecial + 207);
  EXPECT_EQ(august->encode("<|extra_0|>", SpecialText::kParse), august->encode("<|extra_0|>"));
  const auto december = tiny();
  EXPECT_EQ(december->special_id("<|extra_204|>"), kFirstSpecial + 207);
  EXPECT_EQ(december->special_id("<R>"), std::nullopt);
}

TEST(QwenTokenizer, SpecialTokensAreShownOrSkipped) {
  const auto tokenizer = tiny();
  const Ids ids = tokenizer->encode("hello<|im_end|>", SpecialText::kParse);
  EXPECT_EQ(tokenizer->decode(ids), "hello<|im_end|>");
  EXPECT_EQ(tokenizer->decode(ids, SpecialTokens::kSkip), "hello");
}

TEST(QwenTokenizer, AnIdOutOfRangeIsRefused) {
  const auto tokenizer = tiny();
  for (const TokenId id : {-1, static_cast<TokenId>(tokenizer->size()), INT32_MAX}) {
    EXPECT_THROW(tokenizer->token_bytes(id), Error);
    EXPECT_THROW(tokenizer->decode(Ids{id}), Error);
  }
}

TEST(QwenTokenizer, LongTextsEncodeLikeTheirLines) {
  // Long enough for remembered pieces, which must not change any id.
  const auto tokenizer = tiny();
  std::mt19937 random(7);
  std::string text;
  Ids by_line;
  while (text.size() < 200000) {
    const std::string line = "hello user " + std::to_string(random() % 50) + "\n";
    text += line;
    const Ids ids = tokenizer->encode(line);
    by_line.insert(by_line.end(), ids.begin(), ids.end());
  }
  EXPECT_TRUE(tokenizer->encode(text) == by_line);
}

TEST(QwenTokenizer, ThreadsShareOneTokenizer) {
  const auto tokenizer = tiny();
  std::mt19937 random(8);
  std::vector<std::string> texts;
  std::vector<Ids> wanted;
  for (int i = 0; i < 200; ++i) {
    texts.push_back(random_text(random, 200));
    wanted.push_back(tokenizer->encode(texts.back()));
  }
  std::vector<std::thread> threads;
  std::vector<int> equal(4, 0);
  for (size_t t = 0; t < equal.size(); ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < texts.size(); ++i)
        equal[t] += tokenizer->encode(texts[i]) == wanted[i];
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(equal, testing::Each(200));
}

TEST(QwenTokenizer, TheReleaseIsReadFromTheFolder) {
  const auto folder = fresh_folder();
  const auto write = [&](const char* name, const char* text) {
    std::ofstream(folder / name) << text;
  };
  EXPECT_EQ(detect_qwen_release(folder), QwenRelease::kDecember2023);
  write("config.json", R"({"hidden_size": 64})");
  EXPECT_EQ(detect_qwen_release(folder), QwenRelease::kDecember2023);
  write("config.json", R"({"n_embd": 64})");
  EXPECT_EQ(detect_qwen_release(folder), QwenRelease::kAugust2023);
  write("tokenization_qwen.py", R"(EXTRAS = (f"<|extra_{i}|>" for i in range(205)))");
  EXPECT_EQ(detect_qwen_release(folder), QwenRelease::kDecember2023);
  write("tokenization_qwen.py", R"(extra = [f"<extra_{i}>" for i in range(200)])");
  EXPECT_EQ(detect_qwen_release(folder), QwenRelease::kAugust2023);
}

TEST(QwenTokenizer, LoadsFromAFolderAndSaysWhatIsMissing) {
  const auto folder = fresh_folder();
  try {
    Tokenizer::load(folder);
    FAIL() << "an empty folder was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
    EXPECT_THAT(e.what(), HasSubstr("qwen.tiktoken"));
  }
  test::write_tiny_tokenizer(folder);
  EXPECT_EQ(Tokenizer::load(folder)->size(), test::tiny_ranks().size() + 208);
}

}  // namespace
}  // namespace heng::text
