// Qwen3's chats, which may begin a reply with a thought. Source: chat_template of the published
// Qwen3-8B (April 2025).
#include "text/chat_formats.h"
#include "text/chatml.h"

namespace heng::text {
namespace {

std::shared_ptr<const ChatFormat> make() {
  return make_chatml({.name = "qwen3",
                      .default_system = "",
                      .encoding = ChatMlStyle::Encoding::kWhole,
                      .order = ChatMlStyle::Order::kAny,
                      .stop_names = {"<|im_end|>", "<|endoftext|>"},
                      .thinks = true,
                      .tools = ToolSyntax::kHermes});
}

// Base models have a template too, but their texts end with <|endoftext|>. The models of July 2025
// either always think or never do: their templates do not ask.
bool suits(const ChatFiles& files) {
  const auto has = [&](std::string_view text) {
    return files.chat_template.find(text) != std::string::npos;
  };
  return (files.model_type() == "qwen3" || files.has_class("Qwen3ForCausalLM")) &&
         files.end_token == "<|im_end|>" && has("<|im_start|>") && has("enable_thinking");
}

}  // namespace

extern const ChatFormatRow kQwen3Chat;
const ChatFormatRow kQwen3Chat{.name = "qwen3", .alias = "", .make = make, .suits = suits};

}  // namespace heng::text
