#include "commands/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heng/error.h"

namespace heng::commands {
namespace {

using testing::HasSubstr;

std::string problem(const std::string& key, const std::string& value) {
  GenerationConfig config;
  try {
    set_setting(config, key, value);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

TEST(Settings, SetWhatTheyShow) {
  GenerationConfig config;
  for (const Setting& setting : all_settings()) {
    const std::string value = setting.key == "do_sample" ? "true" : "1";
    set_setting(config, setting.key, value);
    EXPECT_EQ(setting.get(config), value) << setting.key;
  }
}

TEST(Settings, SamplingSettingsMeanSampling) {
  GenerationConfig config;
  set_setting(config, "top_p", "0.5");
  EXPECT_TRUE(config.do_sample);
  set_setting(config, "temperature", "0");
  EXPECT_FALSE(config.do_sample);
  EXPECT_EQ(config.temperature, 1.0);
}

TEST(Settings, OptionalOnesCanBeTakenBack) {
  GenerationConfig config;
  set_setting(config, "seed", "18446744073709551615");
  EXPECT_EQ(config.seed, 18446744073709551615u);
  set_setting(config, "seed", "none");
  EXPECT_FALSE(config.seed.has_value());
}

TEST(Settings, WrongValuesAreRefusedByNameAndLeaveNothingBehind) {
  EXPECT_THAT(problem("top_p", "lots"), HasSubstr("top_p is \"lots\", expected a number"));
  EXPECT_THAT(problem("top_p", "1.5"), HasSubstr("from 0 to 1"));
  EXPECT_THAT(problem("top_k", "1.5"), HasSubstr("an integer"));
  EXPECT_THAT(problem("top_k", "99999999999999999999"), HasSubstr("an integer"));
  EXPECT_THAT(problem("temperature", "nan"), HasSubstr("temperature"));
  EXPECT_THAT(problem("do_sample", "maybe"), HasSubstr("true or false"));
  EXPECT_THAT(problem("seed", "-1"), HasSubstr("seed"));
  EXPECT_THAT(problem("topp", "1"), HasSubstr("Settings: do_sample, temperature, top_k, top_p"));
  GenerationConfig config;
  EXPECT_THROW(set_setting(config, "top_p", "7"), Error);
  EXPECT_EQ(config.top_p, 1.0);
  EXPECT_FALSE(config.do_sample);
}

TEST(Settings, SummaryIsOneLine) {
  GenerationConfig config;
  EXPECT_EQ(summary(config), "greedy, up to 512 tokens");
  config.do_sample = true;
  config.top_p = 0.8;
  config.top_k = 0;
  config.repetition_penalty = 1.1;
  config.max_new_tokens = 2048;
  EXPECT_EQ(summary(config),
            "temperature 1, top_p 0.8, top_k 0, repetition_penalty 1.1, up to 2,048 tokens");
}

}  // namespace
}  // namespace heng::commands
