// The ReAct prompts and replies by which Qwen-1 calls tools. Source: parse_messages and
// parse_response in QwenLM/Qwen's openai_api.py. Pure functions; safe from any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "heng/chat.h"

namespace heng::text {

// A conversation in which tools, calls and results have become text of users and assistants.
struct ReactDialog {
  std::vector<Message> messages;  // a system message where there was one, then user and assistant
  bool goes_on = false;           // the reply continues the last message, an assistant's
};

// Throws Error kInvalidArgument naming the message or the tool. As upstream has it, the
// instructions stand in the question of the last turn that has an answer, where there is such.
ReactDialog react_dialog(std::span<const Message> messages, std::span<const Tool> tools,
                         std::string_view format);

struct ReactReply {
  std::string text;  // the thought in front of the call, or the answer
  std::optional<ToolCall> call;
};
ReactReply parse_react(std::string_view reply);

// Where a call stands in a reply, as far as it has come.
struct ReactCall {
  size_t action = std::string_view::npos;  // of the line break in front of "Action:"
  size_t input = std::string_view::npos;   // the same of "Action Input:"
  std::string name;                        // empty: there is no call, or not yet

  explicit ReactCall(std::string_view reply);
  // The text in front of the call, as it is handed out.
  std::string thought(std::string_view reply) const;
  // What stands behind "Action Input:", up to the observation.
  std::string_view arguments(std::string_view reply) const;
};

}  // namespace heng::text
