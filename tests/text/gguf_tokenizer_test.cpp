#include "text/gguf_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heng/error.h"

namespace heng::text {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Ids = std::vector<TokenId>;

constexpr int kNormal = 1, kControl = 3, kUserDefined = 4;

// Letters, digits and the alphabet's spellings of space and line break; "ab" by a merge.
Json tiny_metadata() {
  Json tokens = Json::array(), types = Json::array();
  const auto add = [&](const std::string& token, int type) {
    tokens.push_back(token);
    types.push_back(type);
  };
  for (char c = 'a'; c <= 'z'; ++c) add(std::string(1, c), kNormal);  // ids 0..25
  for (char c = '0'; c <= '9'; ++c) add(std::string(1, c), kNormal);  // 26..35
  for (const char* token : {"\u0120", "\u010A", "<", "|", ">", "_", "ab", "\u0120a", "12", "123"}) {
    add(token, kNormal);  // 36..45
  }
  add("<|im_end|>", kControl);  // 46
  add("<tool>", kUserDefined);  // 47
  return {{"tokenizer.ggml.model", "gpt2"},
          {"tokenizer.ggml.pre", "gpt-2"},
          {"tokenizer.ggml.tokens", tokens},
          {"tokenizer.ggml.token_type", types},
          {"tokenizer.ggml.merges", {"a b", "\u0120 a", "1 2", "12 3"}},
          {"tokenizer.ggml.eos_token_id", 46}};
}

// What `change` made of the metadata must be refused with a text that has `parts`.
void expect_refused(const std::function<void(Json&)>& change, ErrorCode code,
                    const std::vector<std::string>& parts) {
  Json metadata = tiny_metadata();
  change(metadata);
  try {
    make_gguf_tokenizer(metadata, "some.gguf");
    ADD_FAILURE() << "was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_THAT(e.what(), HasSubstr("some.gguf"));
    for (const std::string& part : parts) EXPECT_THAT(e.what(), HasSubstr(part));
  }
}

TEST(GgufTokenizer, MergesAndSpellsInGpt2sAlphabet) {
  const auto tokenizer = make_gguf_tokenizer(tiny_metadata(), "f");
  const Ids ids = tokenizer->encode("ab a\n123");
  EXPECT_EQ(ids, (Ids{42, 43, 37, 45}));
  EXPECT_EQ(tokenizer->decode(ids), "ab a\n123");
  EXPECT_EQ(tokenizer->eos_id(), 46);
  EXPECT_EQ(tokenizer->bos_id(), std::nullopt);
  EXPECT_TRUE(tokenizer->prefix().empty());
}

TEST(GgufTokenizer, ThePreTokenizerDecidesWhatCanMerge) {
  Json metadata = tiny_metadata();
  metadata["tokenizer.ggml.pre"] = "smollm";
  EXPECT_EQ(make_gguf_tokenizer(metadata, "f")->encode("123"), (Ids{27, 28, 29}));
  metadata["tokenizer.ggml.pre"] = "llama-bpe";
  metadata["tokenizer.ggml.bos_token_id"] = 46;
  const auto llama = make_gguf_tokenizer(metadata, "f");
  EXPECT_EQ(llama->encode("1231"), (Ids{45, 27}));
  EXPECT_EQ(llama->prefix(), std::vector<TokenId>{*llama->bos_id()});
  metadata.erase("tokenizer.ggml.pre");
  EXPECT_EQ(make_gguf_tokenizer(metadata, "f")->encode("12312"), (Ids{45, 44}));
}

TEST(GgufTokenizer, NamedTokensComeOnlyFromParsedText) {
  const auto tokenizer = make_gguf_tokenizer(tiny_metadata(), "f");
  EXPECT_EQ(tokenizer->encode("a<|im_end|><tool>", SpecialText::kParse), (Ids{0, 46, 47}));
  for (const TokenId id : tokenizer->encode("a<|im_end|><tool>")) EXPECT_LT(id, 46);
  EXPECT_EQ(tokenizer->special_id("<|im_end|>"), 46);
  EXPECT_EQ(tokenizer->special_id("<tool>"), 47);
  EXPECT_EQ(tokenizer->decode(Ids{0, 46, 47}, SpecialTokens::kSkip), "a<tool>")
      << "a user-defined token is text to be shown";
}

TEST(GgufTokenizer, MergesTowardsASpecialTokenAreLeftOut) {
  Json metadata = tiny_metadata();
  metadata["tokenizer.ggml.tokens"][46] = "xy";
  metadata["tokenizer.ggml.merges"].push_back("x y");
  const auto tokenizer = make_gguf_tokenizer(metadata, "f");
  EXPECT_EQ(tokenizer->encode("xy"), (Ids{23, 24}));
  EXPECT_EQ(tokenizer->encode("xy", SpecialText::kParse), (Ids{46}));
}

TEST(GgufTokenizer, AnUnknownKindIsRefusedWithTheSupportedOnes) {
  expect_refused([](Json& m) { m["tokenizer.ggml.model"] = "bert"; }, ErrorCode::kUnsupported,
                 {"\"bert\"", "gpt2", "llama"});
  expect_refused([](Json& m) { m["tokenizer.ggml.add_eos_token"] = true; }, ErrorCode::kUnsupported,
                 {"add_eos_token"});
  expect_refused([](Json& m) { m.erase("tokenizer.ggml.model"); }, ErrorCode::kUnsupported,
                 {"tokenizer.ggml.model", "gpt2"});
  expect_refused([](Json& m) { m["tokenizer.ggml.pre"] = "gpt-4o"; }, ErrorCode::kUnsupported,
                 {"\"gpt-4o\"", "default", "gpt-2", "llama-bpe", "qwen2", "smollm"});
  expect_refused([](Json& m) { m["tokenizer.ggml.pre"] = "\xFF\xFE"; }, ErrorCode::kUnsupported,
                 {"smollm"});
}

TEST(GgufTokenizer, AContradictingVocabularyIsRefusedByKey) {
  const auto corrupt = [](const std::function<void(Json&)>& change, const std::string& key) {
    expect_refused(change, ErrorCode::kCorrupt, {"tokenizer.ggml." + key});
  };
  corrupt([](Json& m) { m.erase("tokenizer.ggml.tokens"); }, "tokens");
  corrupt([](Json& m) { m["tokenizer.ggml.tokens"] = Json::array(); }, "tokens");
  corrupt([](Json& m) { m["tokenizer.ggml.tokens"] = 3; }, "tokens");
  corrupt([](Json& m) { m["tokenizer.ggml.tokens"][5] = 3; }, "tokens");
  corrupt([](Json& m) { m["tokenizer.ggml.tokens"][5] = "a"; }, "tokens");
  corrupt([](Json& m) { m["tokenizer.ggml.token_type"].erase(0); }, "token_type");
  corrupt([](Json& m) { m["tokenizer.ggml.token_type"][0] = 0; }, "token_type");
  corrupt([](Json& m) { m["tokenizer.ggml.token_type"][0] = 7; }, "token_type");
  corrupt([](Json& m) { m["tokenizer.ggml.merges"][0] = "ab"; }, "merges");
  corrupt([](Json& m) { m["tokenizer.ggml.merges"][0] = ""; }, "merges");
  corrupt([](Json& m) { m["tokenizer.ggml.merges"][0] = "a ?"; }, "merges");
  corrupt([](Json& m) { m["tokenizer.ggml.merges"][0] = "b a"; }, "merges");
  corrupt([](Json& m) { m["tokenizer.ggml.merges"][0] = "\xC3 a"; }, "merges");
  corrupt([](Json& m) { m["tokenizer.ggml.eos_token_id"] = 48; }, "eos_token_id");
  corrupt([](Json& m) { m["tokenizer.ggml.eos_token_id"] = -1; }, "eos_token_id");
  corrupt([](Json& m) { m["tokenizer.ggml.bos_token_id"] = "x"; }, "bos_token_id");
  corrupt([](Json& m) { m["tokenizer.ggml.add_bos_token"] = true; }, "bos_token_id");
}

}  // namespace
}  // namespace heng::text
