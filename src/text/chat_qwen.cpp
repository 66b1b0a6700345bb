// Qwen-1's chats. Source: make_context in Qwen-7B-Chat's qwen_generation_utils.py, December 2023.
// Upstream does not end a reply at <|endoftext|>; we do.
#include "text/chat_formats.h"
#include "text/chatml.h"

namespace heng::text {
namespace {

std::shared_ptr<const ChatFormat> make() {
  return make_chatml({.name = "qwen",
                      .default_system = "You are a helpful assistant.",
                      .encoding = ChatMlStyle::Encoding::kInParts,
                      .order = ChatMlStyle::Order::kPairs,
                      .stop_names = {"<|im_end|>", "<|im_start|>", "<|endoftext|>"},
                      .tools = ToolSyntax::kReact});
}

// A base model of this architecture says chat_format "raw".
bool suits(const ChatFiles& files) {
  if (files.kind == checkpoint::Kind::kGguf) return files.model_type() == "qwen";
  const bool is_qwen = files.model_type() == "qwen" || files.has_class("QWenLMHeadModel");
  const auto& generation = files.generation_config;
  return is_qwen && generation &&
         JsonObject(*generation, "generation_config.json").string_or("chat_format", "") == "chatml";
}

}  // namespace

extern const ChatFormatRow kQwenChat;
const ChatFormatRow kQwenChat{.name = "qwen", .alias = "chatml", .make = make, .suits = suits};

}  // namespace heng::text
