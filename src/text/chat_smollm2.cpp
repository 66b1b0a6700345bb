// SmolLM2's chats. Source: tokenizer.chat_template of SmolLM2-135M-Instruct.
#include "text/chat_formats.h"
#include "text/chatml.h"

namespace heng::text {
namespace {

constexpr std::string_view kDefaultSystem =
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face";

std::shared_ptr<const ChatFormat> make() {
  return make_chatml({.name = "smollm2",
                      .default_system = kDefaultSystem,
                      .encoding = ChatMlStyle::Encoding::kWhole,
                      .order = ChatMlStyle::Order::kAny,
                      .stop_names = {"<|im_end|>", "<|endoftext|>"}});
}

// The template is a program; that it writes this very system text is what tells it from other
// ChatML. The base model's texts end otherwise.
bool suits(const ChatFiles& files) {
  return files.end_token == "<|im_end|>" &&
         files.chat_template.find(std::string(kDefaultSystem) + "<|im_end|>") != std::string::npos;
}

}  // namespace

extern const ChatFormatRow kSmolLm2Chat;
const ChatFormatRow kSmolLm2Chat{.name = "smollm2", .alias = "", .make = make, .suits = suits};

}  // namespace heng::text
