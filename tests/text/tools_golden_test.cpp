// Every line of the prompts and replies that Qwen's openai_api.py made of messages with functions.
#include <gtest/gtest.h>

#include "heng/error.h"
#include "support/react_rows.h"
#include "text/react.h"

namespace heng::text {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string text_or_empty(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : "";
}

// Our calls hold text. Where the original took an object it printed it as Python does.
std::string arguments_of(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : "{'city': '北京', 'n': 1}";
}

std::vector<Message> messages_of(const ordered_json& list) {
  std::vector<Message> messages;
  for (const ordered_json& m : list) {
    Message message{m["role"], text_or_empty(m["content"])};
    if (m.contains("function_call")) {
      const ordered_json& call = m["function_call"];
      message.tool_calls.push_back({"", call["name"], arguments_of(call["arguments"])});
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

std::vector<Tool> tools_of(const std::string& line, const ordered_json& row) {
  if (row["functions"].is_null()) return {};
  // The text as it stands in the file: printing it again could hide what printing changes.
  const size_t begin = line.find("\"functions\":") + 12;
  const size_t end = std::min(line.find(",\"mode\":", begin), line.find(",\"status\":", begin));
  return parse_tools(std::string_view(line).substr(begin, end - begin));
}

TEST(ToolsGolden, ReactPromptsEqualParseMessages) {
  HENG_NEEDS_GOLDEN("eval/react.jsonl");
  const auto tokenizer = Tokenizer::load(test::golden_dir() / "models" / "qwen1_realvocab_bf16");
  const auto format = chat_format_by_name("qwen");
  std::ifstream file(test::golden_dir() / "eval" / "react.jsonl");
  size_t n_prompts = 0, n_refused = 0;
  for (std::string line; std::getline(file, line);) {
    const auto row = ordered_json::parse(line);
    if (row["kind"] != "build") continue;
    const std::vector<Message> messages = messages_of(row["messages"]);
    if (row.contains("status")) {
      // An explicit null for the system text is the server's to refuse: here it is empty.
      if (row.value("error", "") == "AttributeError") continue;
      ++n_refused;
      EXPECT_THROW(react_dialog(messages, tools_of(line, row), "qwen"), Error) << line;
      EXPECT_THROW(format->build(*tokenizer, messages, {.tools = tools_of(line, row)}), Error)
          << line;
      continue;
    }
    ++n_prompts;
    const std::vector<Tool> tools = tools_of(line, row);
    const ReactDialog dialog = react_dialog(messages, tools, "qwen");
    EXPECT_EQ(dialog.goes_on, row["mode"] == "complete");
    std::vector<Message> wanted = {{"system", row["system"]}};
    for (const auto& turn : row["history"]) {
      wanted.push_back({"user", turn[0]});
      wanted.push_back({"assistant", turn[1]});
    }
    if (row["mode"] == "chat") wanted.push_back({"user", row["query"]});
    size_t i = dialog.messages.front().role == "system" ? 0 : 1;
    ASSERT_EQ(dialog.messages.size(), wanted.size() - i) << line;
    for (const Message& message : dialog.messages) {
      EXPECT_EQ(message.role, wanted[i].role);
      EXPECT_EQ(message.content, wanted[i++].content) << line;
    }
    // Without tools the format writes contents as they are; upstream's server strips them.
    if (tools.empty() && messages_of(row["messages"]).back().role != "function") continue;
    const Prompt prompt = format->build(*tokenizer, messages, {.tools = tools});
    EXPECT_EQ(prompt.text, row["prompt"].get<std::string>());
    EXPECT_EQ(prompt.ids.empty(), false);
  }
  EXPECT_EQ(n_prompts, 77u);
  EXPECT_EQ(n_refused, 20u);
}

TEST(ToolsGolden, ReactRepliesEqualParseResponse) {
  HENG_NEEDS_GOLDEN("eval/react.jsonl");
  size_t n_rows = 0;
  for (const ordered_json& row : test::react_rows("parse")) {
    ++n_rows;
    const std::string reply = row["text"];
    for (const size_t step : {reply.size() + 1, size_t{1}, size_t{7}}) {
      ToolCallStream stream(ToolSyntax::kReact);
      Utf8Stream characters;
      for (size_t at = 0; at < reply.size(); at += step) {
        stream.push(characters.push(reply.substr(at, step)));
      }
      stream.finish();
      EXPECT_EQ(stream.text(), row["content"].get<std::string>()) << row;
      ASSERT_EQ(stream.calls().size(), row["function_call"].is_null() ? 0u : 1u) << row;
      if (stream.calls().empty()) continue;
      EXPECT_EQ(stream.calls()[0].name, row["function_call"]["name"].get<std::string>());
      EXPECT_EQ(stream.calls()[0].arguments, row["function_call"]["arguments"].get<std::string>())
          << row;
    }
  }
  EXPECT_EQ(n_rows, 145u);
}

}  // namespace
}  // namespace heng::text
