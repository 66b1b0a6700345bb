#include "engine/stop_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heng/auto_model.h"
#include "support/golden.h"

namespace heng::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Each token spells a given piece; nothing is ever encoded.
class PieceTokenizer : public Tokenizer {
 public:
  explicit PieceTokenizer(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  std::vector<TokenId> encode(std::string_view, SpecialText) const override { return {}; }
  std::string_view token_bytes(TokenId id) const override { return pieces_.at(id); }
  bool is_special(TokenId) const override { return false; }
  std::optional<TokenId> special_id(std::string_view) const override { return std::nullopt; }
  size_t size() const override { return pieces_.size(); }
  std::optional<TokenId> bos_id() const override { return std::nullopt; }
  std::optional<TokenId> eos_id() const override { return std::nullopt; }
  std::vector<TokenId> prefix() const override { return {}; }
  std::string description() const override { return "pieces"; }

 private:
  std::vector<std::string> pieces_;
};

struct Outcome {
  std::vector<TokenId> ids;
  std::string text;
  bool stopped = false;               // by a rule, not by running out of tokens
  std::vector<TokenId> streamed_ids;  // what on_token saw
  std::vector<std::string> pieces;
};

Outcome feed(const Tokenizer& tokenizer, const GenerationConfig& config,
             const std::vector<TokenId>& ids) {
  Outcome outcome;
  const Reply::OnToken on_token = [&](const TokenEvent& event) {
    outcome.streamed_ids.push_back(event.id);
    outcome.pieces.emplace_back(event.text);
    return true;
  };
  Reply reply(config, tokenizer, on_token);
  for (const TokenId id : ids) {
    outcome.stopped = reply.add(id) != Reply::State::kGoing;
    if (outcome.stopped) break;
  }
  if (!outcome.stopped) reply.finish();
  outcome.ids = reply.ids();
  outcome.text = reply.text();
  std::string joined;
  for (const auto& piece : outcome.pieces) joined += piece;
  EXPECT_EQ(joined, outcome.text) << "streamed text is the text";
  EXPECT_EQ(outcome.streamed_ids, outcome.ids) << "streamed ids are the ids";
  return outcome;
}

const PieceTokenizer kLetters({"a", "b", "c", "d", "\xe4\xbd", "\xa0", "xy"});

TEST(Reply, EndTokenEndsAndIsNoPartOfIt) {
  GenerationConfig config;
  config.eos_ids = {3};
  const Outcome outcome = feed(kLetters, config, {0, 1, 3, 2});
  EXPECT_TRUE(outcome.stopped);
  EXPECT_THAT(outcome.ids, ElementsAre(0, 1));
  EXPECT_EQ(outcome.text, "ab");
}

TEST(Reply, IgnoredEndTokenIsText) {
  GenerationConfig config;
  config.eos_ids = {3};
  config.ignore_eos = true;
  EXPECT_EQ(feed(kLetters, config, {0, 3, 1}).text, "adb");
}

TEST(Reply, StopWordIsTakenOut) {
  GenerationConfig config;
  config.stop_word_ids = {{1, 2}};
  const Outcome outcome = feed(kLetters, config, {0, 1, 1, 2, 3});
  EXPECT_TRUE(outcome.stopped);
  EXPECT_THAT(outcome.ids, ElementsAre(0, 1));
}

TEST(Reply, StartOfAStopWordIsHeldBackNotLost) {
  GenerationConfig config;
  config.stop_word_ids = {{1, 2, 3}};
  EXPECT_EQ(feed(kLetters, config, {1, 2}).text, "bc");
  EXPECT_EQ(feed(kLetters, config, {1, 2, 1, 2, 0}).text, "bcbca");
}

TEST(Reply, StopTextIsCutAnywhere) {
  GenerationConfig config;
  config.stop = {"bx"};
  const Outcome inside = feed(kLetters, config, {0, 1, 6, 3});
  EXPECT_TRUE(inside.stopped);
  EXPECT_EQ(inside.text, "a");
  EXPECT_THAT(inside.ids, ElementsAre(0));
  config.stop = {"y"};  // the token that begins before the stop text stays, cut
  EXPECT_EQ(feed(kLetters, config, {0, 6}).text, "ax");
  EXPECT_THAT(feed(kLetters, config, {0, 6}).ids, ElementsAre(0, 6));
}

TEST(Reply, FirstOfSeveralStopTextsCounts) {
  GenerationConfig config;
  config.stop = {"abd", "bc"};
  EXPECT_EQ(feed(kLetters, config, {0, 1, 2}).text, "a");
}

TEST(Reply, TextStreamsOnWhileStopTextsStayPossible) {
  GenerationConfig config;
  config.stop = {"aab"};
  Reply reply(config, kLetters, {});
  for (int i = 0; i < 100; ++i) reply.add(0);
  EXPECT_EQ(reply.text().size(), 98u);  // held back: as much as may begin a stop text
}

TEST(Reply, CharactersComeWhole) {
  const Outcome whole = feed(kLetters, {}, {0, 4, 5});
  EXPECT_EQ(whole.text, "a\u4f60");
  EXPECT_THAT(whole.pieces, ElementsAre("a", "", "\u4f60"));
  EXPECT_EQ(feed(kLetters, {}, {0, 4}).text, "a\ufffd");
}

TEST(Reply, UnfinishedCharacterBeforeAStopWordIsShown) {
  GenerationConfig config;
  config.stop_word_ids = {{3}};
  EXPECT_EQ(feed(kLetters, config, {4, 3}).text, "\ufffd");
}

TEST(Reply, RowsWithoutATokenSpellNothing) {
  const Outcome outcome = feed(kLetters, {}, {0, 1000, 1});
  EXPECT_EQ(outcome.text, "ab");
  EXPECT_THAT(outcome.ids, ElementsAre(0, 1000, 1));
}

TEST(Reply, CancelKeepsWhatWasPassedOn) {
  const Reply::OnToken cancel = [](const TokenEvent& event) { return event.id != 1; };
  const GenerationConfig config;
  Reply reply(config, kLetters, cancel);
  EXPECT_EQ(reply.add(0), Reply::State::kGoing);
  EXPECT_EQ(reply.add(1), Reply::State::kCancelled);
  EXPECT_EQ(reply.text(), "ab");
}

TEST(Reply, LimitsComeFromTheSmallerSetting) {
  GenerationConfig config;
  config.max_new_tokens = 10;
  EXPECT_EQ(reply_limit(config, 100), 10u);
  config.max_length = 105;
  EXPECT_EQ(reply_limit(config, 100), 5u);
  EXPECT_THROW(reply_limit(config, 105), Error);
  config.min_new_tokens = 2;
  config.min_length = 104;
  EXPECT_EQ(least_reply(config, 100), 4u);
  EXPECT_EQ(least_reply(config, 200), 2u);
}

// Rows tell what upstream's StopWordsLogitsProcessor forces after the given tokens: an end.
TEST(Reply, StopWordsMatchQwensProcessor) {
  HENG_NEEDS_GOLDEN("sampling/qwen_stop_words_processor.jsonl");
  const PieceTokenizer none({});
  const auto rows =
      test::read_jsonl(test::golden_dir() / "sampling/qwen_stop_words_processor.jsonl");
  for (const auto& row : rows) {
    if (!row.contains("previous_ids")) continue;
    GenerationConfig config;
    // Upstream leaves out words that are the end token alone: those end the reply by themselves.
    config.stop_word_ids = row.at("stop_words_left_after_construction");
    const std::vector<TokenId> ids = row.at("previous_ids");
    Reply reply(config, none, {});
    Reply::State state = Reply::State::kGoing;
    for (const TokenId id : ids) state = reply.add(id);  // the last decides
    EXPECT_EQ(state == Reply::State::kStopped, !row.at("eos_score_set_to").is_null()) << row;
  }
}

// Greedy tokens of the original program, which forces end-of-text after a stop word: fed to a
// Reply, the visible part ends before the stop word.
TEST(Reply, StopWordCasesOfTheModelEndBeforeTheWord) {
  HENG_NEEDS_GOLDEN("ref/qwen1_tiny_fp32/cases.json");
  const PieceTokenizer none({});
  std::ifstream in(test::golden_dir() / "ref/qwen1_tiny_fp32/cases.json");
  size_t checked = 0;
  const auto reference = nlohmann::json::parse(in);
  for (const auto& row : reference.at("cases")) {
    if (row.at("kind") != "greedy_with_stop_words") continue;
    GenerationConfig config;
    config.stop_word_ids = row.at("stop_words_ids");
    config.eos_ids = {row.at("eos_token_id").get<TokenId>()};
    std::vector<TokenId> expected = row.at("new_ids");
    const bool ends = expected.back() == config.eos_ids[0];
    const Outcome outcome = feed(none, config, expected);
    EXPECT_EQ(outcome.stopped, ends) << row.at("name");
    if (ends) {
      expected.pop_back();
      for (const auto& word : config.stop_word_ids) {
        if (std::equal(word.rbegin(), word.rend(), expected.rbegin())) {
          expected.resize(expected.size() - word.size());
          break;
        }
      }
    }
    EXPECT_EQ(outcome.ids, expected) << row.at("name");
    ++checked;
  }
  EXPECT_EQ(checked, 4u);
}

class QwenReply : public testing::Test {
 protected:
  static std::string reply_of(const Tokenizer& tokenizer, const nlohmann::json& row) {
    GenerationConfig config;
    config.eos_ids = {*tokenizer.special_id("<|endoftext|>")};
    if (row.at("chat_format") == "chatml") {
      config.stop_word_ids = {{*tokenizer.special_id("<|im_end|>")},
                              {*tokenizer.special_id("<|im_start|>")}};
    }
    std::vector<TokenId> ids = row.at("ids");  // the prompt's come first
    ids.erase(ids.begin(), ids.begin() + row.at("context_length"));
    return std::string(strip(feed(tokenizer, config, ids).text));
  }
};

TEST_F(QwenReply, TextMatchesDecodeTokens) {
  HENG_NEEDS_GOLDEN("sampling/qwen_decode_tokens.jsonl");
  const auto tokenizer = Tokenizer::load(test::golden_dir() / "models/qwen1_realvocab_bf16");
  size_t equal = 0;
  for (const auto& row :
       test::read_jsonl(test::golden_dir() / "sampling/qwen_decode_tokens.jsonl")) {
    const std::string name = row.at("case"), reason = row.at("end_reason");
    // Where upstream errs (it loses the last token of a cut reply, counts characters of the query
    // before normalisation, goes on through end-of-text) the right text is tested below.
    if (reason.starts_with("Gen length") || row.at("query") == "cafe\u0301" ||
        name.find("endoftext is no end") != std::string::npos) {
      continue;
    }
    EXPECT_EQ(reply_of(*tokenizer, row), row.at("response")) << row;
    ++equal;
  }
  EXPECT_EQ(equal, 28u);
}

TEST_F(QwenReply, CutReplyKeepsItsLastTokenAndEndOfTextEnds) {
  HENG_NEEDS_GOLDEN("sampling/qwen_decode_tokens.jsonl");
  const auto tokenizer = Tokenizer::load(test::golden_dir() / "models/qwen1_realvocab_bf16");
  const nlohmann::json cut = {
      {"chat_format", "chatml"}, {"context_length", 0}, {"ids", {108386, 6313, 112169}}};
  EXPECT_EQ(reply_of(*tokenizer, cut),
            tokenizer->decode(std::vector<TokenId>{108386, 6313, 112169}));
  const nlohmann::json raw = {
      {"chat_format", "raw"}, {"context_length", 0}, {"ids", {1879, 151643, 803}}};
  EXPECT_EQ(reply_of(*tokenizer, raw), "world");
}

TEST(Strip, TakesPythonsWhiteSpaceOffBothEnds) {
  EXPECT_EQ(strip(" \t\u3000a b\u00a0\n\u2003"), "a b");
  EXPECT_EQ(strip("\u200b"), "\u200b");  // zero width space is no white space
  EXPECT_EQ(strip(" \n "), "");
}

}  // namespace
}  // namespace heng::engine
