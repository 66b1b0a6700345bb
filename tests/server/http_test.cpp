// Connections against hostile and slow clients, on raw sockets: each gets an answer with the right
// status or is closed, and the server goes on.
#include <gmock/gmock.h>

#include "support/tiny_server.h"

namespace heng::server {
namespace {

using test::Answer;
using test::RawClient;
using test::TinyServer;
using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* kHealth = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

class Http : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new TinyServer([](ServerOptions& options, EngineOptions&) {
      options.http.head = 300ms;
      options.http.body_gap = 300ms;
      options.http.body = 900ms;
      options.http.idle = 1500ms;
      options.http.body_bytes = 100'000;
      options.http.connections = 20;
    });
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void TearDown() override { EXPECT_EQ(server_->get("/health").status, 200); }

  static int status(std::string_view request) { return server_->send(request).status; }
  static TinyServer* server_;
};
TinyServer* Http::server_ = nullptr;

TEST_F(Http, AnswersWithTheStatusThatFits) {
  EXPECT_EQ(status(kHealth), 200);
  EXPECT_EQ(server_->get("/nothing").status, 404);
  EXPECT_EQ(server_->get("/v1/models/nothing").status, 404);
  EXPECT_EQ(server_->get("/v1/completions").status, 405);
  EXPECT_EQ(server_->get("/v1/completions").header("Allow"), "POST");
  EXPECT_EQ(server_->post("/v1/models", {}).status, 405);
  const Answer head = server_->send(
      "HEAD /health HTTP/1.1\r\nHost: localhost\r\n"
      "Connection: close\r\n\r\n");
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.header("X-Request-Id"), testing::SizeIs(16));
}

