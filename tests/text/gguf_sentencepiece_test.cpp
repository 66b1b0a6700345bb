#include "text/gguf_sentencepiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/golden.h"
#include "support/tiny_sentencepiece.h"
#include "text/gguf_tokenizer.h"

namespace heng::text {
namespace {

using testing::HasSubstr;
using Ids = std::vector<TokenId>;

// As llama.cpp's converter writes a SentencePiece model.
Json metadata_of(const SentencePieceModel& model) {
  Json tokens = Json::array(), scores = Json::array(), types = Json::array();
  for (const auto& piece : model.pieces) {
    tokens.push_back(piece.text);
    scores.push_back(piece.score);
    types.push_back(static_cast<int>(piece.type));
  }
  return {{"tokenizer.ggml.model", "llama"},    {"tokenizer.ggml.pre", "default"},
          {"tokenizer.ggml.tokens", tokens},    {"tokenizer.ggml.scores", scores},
          {"tokenizer.ggml.token_type", types}, {"tokenizer.ggml.bos_token_id", 1},
          {"tokenizer.ggml.eos_token_id", 2}};
}

void add_token(Json& metadata, const std::string& text, int type) {
  metadata["tokenizer.ggml.tokens"].push_back(text);
  metadata["tokenizer.ggml.scores"].push_back(0.0);
  metadata["tokenizer.ggml.token_type"].push_back(type);
}

Json tiny() {
  return metadata_of(test::tiny_sentencepiece());
}

TEST(GgufSentencePiece, EncodesAndDecodesLikeTheModelItCameFrom) {
  const auto tokenizer = make_gguf_tokenizer(tiny(), "f");
  EXPECT_EQ(tokenizer->encode("hellohello"), (Ids{263, 262}));
  EXPECT_EQ(tokenizer->encode("\u00e9"), (Ids{270, 3 + 0xC3, 3 + 0xA9}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(" hello  你好")), " hello  你好");
  EXPECT_EQ(tokenizer->prefix(), Ids{1});
  EXPECT_EQ(tokenizer->eos_id(), 2);
  EXPECT_TRUE(tokenizer->drops_first_space());
}

TEST(GgufSentencePiece, SettingsOfTheFileCount) {
  Json metadata = tiny();
  metadata["tokenizer.ggml.add_bos_token"] = false;
  metadata["tokenizer.ggml.add_space_prefix"] = false;
  const auto tokenizer = make_gguf_tokenizer(metadata, "f");
  EXPECT_EQ(tokenizer->prefix(), Ids{});
  EXPECT_EQ(tokenizer->encode("hello"), Ids{262});
  EXPECT_FALSE(tokenizer->drops_first_space());
  metadata["tokenizer.ggml.remove_extra_whitespaces"] = true;
  EXPECT_EQ(make_gguf_tokenizer(metadata, "f")->encode("  hello  "), Ids{262});
}

TEST(GgufSentencePiece, AddedTokensHaveTheirNames) {
  Json metadata = tiny();
  const auto n = static_cast<TokenId>(metadata["tokenizer.ggml.tokens"].size());
  add_token(metadata, "<|im_end|>", 3);
  add_token(metadata, "<tool>", 4);
  add_token(metadata, "", 5);
  const auto tokenizer = make_gguf_tokenizer(metadata, "f");
  EXPECT_EQ(tokenizer->special_id("<|im_end|>"), n);
  EXPECT_TRUE(tokenizer->is_special(n));
  EXPECT_EQ(tokenizer->special_id("<tool>"), n + 1);
  EXPECT_FALSE(tokenizer->is_special(n + 1));
  EXPECT_EQ(tokenizer->size(), static_cast<size_t>(n) + 3);
  for (const TokenId id : tokenizer->encode("<|im_end|>")) EXPECT_NE(id, n);
}

TEST(GgufSentencePiece, ChatGlmBeginsEveryTextWithItsTwoTokens) {
  Json metadata = tiny();
  const auto n = static_cast<TokenId>(metadata["tokenizer.ggml.tokens"].size());
  metadata["tokenizer.ggml.pre"] = "chatglm-spm";
  metadata["tokenizer.ggml.add_bos_token"] = false;
  EXPECT_THROW(make_gguf_tokenizer(metadata, "f"), Error) << "has no [gMASK]";
  for (const char* name : {"[MASK]", "[gMASK]", "[sMASK]", "sop", "eop"}) {
    add_token(metadata, name, 3);
  }
  EXPECT_EQ(make_gguf_tokenizer(metadata, "f")->prefix(), (Ids{n + 1, n + 3}));
}

TEST(GgufSentencePiece, AContradictingVocabularyIsRefusedByKey) {
  const auto expect_refused = [](const std::function<void(Json&)>& change, ErrorCode code,
                                 const std::string& part) {
    Json metadata = tiny();
    change(metadata);
    try {
      make_gguf_tokenizer(metadata, "some.gguf");
      ADD_FAILURE() << "was taken, expected " << part;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      EXPECT_THAT(e.what(), HasSubstr("some.gguf: tokenizer.ggml." + part));
    }
  };
  const auto corrupt = [&](const std::function<void(Json&)>& change, const std::string& part) {
    expect_refused(change, ErrorCode::kCorrupt, part);
  };
  corrupt([](Json& m) { m.erase("tokenizer.ggml.scores"); }, "scores");
  corrupt([](Json& m) { m["tokenizer.ggml.scores"].erase(0); }, "scores");
  corrupt([](Json& m) { m["tokenizer.ggml.scores"] = "x"; }, "scores");
  corrupt([](Json& m) { m["tokenizer.ggml.scores"][7] = "x"; }, "scores: entry 7");
  corrupt([](Json& m) { m["tokenizer.ggml.scores"][7] = 1e300; }, "scores: entry 7");
  corrupt([](Json& m) { m.erase("tokenizer.ggml.tokens"); }, "tokens");
  corrupt([](Json& m) { m["tokenizer.ggml.tokens"][262] = "he"; }, "tokens: entry 262");
  corrupt([](Json& m) { m["tokenizer.ggml.tokens"][5] = "<0xZZ>"; }, "tokens: entry 5");
  corrupt([](Json& m) { m["tokenizer.ggml.token_type"][0] = 1; }, "token_type: has 0 unknown");
  corrupt([](Json& m) { m["tokenizer.ggml.token_type"][5] = 1; }, "token_type: has 255 bytes");
  corrupt([](Json& m) { m["tokenizer.ggml.bos_token_id"] = 9999; }, "bos_token_id");
  corrupt([](Json& m) { m.erase("tokenizer.ggml.bos_token_id"); }, "bos_token_id");
  expect_refused([](Json& m) { m["tokenizer.ggml.add_eos_token"] = true; }, ErrorCode::kUnsupported,
                 "add_eos_token");
  expect_refused(
      [](Json& m) {
        m["tokenizer.ggml.precompiled_charsmap"] = Json::array({1, 2});
      },
      ErrorCode::kUnsupported, "precompiled_charsmap");
}

// The original models' vocabularies as GGUF holds them, on every line of the reference data.
class GgufSentencePieceGolden : public ::testing::Test {
 protected:
  static Json metadata(const std::string& folder) {
    const auto file = test::golden_dir() / "models" / folder / "tokenizer.model";
    std::ifstream in(file, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    return metadata_of(parse_sentencepiece_model(bytes, file.string()));
  }

  static void expect_rows(const Tokenizer& tokenizer, const std::string& name) {
    for (const auto& row : test::read_jsonl(test::golden_dir() / "tokenizer" / name)) {
      const Ids ids = row["ids"];
      EXPECT_EQ(tokenizer.encode(row["text"].get<std::string>()), ids) << row["text"];
      EXPECT_EQ(tokenizer.decode(ids), row["decoded"]) << row["text"];
    }
  }
};

TEST_F(GgufSentencePieceGolden, LlamaEncodesEveryText) {
  HENG_NEEDS_GOLDEN("tokenizer/llama_encode.jsonl");
  expect_rows(*make_gguf_tokenizer(metadata("llama2_mha_hf_fp16"), "f"), "llama_encode.jsonl");
}

TEST_F(GgufSentencePieceGolden, ChineseAlpacaEncodesEveryText) {
  HENG_NEEDS_GOLDEN("tokenizer/chinese_alpaca_49954_encode.jsonl");
  const Json json = metadata("chinese_alpaca/lora_alpaca");
  expect_rows(*make_gguf_tokenizer(json, "f"), "chinese_alpaca_49954_encode.jsonl");
}

TEST_F(GgufSentencePieceGolden, ChatGlm2EncodesEveryText) {
  HENG_NEEDS_GOLDEN("tokenizer/chatglm2_encode.jsonl");
  Json json = metadata("chatglm2_tiny_fp16_bin");
  json["tokenizer.ggml.pre"] = "chatglm-spm";
  json["tokenizer.ggml.add_bos_token"] = false;
  json["tokenizer.ggml.tokens"][1] = "<bos>";
  json["tokenizer.ggml.tokens"][2] = "<eos>";
  for (const char* name : {"[MASK]", "[gMASK]", "[sMASK]", "sop", "eop"}) add_token(json, name, 3);
  for (size_t id = json["tokenizer.ggml.tokens"].size(); id < 65024; ++id) {
    add_token(json, "[PAD" + std::to_string(id) + "]", 5);
  }
  const auto tokenizer = make_gguf_tokenizer(json, "f");
  EXPECT_EQ(tokenizer->prefix(), (Ids{64790, 64792}));
  expect_rows(*tokenizer, "chatglm2_encode.jsonl");
}

}  // namespace
}  // namespace heng::text
