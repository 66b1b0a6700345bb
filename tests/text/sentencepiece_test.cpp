#include "text/sentencepiece.h"

#include <gtest/gtest.h>

#include <random>

#include "base/json.h"
#include "heng/error.h"
#include "support/file_bytes.h"
#include "support/tiny_sentencepiece.h"

namespace heng::text {
namespace {

using Ids = std::vector<TokenId>;

std::shared_ptr<const Tokenizer> tiny() {
  return make_sentencepiece_tokenizer(
      {.model = serialize_sentencepiece_model(test::tiny_sentencepiece()), .file = "tiny"});
}

std::string problem_of(std::string model) {
  try {
    make_sentencepiece_tokenizer({.model = std::move(model), .file = "tiny"});
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

std::string problem_of(const SentencePieceModel& model) {
  return problem_of(serialize_sentencepiece_model(model));
}

TEST(SentencePiece, MergesByScoreAndSpellsTheRestInBytes) {
  const auto tokenizer = tiny();
  EXPECT_EQ(tokenizer->encode("hello"), Ids{263});
  EXPECT_EQ(tokenizer->encode("hellohello"), (Ids{263, 262}));
  EXPECT_EQ(tokenizer->encode("\u00e9"), (Ids{270, 3 + 0xC3, 3 + 0xA9}));
  EXPECT_EQ(tokenizer->encode(""), Ids{});
}

TEST(SentencePiece, SpecialTokensComeFromTemplatesOnly) {
  const auto tokenizer = tiny();
  for (const SpecialText special : {SpecialText::kPlain, SpecialText::kParse}) {
    for (const TokenId id : tokenizer->encode("<s>hello</s><unk>", special)) EXPECT_GT(id, 2);
  }
  EXPECT_EQ(tokenizer->special_id("<s>"), 1);
  EXPECT_EQ(tokenizer->special_id("</s>"), 2);
  EXPECT_EQ(tokenizer->special_id("hello"), std::nullopt);
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
}

TEST(SentencePiece, DecodingDropsTheSpaceThatEncodingPutInFront) {
  const auto tokenizer = tiny();
  for (const char* text : {"hello", " hello", "  hello hello", "你好 hello!", "\xF0\x9F\x98\x80"}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
  EXPECT_EQ(tokenizer->token_bytes(263), " hello");
  EXPECT_EQ(tokenizer->token_bytes(3 + 0xE5), "\xE5");
}

TEST(SentencePiece, TextThatIsNotUtf8IsReadAsReplacementCharacters) {
  EXPECT_EQ(tiny()->encode("\xFF"), tiny()->encode("\uFFFD"));
}

TEST(SentencePiece, AddedTokensStandBehindThePieces) {
  const auto model = test::tiny_sentencepiece();
  const auto n = static_cast<TokenId>(model.pieces.size());
  const auto tokenizer = make_sentencepiece_tokenizer(
      {.model = serialize_sentencepiece_model(model), .file = "tiny", .added = {"[gMASK]", "sop"}});
  EXPECT_EQ(tokenizer->special_id("sop"), n + 1);
  EXPECT_EQ(tokenizer->token_bytes(n), "[gMASK]");
  EXPECT_EQ(tokenizer->decode(Ids{263, n, 262}), "hellohello");
  EXPECT_EQ(tokenizer->decode(Ids{263, n, 262}, SpecialTokens::kSkip), "hellohello");
  EXPECT_THROW(tokenizer->decode(Ids{n + 2}), Error);
}

TEST(SentencePiece, AFolderMayAddTokensByIdWithoutAGap) {
  const test::TempDir folder;
  const auto model = test::tiny_sentencepiece();
  const auto n = model.pieces.size();
  test::write_file(folder.path() / "tokenizer.model", serialize_sentencepiece_model(model));
  test::write_file(folder.path() / "added_tokens.json", Json{{"[PAD]", n}}.dump());
  EXPECT_EQ(load_sentencepiece_tokenizer(folder.path())->special_id("[PAD]"),
            static_cast<TokenId>(n));
  EXPECT_EQ(load_sentencepiece_tokenizer(folder.path())->prefix(), Ids{1});
  test::write_file(folder.path() / "tokenizer_config.json", R"({"add_bos_token": false})");
  EXPECT_EQ(load_sentencepiece_tokenizer(folder.path())->prefix(), Ids{});
  test::write_file(folder.path() / "added_tokens.json", Json{{"[PAD]", n + 3}}.dump());
  EXPECT_THROW(load_sentencepiece_tokenizer(folder.path()), Error);
}

TEST(SentencePieceModel, SurvivesWritingAndReading) {
  const auto model = test::tiny_sentencepiece();
  const auto again = parse_sentencepiece_model(serialize_sentencepiece_model(model), "tiny");
  ASSERT_EQ(again.pieces.size(), model.pieces.size());
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    EXPECT_EQ(again.pieces[i].text, model.pieces[i].text);
    EXPECT_EQ(again.pieces[i].score, model.pieces[i].score);
    EXPECT_EQ(again.pieces[i].type, model.pieces[i].type);
  }
  EXPECT_EQ(again.kind, model.kind);
  EXPECT_EQ(again.byte_fallback, model.byte_fallback);
  EXPECT_EQ(again.eos_id, model.eos_id);
}

TEST(SentencePieceModel, WhatTheLibraryWouldTakeOnTrustIsRefused) {
  using Type = SentencePieceModel::PieceType;
  const auto changed = [](const auto& change) {
    auto model = test::tiny_sentencepiece();
    change(model);
    return problem_of(model);
  };
  EXPECT_NE(problem_of(std::string()).find("no pieces"), std::string::npos);
  EXPECT_NE(problem_of("version https://git-lfs.github.com/spec/v1\n"), "");
  EXPECT_NE(changed([](auto& m) { m.pieces[5].text = "<0xZZ>"; }).find("byte piece"),
            std::string::npos);
  EXPECT_NE(changed([](auto& m) { m.pieces.erase(m.pieces.begin() + 9); }).find("255 byte pieces"),
            std::string::npos);
  EXPECT_NE(changed([](auto& m) { m.pieces[1].type = Type::kUnknown; }).find("2 unknown"),
            std::string::npos);
  EXPECT_NE(changed([](auto& m) { m.pieces.back().text = "he"; }).find("twice"), std::string::npos);
  EXPECT_NE(changed([](auto& m) { m.pieces.back().text = "\xFF"; }).find("is no text"),
            std::string::npos);
  EXPECT_NE(changed([](auto& m) { m.pieces.back().text = ""; }).find("0 bytes"), std::string::npos);
  EXPECT_NE(changed([](auto& m) { m.pieces.back().score = INFINITY; }).find("not finite"),
            std::string::npos);
}

// Every cut and many single changes: an error or a tokenizer that works, never a crash.
TEST(SentencePieceModel, DamagedFilesAreRefusedOrRead) {
  const std::string whole = serialize_sentencepiece_model(test::tiny_sentencepiece());
  size_t refused = 0;
  for (size_t n = 0; n < whole.size(); n += 7) refused += !problem_of(whole.substr(0, n)).empty();
  EXPECT_GT(refused, whole.size() / 7 * 9 / 10);
  std::mt19937 random(3);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = whole;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    try {
      make_sentencepiece_tokenizer({.model = bytes, .file = "tiny"})->encode("hello 你好 \xF0\x9F");
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace heng::text
