// ChatML: every message is a block "<|im_start|>role\ncontent<|im_end|>", blocks are joined by
// "\n", and the prompt ends with "\n<|im_start|>assistant\n". Models differ in what ChatMlStyle
// holds.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "heng/chat.h"

namespace heng::text {

struct ChatMlStyle {
  std::string_view name;
  std::string_view default_system;  // empty: without a system message there is no such block
  // How the text between the two special tokens becomes ids. The ids differ where a content begins
  // with line breaks.
  enum class Encoding {
    kInParts,  // role, line break and content each by itself
    kWhole,    // as one text
  };
  Encoding encoding;
  enum class Order {
    kPairs,  // after the system message: user and assistant in turn
    kAny,    // any order of user and assistant
  };
  Order order;
  std::vector<std::string_view>
      stop_names;  // special tokens that end a reply, where there are such
  // Qwen3's: past replies go without their thoughts, and a prompt that asks for no thought ends
  // with an empty one.
  bool thinks = false;
  ToolSyntax tools = ToolSyntax::kNone;
};

std::shared_ptr<const ChatFormat> make_chatml(ChatMlStyle style);

}  // namespace heng::text
