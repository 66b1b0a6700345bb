#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "heng/error.h"
#include "heng/tools.h"

namespace heng {
namespace {

using testing::HasSubstr;

struct Reply {
  std::string text;
  std::vector<ToolCall> calls;
};

// What comes out is the same however the reply is cut, and the pieces add up to it.
Reply parse(ToolSyntax syntax, std::string_view reply) {
  Reply whole;
  for (size_t step = reply.size() + 1; step > 0; step = step > 7 ? 7 : step - 3 * (step > 3) - 1) {
    ToolCallStream stream(syntax);
    std::string text;
    std::vector<ToolCall> calls;
    const auto take = [&](const ToolCallStream::Delta& delta) {
      text += delta.text;
      for (const auto& piece : delta.pieces) {
        if (piece.index == calls.size()) calls.push_back({"", piece.name, ""});
        calls.at(piece.index).arguments += piece.arguments;
      }
    };
    for (size_t at = 0; at < reply.size(); at += step) take(stream.push(reply.substr(at, step)));
    take(stream.finish());
    EXPECT_EQ(text, stream.text());
    EXPECT_EQ(calls.size(), stream.calls().size());
    if (step > reply.size()) {
      whole = {text, calls};
    } else {
      EXPECT_EQ(text, whole.text) << reply << " in steps of " << step;
      EXPECT_EQ(calls.size(), whole.calls.size());
    }
    for (size_t i = 0; i < std::min(calls.size(), whole.calls.size()); ++i) {
      EXPECT_EQ(stream.calls()[i].arguments, calls[i].arguments);
      EXPECT_EQ(calls[i].name, whole.calls[i].name);
      EXPECT_EQ(calls[i].arguments, whole.calls[i].arguments);
    }
  }
  return whole;
}

TEST(ToolCallStream, WithoutToolsAllIsText) {
  const std::string reply = "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>";
  const Reply parsed = parse(ToolSyntax::kNone, reply);
  EXPECT_EQ(parsed.text, reply);
  EXPECT_TRUE(parsed.calls.empty());
}

TEST(ToolCallStream, TextAndSeveralCalls) {
  const Reply parsed =
      parse(ToolSyntax::kHermes,
            "Let me look.\n\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": "
            "\"}</tool_call>\\\"\", \"b\": [1, {}]}}\n</tool_call>\n<tool_call>\n"
            "{\"arguments\": {\"x\": 1}, \"name\": \"g\\u0068\"}\n</tool_call>");
  EXPECT_EQ(parsed.text, "Let me look.");
  ASSERT_EQ(parsed.calls.size(), 2u);
  EXPECT_EQ(parsed.calls[0].name, "f");
  EXPECT_EQ(parsed.calls[0].arguments, R"({"a": "}</tool_call>\"", "b": [1, {}]})");
  EXPECT_EQ(parsed.calls[1].name, "gh");
  EXPECT_EQ(parsed.calls[1].arguments, R"({"x": 1})");
}

TEST(ToolCallStream, ArgumentsGoOutAsTheyCome) {
  ToolCallStream stream(ToolSyntax::kHermes);
  auto delta = stream.push("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a");
  ASSERT_EQ(delta.pieces.size(), 1u);
  EXPECT_EQ(delta.pieces[0].name, "f");
  EXPECT_EQ(delta.pieces[0].arguments, "{\"a");
  delta = stream.push("\": 1");
  ASSERT_EQ(delta.pieces.size(), 1u);
  EXPECT_EQ(delta.pieces[0].name, "");
  EXPECT_EQ(delta.pieces[0].arguments, "\": 1");
  // Cut off: what came is there.
  EXPECT_TRUE(stream.finish().pieces.empty());
  EXPECT_EQ(stream.calls()[0].arguments, "{\"a\": 1");
}

TEST(ToolCallStream, WhatIsNoCallIsText) {
  for (const char* reply :
       {"", "plain", "a <b> <tool", "<tool_call>", "<tool_call>x</tool_call>",
        "<tool_call>\n{\"name\": 3, \"arguments\": {}}\n</tool_call>",
        "<tool_call>\n{\"name\": \"\", \"arguments\": {}}\n</tool_call>",
        "<tool_call>\n{\"name\": \"f\", \"arguments\": \"{}\"}\n</tool_call> ",
        "<tool_call>\n{\"nam\": \"f\"}\n</tool_call>\nmore", "<tool_call>\n{\"arguments\": {}}",
        "<tool_call>{\"name\": \"f\", \"name\": \"g\"}</tool_call>", " \n spaces \n",
        "<tool_call>\n[{\"name\": \"f\"}]\n</tool_call>", "<tool_call>{}</tool_call>"}) {
    const Reply parsed = parse(ToolSyntax::kHermes, reply);
    EXPECT_EQ(parsed.text, reply);
    EXPECT_TRUE(parsed.calls.empty()) << reply;
  }
}

