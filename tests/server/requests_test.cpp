// Bodies of requests -> typed calls: what is read, and that everything wrong is refused with a 400
// that names the field.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "server/ollama_requests.h"
#include "server/openai_requests.h"

namespace heng::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What a reader gets of a body.
template <typename Call>
Call read(Call (*reader)(std::string_view), const Json& body) {
  return reader(body.dump());
}

ApiError error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const ApiError& error) {
    return error;
  }
  return ApiError(0, "no error");
}

Json chat_body(const Json& more = Json::object()) {
  Json body = {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  body.update(more);
  return body;
}

TEST(Body, ThatIsNoJsonIsRefusedWithItsPlace) {
  const auto status = [](const std::string& body) {
    return error_of([&] { parse_body(body); }).status();
  };
  for (const std::string& body :
       {std::string(""), std::string("{"), std::string("nul"), std::string("{} {}"),
        std::string("{\"a\":1,\"a\":2}"), std::string("[1e400]"), std::string("[NaN]"),
        std::string("\"\xff\""), std::string("\"\xb1\xbe\""), std::string("\"\\ud800\""),
        std::string("\"\n\""), std::string(100'000, '['), std::string(1'000'000, '{'),
        std::string("\0", 1)}) {
    EXPECT_EQ(status(body), 400) << body.substr(0, 40);
  }
  std::string deep = std::string(65, '[') + std::string(65, ']');
  EXPECT_THAT(error_of([&] { parse_body(deep); }).message(), HasSubstr("deeper than 64"));
  EXPECT_EQ(status(deep.substr(1, 128)), 0);
  EXPECT_THAT(error_of([&] { parse_body("{\"a\" 1}"); }).message(), HasSubstr("at byte"));
}

TEST(ChatCall, ReadsEveryField) {
  const ChatCall call =
      read(read_chat_call, chat_body({{"temperature", 0.5},
                                      {"top_p", 0.25},
                                      {"top_k", 7},
                                      {"repetition_penalty", 1.5},
                                      {"presence_penalty", -1},
                                      {"frequency_penalty", 2},
                                      {"max_tokens", 5},
                                      {"max_completion_tokens", 6},
                                      {"seed", -3},
                                      {"n", 2},
                                      {"stop", {"a", "b"}},
                                      {"logit_bias", {{"5", -100}, {"6", 1.5}}},
                                      {"logprobs", true},
                                      {"top_logprobs", 3},
                                      {"stream", true},
                                      {"stream_options", {{"include_usage", true}}},
                                      {"chat_template_kwargs", {{"enable_thinking", false}}},
                                      {"user", "someone"},
                                      {"never_heard_of", {1, 2}}}));
  EXPECT_EQ(call.model, "m");
  EXPECT_EQ(call.messages.at(0).content, "hi");
  EXPECT_EQ(call.n, 2u);
  EXPECT_EQ(call.logprobs, 3u);
  EXPECT_TRUE(call.streaming.stream && call.streaming.include_usage);
  EXPECT_EQ(call.think, false);
  GenerationConfig config;
  call.sampling.apply_to(config);
  EXPECT_TRUE(config.do_sample);
  EXPECT_EQ(config.temperature, 0.5);
  EXPECT_EQ(config.top_p, 0.25);
  EXPECT_EQ(config.top_k, 7);
  EXPECT_EQ(config.repetition_penalty, 1.5);
  EXPECT_EQ(config.presence_penalty, -1);
  EXPECT_EQ(config.frequency_penalty, 2);
  EXPECT_EQ(call.sampling.max_tokens, 6);
  EXPECT_EQ(config.seed, static_cast<uint64_t>(-3));
  EXPECT_THAT(config.stop, ElementsAre("a", "b"));
  EXPECT_EQ(config.logit_bias.at(5), -100);
  EXPECT_EQ(config.logit_bias.at(6), 1.5);
}

TEST(ChatCall, JoinsPartsAndTakesDeveloperAsSystem) {
  Json body = chat_body();
  body["messages"] = {
      {{"role", "developer"}, {"content", "be brief"}},
      {{"role", "user"},
       {"content", {{{"type", "text"}, {"text", "a"}}, {{"type", "text"}, {"text", "b"}}}}}};
  const auto messages = read(read_chat_call, body).messages;
  EXPECT_EQ(messages.at(0).role, "system");
  EXPECT_EQ(messages.at(1).content, "ab");
}

TEST(Temperature, OfZeroIsGreedyWithoutTheModelsPenalty) {
  GenerationConfig config;
  config.do_sample = true;
  config.repetition_penalty = 1.1;
  read_sampling(Fields(Json{{"temperature", 0}, {"top_p", 0.9}})).apply_to(config);
  EXPECT_FALSE(config.do_sample);
  EXPECT_EQ(config.repetition_penalty, 1.0);
  GenerationConfig own;
  own.repetition_penalty = 1.1;
  read_sampling(Fields(Json::object())).apply_to(own);
  EXPECT_EQ(own.repetition_penalty, 1.1);
  EXPECT_FALSE(own.do_sample);
}

struct Wrong {
  const char *field, *value, *path;
};

// What is wrong with a field of a chat, as JSON, and the path that the error must name.
const Wrong kWrong[] = {
    {"model", "1", "model"},
    {"model", "[]", "model"},
    {"messages", "\"hi\"", "messages"},
    {"messages", "{}", "messages"},
    {"messages", "[]", "messages"},
    {"messages", "null", "messages"},
    {"messages", "[1]", "messages[0]"},
    {"messages", "[{}]", "messages[0].role"},
    {"messages", R"([{"role":"user"}])", "messages[0].content"},
    {"messages", R"([{"role":"user","content":1}])", "messages[0].content"},
    {"messages", R"([{"role":"king","content":""}])", "messages[0].role"},
    {"messages", R"([{"role":1,"content":""}])", "messages[0].role"},
    {"messages", R"([{"role":"user","content":[{"type":"image_url"}]}])",
     "messages[0].content[0].type"},
    {"messages", R"([{"role":"user","content":[{"type":"text","text":1}]}])",
     "messages[0].content[0].text"},
    {"messages", R"([{"role":"user","content":["a"]}])", "messages[0].content[0]"},
    {"temperature", "\"1\"", "temperature"},
    {"temperature", "-0.1", "temperature"},
    {"temperature", "1e99", "temperature"},
    {"top_p", "1.5", "top_p"},
    {"top_p", "true", "top_p"},
    {"top_k", "1.5", "top_k"},
    {"top_k", "-2", "top_k"},
    {"repetition_penalty", "0", "repetition_penalty"},
    {"presence_penalty", "3", "presence_penalty"},
    {"frequency_penalty", "[]", "frequency_penalty"},
    {"max_tokens", "-1", "max_tokens"},
    {"max_tokens", "1e3", "max_tokens"},
    {"max_tokens", "99999999999999999999", "max_tokens"},
    {"max_tokens", "18446744073709551615", "max_tokens"},
    {"max_completion_tokens", "\"5\"", "max_completion_tokens"},
    {"seed", "1.5", "seed"},
    {"seed", "18446744073709551615", "seed"},
    {"n", "0", "n"},
    {"n", "1000000", "n"},
    {"n", "\"2\"", "n"},
    {"stop", "1", "stop"},
    {"stop", "[1]", "stop[0]"},
    {"stop", "\"\"", "stop"},
    {"logit_bias", "[]", "logit_bias"},
    {"logit_bias", R"({"x":1})", "logit_bias"},
    {"logit_bias", R"({"-1":1})", "logit_bias"},
    {"logit_bias", R"({"99999999999":1})", "logit_bias"},
    {"logit_bias", R"({"1":101})", "logit_bias.1"},
    {"logit_bias", R"({"1":"a"})", "logit_bias.1"},
    {"logprobs", "1", "logprobs"},
    {"top_logprobs", "1", "top_logprobs"},
    {"top_logprobs", "1000", "top_logprobs"},
    {"stream", "\"true\"", "stream"},
    {"stream", "1", "stream"},
    {"stream_options", "[]", "stream_options"},
    {"stream_options", R"({"include_usage":1})", "stream_options.include_usage"},
    {"chat_template_kwargs", "1", "chat_template_kwargs"},
};

TEST(ChatCall, RefusesWrongValuesNamingTheField) {
  for (const Wrong& wrong : kWrong) {
    const Json body = chat_body({{wrong.field, Json::parse(wrong.value)}});
    const ApiError error = error_of([&] { read(read_chat_call, body); });
    EXPECT_EQ(error.status(), 400) << wrong.field << ": " << wrong.value;
    EXPECT_EQ(error.param(), wrong.path) << wrong.value << ": " << error.message();
    EXPECT_THAT(error.message(), HasSubstr(wrong.path));
  }
}

const Json kTools = {
    {{"type", "function"},
     {"function",
      {{"name", "weather"},
       {"parameters", {{"type", "object"}, {"properties", {{"city", {{"type", "string"}}}}}}}}}}};

TEST(ReplyForm, OfToolsAndTheirOlderShape) {
  using Choice = ToolUse::Choice;
  const auto use = [](const Json& more) {
    return read(read_chat_call, chat_body(more)).form.tools;
  };
  EXPECT_FALSE(use(Json::object()).offers());
  EXPECT_TRUE(use({{"tools", kTools}}).offers());
  EXPECT_EQ(use({{"tools", kTools}}).tools.at(0).name, "weather");
  EXPECT_FALSE(use({{"tools", kTools}, {"tool_choice", "none"}}).offers());
  EXPECT_EQ(use({{"tools", kTools}, {"tool_choice", "required"}}).choice, Choice::kRequired);
  const Json named = {{"type", "function"}, {"function", {{"name", "weather"}}}};
  EXPECT_EQ(use({{"tools", kTools}, {"tool_choice", named}}).named, "weather");
  EXPECT_FALSE(use({{"tools", kTools}, {"parallel_tool_calls", false}}).several_calls);
  const Json functions = {kTools[0]["function"]};
  const ToolUse older = use({{"functions", functions}, {"function_call", {{"name", "weather"}}}});
  EXPECT_TRUE(older.is_older_api && older.offers() && !older.several_calls);
  EXPECT_EQ(older.named, "weather");
}

TEST(ReplyForm, KeepsToolsAndSchemasAsTheyWereSent) {
  const ChatCall call = read_chat_call(
      R"({"messages": [{"role": "user", "content": ""}], "tools": [{"type": "function",
          "function": {"name": "f", "parameters": {"z": 1.50, "a": 2}}}], "tool_choice": "none",
          "response_format": {"type": "json_schema", "json_schema": {"name": "x",
          "schema": {"type": "object", "properties": {"z": {"type": "null"}, "a": {}}}}}})");
  EXPECT_EQ(call.form.tools.tools.at(0).parameters, R"({"z": 1.5, "a": 2})");
  EXPECT_THAT(call.form.json.schema, HasSubstr(R"("properties": {"z")"));
}

TEST(ReplyForm, RefusesWhatIsNoForm) {
  for (const auto& [more, path] : std::vector<std::pair<const char*, const char*>>{
           {R"({"tools": {}})", "tools"},
           {R"({"tools": [1]})", "tools[0]"},
           {R"({"tools": [{"type": "function", "function": {}}]})", "tools"},
           {R"({"tool_choice": "required"})", "tool_choice"},
           {R"({"tool_choice": "perhaps"})", "tool_choice"},
           {R"({"tool_choice": 1})", "tool_choice"},
           {R"({"tool_choice": {"type": "function"}})", "tool_choice.function"},
           {R"({"tool_choice": {"function": {"name": "f"}}})", "tool_choice"},
           {R"({"functions": [{"name": "f"}], "function_call": "required"})", "function_call"},
           {R"({"response_format": "json"})", "response_format"},
           {R"({"response_format": {}})", "response_format.type"},
           {R"({"response_format": {"type": "xml"}})", "response_format.type"},
           {R"({"response_format": {"type": "json_schema"}})", "response_format.json_schema"},
           {R"({"response_format": {"type": "json_schema", "json_schema": {}}})",
            "response_format.json_schema.schema"},
           {R"({"tools": [{"type": "function", "function": {"name": "f"}}],
                "response_format": {"type": "json_object"}})",
            "response_format"},
       }) {
    const Json body = chat_body(Json::parse(more));
    const ApiError error = error_of([&] { read(read_chat_call, body); });
    EXPECT_EQ(error.status(), 400) << more;
    EXPECT_EQ(error.param(), path) << more << " " << error.message();
  }
}

