#include "text/message_rules.h"

#include "base/message.h"
#include "heng/error.h"

namespace heng::text {
namespace {

[[noreturn]] void refuse_tools(const std::string& where, std::string_view format) {
  throw Error(ErrorCode::kUnsupported,
              where + ": chat format " + std::string(format) +
                  " has no tools. Use a model that was trained with them, or leave them out.");
}

class Checker {
 public:
  explicit Checker(const MessageRules& rules) : rules_(rules) {}

  void take(const Message& message, size_t index) {
    const std::string& role = message.role;
    if (!rules_.tools) check_plain(message, index);
    if (role == "system") return take_system(index);
    if (role == "tool" || role == "function") return take_tool(role, index);
    if (role == "input" && rules_.input) return take_input(index);
    if (role != "user" && role != "assistant") {
      refuse(index, "role \"" + printable(role) + "\", expected " + roles());
    }
    const bool user_expected = last_ != "user" && last_ != "input";
    if (rules_.in_turn && user_expected != (role == "user")) {
      refuse(index, "role " + role + ", expected " + (user_expected ? "user" : "assistant"));
    }
    last_ = role;
  }

 private:
  [[noreturn]] void refuse(size_t index, const std::string& problem) const {
    refuse_message(index, problem, rules_.format);
  }

  void check_plain(const Message& message, size_t index) const {
    if (message.role == "tool" || message.role == "function" || !message.tool_calls.empty()) {
      const std::string what =
          message.tool_calls.empty() ? "role \"" + message.role + "\"" : "tool calls";
      refuse_tools("messages[" + std::to_string(index) + "]: " + what, rules_.format);
    }
  }

  void take_tool(const std::string& role, size_t index) {
    if (last_ != "assistant" && last_ != "tool") {
      refuse(index, "role " + role + ", which can only follow an assistant's calls");
    }
    last_ = "tool";
  }

  void take_system(size_t index) const {
    if (!rules_.system) refuse(index, "this format has no system message; expected user");
    if (index > 0) refuse(index, "a system message can only come first");
  }

  void take_input(size_t index) {
    if (last_ != "user") refuse(index, "role input, which can only follow the user's message");
    last_ = "input";
  }

  std::string roles() const {
    const std::string input = rules_.input ? ", input" : "";
    return (rules_.system ? "system, user" : "user") + input +
           (rules_.tools ? ", assistant or tool" : " or assistant");
  }

  const MessageRules& rules_;
  std::string last_;
};

}  // namespace

void check_messages(std::span<const Message> messages, std::span<const Tool> tools,
                    const MessageRules& rules) {
  if (!tools.empty() && !rules.tools) refuse_tools("tools", rules.format);
  if (messages.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "messages: none; expected at least one, the last by the user");
  }
  Checker checker(rules);
  for (size_t i = 0; i < messages.size(); ++i) checker.take(messages[i], i);
  const std::string& last = messages.back().role;
  if (last != "assistant" && last != "system") return;
  refuse_message(messages.size() - 1, "the last message is the " + last + "'s, expected the user's",
                 rules.format);
}

void refuse_message(size_t index, const std::string& problem, std::string_view format) {
  throw Error(ErrorCode::kInvalidArgument, "messages[" + std::to_string(index) + "]: " + problem +
                                               " (chat format " + std::string(format) + ")");
}

}  // namespace heng::text
