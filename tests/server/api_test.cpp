// The API over a tiny model: replies are those of the engine itself, streams say the same as whole
// answers, errors have their shape, and work ends when its client leaves.
#include <gmock/gmock.h>

#include <random>

#include "heng/engine.h"
#include "support/tiny_server.h"

namespace heng::server {
namespace {

using test::Answer;
using test::RawClient;
using test::TinyServer;
using testing::HasSubstr;
using namespace std::chrono_literals;

class Api : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new TinyServer(); }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  static Answer post(std::string_view path, const Json& body) { return server_->post(path, body); }
  static Json completion(const Json& more) {
    Json body = {{"prompt", "hello hello"}, {"max_tokens", 8}, {"ignore_eos", true}};
    body.update(more);
    const Answer answer = post("/v1/completions", body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.json();
  }
  static TinyServer* server_;
};
TinyServer* Api::server_ = nullptr;

Json chat(const Json& more = Json::object()) {
  Json body = {{"messages", {{{"role", "user"}, {"content", "hello"}}}},
               {"max_tokens", 12},
               {"ignore_eos", true},
               {"temperature", 1.5},
               {"seed", 7}};
  body.update(more);
  return body;
}

// Contents of a stream by choice.
std::vector<std::string> contents(const std::vector<Json>& events, size_t n) {
  std::vector<std::string> all(n);
  for (const Json& event : events) {
    if (!event.is_object()) continue;
    for (const Json& choice : event["choices"]) {
      const Json& of = choice.contains("delta") ? choice["delta"] : choice;
      const char* key = choice.contains("delta") ? "content" : "text";
      if (of.contains(key)) all[choice["index"].get<size_t>()] += of[key].get<std::string>();
    }
  }
  return all;
}

TEST_F(Api, StreamsSayWhatWholeAnswersSay) {
  for (const size_t n : {1u, 3u}) {
    const Json whole = post("/v1/chat/completions", chat({{"n", n}})).json();
    const Answer stream =
        post("/v1/chat/completions",
             chat({{"n", n}, {"stream", true}, {"stream_options", {{"include_usage", true}}}}));
    EXPECT_THAT(stream.header("Content-Type"), HasSubstr("text/event-stream"));
    const auto events = stream.events();
    ASSERT_EQ(events.back(), "[DONE]");
    EXPECT_EQ(events[0]["choices"][0]["delta"]["role"], "assistant");
    const Json usage = events[events.size() - 2]["usage"];
    EXPECT_EQ(usage["completion_tokens"], 12 * n);
    EXPECT_EQ(usage["prompt_tokens"], whole["usage"]["prompt_tokens"]);
    EXPECT_GT(usage["prompt_tokens_details"]["cached_tokens"], 0);
    const auto texts = contents(events, n);
    for (size_t i = 0; i < n; ++i) {
      EXPECT_EQ(texts[i], whole["choices"][i]["message"]["content"]);
      EXPECT_EQ(whole["choices"][i]["finish_reason"], "length");
    }
    if (n > 1) {
      EXPECT_NE(texts[0], texts[1]);
    }
  }
}

TEST_F(Api, ScoresAreTheEnginesOwnToTheBit) {
  LoadOptions load;
  load.threads = 1;
  const auto model = Model::load(server_->model(), load);
  Engine engine(model);
  std::mt19937 random(5);
  std::vector<std::vector<TokenId>> prompts;
  for (int i = 0; i < 6; ++i) {
    std::vector<TokenId> ids(5 + random() % 100);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % 512);
    prompts.push_back(ids);
  }
  // As lm-eval's local-completions asks.
  const Json answer = completion({{"prompt", prompts},
                                  {"temperature", 0},
                                  {"max_tokens", 1},
                                  {"logprobs", 1},
                                  {"seed", 1234},
                                  {"echo", true}});
  ASSERT_EQ(answer["choices"].size(), prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto& ids = prompts[i];
    const auto want = engine.log_probs({ids.data(), 1}, std::span(ids).subspan(1));
    const Json& logprobs = answer["choices"][i]["logprobs"];
    const Json& values = logprobs["token_logprobs"];
    ASSERT_EQ(values.size(), ids.size() + 1);
    EXPECT_TRUE(values[0].is_null());
    for (size_t k = 1; k < ids.size(); ++k) {
      EXPECT_EQ(static_cast<float>(values[k].get<double>()), want[k - 1]) << i << " " << k;
      float best = -1e9f;
      for (const Json& value : logprobs["top_logprobs"][k])
        best = std::max(best, value.get<float>());
      EXPECT_GE(best, want[k - 1]);
    }
  }
  const Json alone =
      completion({{"prompt", prompts[2]}, {"max_tokens", 0}, {"logprobs", 1}, {"echo", true}});
  const auto& all = answer["choices"][2]["logprobs"]["token_logprobs"];
  const auto& scored = alone["choices"][0]["logprobs"]["token_logprobs"];
  ASSERT_EQ(scored.size() + 1, all.size());
  for (size_t k = 0; k < scored.size(); ++k) EXPECT_EQ(scored[k], all[k]);
}

