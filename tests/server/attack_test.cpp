// What an attacker sends: keys to guess with, bodies that fill the memory, names and sites of
// others at every path, wrong values in every field. Others are served meanwhile.
#include <gmock/gmock.h>

#include <iterator>
#include <sstream>

#include "server/ollama_requests.h"
#include "server/openai_requests.h"
#include "server/wrong_keys.h"
#include "support/tiny_server.h"

namespace heng::server {
namespace {

using test::Answer;
using test::RawClient;
using test::TinyServer;
using testing::HasSubstr;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(WrongKeys, AreAnsweredLaterAndLaterByAddress) {
  WrongKeys keys;
  const auto now = WrongKeys::Clock::now();
  for (size_t i = 0; i < WrongKeys::kFree; ++i) EXPECT_EQ(keys.note("10.0.0.1", now), 0ms);
  EXPECT_EQ(keys.note("10.0.0.1", now), WrongKeys::kStep);
  EXPECT_EQ(keys.note("10.0.0.1", now + 59s), 2 * WrongKeys::kStep);
  EXPECT_EQ(keys.note("10.0.0.2", now), 0ms);
  for (int i = 0; i < 1000; ++i) keys.note("10.0.0.1", now);
  EXPECT_EQ(keys.note("10.0.0.1", now), WrongKeys::kMost);
  EXPECT_EQ(keys.note("10.0.0.1", now + 61s), 0ms);
  for (size_t i = 0; i < WrongKeys::kFree; ++i) {
    keys.note("2001:db8:0:1::" + std::to_string(i + 1), now);
  }
  EXPECT_GT(keys.note("2001:db8:0:1:ffff::1", now), 0ms);  // one network
  EXPECT_EQ(keys.note("2001:db8:0:2::1", now), 0ms);
}

TEST(WrongKeys, TakeNoMoreMemoryHoweverManyAddressesTry) {
  WrongKeys keys;
  const auto now = WrongKeys::Clock::now();
  std::chrono::milliseconds last{0};
  for (int i = 0; i < 10'000; ++i) last = keys.note("10.0." + std::to_string(i), now);
  EXPECT_EQ(last, WrongKeys::kMost);
  EXPECT_EQ(keys.note("10.1", now + 2min), 0ms);
}

TEST(Attack, GuessingKeysSlowsDownTheGuesserAlone) {
  TinyServer server(
      [](ServerOptions& options, EngineOptions&) { options.access.keys = {"open-sesame"}; });
  const auto ask = [&](const char* key) {
    return server.send("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                       std::string(key) + "\r\n\r\n");
  };
  for (size_t i = 0; i < WrongKeys::kFree + 4; ++i) EXPECT_EQ(ask("open").status, 401);
  RawClient guesser = server.connect();
  const auto began = Clock::now();
  guesser.send(
      "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer open-sesam\r\n\r\n");
  // Who has a key is answered while the guesser waits, from the same address too.
  EXPECT_EQ(ask("open-sesame").status, 200);
  EXPECT_EQ(server.get("/health").status, 200);
  EXPECT_EQ(guesser.answer().status, 401);
  EXPECT_GE(Clock::now() - began, 5 * WrongKeys::kStep);
  // Asking without a key is no guess.
  EXPECT_EQ(server.get("/v1/models").status, 401);
  RawClient gone = server.connect();
  gone.send("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n");
  gone.reset();
  EXPECT_EQ(server.get("/health").status, 200);
}

TEST(Attack, BodiesOfAllTogetherHaveABound) {
  TinyServer server([](ServerOptions& options, EngineOptions&) {
    options.http.body_bytes = 100'000;
    options.http.all_body_bytes = 150'000;
  });
  const std::string head =
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 90000\r\n\r\n";
  const std::string body = "{\"prompt\": \"" + std::string(89'986, 'a') + "\"}";
  ASSERT_EQ(body.size(), 90'000u);
  RawClient first = server.connect(), second = server.connect();
  first.send(head + body.substr(0, 80'000));
  std::this_thread::sleep_for(100ms);
  second.send(head + body.substr(0, 80'000));
  const Answer refused = second.answer();
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.header("Retry-After"), "");
  EXPECT_EQ(server.post("/tokenize", {{"prompt", "small"}}).status, 200);
  first.send(body.substr(80'000));
  EXPECT_EQ(first.answer().status, 200);
  // What they held is free again, however they ended.
  for (int i = 0; i < 4; ++i) {
    RawClient broken = server.connect();
    broken.send(head + body.substr(0, 80'000));
    i % 2 ? broken.reset() : broken.close();
    RawClient whole = server.connect();
    int status = 0;
    for (int tries = 0; tries < 100 && status != 200; ++tries) {
      status = server.send(head + body).status;
      if (status != 200) std::this_thread::sleep_for(20ms);
    }
    EXPECT_EQ(status, 200);
  }
}

constexpr const char* kGets[] = {
    "/",         "/health", "/v1/health",   "/metrics",        "/v1/models",   "/v1/models/tiny",
    "/api/tags", "/api/ps", "/api/version", "/tokenizer_info", "/no-such-path"};
constexpr const char* kPosts[] = {
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/tokenize",
    "/detokenize",          "/api/chat",       "/api/generate",  "/api/show"};

TEST(Attack, OtherHostsAndSitesAreRefusedAtEveryPath) {
  TinyServer server;
  const std::vector<std::string> hosts = {"evil.example",
                                          "localhost.evil.example",
                                          "127.0.0.1.evil.example",
                                          "127.0.0.1.",
                                          "evil.example:80",
                                          "192.168.0.1",
                                          "[::2]",
                                          "[::1",
                                          "0.0.0.0",
                                          "127.1",
                                          "2130706433",
                                          "0x7f.1",
                                          "127.0.0.256",
                                          "localhost@evil.example",
                                          "",
                                          " ",
                                          "xlocalhost",
                                          "localhost%00.evil"};
  const std::vector<std::string> origins = {"http://evil.example",
                                            "https://localhost:8443",
                                            "null",
                                            "file://",
                                            "http://localhost:1",
                                            "http://localhost.evil.example",
                                            "http://evil@localhost",
                                            "localhost",
                                            "http://",
                                            "chrome-extension://abc",
                                            "http://localhost/",
                                            "HTTP://EVIL.EXAMPLE",
                                            "http://127.0.0.1"};
  size_t n = 0;
  const auto ask = [&](std::string_view method, std::string_view path, const std::string& headers) {
    const std::string request = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\n" +
                                headers +
                                "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    const Answer answer = server.send(request);
    EXPECT_EQ(answer.status, 403) << request;
    EXPECT_THAT(answer.head, testing::Not(HasSubstr("Access-Control"))) << request;
    ++n;
  };
  const auto ask_all = [&](const std::string& headers) {
    for (const char* path : kGets) ask("GET", path, headers);
    for (const char* path : kPosts) ask("POST", path, headers);
    ask("OPTIONS", "/v1/completions", headers);
  };
  for (const std::string& host : hosts) ask_all("Host: " + host + "\r\n");
  for (const std::string& origin : origins) {
    ask_all("Host: localhost\r\nOrigin: " + origin + "\r\n");
  }
  EXPECT_EQ(n, (hosts.size() + origins.size()) * 20);
  EXPECT_EQ(server.get("/health").status, 200);
}

constexpr const char* kValues = R"(
null true false 0 -0 -1 1 2 1.5 -1.5 1e308 -1e308 1e-320 2147483648 4294967296
9223372036854775807 9223372036854775808 -9223372036854775808 18446744073709551615
123456789012345678901234567890 "" "1" "auto" "json" "\u0000" "\ud83d\ude00" "<|im_end|>" []
[[]] [null] [0] [-1] [""] [{}] {} {"a":1} {"type":"json_schema"} {"type":[]} {"0":0}
{"function":{"name":1}})";
constexpr const char* kFields = R"(
model messages prompt input tokens stream stream_options max_tokens max_completion_tokens
min_tokens temperature top_p top_k seed n best_of stop presence_penalty frequency_penalty
repetition_penalty logit_bias logprobs top_logprobs echo suffix user response_format tools
tool_choice parallel_tool_calls functions function_call enable_thinking chat_template_kwargs
ignore_eos speculate add_special_tokens parse_special encoding_format dimensions options
format keep_alive think raw system template context images num_predict)";

std::vector<std::string> words(const char* text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

// Every field by every value: read, or refused with a 400 that says where.
TEST(Attack, WrongValuesInEveryFieldAreAnsweredOrRefused) {
  const auto try_all = [&](auto reader, const char* rest) {
    size_t n_refused = 0;
    for (const std::string& field : words(kFields)) {
      for (const std::string& value : words(kValues)) {
        // The field first: a repeated one is refused as such.
        std::string body = "{\"" + field + "\":" + value;
        for (const Json& more = Json::parse(rest); const auto& [key, json] : more.items()) {
          if (key != field) body += ",\"" + key + "\":" + json.dump();
        }
        try {
          reader(body + "}");
        } catch (const ApiError& error) {
          ++n_refused;
          EXPECT_EQ(error.status(), 400) << body;
          EXPECT_FALSE(error.message().empty());
          EXPECT_NO_THROW(error.to_json().dump());
        }
      }
    }
    EXPECT_GT(n_refused, 20u);
  };
  try_all(read_chat_call, R"({"messages": [{"role": "user", "content": "hi"}]})");
  try_all(read_completion_call, R"({"prompt": "hi"})");
  try_all(read_embedding_call, R"({"input": "hi"})");
  try_all(read_tokenize_call, R"({"prompt": "hi"})");
  try_all(read_detokenize_call, R"({"tokens": [1]})");
  try_all(read_ollama_chat, R"({"messages": [{"role": "user", "content": "hi"}]})");
  try_all(read_ollama_generate, R"({"prompt": "hi"})");
}

constexpr const char* kUnmet[] = {
    R"({"type": "integer", "minimum": 5, "maximum": 1})",
    R"({"enum": []})",
    "false",
    R"({"type": "string", "minLength": 5, "maxLength": 1})",
    R"({"allOf": [{"type": "string"}, {"type": "object"}]})",
    R"({"type": "array", "minItems": 3, "maxItems": 2})",
    R"({"type": "object", "required": ["a"], "properties": {"a": false}})",
    R"({"$ref": "#/nowhere"})",
    R"({"type": "string", "pattern": "("})",
    R"({"$ref": "#"})"};

TEST(Attack, SchemasThatCannotBeMetAreRefused) {
  TinyServer server;
  const auto ask = [&](const std::string& schema) {
    const Json body = {{"messages", {{{"role", "user"}, {"content", "hi"}}}},
                       {"max_tokens", 8},
                       {"response_format",
                        {{"type", "json_schema"},
                         {"json_schema", {{"name", "x"}, {"schema", Json::parse(schema)}}}}}};
    return server.post("/v1/chat/completions", body);
  };
  for (const char* schema : kUnmet) {
    const Answer answer = ask(schema);
    EXPECT_EQ(answer.status, 400) << schema << answer.body;
    EXPECT_THAT(answer.json()["error"]["param"].get<std::string>(), HasSubstr("response_format"))
        << schema;
  }
  std::string deep = "true";
  for (int i = 0; i < 40; ++i) deep = R"({"type":"array","items":)" + deep + "}";
  const Answer answer = ask(deep);
  EXPECT_TRUE(answer.status == 200 || answer.status == 400) << answer.body;
  EXPECT_EQ(server.get("/health").status, 200);
}

TEST(Speculation, ChangesNoReplyThatIsHeldToAForm) {
  TinyServer server({}, 2048);
  const Json schema = Json::parse(R"({"type": "object", "properties": {
      "list": {"type": "array", "items": {"enum": ["hello", "you", "world"]}, "minItems": 12,
               "maxItems": 30}, "n": {"type": "integer"}}, "required": ["list", "n"],
      "additionalProperties": false})");
  for (const int seed : {1, 2, 3}) {
    Json body = {{"messages", {{{"role", "user"}, {"content", "hello you world hello you world"}}}},
                 {"max_tokens", 400},
                 {"temperature", seed == 1 ? 0.0 : 1.0},
                 {"seed", seed},
                 {"logprobs", true},
                 {"response_format",
                  {{"type", "json_schema"}, {"json_schema", {{"name", "x"}, {"schema", schema}}}}}};
    const Json alone = server.post("/v1/chat/completions", body).json();
    body["speculate"] = 8;
    const Json guessed = server.post("/v1/chat/completions", body).json();
    EXPECT_EQ(alone["choices"], guessed["choices"]);
    if (alone["choices"][0]["finish_reason"] == "stop") {
      const std::string text = alone["choices"][0]["message"]["content"];
      EXPECT_GE(Json::parse(text)["list"].size(), 12u);
    }
  }
  EXPECT_GT(server.metric("heng:guessed_tokens_total"), 0);
}

}  // namespace
}  // namespace heng::server