TEST_F(Http, WhatIsNoRequestIsRefusedAndClosed) {
  for (const std::string& request : {
           std::string("hello\r\n\r\n"),
           std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + "\r\n\r\n",  // TLS
           std::string("GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"),
           std::string("GET /\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\n\r\n"),  // no Host
           std::string("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost localhost\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"),
           std::string("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
                       "Content-Length: 2\r\n\r\nab"),
           std::string("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
           std::string(
               "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
               "\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n"),
           std::string(
               "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
               "\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
       }) {
    RawClient client = server_->connect();
    client.send(request);
    const Answer answer = client.answer();
    EXPECT_EQ(answer.status, 400) << request;
    EXPECT_EQ(answer.json()["error"]["type"], "invalid_request_error") << request;
    EXPECT_TRUE(client.closes()) << request;
  }
}

TEST_F(Http, SizesAreLimited) {
  EXPECT_EQ(status("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            431);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(200'000, 'a')), 431);
  std::string fields = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 200; ++i) fields += "X" + std::to_string(i) + ": 1\r\n";
  EXPECT_EQ(status(fields + "\r\n"), 431);
  // 1 GB is told off by its length alone, and by what comes where it has none.
  const std::string post =
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\n"
      "Content-Type: application/json\r\n";
  EXPECT_EQ(status(post + "Content-Length: 1000000000\r\n\r\n"), 413);
  EXPECT_EQ(status(post + "Content-Length: 99999999999999999999999\r\n\r\n"), 400);
  std::string chunks = post + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) chunks += "2000\r\n" + std::string(0x2000, 'x') + "\r\n";
  EXPECT_EQ(status(chunks), 413);
  EXPECT_EQ(status(post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(300'000, 'x')), 431);
}

TEST_F(Http, SlowClientsAreEnded) {
  RawClient head = server_->connect(), body = server_->connect(), drip = server_->connect(),
            idle = server_->connect();
  head.send("GET / HTTP/1.1\r\nHost:");
  body.send(
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 50\r\n\r\n{");
  drip.send(
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 5000\r\n\r\n");
  std::thread dripping([&] {
    for (int i = 0; i < 20; ++i) {
      drip.send("a");
      std::this_thread::sleep_for(100ms);
    }
  });
  EXPECT_EQ(head.answer().status, 408);
  EXPECT_EQ(body.answer().status, 408);
  EXPECT_EQ(drip.answer().status, 408);
  EXPECT_TRUE(head.closes() && body.closes());
  EXPECT_TRUE(idle.closes(4s));
  dripping.join();
}

TEST_F(Http, RequestsSentAheadAreAnsweredInOrder) {
  RawClient client = server_->connect();
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += i % 2
                    ? kHealth
                    : test::post_text("/tokenize", R"({"prompt":")" + std::string(i, 'a') + "\"}");
  }
  client.send(requests);
  for (int i = 0; i < 50; ++i) {
    const Answer answer = client.answer();
    ASSERT_EQ(answer.status, 200) << i;
    EXPECT_EQ(answer.json().contains("status"), i % 2 == 1) << i;
  }
}

TEST_F(Http, BytesMayComeOneByOneAndBodiesInChunks) {
  RawClient client = server_->connect();
  for (const char c : test::post_text("/tokenize", R"({"prompt":"hello"})")) {
    client.send(std::string(1, c));
  }
  const Answer whole = client.answer();
  EXPECT_EQ(whole.status, 200);
  client.send(
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"promp\r\nb;x=1\r\nt\":\"hello\"}\r\n"
      "0\r\nTrailer: 1\r\n\r\n");
  EXPECT_EQ(client.answer().body, whole.body);
}

TEST_F(Http, ContinueIsSaidWhereItIsAsked) {
  RawClient client = server_->connect();
  client.send(
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Expect: 100-continue\r\nContent-Length: 15\r\n\r\n");
  EXPECT_EQ(client.answer().status, 100);
  client.send("{\"prompt\":\"abc\"}");
  EXPECT_NE(client.answer().status, 100);
}

TEST_F(Http, OlderClientsGetAnAnswerThatEndsWithTheConnection) {
  const Answer answer = server_->send("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_EQ(answer.status, 403);  // no Host: no name to answer to
  const Answer named = server_->send("GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(named.status, 200);
  EXPECT_EQ(named.header("Connection"), "close");
  const Json body = {
      {"prompt", "hello"}, {"stream", true}, {"max_tokens", 3}, {"ignore_eos", true}};
  const std::string text = body.dump();
  const Answer stream = server_->send(
      "POST /v1/completions HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: " +
      std::to_string(text.size()) + "\r\n\r\n" + text);
  EXPECT_EQ(stream.header("Transfer-Encoding"), "");
  ASSERT_FALSE(stream.events().empty());
  EXPECT_EQ(stream.events().back(), "[DONE]");
}

TEST_F(Http, HalfAConnectionStillGetsItsAnswer) {
  RawClient whole = server_->connect();
  whole.send(kHealth);
  whole.shut_write();
  EXPECT_EQ(whole.answer().status, 200);
  RawClient tokens = server_->connect();
  tokens.send(test::post_text("/tokenize", R"({"prompt":"a"})"));
  tokens.shut_write();
  EXPECT_EQ(tokens.answer().status, 200);
  RawClient cut = server_->connect();
  cut.send(
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 50\r\n\r\n{");
  cut.shut_write();
  EXPECT_EQ(cut.answer().status, 400);
  server_->connect().shut_write();
}

TEST_F(Http, ConnectionsOverTheLimitAreToldSo) {
  std::vector<RawClient> many;
  int refused = 0;
  for (int i = 0; i < 40; ++i) many.push_back(server_->connect());
  for (RawClient& client : many) {
    client.send(kHealth);
    const Answer answer = client.answer();
    refused += answer.status == 503;
    if (answer.status == 503) {
      EXPECT_NE(answer.header("Retry-After"), "");
    }
    EXPECT_TRUE(answer.status == 200 || answer.status == 503) << answer.status;
  }
  EXPECT_GE(refused, 20);
  many.clear();
  for (int tries = 0; tries < 200 && server_->get("/health").status != 200; ++tries) {
    std::this_thread::sleep_for(10ms);
  }
}

TEST_F(Http, OtherNamesAndOtherSitesAreRefused) {
  EXPECT_EQ(status("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 403);
  EXPECT_EQ(
      status("GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n"),
      403);
  EXPECT_EQ(server_->post("/v1/completions", {}, "Origin: null\r\n").status, 403);
  const Answer preflight = server_->send(
      "OPTIONS /v1/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n");
  EXPECT_EQ(preflight.status, 403);
  EXPECT_THAT(preflight.head, testing::Not(HasSubstr("Access-Control")));
  EXPECT_EQ(
      status("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
             "Content-Length: 2\r\n\r\n{}"),
      415);
}

TEST(Access, ListedSitesGetCorsAndKeysAreAsked) {
  TinyServer server([](ServerOptions& options, EngineOptions&) {
    options.access.keys = {"open-sesame"};
    options.access.origins = {"https://chat.example"};
  });
  const std::string from = "Origin: https://chat.example\r\n";
  const Answer preflight =
      server.send("OPTIONS /v1/completions HTTP/1.1\r\nHost: localhost\r\n" + from + "\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.header("Access-Control-Allow-Origin"), "https://chat.example");
  EXPECT_EQ(server.get("/health").status, 200);
  EXPECT_EQ(server.get("/metrics").status, 401);
  EXPECT_EQ(server.get("/no-such-path").status, 401);
  const Answer wrong =
      server.post("/tokenize", {{"prompt", "a"}}, "Authorization: Bearer open-sesam\r\n" + from);
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(wrong.json()["error"]["code"], "invalid_api_key");
  EXPECT_EQ(wrong.header("Access-Control-Allow-Origin"), "https://chat.example");
  EXPECT_EQ(
      server.post("/tokenize", {{"prompt", "a"}}, "Authorization: Bearer open-sesame\r\n").status,
      200);
}

}  // namespace
}  // namespace heng::server
