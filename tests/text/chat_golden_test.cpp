// Every line of the prompts and replies that the original chat programs made.
#include <gtest/gtest.h>

#include <map>

#include "heng/error.h"
#include "support/default_model.h"
#include "support/golden.h"
#include "text/chat_formats.h"

namespace heng {
namespace {

using nlohmann::json;
using Ids = std::vector<TokenId>;
using Messages = std::vector<Message>;

std::vector<json> rows(const std::string& name) {
  return test::read_jsonl(test::golden_dir() / "prompts" / (name + ".jsonl"));
}

std::shared_ptr<const Tokenizer> tokenizer_of(const std::string& model) {
  return Tokenizer::load(test::golden_dir() / "models" / model);
}

Messages messages_of(const json& list) {
  Messages messages;
  for (const json& m : list) messages.push_back({m["role"], m["content"]});
  return messages;
}

Messages with_history(const json& history, const json& query) {
  Messages messages;
  for (const json& turn : history) {
    messages.push_back({"user", turn[0]});
    messages.push_back({"assistant", turn[1]});
  }
  messages.push_back({"user", query});
  return messages;
}

TEST(ChatGolden, QwenPromptsEqualUpstreamsMakeContext) {
  HENG_NEEDS_GOLDEN("prompts/qwen_make_context.jsonl");
  const auto tokenizer = tokenizer_of("qwen1_realvocab_bf16");
  const auto format = chat_format_by_name("qwen");
  size_t n_rows = 0;
  for (const json& row : rows("qwen_make_context")) {
    if (row["chat_format"] != "chatml") {  // "raw": the query alone, special tokens parsed
      EXPECT_EQ(tokenizer->encode(row["query"].get<std::string>(), SpecialText::kParse),
                row["ids"].get<Ids>());
      continue;
    }
    ++n_rows;
    Messages messages = with_history(row["history"], row["query"]);
    messages.insert(messages.begin(), {"system", row["system"]});
    const Prompt prompt = format->build(*tokenizer, messages, {row["max_window_size"]});
    EXPECT_EQ(prompt.ids, row["ids"].get<Ids>()) << row;
    const std::string raw_text = row["raw_text"];
    EXPECT_EQ(prompt.text, raw_text);
    size_t n_starts = 0;
    for (const TokenId id : prompt.ids) n_starts += id == tokenizer->special_id("<|im_start|>");
    EXPECT_EQ(n_starts, 3 + 2 * (row["history"].size() - prompt.dropped_turns));
  }
  EXPECT_EQ(n_rows, 64u);
}

TEST(ChatGolden, SmolLm2PromptsEqualItsTemplate) {
  HENG_NEEDS_GOLDEN("prompts/smollm2_chat_template.jsonl");
  HENG_NEEDS_DEFAULT_MODEL();
  const auto tokenizer = Tokenizer::load(test::default_model_path());
  const auto format = chat_format_by_name("smollm2");
  constexpr std::string_view kHead = "<|im_start|>assistant\n";
  for (const json& row : rows("smollm2_chat_template")) {
    const Prompt prompt = format->build(*tokenizer, messages_of(row["messages"]));
    const std::string wanted =
        row["prompt"].get<std::string>() + std::string(row["add_generation_prompt"] ? "" : kHead);
    EXPECT_EQ(prompt.text, wanted);
    EXPECT_EQ(prompt.ids, tokenizer->encode(wanted, SpecialText::kParse)) << "one tokenisation";
  }
}

TEST(ChatGolden, Llama2PromptsEqualMetasAndTagsAreRefused) {
  HENG_NEEDS_GOLDEN("prompts/llama2_meta_chat.jsonl");
  const auto tokenizer = tokenizer_of("llama2_gqa_meta_bf16_mp1");
  const auto format = chat_format_by_name("llama2-chat");
  size_t n_refused = 0;
  for (const json& row : rows("llama2_meta_chat")) {
    const Messages messages = messages_of(row["dialog"]);
    if (row.contains("error") || row["refused"].get<bool>()) {
      ++n_refused;
      EXPECT_THROW(format->build(*tokenizer, messages), Error) << row;
    } else {
      EXPECT_EQ(format->build(*tokenizer, messages).ids, row["ids"].get<Ids>()) << row;
    }
  }
  EXPECT_EQ(n_refused, 18u);
}

TEST(ChatGolden, ChatGlm2PromptsEqualBuildPrompt) {
  HENG_NEEDS_GOLDEN("prompts/chatglm2_build_prompt.jsonl");
  const auto tokenizer = tokenizer_of("chatglm2_tiny_fp16_bin");
  const auto format = chat_format_by_name("chatglm2");
  for (const json& row : rows("chatglm2_build_prompt")) {
    const Prompt prompt = format->build(*tokenizer, with_history(row["history"], row["query"]));
    EXPECT_EQ(prompt.ids, row["ids"].get<Ids>()) << row;
    EXPECT_EQ(prompt.text, "[gMASK]sop" + row["prompt"].get<std::string>());
  }
}

TEST(ChatGolden, ChatGlm2RepliesEqualProcessResponse) {
  HENG_NEEDS_GOLDEN("prompts/chatglm2_process_response.jsonl");
  const auto tokenizer = tokenizer_of("chatglm2_tiny_fp16_bin");
  const auto format = chat_format_by_name("chatglm2");
  for (const json& row : rows("chatglm2_process_response")) {
    ReplyStream stream(*format, *tokenizer);
    std::string shown = stream.push(0, row["raw"].get<std::string>()).answer;
    shown += stream.finish().answer;
    EXPECT_EQ(shown, row["response"]);
    EXPECT_EQ(stream.answer(), shown);
  }
}

TEST(ChatGolden, AlpacaPromptsEqualTheFiveTemplates) {
  HENG_NEEDS_GOLDEN("prompts/alpaca.jsonl");
  const std::map<std::string, const char*> names = {
      {"stanford_alpaca", "alpaca"},
      {"chinese_alpaca_training", "chinese-alpaca"},
      {"chinese_alpaca_openai_chat", "chinese-alpaca"},
      {"chinese_alpaca_openai_completion", "chinese-alpaca-completion"},
      {"chinese_alpaca_inference_hf", "chinese-alpaca-inference"}};
  const auto tokenizer = tokenizer_of("chinese_alpaca/lora_alpaca");
  for (const json& row : rows("alpaca")) {
    Messages messages;
    if (row.contains("messages")) {
      messages = messages_of(row["messages"]);
    } else {
      messages = {{"user", row["instruction"]}};
      if (row["input"] != "") messages.push_back({"input", row["input"]});
    }
    const auto format = chat_format_by_name(names.at(row["template"]));
    const Prompt prompt = format->build(*tokenizer, messages);
    const std::string text = row["prompt"];
    EXPECT_EQ(prompt.text, "<s>" + text);
    // There the text <s> is the token: upstream's tokenizer parses it.
    if (text.find("<s>") != std::string::npos) continue;
    Ids ids = row["ids_without_bos"];
    ids.insert(ids.begin(), *tokenizer->bos_id());
    EXPECT_EQ(prompt.ids, ids) << row;
  }
}

Messages chinese_messages(const json& row) {
  if (row["kind"] == "single_turn_readme") return {{"user", row["query"]}};
  if (row["kind"] == "accelerate_server") {
    Messages messages;
    if (row["system"] != "") messages.push_back({"system", row["system"]});
    for (const json& m : row["messages"]) {
      messages.push_back({m["role"] == "Human" ? "user" : "assistant", m["content"]});
    }
    return messages;
  }
  // The demo leaves its greeting out, and keeps so many rounds before the question.
  const auto& history = row["history"];
  const size_t last = history.size() - 1, n = row["context_rounds"];
  json rounds = json::array();
  for (size_t i = last - n; i < last; ++i) rounds.push_back(history[i]);
  return with_history(rounds, history[last][0]);
}

TEST(ChatGolden, Llama2ChinesePromptsEqualTheThreePrograms) {
  HENG_NEEDS_GOLDEN("prompts/llama2_chinese.jsonl");
  const std::map<std::string, const char*> names = {{"single_turn_readme", "llama2-chinese-readme"},
                                                    {"accelerate_server", "llama2-chinese"},
                                                    {"chat_gradio", "llama2-chinese-gradio"}};
  const auto tokenizer = tokenizer_of("llama2_gqa_hf_fp16");
  size_t n_cut = 0;
  for (const json& row : rows("llama2_chinese")) {
    const auto format = chat_format_by_name(names.at(row["kind"]));
    const Prompt prompt = format->build(*tokenizer, chinese_messages(row));
    const std::string text = row["prompt"];
    if (prompt.text.size() > text.size()) {  // the server kept the last 2,048 characters
      ++n_cut;
      const std::string system = "<s>System: " + row["system"].get<std::string>() + "\n</s>";
      const bool with_system = row["system"] != "";
      EXPECT_TRUE(prompt.text.ends_with(with_system ? text.substr(system.size()) : text));
      continue;
    }
    EXPECT_EQ(prompt.text, text);
    const bool parsed =
        row.contains("query") && row["query"].get<std::string>().find("<s>") != std::string::npos;
    if (!parsed) {
      EXPECT_EQ(prompt.ids, row["ids"].get<Ids>()) << row;
    }
  }
  EXPECT_EQ(n_cut, 1u);
}

TEST(ChatGolden, TheFormatIsReadFromTheFiles) {
  HENG_NEEDS_GOLDEN("models/qwen1_tiny_fp32");
  const auto detect = [](const std::string& model) -> std::string {
    const auto format =
        text::detect_chat_format(text::read_chat_files(test::golden_dir() / "models" / model));
    return format ? std::string(format->name()) : "";
  };
  for (const char* model : {"qwen1_tiny_fp32", "qwen1_tiny_aug2023", "qwen1_realvocab_bf16"}) {
    EXPECT_EQ(detect(model), "qwen") << model;
  }
  EXPECT_EQ(detect("chatglm2_tiny_fp16_bin"), "chatglm2");
  for (const char* model : {"qwen2_gqa_untied_fp32", "llama2_gqa_hf_fp16",
                            "llama2_gqa_meta_bf16_mp1", "chinese_alpaca/base_llama_hf_fp16"}) {
    EXPECT_EQ(detect(model), "") << model;
  }
}

TEST(ChatGolden, TheDefaultModelIsSmolLm2) {
  HENG_NEEDS_DEFAULT_MODEL();
  const auto format = text::detect_chat_format(text::read_chat_files(test::default_model_path()));
  ASSERT_TRUE(format);
  EXPECT_EQ(format->name(), "smollm2");
}

}  // namespace
}  // namespace heng
