// From a conversation to what the engine runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heng/auto_model.h"
#include "support/chat_tokenizers.h"

namespace heng {
namespace {

using Messages = std::vector<Message>;

ChatRequest request_of(const char* name, const Messages& messages, size_t context = 4096,
                       PromptOptions options = {}) {
  const auto tokenizer = test::chat_tokenizer_for(name);
  return chat_request(*chat_format_by_name(name), *tokenizer, messages, {}, context, options);
}

TEST(ChatRequest, CarriesWhatEndsAReply) {
  const auto qwen = request_of("qwen2", {{"user", "q"}}).request.generation;
  const auto tokenizer = test::chat_tokenizer_for("qwen2");
  EXPECT_THAT(qwen.eos_ids, testing::UnorderedElementsAre(*tokenizer->special_id("<|im_end|>"),
                                                          *tokenizer->special_id("<|endoftext|>")));
  EXPECT_TRUE(qwen.stop.empty());
  const auto chinese = request_of("llama2-chinese", {{"user", "q"}}).request.generation;
  EXPECT_THAT(chinese.stop, testing::ElementsAre("Human:"));
}

TEST(ChatRequest, PassesOnWhetherToThink) {
  const auto with = request_of("qwen3", {{"user", "q"}}).request.prompt;
  const auto without = request_of("qwen3", {{"user", "q"}}, 4096, {.think = false}).request.prompt;
  EXPECT_EQ(without.size(), with.size() + 4);
}

TEST(ChatRequest, DropsWholeTurnsToLeaveRoomForTheReply) {
  const std::string lengthy(200, 'x');
  const Messages turns = {{"system", "s"},      {"user", lengthy},       {"input", "i"},
                          {"assistant", "one"}, {"user", lengthy + "2"}, {"assistant", "two"},
                          {"user", "q"}};
  const Messages last = {turns[0], turns[4], turns[5], turns[6]};
  const size_t whole = request_of("chinese-alpaca", turns).request.prompt.size();
  const ChatRequest all = request_of("chinese-alpaca", turns, whole * 2);
  EXPECT_EQ(all.dropped_turns, 0u);
  const ChatRequest cut = request_of("chinese-alpaca", turns, whole);
  EXPECT_EQ(cut.dropped_turns, 1u);
  EXPECT_EQ(cut.request.prompt, request_of("chinese-alpaca", last).request.prompt);
  EXPECT_EQ(cut.request.generation.max_new_tokens,
            std::min<int64_t>(512, static_cast<int64_t>(whole - cut.request.prompt.size())));
}

}  // namespace
}  // namespace heng
