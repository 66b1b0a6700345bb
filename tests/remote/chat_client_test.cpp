#include "remote/chat_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/fake_provider.h"

namespace heng::remote {
namespace {

using namespace std::chrono_literals;
using test::error_answer;
using test::FakeProvider;
using test::kEndOfStream;
using test::stream_answer;
using test::word;
using ::testing::HasSubstr;
using ::testing::Not;

ChatClient client_of(const FakeProvider& fake, const std::string& key_variable = "") {
  ChatClientOptions options;
  options.first_wait = 1ms;
  options.longest_wait = 1500ms;
  options.attempts = 3;
  options.times.gap = 300ms;
  options.most_bytes = 1u << 20;
  return ChatClient({"far", "real-model", fake.url(), key_variable}, options);
}

ChatRequest hello() {
  ChatRequest request;
  request.messages = {{"user", "Hello"}};
  request.temperature = 0.5;
  request.max_tokens = 9;
  request.stop = {"x"};
  return request;
}

struct Failure {
  ErrorCode code;
  std::string text;
};
Failure failure_of(const ChatClient& client) {
  try {
    client.chat(hello());
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  ADD_FAILURE() << "no error";
  return {ErrorCode::kInternal, ""};
}

TEST(ChatClient, StreamsAReplyAndReadsItsFigures) {
  const FakeProvider fake(
      {{stream_answer(": hi\r\n\r\n" + word("Par") + word("is") + kEndOfStream)}});
  std::vector<std::string> pieces;
  const ChatReply reply =
      client_of(fake).chat(hello(), [&](const ChatDelta& delta) { pieces.push_back(delta.text); });
  EXPECT_EQ(reply.text, "Paris");
  EXPECT_EQ(pieces, (std::vector<std::string>{"Par", "is"}));
  EXPECT_EQ(reply.finish_reason, "stop");
  EXPECT_EQ(reply.model, "real");
  EXPECT_EQ(reply.prompt_tokens, 7);
  EXPECT_EQ(reply.reply_tokens, 2);
  const std::string asked = fake.requests().at(0);
  EXPECT_THAT(asked, HasSubstr("POST /v1/chat/completions"));
  EXPECT_THAT(asked, HasSubstr(R"("model":"real-model")"));
  EXPECT_THAT(asked, HasSubstr(R"("temperature":0.5)"));
  EXPECT_THAT(asked, HasSubstr(R"("max_tokens":9)"));
  EXPECT_THAT(asked, Not(HasSubstr("top_p")));
  EXPECT_THAT(asked, Not(HasSubstr("Authorization")));
}

TEST(ChatClient, TakesAnAnswerThatIsNoStream) {
  const FakeProvider fake({{error_answer(
      "200 OK", "", R"({"choices":[{"message":{"content":"Yes"},"finish_reason":"stop"}]})")}});
  EXPECT_EQ(client_of(fake).chat(hello()).text, "Yes");
}

TEST(ChatClient, AsksAgainWhereTheProviderIsBusy) {
  const FakeProvider fake({{error_answer("429 Too Many Requests", "Retry-After: 1\r\n", "{}")},
                           {error_answer("503 Service Unavailable", "", "")},
                           {stream_answer(word("ok") + kEndOfStream)}});
  const auto began = std::chrono::steady_clock::now();
  const ChatReply reply = client_of(fake).chat(hello());
  EXPECT_EQ(reply.text, "ok");
  EXPECT_EQ(reply.n_attempts, 3);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1s);  // as Retry-After says
}

TEST(ChatClient, GivesUpAfterItsAttempts) {
  const FakeProvider fake({{error_answer("500 Oops", "", R"({"error":{"message":"broken"}})")}});
  const Failure failure = failure_of(client_of(fake));
  EXPECT_EQ(failure.code, ErrorCode::kBusy);
  EXPECT_EQ(failure.text, "far: 127.0.0.1 answers 500: broken");
  EXPECT_EQ(fake.requests().size(), 3u);
}

TEST(ChatClient, DoesNotWaitLongerThanAllowed) {
  const FakeProvider fake({{error_answer("429 Slow", "Retry-After: 3600\r\n", "")}});
  EXPECT_THAT(failure_of(client_of(fake)).text, HasSubstr("asks to wait 3600 s"));
  EXPECT_EQ(fake.requests().size(), 1u);
}

TEST(ChatClient, ARefusalIsNotAskedAgain) {
  const FakeProvider fake(
      {{error_answer("400 Bad", "", R"({"error":{"message":"no such model"}})")}});
  const Failure failure = failure_of(client_of(fake));
  EXPECT_EQ(failure.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(failure.text, HasSubstr("no such model"));
  EXPECT_EQ(fake.requests().size(), 1u);
}

TEST(ChatClient, ACutStreamIsAnErrorAndIsNotAskedAgain) {
  const FakeProvider fake({{stream_answer(word("Par"))}});
  const Failure failure = failure_of(client_of(fake));
  EXPECT_EQ(failure.code, ErrorCode::kBusy);
  EXPECT_THAT(failure.text, HasSubstr("cut off"));
  EXPECT_EQ(fake.requests().size(), 1u);
}

TEST(ChatClient, AnErrorInsideTheStreamIsOne) {
  const FakeProvider fake(
      {{stream_answer(word("a") + "data: {\"error\":{\"message\":\"full\"}}\n\n")}});
  EXPECT_EQ(failure_of(client_of(fake)).text, "far: full");
}

TEST(ChatClient, BadJsonIsAnError) {
  for (const char* bad :
       {"data: {\"choices\": [\n\n", "data: 5\n\n", "data: {\"choices\":[5]}\n\n"}) {
    const FakeProvider fake({{stream_answer(bad)}});
    EXPECT_EQ(failure_of(client_of(fake)).code, ErrorCode::kCorrupt) << bad;
  }
  const FakeProvider fake({{error_answer("200 OK", "", "<html>login</html>")}});
  EXPECT_EQ(failure_of(client_of(fake)).code, ErrorCode::kCorrupt);
}

TEST(ChatClient, ASilentProviderIsLeft) {
  const FakeProvider fake({{stream_answer(word("Par")), 20s}});
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(failure_of(client_of(fake)).text, HasSubstr("nothing came for"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

TEST(ChatClient, StopsWhenItIsTold) {
  const FakeProvider fake({{stream_answer(word("Par")), 20s}});
  try {
    client_of(fake).chat(hello(), {}, [] { return true; });
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST(ChatClient, AnAnswerWithoutEndIsRefused) {
  std::string much;
  for (int i = 0; i < 40'000; ++i) much += word("abcdefgh");
  const FakeProvider fake({{stream_answer(much)}});
  EXPECT_THAT(failure_of(client_of(fake)).text, HasSubstr("longer than allowed"));
}

TEST(ChatClient, NobodyListens) {
  std::string url;
  {
    const FakeProvider fake({{""}});
    url = fake.url();
  }
  ChatClientOptions options;
  options.attempts = 2;
  options.first_wait = 1ms;
  const ChatClient client({"far", "m", url, ""}, options);
  EXPECT_EQ(failure_of(client).code, ErrorCode::kBusy);
}

TEST(ChatClient, TheKeyGoesToTheProviderAndNowhereElse) {
  ::setenv("HENG_TEST_KEY", "sk-secret", 1);
  const FakeProvider fake({{error_answer("401 No", "", R"({"error":"bad key sk-secret"})")}});
  const Failure failure = failure_of(client_of(fake, "HENG_TEST_KEY"));
  EXPECT_THAT(fake.requests().at(0), HasSubstr("Authorization: Bearer sk-secret\r\n"));
  EXPECT_THAT(failure.text, HasSubstr("bad key ***"));
  EXPECT_THAT(failure.text, Not(HasSubstr("secret")));
}

TEST(ChatClient, ARedirectIsNotFollowed) {
  const FakeProvider other({{stream_answer(word("stolen") + kEndOfStream)}});
  const FakeProvider fake(
      {{error_answer("307 Elsewhere", "Location: " + other.url() + "\r\n", "")}});
  EXPECT_THAT(failure_of(client_of(fake)).text, HasSubstr("answers 307"));
  EXPECT_TRUE(other.requests().empty());
}

}  // namespace
}  // namespace heng::remote
