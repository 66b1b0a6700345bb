// Replies that must call a tool are read back as calls of that tool.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heng/error.h"
#include "support/constrained_walk.h"
#include "support/schema_validator.h"

namespace heng {
namespace {

using nlohmann::json;

class ToolCalls : public testing::Test {
 protected:
  ToolCalls()
      : tokenizer_({"<tool_call>", "</tool_call>", "\n</tool_call>",
                    "\nAction:", "\nAction Input: ", "Thought: ", "<think>", "</think>", "\n",
                    "{\"", "\": ", "{}", "\nObservation:", "tool", "\"}", "}\n"}),
        end_(tokenizer_.end()),
        compiler_(tokenizer_, std::span(&end_, 1)) {}

  std::string walk(const std::shared_ptr<const Constraint>& constraint, unsigned seed) {
    std::mt19937 random(seed);
    return tokenizer_.decode_bytes(
        test::random_walk(constraint, tokenizer_, random, 60, "\nAction:"));
  }
  bool takes(const std::shared_ptr<const Constraint>& constraint, std::string_view text) {
    try {
      return ConstrainedReply(constraint).is_complete(tokenizer_.encode(text, SpecialText::kPlain));
    } catch (const Error&) {
      return false;
    }
  }

  const test::ListTokenizer tokenizer_;
  const TokenId end_;
  const ConstraintCompiler compiler_;
  const json schema_ = {{"type", "object"},
                        {"properties",
                         {{"city", {{"type", "string"}, {"maxLength", 5}}},
                          {"days", {{"type", "integer"}, {"minimum", 1}, {"maximum", 9}}}}},
                        {"required", {"city"}},
                        {"additionalProperties", false}};
  const std::vector<Tool> tools_ = {{"get_weather", "", schema_.dump(), "", ""},
                                    {"any\"thing", "", "", "", ""}};
};

TEST_F(ToolCalls, ParseAndValidateInBothSyntaxes) {
  const test::SchemaValidator validator(schema_);
  for (const ToolSyntax syntax : {ToolSyntax::kHermes, ToolSyntax::kReact}) {
    // "any\"thing" is no name for ReAct, which writes names as they are; it is for JSON.
    const auto constraint = compiler_.tool_calls(syntax, tools_);
    size_t several = 0;
    for (unsigned seed = 0; seed < 150; ++seed) {
      const std::string text = walk(constraint, seed);
      ToolCallStream stream(syntax);
      stream.push(text);
      stream.finish();
      ASSERT_FALSE(stream.calls().empty()) << text;
      several += stream.calls().size() > 1;
      EXPECT_TRUE(syntax == ToolSyntax::kReact || stream.text().empty()) << text;
      for (const ToolCall& call : stream.calls()) {
        const json arguments = json::parse(call.arguments, nullptr, false);
        ASSERT_TRUE(arguments.is_object()) << text;
        ASSERT_TRUE(call.name == "get_weather" || call.name == "any\"thing") << text;
        EXPECT_TRUE(call.name != "get_weather" || validator.allows(arguments)) << text;
      }
    }
    EXPECT_EQ(several > 0, syntax == ToolSyntax::kHermes);
  }
}

TEST_F(ToolCalls, OneCallAndNamedTools) {
  const auto one = compiler_.tool_calls(ToolSyntax::kHermes, std::span(tools_).first(1),
                                        {.several_calls = false});
  const std::string call =
      "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"x\"}}\n</tool_call>";
  EXPECT_TRUE(takes(one, call));
  EXPECT_FALSE(takes(one, call + "\n" + call));
  EXPECT_TRUE(takes(compiler_.tool_calls(ToolSyntax::kHermes, tools_), call + "\n" + call));
  EXPECT_FALSE(
      takes(one, "<tool_call>\n{\"name\": \"any\\\"thing\", \"arguments\": {}}\n</tool_call>"));
  EXPECT_FALSE(takes(one, "no"));
}

TEST_F(ToolCalls, AThoughtMayComeFirstWhereItIsAllowed) {
  const std::string call =
      "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"\"}}\n</tool_call>";
  const auto thinks = compiler_.tool_calls(ToolSyntax::kHermes, tools_, {.thought = true});
  EXPECT_TRUE(takes(thinks, call));
  EXPECT_TRUE(takes(thinks, "<think>\nwhy < </thin 你</think>\n\n" + call));
  EXPECT_FALSE(takes(thinks, "<think>a</think>b</think>" + call));
  EXPECT_FALSE(takes(compiler_.tool_calls(ToolSyntax::kHermes, tools_), "<think></think>" + call));
  const auto object = compiler_.json_object({.thought = true});
  EXPECT_TRUE(takes(object, "<think>{</think>\n{\"a\": 1}"));
  EXPECT_TRUE(takes(object, "{\"a\": 1}"));
}

TEST_F(ToolCalls, ReactsThoughtCannotHideTheCall) {
  const auto react = compiler_.tool_calls(ToolSyntax::kReact, tools_);
  const std::string call = "\nAction: get_weather\nAction Input: {\"city\": \"x\"}";
  EXPECT_TRUE(takes(react, call));
  EXPECT_TRUE(takes(react, "Thought: \n\nAction Observation" + call + "\nObservation:"));
  EXPECT_FALSE(takes(react, "\nAction Input: x" + call));
  EXPECT_FALSE(takes(react, "\nObservation: x" + call));
  EXPECT_FALSE(takes(react, "\nAction: get_weather\nAction Input: {}"));
  EXPECT_FALSE(takes(react, "Thought: done"));
}

TEST_F(ToolCalls, WhatCannotBeCalledIsRefused) {
  EXPECT_THROW(compiler_.tool_calls(ToolSyntax::kNone, tools_), Error);
  EXPECT_THROW(compiler_.tool_calls(ToolSyntax::kHermes, {}), Error);
  const auto refused = [&](const char* parameters, const char* why) {
    const Tool tool{"f", "", parameters, "", ""};
    try {
      compiler_.tool_calls(ToolSyntax::kHermes, std::span(&tool, 1));
      ADD_FAILURE() << parameters;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), testing::HasSubstr(why));
    }
  };
  refused(R"({"type":"string"})", "no value meets it");
  refused(R"([{"name":"q"}])", "tools[0].parameters: expected an object");
  refused(R"({"properties":{"a":{"not":{}}}})", "tools[0].parameters/properties/a");
}

}  // namespace
}  // namespace heng
