#include <gmock/gmock.h>
#include <sqlite3.h>

#include <set>

#include "support/fake_provider.h"
#include "support/tiny_server.h"

namespace heng::test {
namespace {

using server::BlindRounds;
using server::StoredVote;
using server::VoteStore;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(VoteStore, KeepsVotesOverAStart) {
  const TempDir folder;
  const auto file = folder / "new" / "votes.db";
  {
    VoteStore store(file);
    store.add({{"a", "b"}, 1});
    store.add({{"b", "c", "a"}, StoredVote::kAllBad});
  }
  const auto votes = VoteStore(file).all();
  ASSERT_EQ(votes.size(), 2u);
  EXPECT_EQ(votes[0].models, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(votes[0].choice, 1);
  EXPECT_EQ(votes[1].choice, StoredVote::kAllBad);
}

TEST(VoteStore, RefusesWhatIsNoFileOfVotes) {
  const TempDir folder;
  write_file(folder / "text", std::string(5000, 'x'));
  EXPECT_THROW(VoteStore(folder / "text"), Error);
  sqlite3* other = nullptr;
  sqlite3_open((folder / "other").c_str(), &other);
  sqlite3_exec(other, "CREATE TABLE t (x)", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  EXPECT_THROW(VoteStore(folder / "other"), Error);
  EXPECT_THROW(VoteStore("/proc/no/votes.db"), Error);
}

TEST(BlindRounds, ShufflesAndTellsOnce) {
  BlindRounds rounds;
  std::set<std::vector<std::string>> orders;
  for (int i = 0; i < 200; ++i) {
    const auto opened = rounds.open({"a", "b", "c"});
    std::vector<std::string> behind;
    for (const auto& column : opened.columns) behind.push_back(*rounds.ask(column));
    orders.insert(behind);
    EXPECT_EQ(rounds.close(opened.id, false, 0).models, behind);
    EXPECT_FALSE(rounds.ask(opened.columns[0]));
    EXPECT_THROW(rounds.close(opened.id, true, 0), server::ApiError);
  }
  EXPECT_EQ(orders.size(), 6u);  // each of 6 orders is missed with a chance of 1e-16
}

TEST(BlindRounds, AVoteNeedsEveryColumnAsked) {
  BlindRounds rounds;
  const auto opened = rounds.open({"a", "b"});
  rounds.ask(opened.columns[0]);
  EXPECT_THROW(rounds.close(opened.id, false, 0), server::ApiError);
  rounds.ask(opened.columns[1]);
  EXPECT_THROW(rounds.close(opened.id, false, 2), server::ApiError);
  EXPECT_EQ(rounds.close(opened.id, false, 1).models.size(), 2u);
}

TEST(BlindRounds, TheOldestGoes) {
  BlindRounds rounds;
  const auto first = rounds.open({"a", "b"});
  for (size_t i = 0; i < BlindRounds::kMostOpen; ++i) rounds.open({"a", "b"});
  EXPECT_FALSE(rounds.ask(first.columns[0]));
}

// A model here, and one elsewhere.
struct Votes : ::testing::Test {
  Votes()
      : server([this](server::ServerOptions& options, EngineOptions&) {
          options.votes = std::make_shared<VoteStore>(folder / "votes.db");
          options.providers = {{"far", "real", fake.url(), ""}};
        }) {}

  Json chat(const std::string& model) {
    return {{"model", model},
            {"messages", {{{"role", "user"}, {"content", "Hello"}}}},
            {"max_tokens", 3},
            {"stream", true}};
  }

  TempDir folder;
  FakeProvider fake{{{stream_answer(word("far ") + word("away") + kEndOfStream)}}};
  TinyServer server;
};

TEST_F(Votes, NamesAreToldAfterTheVoteAlone) {
  const Json round = server.post("/heng/rounds", {{"models", {"tiny", "far"}}}).json();
  const std::string id = round["round"];
  EXPECT_EQ(server.post("/heng/votes", {{"round", id}, {"choice", "1"}}).status, 409);
  int n_far = 0;
  for (const std::string column : round["columns"]) {
    const Answer answer = server.post("/heng/chat", chat(column));
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_THAT(answer.body, Not(HasSubstr("tiny")));
    EXPECT_THAT(answer.body, Not(HasSubstr("real")));
    EXPECT_THAT(answer.body, Not(HasSubstr("heng-")));
    n_far += answer.body.find("away") != std::string::npos;
  }
  EXPECT_EQ(n_far, 1);
  const Json told = server.post("/heng/votes", {{"round", id}, {"choice", "2"}}).json();
  EXPECT_TRUE(told["stored"]);
  const Json table = server.get("/heng/votes/table").json();
  EXPECT_EQ(table["votes"], 1);
  EXPECT_EQ(table["models"][0]["model"], told["models"][1]);
  EXPECT_GT(table["models"][0]["rating"], 1000);
  EXPECT_EQ(server.post("/heng/votes", {{"round", id}, {"choice", "2"}}).status, 404);
}

TEST_F(Votes, SkippingTellsTheNamesAndKeepsNothing) {
  const Json round = server.post("/heng/rounds", {{"models", {"tiny", "far"}}}).json();
  const Json told =
      server.post("/heng/votes", {{"round", round["round"]}, {"choice", "skip"}}).json();
  EXPECT_EQ(told["models"].size(), 2u);
  EXPECT_EQ(server.get("/heng/votes/table").json()["votes"], 0);
}

TEST_F(Votes, BadRequestsAreRefused) {
  for (const Json& models : {Json::array({"tiny"}), Json::array({"tiny", "TINY"}),
                             Json::array({"a", "b", "c", "d", "e"}), Json(5), Json()}) {
    EXPECT_EQ(server.post("/heng/rounds", {{"models", models}}).status, 400) << models;
  }
  EXPECT_EQ(server.post("/heng/rounds", {{"models", {"tiny", "none"}}}).status, 404);
  EXPECT_EQ(server.post("/heng/votes", {{"round", "x"}, {"choice", "5"}}).status, 400);
  EXPECT_EQ(server.post("/heng/votes", {{"round", "x"}, {"choice", "tie"}}).status, 404);
  Json whole = chat("tiny");
  whole["stream"] = false;
  EXPECT_EQ(server.post("/heng/chat", whole).status, 400);
  EXPECT_EQ(server.post("/heng/chat", chat("blind-00000000000000000000000000000000-1")).status,
            404);
}

TEST_F(Votes, ProvidersAreForThePageAlone) {
  EXPECT_EQ(server.post("/v1/chat/completions", chat("far")).status, 404);
  EXPECT_THAT(server.get("/v1/models").body, Not(HasSubstr("far")));
  const Json models = server.get("/heng/models").json();
  EXPECT_EQ(models["models"][1]["name"], "far");
  EXPECT_EQ(models["models"][1]["host"], "127.0.0.1");
  const Answer answer = server.post("/heng/chat", chat("far"));
  EXPECT_THAT(answer.body, HasSubstr("away"));
  EXPECT_THAT(answer.body, HasSubstr("[DONE]"));
}

TEST(VotesOff, SayHowToSwitchThemOn) {
  const TinyServer server;
  const Answer answer = server.post("/heng/rounds", {{"models", {"tiny", "far"}}});
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.body, HasSubstr("--votes"));
  EXPECT_FALSE(server.get("/heng/models").json()["votes"]);
}

TEST(RemoteReplies, AreCutOffWhenTheServerEnds) {
  FakeProvider fake({{stream_answer(word("a")), 60s}});
  TinyServer server([&](server::ServerOptions& options, EngineOptions&) {
    options.providers = {{"far", "real", fake.url(), ""}};
    options.drain = 100ms;
  });
  RawClient client = server.connect();
  client.send(post_text(
      "/heng/chat", R"({"model":"far","stream":true,"messages":[{"role":"user","content":"a"}]})"));
  while (fake.requests().empty()) std::this_thread::sleep_for(5ms);
  const auto began = std::chrono::steady_clock::now();
  server.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
  EXPECT_THAT(client.answer().body, HasSubstr("error"));
}

TEST(Page, ComesWithItsPolicyAndIsKeptByTag) {
  const TinyServer server;
  const Answer page = server.get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  const std::string policy = page.header("Content-Security-Policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  EXPECT_EQ(page.header("X-Content-Type-Options"), "nosniff");
  const std::string tag = page.header("ETag");
  ASSERT_FALSE(tag.empty());
  const Answer again = server.send(
      "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nIf-None-Match: " + tag +
      "\r\n\r\n");
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(server.get("/page/app.js").header("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(server.get("/page/kept/fonts/KaTeX_Main-Regular.woff2").header("Content-Type"),
            "font/woff2");
  EXPECT_EQ(server.get("/page/nothing.js").status, 404);
  EXPECT_EQ(server.get("/page/../page/app.js").status, 404);
}

TEST(Page, IsShownToThoseWhoHaveYetToGiveTheirKey) {
  const TinyServer server(
      [](server::ServerOptions& options, EngineOptions&) { options.access.keys = {"sesame"}; });
  EXPECT_EQ(server.get("/").status, 200);
  EXPECT_EQ(server.get("/heng/models").status, 401);
  EXPECT_EQ(server.get("/heng/votes/table").status, 401);
}

}  // namespace
}  // namespace heng::test
