#include "text/react.h"

#include "base/message.h"
#include "heng/error.h"
#include "text/message_rules.h"

namespace heng::text {
namespace {

constexpr std::string_view kThought = "Thought:";
constexpr std::string_view kAction = "\nAction:";
constexpr std::string_view kInput = "\nAction Input:";
constexpr std::string_view kObservation = "\nObservation:";
constexpr std::string_view kFinalAnswer = "\nFinal Answer: ";
constexpr size_t kNone = std::string_view::npos;

std::string_view without_end_space(std::string_view text) {
  const std::string_view kept = strip(text);
  if (kept.empty()) return kept;
  return text.substr(0, static_cast<size_t>(kept.data() + kept.size() - text.data()));
}

// Upstream's lstrip('\n').rstrip().
std::string_view trimmed(std::string_view text) {
  const size_t start = text.find_first_not_of('\n');
  return start == kNone ? std::string_view() : without_end_space(text.substr(start));
}

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += part;
  return all;
}

std::string instructions(std::span<const Tool> tools, std::string_view format) {
  std::string texts, names;
  for (size_t i = 0; i < tools.size(); ++i) {
    const Tool& tool = tools[i];
    const std::string_view human = tool.human_name.empty() ? tool.name : tool.human_name;
    if (tool.parameters.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  joined({"tools[", std::to_string(i), "] (", printable(tool.name),
                          "): no \"parameters\", which chat format ", format,
                          " writes out. Give a JSON Schema of its arguments."}));
    }
    texts += joined({i > 0 ? "\n\n" : "", tool.name, ": Call this tool to interact with the ",
                     human, " API. What is the ", human, " API useful for? ", tool.description,
                     " Parameters: ", tool.parameters});
    names += joined({i > 0 ? ", " : "", tool.name});
  }
  return joined(
      {"Answer the following questions as best you can. You have access to the "
       "following APIs:\n\n",
       texts,
       "\n\nUse the following format:\n\n"
       "Question: the input question you must answer\n"
       "Thought: you should always think about what to do\n"
       "Action: the action to take, should be one of [",
       names,
       "]\nAction Input: the input to the action\n"
       "Observation: the result of the action\n"
       "... (this Thought/Action/Action Input/Observation can be repeated zero or more "
       "times)\n"
       "Thought: I now know the final answer\n"
       "Final Answer: the final answer to the original input question\n\n"
       "Begin!"});
}

// Turns messages of calls and results into text, one after another.
class Rewriter {
 public:
  Rewriter(std::string_view format, bool has_tools) : format_(format), has_tools_(has_tools) {}

  void take(const Message& message, size_t index, bool is_last) {
    const std::string_view content = trimmed(message.content);
    if (message.role == "system" && index == 0) {
      dialog_.messages.push_back({"system", std::string(content)});
    } else if (message.role == "user") {
      if (last_role() == "user") refuse(index, "role user, expected assistant");
      dialog_.messages.push_back({"user", std::string(content)});
    } else if (message.role == "assistant") {
      take_assistant(message, content, index);
    } else if (message.role == "tool" || message.role == "function") {
      if (last_role() != "assistant")
        refuse(index, "role " + message.role + " after no assistant's");
      last().append("\nObservation: ").append(content);
      if (is_last) last() += "\nThought:";
    } else {
      refuse(index, "role \"" + printable(message.role) +
                        "\", expected system (first), user, assistant, tool or function");
    }
  }

  ReactDialog take_dialog() { return std::move(dialog_); }

 private:
  std::string_view last_role() const {
    return dialog_.messages.empty() ? "" : std::string_view(dialog_.messages.back().role);
  }
  std::string& last() { return dialog_.messages.back().content; }

