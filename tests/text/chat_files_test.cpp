// Which chat format the files of a model name.
#include "text/chat_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heng/error.h"
#include "support/file_bytes.h"
#include "support/gguf_builder.h"
#include "text/chat_formats.h"

namespace heng::text {
namespace {

constexpr const char* kChatMl =
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\n@<|im_end|>\\n' }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] }}{% endfor %}";

std::string chatml(const std::string& system) {
  std::string program = kChatMl;
  return program.replace(program.find('@'), 1, system);
}

class ChatFilesTest : public testing::Test {
 protected:
  // The name of the format of a folder with these files; "" where none is named.
  std::string detect(const Json& config, const Json& tokenizer_config) {
    test::write_file(folder_.path() / "config.json", config.dump());
    test::write_file(folder_.path() / "tokenizer_config.json", tokenizer_config.dump());
    return detect();
  }
  std::string detect() {
    const auto format = detect_chat_format(read_chat_files(folder_.path()));
    return format ? std::string(format->name()) : "";
  }
  void write(const char* name, const std::string& text) {
    test::write_file(folder_.path() / name, text);
  }

  test::TempDir folder_;
};

const Json kQwen2 = {{"model_type", "qwen2"}, {"architectures", {"Qwen2ForCausalLM"}}};
const Json kQwen3 = {{"model_type", "qwen3"}, {"architectures", {"Qwen3ForCausalLM"}}};
const Json kLlama = {{"model_type", "llama"}, {"architectures", {"LlamaForCausalLM"}}};
const std::string kQwen2Program = chatml("You are a helpful assistant.");
const std::string kQwen25Program =
    chatml("You are Qwen, created by Alibaba Cloud. You are a helpful assistant.");
const std::string kQwen3Program = "{{ '<|im_start|>' }}{% if enable_thinking %}<think>{% endif %}";
const std::string kLlama2Program =
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}";

Json tokenizer(const std::string& program, const char* end = "<|im_end|>") {
  return {{"chat_template", program}, {"eos_token", end}};
}

TEST_F(ChatFilesTest, QwensAreToldByTheirPrograms) {
  EXPECT_EQ(detect(kQwen2, tokenizer(kQwen2Program)), "qwen2");
  EXPECT_EQ(detect(kQwen2, tokenizer(kQwen25Program)), "qwen2.5");
  EXPECT_EQ(detect(kQwen3, tokenizer(kQwen3Program)), "qwen3");
}

TEST_F(ChatFilesTest, BaseModelsHaveNoFormatThoughTheyHaveATemplate) {
  EXPECT_EQ(detect(kQwen2, tokenizer(kQwen2Program, "<|endoftext|>")), "");
  EXPECT_EQ(detect(kQwen2, tokenizer(kQwen25Program, "<|endoftext|>")), "");
  EXPECT_EQ(detect(kQwen3, tokenizer(kQwen3Program, "<|endoftext|>")), "");
  EXPECT_EQ(detect(kQwen2, Json::object()), "");
  EXPECT_EQ(detect(kLlama, Json::object()), "");
}

TEST_F(ChatFilesTest, WhatOthersMadeOfAModelIsTakenAsItsTemplateSays) {
  EXPECT_EQ(detect(kQwen2, tokenizer(chatml("You are a pirate."))), "jinja");
  EXPECT_EQ(detect(kQwen2, tokenizer(chatml("Hi! You are a helpful assistant."))), "jinja");
  EXPECT_EQ(detect(kQwen2, tokenizer(kQwen2Program + "{{ '<think>\\n' }}")), "jinja");
  EXPECT_EQ(detect(kLlama, tokenizer(kQwen2Program)), "jinja");
}

TEST_F(ChatFilesTest, SpellingsOfTheTokenizerConfig) {
  EXPECT_EQ(detect(kQwen2, {{"eos_token", {{"content", "<|im_end|>"}}},
                            {"chat_template",
                             {{{"name", "tool_use"}, {"template", "?"}},
                              {{"name", "default"}, {"template", kQwen25Program}}}}}),
            "qwen2.5");
  EXPECT_EQ(detect(kQwen2, {{"eos_token", nullptr}, {"chat_template", nullptr}}), "");
  EXPECT_EQ(detect(kQwen2, tokenizer("?")), "jinja");
  write("chat_template.jinja", kQwen2Program);
  EXPECT_EQ(detect(), "qwen2");
}

TEST_F(ChatFilesTest, DamagedFilesAreNamed) {
  const auto problem = [&](const std::string& text) -> std::string {
    write("tokenizer_config.json", text);
    try {
      detect();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kCorrupt);
      return e.what();
    }
    return "";
  };
  for (const char* text : {"[", "[]", R"({"chat_template": 5})", R"({"chat_template": [5]})",
                           R"({"chat_template": [{"name": "default"}]})", R"({"eos_token": {}})",
                           R"({"eos_token": 5})"}) {
    EXPECT_THAT(problem(text), testing::HasSubstr("tokenizer_config.json")) << text;
  }
}

