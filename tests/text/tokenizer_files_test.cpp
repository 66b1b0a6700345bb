// Every line of tests/text/data: what the package `tokenizers` made of texts with small tokenizers
// in the layout of published ones (tools/make_tokenizer_golden.py).
#include <gtest/gtest.h>

#include "heng/tokenizer.h"
#include "support/golden.h"

namespace heng {
namespace {

using nlohmann::json;
using Ids = std::vector<TokenId>;

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

class TokenizerFiles : public ::testing::TestWithParam<const char*> {
 protected:
  static std::filesystem::path folder() {
    return std::filesystem::path(HENG_SOURCE_DIR) / "tests/text/data" / GetParam();
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = Tokenizer::load(folder());
  std::vector<json> rows_ = test::read_jsonl(folder() / "encode.jsonl");
};

TEST_P(TokenizerFiles, EncodeAsUpstream) {
  for (const json& row : rows_) {
    const std::string text =
        row.contains("text") ? row["text"].get<std::string>() : from_hex(row["bytes"]);
    const Ids ids = row["ids"];
    EXPECT_EQ(tokenizer_->encode(text, SpecialText::kParse), ids) << row;
    EXPECT_EQ(tokenizer_->encode(text), row.value("plain_ids", ids)) << row;
  }
}

TEST_P(TokenizerFiles, DecodeAsUpstream) {
  for (const json& row : rows_) {
    const Ids ids = row["ids"];
    EXPECT_EQ(tokenizer_->decode(ids), row["decoded"]) << row;
    EXPECT_EQ(tokenizer_->decode(ids, SpecialTokens::kSkip), row.value("skipped", row["decoded"]))
        << row;
  }
}

TEST_P(TokenizerFiles, PlainTextHoldsNoAddedToken) {
  for (const json& row : rows_) {
    if (!row.contains("text")) continue;
    for (const TokenId id : tokenizer_->encode(row["text"].get<std::string>())) {
      EXPECT_FALSE(tokenizer_->is_special(id)) << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Folder, TokenizerFiles,
                         ::testing::Values("qwen2", "qwen2_files", "llama3", "smollm2",
                                           "gpt2_prefix", "llama2", "llama2_first"),
                         [](const auto& info) { return std::string(info.param); });

std::shared_ptr<const Tokenizer> load(const char* name) {
  return Tokenizer::load(std::filesystem::path(HENG_SOURCE_DIR) / "tests/text/data" / name);
}

TEST(TokenizerFilesRoles, AreThoseOfTheConfiguration) {
  for (const char* name : {"qwen2", "qwen2_files"}) {
    const auto qwen2 = load(name);
    EXPECT_EQ(qwen2->eos_id(), qwen2->special_id("<|im_end|>")) << name;
    EXPECT_EQ(qwen2->bos_id(), std::nullopt) << name;
    EXPECT_EQ(qwen2->prefix(), Ids{}) << name;
    EXPECT_EQ(qwen2->size(), 705u) << name;
    EXPECT_TRUE(qwen2->is_special(*qwen2->special_id("<|endoftext|>"))) << name;
    EXPECT_FALSE(qwen2->is_special(*qwen2->special_id("<tool_call>"))) << name;
    EXPECT_FALSE(qwen2->drops_first_space()) << name;
  }
  const auto llama3 = load("llama3");
  EXPECT_EQ(llama3->eos_id(), llama3->special_id("<|eot_id|>"));
  EXPECT_EQ(llama3->prefix(), Ids{*llama3->special_id("<|begin_of_text|>")});
  EXPECT_EQ(load("smollm2")->eos_id(), 2);
  EXPECT_EQ(load("smollm2")->prefix(), Ids{});
  EXPECT_EQ(load("llama2")->prefix(), Ids{1});
  EXPECT_TRUE(load("llama2")->drops_first_space());
  EXPECT_EQ(load("llama2_first")->prefix(), Ids{}) << "the configuration takes it away";
}

}  // namespace
}  // namespace heng