TEST(Messages, OfToolsAreRead) {
  Json body = chat_body();
  body["messages"] = Json::parse(R"([{"role": "user", "content": "?"},
    {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
      "function": {"name": "f", "arguments": "{\"a\": 1}"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "2"},
    {"role": "assistant", "content": "t", "function_call": {"name": "g", "arguments": "{}"}},
    {"role": "function", "name": "g", "content": "3"}])");
  const auto messages = read(read_chat_call, body).messages;
  EXPECT_EQ(messages.at(1).tool_calls.at(0).arguments, "{\"a\": 1}");
  EXPECT_EQ(messages.at(2).tool_call_id, "c1");
  EXPECT_EQ(messages.at(3).tool_calls.at(0).name, "g");
  EXPECT_EQ(messages.at(4).name, "g");
  body["messages"][0]["tool_calls"] = body["messages"][1]["tool_calls"];
  EXPECT_EQ(error_of([&] { read(read_chat_call, body); }).param(), "messages[0].tool_calls");
}

TEST(CompletionCall, TakesTextsAndIds) {
  const auto prompts = [](const Json& prompt) {
    return read(read_completion_call, {{"prompt", prompt}}).prompts;
  };
  EXPECT_EQ(prompts("a").at(0).text, "a");
  EXPECT_EQ(prompts({"a", "b"}).at(1).text, "b");
  EXPECT_THAT(*prompts({1, 2}).at(0).ids, ElementsAre(1, 2));
  const auto lists = prompts(Json::array({Json::array({1}), Json::array({2, 3})}));
  EXPECT_THAT(*lists.at(1).ids, ElementsAre(2, 3));
  for (const char* wrong : {"1", "null", "[]", "{}", "[[\"a\"]]", "[-1]", "[1, \"a\"]", "[1.5]",
                            "[4294967296]", "[18446744073709551615]", "[[1], 2]", "[null]"}) {
    const ApiError error = error_of([&] { prompts(Json::parse(wrong)); });
    EXPECT_EQ(error.status(), 400) << wrong;
    EXPECT_THAT(error.param(), HasSubstr("prompt")) << wrong;
  }
}

