// Chats of Qwen1.5, Qwen2 and Qwen2.5. Source: chat_template of the published Qwen2-7B-Instruct and
// Qwen2.5-7B-Instruct, which differ in their default system text, and only the latter has tools.
#include "text/chat_formats.h"
#include "text/chatml.h"

namespace heng::text {
namespace {

constexpr std::string_view kQwen2System = "You are a helpful assistant.";
constexpr std::string_view kQwen25System =
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";

std::shared_ptr<const ChatFormat> make(std::string_view name, std::string_view system,
                                       ToolSyntax tools) {
  return make_chatml({.name = name,
                      .default_system = system,
                      .encoding = ChatMlStyle::Encoding::kWhole,
                      .order = ChatMlStyle::Order::kAny,
                      .stop_names = {"<|im_end|>", "<|endoftext|>"},
                      .tools = tools});
}

// Base models have a template too, but their texts end with <|endoftext|>. Models that others
// trained from these may write more than ChatML: those that do so begin thoughts, or bring another
// system text.
bool is_chat(const ChatFiles& files, std::string_view system) {
  const std::string& program = files.chat_template;
  const auto has = [&](std::string_view text) { return program.find(text) != std::string::npos; };
  const std::string block_end = std::string(system) + "<|im_end|>";
  return (files.model_type() == "qwen2" || files.has_class("Qwen2ForCausalLM")) &&
         files.end_token == "<|im_end|>" && has("<|im_start|>") && !has("think>") &&
         (has("\\n" + block_end) || has("\n" + block_end));
}

}  // namespace

extern const ChatFormatRow kQwen2Chat;
const ChatFormatRow kQwen2Chat{
    .name = "qwen2",
    .alias = "qwen1.5",
    .make = [] { return make("qwen2", kQwen2System, ToolSyntax::kNone); },
    .suits = [](const ChatFiles& files) { return is_chat(files, kQwen2System); }};

extern const ChatFormatRow kQwen25Chat;
const ChatFormatRow kQwen25Chat{
    .name = "qwen2.5",
    .alias = "",
    .make = [] { return make("qwen2.5", kQwen25System, ToolSyntax::kHermes); },
    .suits = [](const ChatFiles& files) { return is_chat(files, kQwen25System); }};

}  // namespace heng::text
