// Which roles in which order a chat format takes. Pure functions; safe from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "heng/chat.h"

namespace heng::text {

struct MessageRules {
  std::string_view format;  // for errors
  bool system = true;       // a system message may come first
  bool in_turn = true;      // user and assistant alternate, the user first
  bool input = false;       // an "input" message may follow a user's
  bool tools = false;       // tools, calls by an assistant, and their results behind them
};

// Throws Error kInvalidArgument naming the message, what it is and what was expected; kUnsupported
// for tools where there are none.
void check_messages(std::span<const Message> messages, std::span<const Tool> tools,
                    const MessageRules& rules);

[[noreturn]] void refuse_message(size_t index, const std::string& problem, std::string_view format);

}  // namespace heng::text
