// Prompts of each format written out, with tokenizers that are made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heng/chat.h"
#include "heng/error.h"
#include "support/chat_tokenizers.h"

namespace heng {
namespace {

using testing::HasSubstr;
using Ids = std::vector<TokenId>;
using Messages = std::vector<Message>;

std::string text_of(const char* format, const Messages& messages,
                    const PromptOptions& options = {}) {
  const auto tokenizer = test::chat_tokenizer_for(format);
  return chat_format_by_name(format)->build(*tokenizer, messages, options).text;
}

void expect_refused(const char* format, const Messages& messages, const char* why) {
  try {
    text_of(format, messages);
    ADD_FAILURE() << format << " took it: " << why;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(e.what(), testing::AllOf(HasSubstr(why), HasSubstr(format)));
  }
}

const Messages kTwoTurns = {{"user", "q1"}, {"assistant", "a1"}, {"user", "q2"}};
const Messages kWithSystem = {{"system", "s"}, {"user", "q1"}, {"assistant", "a1"}, {"user", "q2"}};

TEST(ChatTexts, Qwen2AndQwen25DifferInTheirSystemText) {
  EXPECT_EQ(text_of("qwen2", {{"user", "q"}}),
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
            "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(text_of("qwen2.5", {{"user", "q"}}),
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
            "assistant.<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatTexts, Qwen3HasNoSystemTextOfItsOwn) {
  EXPECT_EQ(text_of("qwen3", {{"user", "q"}}),
            "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(text_of("qwen3", kWithSystem),
            "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nq1<|im_end|>\n"
            "<|im_start|>assistant\na1<|im_end|>\n<|im_start|>user\nq2<|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST(ChatTexts, Qwen3WithoutThinkingBeginsBehindAnEmptyThought) {
  EXPECT_EQ(text_of("qwen3", {{"user", "q /think"}}, {.think = false}),
            "<|im_start|>user\nq /think<|im_end|>\n<|im_start|>assistant\n"
            "<think>\n\n</think>\n\n");
  const auto tokenizer = test::qwen3_chat_tokenizer();
  const auto ids = chat_format_by_name("qwen3")
                       ->build(*tokenizer, Messages{{"user", "q"}}, {.think = false})
                       .ids;
  const TokenId line_breaks = tokenizer->encode("\n\n").front();
  const Ids end(ids.end() - 4, ids.end());
  EXPECT_EQ(end, (Ids{*tokenizer->special_id("<think>"), line_breaks,
                      *tokenizer->special_id("</think>"), line_breaks}));
}

TEST(ChatTexts, Qwen3LeavesPastThoughtsOut) {
  const std::string bare = text_of("qwen3", kTwoTurns);
  for (const char* reply : {"<think>\nhm\n</think>\n\na1", "hm</think>a1", "</think>\n\n\na1",
                            "<think>x</think>y</think>\na1"}) {
    Messages messages = kTwoTurns;
    messages[1].content = reply;
    EXPECT_EQ(text_of("qwen3", messages), bare) << reply;
    EXPECT_NE(text_of("qwen2.5", messages), text_of("qwen2.5", kTwoTurns)) << reply;
  }
  Messages open = kTwoTurns;
  open[1].content = "<think>a1";
  EXPECT_THAT(text_of("qwen3", open), HasSubstr("assistant\n<think>a1<|im_end|>"));
}

// As its template does it: the thought belongs to the question that is still being answered.
TEST(ChatTexts, Qwen3KeepsAThoughtBeforeAToolsResult) {
  const Messages messages = {{"user", "q"},
                             {"assistant", "<think>\nhm\n</think>\n\ncall"},
                             {"user", "<tool_response>\n4\n</tool_response>"}};
  EXPECT_EQ(text_of("qwen3", messages),
            "<|im_start|>user\nq<|im_end|>\n"
            "<|im_start|>assistant\n<think>\nhm\n</think>\n\ncall<|im_end|>\n"
            "<|im_start|>user\n<tool_response>\n4\n</tool_response><|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST(ChatTexts, Llama2) {
  EXPECT_EQ(text_of("llama2-chat", {{"user", " q\n"}}), "<s>[INST] q [/INST]");
  EXPECT_EQ(text_of("llama2-chat", kWithSystem),
            "<s>[INST] <<SYS>>\ns\n<</SYS>>\n\nq1 [/INST] a1 </s><s>[INST] q2 [/INST]");
}

TEST(ChatTexts, Llama2RefusesItsTagsInEveryMessage) {
  for (const char* tag : {"[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"}) {
    for (size_t i = 0; i < kWithSystem.size(); ++i) {
      Messages messages = kWithSystem;
      messages[i].content += tag;
      expect_refused("llama2-chat", messages, tag);
      expect_refused("llama2-chat", messages, ("messages[" + std::to_string(i) + "]").c_str());
    }
  }
  EXPECT_NO_THROW(text_of("llama2-chat", {{"user", "<s> [INST </s>"}}));
}

TEST(ChatTexts, ChineseAlpaca2HasItsSystemTextAndKeepsContents) {
  EXPECT_EQ(text_of("chinese-alpaca-2", {{"user", " q "}}),
            "<s>[INST] <<SYS>>\nYou are a helpful assistant. 你是一个乐于助人的助手。\n<</SYS>>\n\n"
            " q  [/INST]");
  EXPECT_EQ(text_of("chinese-alpaca-2", kWithSystem),
            "<s>[INST] <<SYS>>\ns\n<</SYS>>\n\nq1 [/INST] a1</s><s>[INST] q2 [/INST]");
}

TEST(ChatTexts, Llama2Chinese) {
  EXPECT_EQ(text_of("llama2-chinese", kWithSystem),
            "<s>System: s\n</s><s>Human: q1\n</s><s>Assistant: a1\n</s><s>Human: q2\n</s>"
            "<s>Assistant: ");
  EXPECT_EQ(text_of("llama2-chinese", {{"user", " q\n"}}), "<s>Human: q\n</s><s>Assistant: ");
  EXPECT_EQ(text_of("llama2-chinese-readme", {{"user", " q\n"}}),
            "<s>Human:  q\n\n</s><s>Assistant: ");
  EXPECT_EQ(text_of("llama2-chinese-gradio", kTwoTurns),
            "<s>Human: q1\n</s><s>Assistant: a1\n</s><s>Human: q2\n</s><s>Assistant:");
  expect_refused("llama2-chinese-gradio", kWithSystem, "no system message");
}

TEST(ChatTexts, ChatGlm2CountsTheRoundsThatAreKept) {
  EXPECT_EQ(text_of("chatglm2", kTwoTurns),
            "[gMASK]sop[Round 1]\n\n问：q1\n\n答：a1\n\n[Round 2]\n\n问：q2\n\n答：");
  EXPECT_EQ(text_of("chatglm2", kTwoTurns, {.max_window_tokens = 0}),
            "[gMASK]sop[Round 1]\n\n问：q2\n\n答：");
  expect_refused("chatglm2", kWithSystem, "no system message");
}

TEST(ChatTexts, ChatGlm3BeginsMessagesWithTheTokenOfTheirRole) {
  EXPECT_EQ(text_of("chatglm3", kWithSystem),
            "[gMASK]sop<|system|>\n s<|user|>\n q1<|assistant|>\n a1<|user|>\n q2<|assistant|>");
  const auto tokenizer = test::chatglm_chat_tokenizer();
  const auto format = chat_format_by_name("chatglm3");
  Ids expected;
  for (const char* name : {"[gMASK]", "sop", "<|user|>"}) {
    expected.push_back(*tokenizer->special_id(name));
  }
  for (const char* part : {"\n", "hello"}) {
    const Ids ids = tokenizer->encode(part);
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  expected.push_back(*tokenizer->special_id("<|assistant|>"));
  EXPECT_EQ(format->build(*tokenizer, Messages{{"user", "hello"}}).ids, expected);
  EXPECT_THAT(format->stop_ids(*tokenizer),
              testing::ElementsAre(*tokenizer->eos_id(), *tokenizer->special_id("<|user|>"),
                                   *tokenizer->special_id("<|observation|>")));
}

TEST(ChatTexts, AlpacaTakesAnInputBehindTheInstruction) {
  EXPECT_THAT(text_of("alpaca", {{"user", "q"}, {"input", "i"}}),
              testing::EndsWith("context. Write a response that appropriately completes the "
                                "request.\n\n### Instruction:\nq\n\n### Input:\ni\n\n"
                                "### Response:\n"));
  EXPECT_THAT(text_of("chinese-alpaca", {{"user", "q"}, {"input", "i"}}),
              testing::EndsWith("### Instruction:\nq\ni\n\n### Response: "));
  expect_refused("alpaca", {{"user", "q"}, {"input", "i"}, {"input", "j"}}, "messages[2]");
  expect_refused("chinese-alpaca-completion", {{"user", "q"}, {"input", "i"}}, "role \"input\"");
  expect_refused("llama2-chat", {{"user", "q"}, {"input", "i"}}, "role \"input\"");
}

TEST(ChatTexts, AlpacaLeavesPastTurnsOutAndSaysSo) {
  const auto tokenizer = test::llama_chat_tokenizer();
  const Messages query = {{"user", "q2"}};
  for (const char* name : {"alpaca", "chinese-alpaca-completion", "chinese-alpaca-inference"}) {
    const auto format = chat_format_by_name(name);
    const Prompt prompt = format->build(*tokenizer, kTwoTurns);
    EXPECT_EQ(prompt.dropped_turns, 1u) << name;
    EXPECT_EQ(prompt.ids, format->build(*tokenizer, query).ids) << name;
  }
  EXPECT_EQ(text_of("chinese-alpaca", kWithSystem),
            "<s>s\n\n### Instruction:\nq1\n\n### Response: a1\n\n### Instruction:\nq2\n\n"
            "### Response: ");
}

TEST(ChatTexts, DefaultsAreUpstreamsChatFunctions) {
  const auto defaults = [](const char* name, GenerationConfig config = {}) {
    chat_format_by_name(name)->set_defaults(config);
    return config;
  };
  GenerationConfig own;  // a checkpoint that says how
  own.do_sample = true;
  own.top_p = 0.5;
  const GenerationConfig glm = defaults("chatglm2", own);
  EXPECT_TRUE(glm.do_sample);
  EXPECT_EQ(glm.top_k, 50);
  EXPECT_EQ(glm.top_p, 0.8);
  EXPECT_EQ(glm.temperature, 0.8);
  EXPECT_EQ(glm.max_length, 8192);
  EXPECT_EQ(defaults("llama2-chat").temperature, 0.6);
  EXPECT_EQ(defaults("llama2-chat").top_k, 0);
  EXPECT_EQ(defaults("chinese-alpaca").top_k, 40);
  for (const char* name : {"llama2-chat", "llama2-chinese", "chinese-alpaca", "qwen", "alpaca"}) {
    EXPECT_EQ(defaults(name, own).top_p, 0.5) << name;
  }
  EXPECT_FALSE(defaults("qwen").do_sample);
}

TEST(ChatTexts, Llama2ChineseEndsWhereTheModelGoesOnWithTheUsersPart) {
  EXPECT_THAT(chat_format_by_name("llama2-chinese")->stop_texts(), testing::ElementsAre("Human:"));
  EXPECT_TRUE(chat_format_by_name("qwen")->stop_texts().empty());
}

}  // namespace
}  // namespace heng