TEST_F(ChatFilesTest, LlamasAreToldByTheirPrograms) {
  EXPECT_EQ(detect(kLlama, tokenizer(kLlama2Program, "</s>")), "llama2-chat");
  const std::string with_default = "{% if not '<<SYS>>' in messages[0]['content'] %}{% endif %}";
  EXPECT_EQ(detect(kLlama, tokenizer(with_default + kLlama2Program, "</s>")), "jinja");
  const std::string chinese =
      "{% set system_message = 'You are a helpful assistant. "
      "你是一个乐于助人的助手。' %}" +
      kLlama2Program;
  EXPECT_EQ(detect(kLlama, tokenizer(chinese, "</s>")), "chinese-alpaca-2");
  EXPECT_EQ(detect(kLlama, tokenizer("{{ '<s>Human: ' + q }}{{ '<s>Assistant: ' + a }}", "</s>")),
            "llama2-chinese");
}

TEST_F(ChatFilesTest, LlamasAreToldByNameOrVocabularyWhereThatIsCertain) {
  Json config = kLlama;
  config["_name_or_path"] = "FlagAlpha/Atom-7B-Chat";
  EXPECT_EQ(detect(config, Json::object()), "llama2-chinese");
  config["_name_or_path"] = "FlagAlpha/Atom-7B";
  EXPECT_EQ(detect(config, Json::object()), "");
  config["vocab_size"] = 49954;
  EXPECT_EQ(detect(config, Json::object()), "chinese-alpaca");
  config["vocab_size"] = 49953;  // Chinese-LLaMA, the base model
  EXPECT_EQ(detect(config, Json::object()), "");
}

TEST_F(ChatFilesTest, ChatGlmsAreToldByTheirTokenizers) {
  Json config = {{"model_type", "chatglm"}, {"multi_query_attention", true}};
  EXPECT_EQ(detect(config, Json::object()), "chatglm2");
  write("tokenization_chatglm.py", "roles = [\"<|observation|>\"]");
  EXPECT_EQ(detect(), "chatglm3");
  config["_name_or_path"] = "THUDM/chatglm3-6b-base";
  EXPECT_EQ(detect(config, Json::object()), "");
  EXPECT_EQ(detect({{"model_type", "chatglm"}}, Json::object()), "") << "the first ChatGLM";
}

TEST_F(ChatFilesTest, GgufFilesCarryTheProgram) {
  const auto of_file = [&](const std::string& program, const char* architecture, int32_t end) {
    const auto path = folder_.path() / "m.gguf";
    test::GgufBuilder()
        .set("general.architecture", architecture)
        .set("tokenizer.chat_template", program)
        .set("tokenizer.ggml.tokens", std::vector<std::string>{"<|endoftext|>", "<|im_end|>"})
        .set("tokenizer.ggml.eos_token_id", end)
        .write(path);
    const auto format = detect_chat_format(read_chat_files(path));
    return format ? std::string(format->name()) : "";
  };
  EXPECT_EQ(of_file(kQwen25Program, "qwen2", 1), "qwen2.5");
  EXPECT_EQ(of_file(kQwen25Program, "qwen2", 0), "");
  EXPECT_EQ(of_file(kQwen25Program, "qwen2", 7), "jinja") << "which token ends is not said";
  EXPECT_EQ(of_file(kQwen3Program, "qwen3", 1), "qwen3");
  EXPECT_EQ(of_file(kLlama2Program, "llama", 0), "llama2-chat");
}

TEST_F(ChatFilesTest, AFolderNeedsNoWeights) {
  EXPECT_EQ(detect(), "");
  write("params.json", "{}");
  EXPECT_EQ(read_chat_files(folder_.path()).kind, checkpoint::Kind::kMeta);
}

}  // namespace
}  // namespace heng::text