TEST(CompletionCall, RefusesWhatItWouldNotKeep) {
  const auto param = [](const Json& more) {
    Json body = {{"prompt", "a"}};
    body.update(more);
    return error_of([&] { read(read_completion_call, body); }).param();
  };
  EXPECT_EQ(param({{"suffix", "x"}}), "suffix");
  EXPECT_EQ(param({{"best_of", 2}}), "best_of");
  EXPECT_EQ(param({{"max_tokens", 0}}), "max_tokens");
  EXPECT_EQ(param({{"max_tokens", 0}, {"echo", true}}), "");
  EXPECT_EQ(param({{"logprobs", 5}, {"echo", true}, {"stream", true}}), "echo");
  EXPECT_EQ(param({{"n", 2}, {"prompt", Json(std::vector<std::string>(600, "a"))}}), "n");
}

TEST(OllamaCall, ReadsOptions) {
  const Json body = {
      {"model", "m:latest"},
      {"messages", {{{"role", "user"}, {"content", "hi"}}}},
      {"options",
       {{"temperature", 0}, {"num_predict", -1}, {"repeat_penalty", 1.2}, {"stop", "x"}}}};
  const OllamaCall call = read(read_ollama_chat, body);
  EXPECT_TRUE(call.stream);
  EXPECT_FALSE(call.sampling.max_tokens);
  EXPECT_EQ(call.sampling.repetition_penalty, 1.2);
  EXPECT_THAT(call.sampling.stop, ElementsAre("x"));
  const OllamaCall raw =
      read(read_ollama_generate, {{"prompt", "p"}, {"raw", true}, {"stream", false}});
  EXPECT_TRUE(raw.messages.empty());
  EXPECT_FALSE(raw.stream);
  EXPECT_EQ(read(read_ollama_generate, {{"prompt", "p"}, {"system", "s"}}).messages.size(), 2u);
  EXPECT_EQ(error_of([] {
              read(read_ollama_generate, {{"prompt", "p"}, {"images", {"x"}}});
            }).param(),
            "images");
  EXPECT_EQ(error_of([] { read(read_ollama_chat, Json::array()); }).status(), 400);
}

}  // namespace
}  // namespace heng::server