TEST(ToolCallStream, ACallBehindWhatWasNoneIsFound) {
  const Reply twice = parse(ToolSyntax::kHermes,
                            "<tool_call>\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n"
                            "</tool_call>");
  EXPECT_EQ(twice.text, "<tool_call>");
  ASSERT_EQ(twice.calls.size(), 1u);
  const Reply trailing =
      parse(ToolSyntax::kHermes,
            "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}, \"id\": 2}\n"
            "</tool_call> end");
  ASSERT_EQ(trailing.calls.size(), 1u);
  EXPECT_EQ(trailing.calls[0].arguments, "{\"a\": 1}");
  EXPECT_THAT(trailing.text, HasSubstr("\"id\": 2}"));
  const Reply bare = parse(ToolSyntax::kHermes, "<tool_call>{\"name\": \"f\"}</tool_call>");
  ASSERT_EQ(bare.calls.size(), 1u);
  EXPECT_EQ(bare.calls[0].arguments, "{}");
}

// Whatever comes, nothing throws, and every byte of what is not of the format goes out.
TEST(ToolCallStream, DamagedRepliesLoseNothing) {
  std::mt19937 random(11);
  const std::string whole =
      "Look:\n<tool_call>\n{\"name\": \"get\", \"arguments\": {\"q\": \"x\\\"y\", \"n\": [1, 2]}}\n"
      "</tool_call>\n<tool_call>\n{\"name\": \"get\", \"arguments\": {}}\n</tool_call>";
  const std::string react =
      "Thought: look\nAction: get\nAction Input: {\"q\": 1}\nObservation: 3\nFinal Answer: 4";
  for (int i = 0; i < 5000; ++i) {
    const bool hermes = i % 2 == 0;
    std::string reply = hermes ? whole : react;
    for (int n = random() % 4; n >= 0; --n) {
      const size_t at = random() % reply.size();
      switch (random() % 4) {
        case 0:
          reply.erase(at, 1 + random() % 5);
          break;
        case 1:
          reply.insert(at, 1, "{}[]\",:\\<>\n "[random() % 12]);
          break;
        case 2:
          reply.resize(at + 1);
          break;
        default:
          reply.insert(at, reply.substr(random() % reply.size(), random() % 40));
      }
      if (reply.empty()) reply = "x";
    }
    const Reply parsed = parse(hermes ? ToolSyntax::kHermes : ToolSyntax::kReact, reply);
    if (!hermes || parsed.calls.empty()) continue;
    // Letters that stand in no tag, name or key of a call are in the text or the arguments.
    std::string all = parsed.text;
    for (const ToolCall& call : parsed.calls) all += call.arguments;
    EXPECT_EQ(std::count(reply.begin(), reply.end(), 'k') > 0,
              std::count(all.begin(), all.end(), 'k') > 0)
        << reply;
  }
}

TEST(ToolCallStream, ReactHandsACallOutBeforeItEnds) {
  ToolCallStream stream(ToolSyntax::kReact);
  EXPECT_TRUE(stream.push("Thought: hm\nAction: f\nAction").text.empty());
  auto delta = stream.push(" Input: {\"a\": ");
  EXPECT_EQ(delta.text, "hm");
  ASSERT_EQ(delta.pieces.size(), 1u);
  EXPECT_EQ(delta.pieces[0].name, "f");
  EXPECT_EQ(delta.pieces[0].arguments, "{\"a\":");
  delta = stream.push("1}\nObserv");
  EXPECT_EQ(delta.pieces[0].arguments, " 1}");
  EXPECT_TRUE(stream.push("ation: 3").pieces.empty());
  EXPECT_TRUE(stream.finish().pieces.empty());
}

TEST(Tools, DefinitionsKeepTheirOrderAndSpelling) {
  const auto tools =
      parse_tools(R"([{"type":"function","function":{"name":"f","description":"d","parameters":)"
                  R"({"z":1e-7,"a":[1.0,12345678901234567890]}},"x":null},)"
                  R"({"name":"g"}])");
  ASSERT_EQ(tools.size(), 2u);
  EXPECT_EQ(tools[0].name, "f");
  EXPECT_EQ(tools[0].parameters, R"({"z": 1e-07, "a": [1.0, 12345678901234567890]})");
  EXPECT_EQ(tools[0].json,
            R"({"type": "function", "function": {"name": "f", "description": "d", "parameters": )"
            R"({"z": 1e-07, "a": [1.0, 12345678901234567890]}}, "x": null})");
  EXPECT_EQ(tools[1].json, R"({"type": "function", "function": {"name": "g"}})");
  EXPECT_EQ(tools[1].parameters, "");
}

TEST(Tools, WhatIsNoListOfToolsIsRefusedWithItsPlace) {
  const auto refused = [](std::string_view json, const char* why) {
    try {
      parse_tools(json);
      ADD_FAILURE() << "was taken: " << json;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(e.what(), HasSubstr(why));
    }
  };
  refused("{", "not JSON");
  refused("{}", "expected a list");
  refused("[3]", "tools[0]");
  refused(R"([{"name":"f"},{"type":"web_search"}])", "tools[1]");
  refused(R"([{"type":"retrieval","function":{"name":"f"}}])", "tools[0].type");
  refused(R"([{"type":"function","function":{}}])", "tools[0].function.name");
  refused(R"([{"type":"function","function":[]}])", "tools[0].function");
  refused(R"([{"name":3}])", "tools[0].name");
  refused(R"([{"name":"f","name":"g"}])", "twice");
  refused(std::string(100'000, '['), "nested deeper");
}

}  // namespace
}  // namespace heng