  void take_assistant(const Message& message, std::string_view content, size_t index) {
    if (last_role() != "user" && last_role() != "assistant") {
      refuse(index, "role assistant, expected user");
    }
    if (message.tool_calls.size() > 1) {
      refuse(index, std::to_string(message.tool_calls.size()) +
                        " tool calls in one message, expected at most one");
    }
    std::string said(content);
    if (!message.tool_calls.empty()) {
      const ToolCall& call = message.tool_calls.front();
      if (!said.starts_with(kThought)) said = joined({kThought, " ", said});
      said += joined({"\nAction: ", call.name, "\nAction Input: ", call.arguments});
    } else if (has_tools_) {
      said = joined({"Thought: I now know the final answer.", kFinalAnswer, said});
    }
    if (last_role() == "user") {
      dialog_.messages.push_back({"assistant", std::string(trimmed(said))});
    } else {
      last().append("\n").append(said);
    }
  }

  [[noreturn]] void refuse(size_t index, const std::string& problem) const {
    refuse_message(index, problem, format_);
  }

  const std::string_view format_;
  const bool has_tools_;
  ReactDialog dialog_;
};

// The question that the instructions go with: that of the last answered turn, else the only one.
Message& instructed(std::vector<Message>& messages, bool goes_on) {
  const size_t last = messages.size() - (goes_on ? 2 : 1);
  const bool answered = !goes_on && last >= 2 && messages[last - 1].role == "assistant";
  return messages[answered ? last - 2 : last];
}

}  // namespace

ReactDialog react_dialog(std::span<const Message> messages, std::span<const Tool> tools,
                         std::string_view format) {
  bool has_user = false;
  for (const Message& message : messages) has_user = has_user || message.role == "user";
  if (!has_user) {
    throw Error(ErrorCode::kInvalidArgument, "messages: none is the user's, expected at least one");
  }
  Rewriter rewriter(format, !tools.empty());
  for (size_t i = 0; i < messages.size(); ++i) {
    rewriter.take(messages[i], i, i + 1 == messages.size());
  }
  ReactDialog dialog = rewriter.take_dialog();
  dialog.goes_on = dialog.messages.back().role == "assistant";
  for (Message& message : dialog.messages) {
    if (message.role != "system") message.content = std::string(trimmed(message.content));
  }
  if (!tools.empty()) {
    Message& question = instructed(dialog.messages, dialog.goes_on);
    question.content = joined({instructions(tools, format), "\n\nQuestion: ", question.content});
    if (dialog.goes_on) question.content = std::string(trimmed(question.content));
  }
  return dialog;
}

ReactCall::ReactCall(std::string_view reply) : action(reply.find(kAction)) {
  input = reply.find(kInput);
  if (action == kNone || input == kNone || action > input) return;
  const size_t begin = action + kAction.size();
  name = strip(reply.substr(begin, std::max(input, begin) - begin));
}

std::string ReactCall::thought(std::string_view reply) const {
  std::string_view text = reply.substr(0, action);
  constexpr std::string_view kHead = "Thought: ";
  const size_t head = text.find(kHead);
  if (head != kNone) text.remove_prefix(head + kHead.size());
  return std::string(strip(text));
}

std::string_view ReactCall::arguments(std::string_view reply) const {
  const size_t begin = input + kInput.size();
  const size_t end = reply.find(kObservation);
  if (end != kNone && end < begin) return "";
  return strip(reply.substr(begin, end == kNone ? kNone : end - begin));
}

ReactReply parse_react(std::string_view reply) {
  const ReactCall call(reply);
  if (!call.name.empty()) {
    return {call.thought(reply), ToolCall{"", call.name, std::string(call.arguments(reply))}};
  }
  std::string text(reply);
  // Upstream puts the observation that a call lacks behind it before it sees that it has no name.
  const bool nameless = call.action < call.input && call.input != kNone;
  if (nameless && (reply.find(kObservation) == kNone || reply.find(kObservation) < call.input)) {
    text = joined({without_end_space(reply), kObservation});
  }
  const size_t answer = text.rfind(kFinalAnswer);
  if (answer != kNone) text.erase(0, answer + kFinalAnswer.size());
  return {text, std::nullopt};
}

}  // namespace heng::text
