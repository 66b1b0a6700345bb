#include "text/message_rules.h"

#include "base/message.h"
#include "heng/error.h"

namespace heng::text {
namespace {

class Checker {
 public:
  explicit Checker(const MessageRules& rules) : rules_(rules) {}

  void take(const Message& message, size_t index) {
    const std::string& role = message.role;
    if (role == "system") return take_system(index);
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
    return (rules_.system ? "system, user" : "user") + input + " or assistant";
  }

  const MessageRules& rules_;
  std::string last_;
};

}  // namespace

void check_messages(std::span<const Message> messages, const MessageRules& rules) {
  if (messages.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "messages: none; expected at least one, the last by the user");
  }
  Checker checker(rules);
  for (size_t i = 0; i < messages.size(); ++i) checker.take(messages[i], i);
  const std::string& last = messages.back().role;
  if (last == "user" || last == "input") return;
  refuse_message(messages.size() - 1, "the last message is the " + last + "'s, expected the user's",
                 rules.format);
}

void refuse_message(size_t index, const std::string& problem, std::string_view format) {
  throw Error(ErrorCode::kInvalidArgument, "messages[" + std::to_string(index) + "]: " + problem +
                                               " (chat format " + std::string(format) + ")");
}

}  // namespace heng::text
