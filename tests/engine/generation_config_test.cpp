#include "engine/generation_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "support/golden.h"

namespace heng::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

GenerationConfig parse(const std::string& text) {
  return generation_config_from_json(parse_json(text, "generation_config.json"),
                                     "generation_config.json");
}

std::string problem(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    return error.what();
  }
  return "";
}

TEST(GenerationConfig, ReadsQwensSettings) {
  const auto config = parse(R"({"chat_format": "chatml", "eos_token_id": 151643,
      "pad_token_id": 151643, "max_window_size": 6144, "max_new_tokens": 512, "do_sample": true,
      "top_k": 0, "top_p": 0.8, "repetition_penalty": 1.1, "transformers_version": "4.31.0"})");
  EXPECT_TRUE(config.do_sample);
  EXPECT_EQ(config.top_k, 0);
  EXPECT_DOUBLE_EQ(config.top_p, 0.8);
  EXPECT_DOUBLE_EQ(config.repetition_penalty, 1.1);
  EXPECT_EQ(config.max_new_tokens, 512);
  EXPECT_EQ(config.max_window_size, 6144);
  EXPECT_EQ(config.chat_format, "chatml");
  EXPECT_THAT(config.eos_ids, ElementsAre(151643));
}

TEST(GenerationConfig, AbsentSettingsAreTransformersDefaults) {
  const auto config = parse("{}");
  EXPECT_FALSE(config.do_sample);
  EXPECT_EQ(config.top_k, 50);
  EXPECT_EQ(config.top_p, 1.0);
  EXPECT_EQ(config.temperature, 1.0);
  EXPECT_FALSE(config.max_length.has_value());
  EXPECT_EQ(parse(R"({"top_k": null})").top_k, 0);
}

TEST(GenerationConfig, EndTokensAndStopWordsMayBeLists) {
  const auto config = parse(R"({"eos_token_id": [1023, 1022], "stop_words_ids": [[7], [8, 9]]})");
  EXPECT_THAT(config.eos_ids, ElementsAre(1023, 1022));
  EXPECT_THAT(config.stop_word_ids, ElementsAre(ElementsAre(7), ElementsAre(8, 9)));
}

TEST(GenerationConfig, MaxLengthAloneIsTheOnlyLimit) {
  EXPECT_EQ(parse(R"({"max_length": 4096})").max_new_tokens, 4096);
  EXPECT_EQ(parse(R"({"max_length": 4096, "max_new_tokens": 10})").max_new_tokens, 10);
}

TEST(GenerationConfig, ErrorsNameFileFieldExpectedAndFound) {
  EXPECT_THAT(problem(R"({"top_p": 1.5})"),
              HasSubstr("generation_config.json: top_p is 1.5, expected a number from 0 to 1"));
  EXPECT_THAT(problem(R"({"do_sample": true, "temperature": 0})"), HasSubstr("temperature is 0"));
  EXPECT_THAT(problem(R"({"top_k": -1})"), HasSubstr("top_k"));
  EXPECT_THAT(problem(R"({"top_k": "many"})"), HasSubstr("top_k"));
  EXPECT_THAT(problem(R"({"repetition_penalty": 0})"), HasSubstr("repetition_penalty"));
  EXPECT_THAT(problem(R"({"max_new_tokens": 1e30})"), HasSubstr("max_new_tokens"));
  EXPECT_THAT(problem(R"({"eos_token_id": [1, -2]})"), HasSubstr("eos_token_id: -2"));
  EXPECT_THAT(problem(R"({"eos_token_id": 4294967296})"), HasSubstr("eos_token_id"));
  EXPECT_THAT(problem(R"({"stop_words_ids": [[]]})"), HasSubstr("stop_words_ids"));
  EXPECT_THAT(problem(R"({"stop_words_ids": 5})"), HasSubstr("stop_words_ids"));
  EXPECT_THAT(problem(R"({"stop_words_ids": [["a"]]})"), HasSubstr("stop_words_ids"));
  EXPECT_THAT(problem(R"({"chat_format": "mystery"})"), HasSubstr("mystery"));
  EXPECT_THAT(problem("[]"), HasSubstr("expected an object"));
}

TEST(GenerationConfig, CheckRefusesWhatIsNoNumber) {
  GenerationConfig config;
  config.top_p = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(config.check(), Error);
  config = {};
  config.repetition_penalty = std::numeric_limits<double>::infinity();
  EXPECT_THROW(config.check(), Error);
  config = {};
  config.stop = {""};
  EXPECT_THROW(config.check(), Error);
  config = {};
  config.presence_penalty = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(config.check(), Error);
  config = {};
  config.logit_bias = {{3, std::numeric_limits<float>::infinity()}};
  EXPECT_THROW(config.check(), Error);
  config.logit_bias = {{-1, 1.0f}};
  EXPECT_THROW(config.check(), Error);
}

TEST(GenerationConfig, FolderWithoutTheFileGivesDefaults) {
  const auto folder = std::filesystem::temp_directory_path() / "heng-no-generation-config";
  std::filesystem::create_directories(folder);
  EXPECT_EQ(GenerationConfig::from_pretrained(folder).max_new_tokens, 512);
  EXPECT_THROW(GenerationConfig::from_pretrained(folder / "generation_config.json"), Error);
}

TEST(GenerationConfig, ReadsEveryGoldenModels) {
  HENG_NEEDS_GOLDEN("models");
  size_t read = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::golden_dir() / "models")) {
    if (!std::filesystem::exists(entry.path() / "generation_config.json")) continue;
    const auto config = GenerationConfig::from_pretrained(entry.path());
    EXPECT_FALSE(config.eos_ids.empty()) << entry.path();
    ++read;
  }
  EXPECT_GT(read, 8u);
}

}  // namespace
}  // namespace heng::engine
