// Every line of the reference data that the original tokenizers made.
#include <gtest/gtest.h>

#include "heng/tokenizer.h"
#include "support/default_model.h"
#include "support/golden.h"

namespace heng {
namespace {

using nlohmann::json;
using Ids = std::vector<TokenId>;

std::shared_ptr<const Tokenizer> qwen(const std::string& model = "qwen1_realvocab_bf16") {
  return Tokenizer::load(test::golden_dir() / "models" / model);
}

std::vector<json> rows(const std::string& name) {
  return test::read_jsonl(test::golden_dir() / "tokenizer" / (name + ".jsonl"));
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

// Text with special tokens parsed and without, and back.
void expect_encodes(const Tokenizer& tokenizer, const std::vector<json>& all) {
  for (const json& row : all) {
    const std::string text = row["text"];
    const Ids plain = row.contains("ids_no_special") ? row["ids_no_special"] : row["ids"];
    EXPECT_EQ(tokenizer.encode(text), plain) << row["text"];
    if (!row.contains("ids")) continue;
    const Ids parsed = row["ids"];
    EXPECT_EQ(tokenizer.encode(text, SpecialText::kParse), parsed) << row["text"];
    EXPECT_EQ(tokenizer.decode(parsed), row["decoded"]) << row["text"];
    EXPECT_EQ(tokenizer.decode(plain), row.value("decoded_no_special", row["decoded"]))
        << row["text"];
  }
}

TEST(TokenizerGolden, QwenEncodesEveryText) {
  HENG_NEEDS_GOLDEN("tokenizer/qwen_encode.jsonl");
  expect_encodes(*qwen(), rows("qwen_encode"));
}

TEST(TokenizerGolden, QwenWithACutVocabularyEncodesEveryText) {
  HENG_NEEDS_GOLDEN("tokenizer/qwen_truncated_768_encode.jsonl");
  for (const char* model : {"qwen1_tiny_fp32", "qwen1_tiny_aug2023"}) {
    SCOPED_TRACE(model);
    expect_encodes(*qwen(model), rows("qwen_truncated_768_encode"));
  }
}

TEST(TokenizerGolden, QwenDecodesEverySequence) {
  HENG_NEEDS_GOLDEN("tokenizer/qwen_decode.jsonl");
  const auto tokenizer = qwen();
  for (const json& row : rows("qwen_decode")) {
    const Ids ids = row["ids"];
    EXPECT_EQ(tokenizer->decode_bytes(ids), from_hex(row["bytes_hex"])) << row;
    EXPECT_EQ(tokenizer->decode(ids), row["replace"]) << row;
    EXPECT_EQ(tokenizer->decode(ids, SpecialTokens::kSkip), row["replace_skip_special"]) << row;
  }
}

TEST(TokenizerGolden, QwenSpecialTokensHaveTheirReleasesNames) {
  HENG_NEEDS_GOLDEN("tokenizer/qwen_special_tokens.jsonl");
  const auto december = qwen();
  const auto august = qwen("qwen1_tiny_aug2023");  // cut to 768 ranks: its ids begin there
  const TokenId shift = 151643 - 768;
  for (const json& row : rows("qwen_special_tokens")) {
    const TokenId id = row["id"];
    EXPECT_EQ(december->special_id(row["dec2023"].get<std::string>()), id);
    EXPECT_EQ(december->token_bytes(id), row["dec2023"]);
    EXPECT_TRUE(december->is_special(id));
    EXPECT_EQ(august->special_id(row["aug2023"].get<std::string>()), id - shift);
    EXPECT_EQ(august->token_bytes(id - shift), row["aug2023"]);
  }
  EXPECT_EQ(december->size(), 151851u);
  EXPECT_EQ(december->eos_id(), 151643);
  EXPECT_EQ(august->size(), 768u + 208u);
}

TEST(TokenizerGolden, SmolLm2EncodesEveryText) {
  HENG_NEEDS_GOLDEN("tokenizer/smollm2_encode.jsonl");
  HENG_NEEDS_DEFAULT_MODEL();
  expect_encodes(*Tokenizer::load(test::default_model_path()), rows("smollm2_encode"));
}

TEST(TokenizerGolden, SmolLm2DecodesEverySequence) {
  HENG_NEEDS_GOLDEN("tokenizer/smollm2_decode.jsonl");
  HENG_NEEDS_DEFAULT_MODEL();
  const auto tokenizer = Tokenizer::load(test::default_model_path());
  for (const json& row : rows("smollm2_decode")) {
    const Ids ids = row["ids"];
    EXPECT_EQ(tokenizer->decode(ids), row["decoded"]) << row;
    EXPECT_EQ(tokenizer->decode(ids, SpecialTokens::kSkip), row["decoded_skip_special"]) << row;
  }
}

TEST(TokenizerGolden, SmolLm2SpecialTokensHaveTheirNames) {
  HENG_NEEDS_GOLDEN("tokenizer/smollm2_special_tokens.jsonl");
  HENG_NEEDS_DEFAULT_MODEL();
  const auto tokenizer = Tokenizer::load(test::default_model_path());
  size_t n_special = 0;
  for (size_t id = 0; id < tokenizer->size(); ++id) {
    n_special += tokenizer->is_special(static_cast<TokenId>(id));
  }
  const auto all = rows("smollm2_special_tokens");
  EXPECT_EQ(n_special, all.size());
  for (const json& row : all) {
    EXPECT_EQ(tokenizer->special_id(row["token"].get<std::string>()), row["id"]);
  }
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
  EXPECT_TRUE(tokenizer->prefix().empty());
}

struct SentencePieceData {
  const char *encode, *decode, *folder;
};

class SentencePieceGolden : public ::testing::TestWithParam<SentencePieceData> {
 protected:
  void SetUp() override {
    HENG_NEEDS_GOLDEN(std::string("tokenizer/") + GetParam().encode + ".jsonl");
    tokenizer_ = Tokenizer::load(test::golden_dir() / "models" / GetParam().folder);
  }
  std::shared_ptr<const Tokenizer> tokenizer_;
};

// Text that spells a special token is plain text in both ways of asking.
TEST_P(SentencePieceGolden, EncodesEveryText) {
  for (const json& row : rows(GetParam().encode)) {
    const std::string text = row["text"];
    const Ids ids = row["ids"];
    EXPECT_EQ(tokenizer_->encode(text), ids) << row["text"];
    EXPECT_EQ(tokenizer_->encode(text, SpecialText::kParse), ids) << row["text"];
    EXPECT_EQ(tokenizer_->decode(ids), row["decoded"]) << row["text"];
  }
}

TEST_P(SentencePieceGolden, DecodesEverySequence) {
  for (const json& row : rows(GetParam().decode)) {
    const Ids ids = row["ids"];
    const bool raw = row.contains("sp");
    EXPECT_EQ(tokenizer_->decode(ids), row[raw ? "sp" : "decoded"]) << row;
    EXPECT_EQ(tokenizer_->decode(ids, SpecialTokens::kSkip),
              row[raw ? "sp" : "decoded_skip_special"])
        << row;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Family, SentencePieceGolden,
    ::testing::Values(
        SentencePieceData{"llama_encode", "llama_decode", "llama2_mha_hf_fp16"},
        SentencePieceData{"chinese_llama_49953_encode", "chinese_llama_49953_decode",
                          "chinese_alpaca/lora_llama"},
        SentencePieceData{"chinese_alpaca_49954_encode", "chinese_alpaca_49954_decode",
                          "chinese_alpaca/lora_alpaca"},
        SentencePieceData{"chatglm2_encode", "chatglm2_decode", "chatglm2_tiny_fp16_bin"}),
    [](const auto& info) { return std::string(info.param.encode); });

TEST(TokenizerGolden, ChatGlm2SpecialTokensHaveTheirNames) {
  HENG_NEEDS_GOLDEN("tokenizer/chatglm2_special_tokens.jsonl");
  const auto tokenizer = Tokenizer::load(test::golden_dir() / "models/chatglm2_tiny_fp16_bin");
  for (const json& row : rows("chatglm2_special_tokens")) {
    EXPECT_EQ(tokenizer->special_id(row["token"].get<std::string>()), row["id"]) << row;
  }
  EXPECT_EQ(tokenizer->prefix(), (Ids{64790, 64792}));
  EXPECT_EQ(tokenizer->eos_id(), 2);
}

TEST(TokenizerGolden, LlamaBeginsATextWithBos) {
  HENG_NEEDS_GOLDEN("tokenizer/llama_encode.jsonl");
  for (const char* model : {"llama2_mha_hf_fp16", "llama2_mha_meta_fp16_mp2"}) {
    const auto tokenizer = Tokenizer::load(test::golden_dir() / "models" / model);
    EXPECT_EQ(tokenizer->prefix(), Ids{1});
    EXPECT_EQ(tokenizer->eos_id(), 2);
    EXPECT_TRUE(tokenizer->drops_first_space());
  }
}

}  // namespace
}  // namespace heng