TEST_F(Api, EchoOffsetsAreCharactersOfTheText) {
  const Json answer =
      completion({{"prompt", "h\xC3\xA9llo \xE4\xBD\xA0"}, {"echo", true}, {"logprobs", 2}});
  const Json& choice = answer["choices"][0];
  const std::string text = choice["text"];
  EXPECT_EQ(text.rfind("h\xC3\xA9llo \xE4\xBD\xA0", 0), 0u);
  const Json& offsets = choice["logprobs"]["text_offset"];
  const Json& tokens = choice["logprobs"]["tokens"];
  // Code point -> byte.
  std::vector<size_t> at;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xc0) != 0x80) at.push_back(i);
  }
  size_t checked = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string token = tokens[i];
    if (token.rfind("bytes:", 0) == 0 || token.empty()) continue;
    if (offsets[i].get<size_t>() >= at.size()) continue;
    EXPECT_EQ(text.substr(at[offsets[i].get<size_t>()], token.size()), token) << i;
    ++checked;
  }
  EXPECT_GE(checked, 5u);
}

TEST_F(Api, SpecialTokensInTextAreText) {
  const auto ids = [](const Json& body) { return post("/tokenize", body).json()["tokens"]; };
  EXPECT_GT(ids({{"prompt", "<|im_end|>"}}).size(), 1u);
  EXPECT_EQ(ids({{"prompt", "<|im_end|>"}, {"parse_special", true}}).size(), 1u);
  EXPECT_EQ(completion({{"prompt", "<|im_end|>"}})["usage"]["prompt_tokens"],
            ids({{"prompt", "<|im_end|>"}}).size());
  const Json text = ids({{"prompt", "hello <|im_end|> you"}});
  EXPECT_EQ(post("/detokenize", {{"tokens", text}}).json()["prompt"], "hello <|im_end|> you");
  const Json info = server_->get("/tokenizer_info").json();
  EXPECT_TRUE(info["eos_token"].is_string());
}

TEST_F(Api, EmbeddingsAreTheEngines) {
  LoadOptions load;
  load.threads = 1;
  Engine engine(Model::load(server_->model(), load));
  const auto ids = engine.model().tokenizer().encode("hello");
  const auto want = engine.embed(ids);
  const Json plain = post("/v1/embeddings", {{"input", {"hello", "you"}}}).json();
  ASSERT_EQ(plain["data"].size(), 2u);
  ASSERT_EQ(plain["data"][0]["embedding"].size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(plain["data"][0]["embedding"][i].get<float>(), want[i]);
  }
  const Json packed =
      post("/v1/embeddings", {{"input", ids}, {"encoding_format", "base64"}}).json();
  EXPECT_EQ(packed["data"][0]["embedding"].get<std::string>().size(),
            (want.size() * 4 + 2) / 3 * 4);
  EXPECT_EQ(post("/v1/embeddings", {{"input", "a"}, {"dimensions", 5}}).status, 400);
}

TEST_F(Api, TooLongIsRefusedWithTheCountsAndNeverCut) {
  const std::vector<TokenId> ids(500, 65);
  const auto ask = [&](int64_t max_tokens) {
    return post("/v1/completions",
                {{"prompt", ids}, {"max_tokens", max_tokens}, {"ignore_eos", true}});
  };
  EXPECT_EQ(ask(11).status, 200);
  EXPECT_EQ(ask(12).status, 200);
  const Answer over = ask(13);
  EXPECT_EQ(over.status, 400);
  EXPECT_EQ(over.json()["error"]["code"], "context_length_exceeded");
  EXPECT_THAT(over.json()["error"]["message"],
              AllOf(HasSubstr("512"), HasSubstr("500"), HasSubstr("13"), HasSubstr("513")));
  const Answer long_chat =
      post("/v1/chat/completions",
           {{"messages", {{{"role", "user"}, {"content", std::string(3000, 'x')}}}}});
  EXPECT_EQ(long_chat.json()["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(long_chat.json()["error"]["param"], "messages");
}

TEST_F(Api, ErrorsHaveOpenAisShape) {
  const auto error = [](const Answer& answer, int status) {
    EXPECT_EQ(answer.status, status) << answer.body;
    const Json json = answer.json()["error"];
    for (const char* key : {"message", "type", "param", "code"}) EXPECT_TRUE(json.contains(key));
    return json;
  };
  EXPECT_EQ(error(post("/v1/chat/completions", chat({{"model", "gpt-9"}})), 404)["code"],
            "model_not_found");
  EXPECT_EQ(error(post("/v1/chat/completions", chat({{"stream", "true"}})), 400)["param"],
            "stream");
  EXPECT_EQ(error(post("/v1/completions", {{"prompt", {600}}}), 400)["type"],
            "invalid_request_error");
  EXPECT_EQ(error(post("/v1/completions", {{"prompt", Json::array({Json::array()})}}), 400)["type"],
            "invalid_request_error");
  error(server_->send(test::post_text("/v1/chat/completions", std::string(100'000, '['))), 400);
  error(server_->send(test::post_text("/v1/chat/completions", "{\"messages\": \"\xff\xfe\"}")),
        400);
  const Answer ollama = post("/api/chat", {{"model", "nobody"}, {"messages", Json::array()}});
  EXPECT_TRUE(ollama.json()["error"].is_string());
}

TEST_F(Api, OllamasLinesSayWhatItsWholeAnswerSays) {
  const Json options = {{"seed", 3}, {"num_predict", 9}, {"temperature", 1.0}};
  const Json body = {{"messages", {{{"role", "user"}, {"content", "hello"}}}},
                     {"options", options}};
  Json whole_body = body;
  whole_body["stream"] = false;
  const Json whole = post("/api/chat", whole_body).json();
  const Answer stream = post("/api/chat", body);
  std::string text;
  Json last;
  for (size_t at = 0, end; (end = stream.body.find('\n', at)) != std::string::npos; at = end + 1) {
    last = Json::parse(stream.body.substr(at, end - at));
    text += last["message"]["content"].get<std::string>();
  }
  EXPECT_EQ(text, whole["message"]["content"]);
  EXPECT_EQ(last["done"], true);
  EXPECT_EQ(last["eval_count"], whole["eval_count"]);
  EXPECT_EQ(server_->get("/api/tags").json()["models"][0]["name"], "tiny");
  EXPECT_EQ(post("/api/show", {{"model", "tiny:latest"}}).status, 200);
}

// Replies that go on until they are stopped: alone for more than ten seconds, while tests wait for
// moments of milliseconds.
constexpr size_t kLongContext = 65536;
constexpr size_t kLongReply = 60000;

// All that such a reply sends: its client reads none of it, and is not to be ended for that.
constexpr size_t kUnread = 64u << 20;

std::string endless() {
  return test::post_text(
      "/v1/completions",
      Json{{"prompt", "hello"}, {"max_tokens", kLongReply}, {"ignore_eos", true}, {"stream", true}}
          .dump());
}

TEST(Gone, ClientsWorkStopsAtOnceWhateverItIsDoing) {
  TinyServer server(
      [](ServerOptions& options, EngineOptions& engine) {
        engine.max_batch = 2;
        options.http.send_buffer_bytes = kUnread;
      },
      kLongContext);
  const auto idle = [&] {
    return server.reaches("heng:requests_running", 0, 5s) &&
           server.reaches("heng:requests_waiting", 0, 5s) && server.reaches("heng:streams", 0, 5s);
  };
  {
    std::vector<RawClient> clients;
    for (int i = 0; i < 6; ++i) {  // two run, four wait
      clients.push_back(server.connect());
      clients.back().send(endless());
    }
    ASSERT_TRUE(clients[0].read_until("data: "));
    ASSERT_TRUE(server.reaches("heng:requests_waiting", 4));
    const auto began = std::chrono::steady_clock::now();
    for (RawClient& client : clients) client.reset();
    EXPECT_TRUE(idle());
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
  }
  {  // a whole answer, not read yet; half of the connection is closed
    RawClient client = server.connect();
    client.send(test::post_text(
        "/v1/completions",
        Json{{"prompt", "a"}, {"max_tokens", kLongReply}, {"ignore_eos", true}}.dump()));
    ASSERT_TRUE(server.reaches("heng:requests_running", 1));
    client.shut_write();
    EXPECT_TRUE(idle());
    EXPECT_TRUE(client.closes());
  }
  EXPECT_EQ(server.metric("heng:kv_blocks_used"), 0);
  EXPECT_EQ(server.metric("heng:requests_cancelled_total"), 7);
}

TEST(Gone, RandomCancelsLoseNoBlock) {
  TinyServer server({}, 2048);
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    std::vector<RawClient> clients;
    for (int i = 0; i < 10; ++i) {
      clients.push_back(server.connect());
      const Json body = {{"prompt", std::vector<int>(1 + random() % 600, int(random() % 200))},
                         {"max_tokens", 1000},
                         {"ignore_eos", true},
                         {"stream", random() % 2 == 0}};
      clients.back().send(test::post_text("/v1/completions", body.dump()));
    }
    for (RawClient& client : clients) {
      if (random() % 3) std::this_thread::sleep_for(std::chrono::milliseconds(random() % 5));
      random() % 2 ? client.reset() : client.close();
    }
  }
  EXPECT_TRUE(server.reaches("heng:requests_running", 0, 30s));
  EXPECT_TRUE(server.reaches("heng:streams", 0));
  EXPECT_EQ(server.metric("heng:kv_blocks_used"), 0);
  EXPECT_EQ(server.metric("heng:kv_blocks_free") + server.metric("heng:kv_blocks_cached"),
            server.metric("heng:kv_blocks"));
}

TEST(Queue, ThatIsFullSaysWhenToComeBack) {
  TinyServer server(
      [](ServerOptions& options, EngineOptions& engine) {
        options.http.send_buffer_bytes = kUnread;
        engine.max_batch = 1;
        engine.max_queue = 1;
      },
      kLongContext);
  RawClient running = server.connect(), waiting = server.connect();
  running.send(endless());
  ASSERT_TRUE(running.read_until("data: "));
  waiting.send(endless());
  ASSERT_TRUE(server.reaches("heng:requests_waiting", 1));
  const Answer full = server.post("/v1/completions", {{"prompt", "a"}});
  EXPECT_EQ(full.status, 429);
  EXPECT_NE(full.header("Retry-After"), "");
  EXPECT_EQ(full.json()["error"]["type"], "rate_limit_error");
  // Two replies of which one has no room: neither runs on.
  const Answer both = server.post("/v1/completions", {{"prompt", "a"}, {"n", 2}});
  EXPECT_EQ(both.status, 429);
  EXPECT_EQ(server.get("/health").status, 200);
}

TEST(Stream, ThatIsNotReadIsEndedAndHoldsUpNobody) {
  TinyServer server(
      [](ServerOptions& options, EngineOptions&) {
        options.http.send_buffer_bytes = 50'000;
        options.http.write = 60s;
      },
      kLongContext);
  RawClient deaf = server.connect();
  Json body = {{"prompt", "hello"},
               {"max_tokens", kLongReply},
               {"ignore_eos", true},
               {"stream", true},
               {"n", 8},
               {"logprobs", 20}};
  deaf.send(test::post_text("/v1/completions", body.dump()));
  const Answer other = server.post("/v1/completions", {{"prompt", "a"}, {"max_tokens", 4}});
  EXPECT_EQ(other.status, 200);
  EXPECT_TRUE(server.reaches("heng:requests_cancelled_total", 8, 60s));
  EXPECT_EQ(server.metric("heng:requests_running"), 0);
}

TEST(Drain, LetsRepliesEndAndTakesNoNew) {
  TinyServer server;
  RawClient stream = server.connect(), idle = server.connect();
  stream.send(test::post_text(
      "/v1/completions",
      Json{{"prompt", "hello"}, {"max_tokens", 400}, {"ignore_eos", true}, {"stream", true}}
          .dump()));
  ASSERT_TRUE(stream.read_until("data: "));
  server.server().drain();
  EXPECT_TRUE(idle.closes());
  const Answer answer = stream.answer();
  EXPECT_EQ(answer.events().back(), "[DONE]");
  EXPECT_FALSE(server.stop().cut_off);
}

TEST(Drain, CutsOffWhatTakesTooLong) {
  TinyServer server([](ServerOptions& options, EngineOptions&) { options.drain = 50ms; },
                    kLongContext);
  RawClient stream = server.connect();
  stream.send(endless());
  ASSERT_TRUE(stream.read_until("data: "));
  server.server().drain();
  const auto events = stream.answer().events();
  EXPECT_EQ(events.back()["error"]["code"], "shutting_down");
  EXPECT_TRUE(server.stop().cut_off);
}

}  // namespace
}  // namespace heng::server
