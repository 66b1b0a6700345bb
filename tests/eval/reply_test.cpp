// Numbers and functions out of replies, and BLEU, against the originals.
#include <gtest/gtest.h>

#include "eval/scoring/bleu.h"
#include "eval/scoring/gsm8k.h"
#include "eval/scoring/humaneval.h"
#include "support/golden.h"

namespace heng::eval {
namespace {

using nlohmann::json;

std::vector<json> read_golden(const std::string& file) {
  return test::read_jsonl(test::golden_dir() / "eval" / file);
}

TEST(Gsm8k, BaseRepliesAreReadAsTheOriginalReadsThem) {
  HENG_NEEDS_GOLDEN("eval/extract_gsm8k_base.jsonl");
  for (const json& row : read_golden("extract_gsm8k_base.jsonl")) {
    const std::string output = row["output"];
    EXPECT_EQ(gsm8k_base_completion(output), row["completion"].get<std::string>());
    if (row.contains("error")) continue;
    const ReadNumber read = read_gsm8k_base(output, row["answer_tail"].get<std::string>());
    EXPECT_EQ(read.right, row["correct"].get<bool>()) << row.dump();
    const std::string predicted = row["predicted"];
    EXPECT_EQ(read.read, predicted == "[invalid]" ? "" : predicted) << row.dump();
  }
}

TEST(Gsm8k, ChatRepliesAreReadAsTheOriginalReadsThem) {
  HENG_NEEDS_GOLDEN("eval/extract_gsm8k_chat.jsonl");
  for (const json& row : read_golden("extract_gsm8k_chat.jsonl")) {
    const auto read = last_number(row["output"].get<std::string>());
    EXPECT_EQ(read.has_value(), !row["predicted"].is_null()) << row.dump();
    if (read && !row["predicted"].is_null()) {
      EXPECT_EQ(*read, row["predicted"].get<std::string>()) << row.dump();
    }
    EXPECT_EQ(
        read_gsm8k_chat(row["output"].get<std::string>(), row["answer_tail"].get<std::string>())
            .right,
        row["correct"].get<bool>())
        << row.dump();
  }
}

TEST(Gsm8k, ReferenceSolutionsScoreAsInTheOriginal) {
  HENG_NEEDS_GOLDEN("eval/gsm8k_gold_scores.jsonl");
  const auto data = test::read_jsonl(test::golden_dir().parent_path() / "data/gsm8k/test.jsonl");
  size_t base_wrong = 0;
  for (const json& row : read_golden("gsm8k_gold_scores.jsonl")) {
    const std::string answer = data.at(row["doc"].get<size_t>())["answer"];
    const bool base = read_gsm8k_base(answer, answer).right;
    EXPECT_EQ(base, row["base"].get<bool>()) << answer;
    EXPECT_EQ(read_gsm8k_chat(answer, answer).right, row["chat"].get<bool>()) << answer;
    base_wrong += !base;
  }
  EXPECT_EQ(base_wrong, 18u);
}

TEST(Gsm8k, NumbersEndWhereTheyEnd) {
  EXPECT_EQ(last_number("1,234,567.50 dollars"), "1234567.50");
  EXPECT_EQ(last_number("x1,2345"), "2345");
  EXPECT_EQ(last_number("3-5"), "-5");
  EXPECT_EQ(last_number("none"), std::nullopt);
  EXPECT_TRUE(read_gsm8k_chat("So it is 42.", "#### 42").right);
  EXPECT_FALSE(read_gsm8k_base("It is 42, or 0043", "#### 43").right);
}

TEST(HumanEval, CompletionsAreThoseOfTheOriginal) {
  HENG_NEEDS_GOLDEN("eval/extract_humaneval_base.jsonl");
  for (const json& row : read_golden("extract_humaneval_base.jsonl")) {
    EXPECT_EQ(humaneval_base_completion(row["output"].get<std::string>()),
              row["completion"].get<std::string>());
  }
  for (const json& row : read_golden("extract_humaneval_chat.jsonl")) {
    EXPECT_EQ(humaneval_chat_completion(row["output"].get<std::string>(),
                                        row["entry_point"].get<std::string>()),
              row["completion"].get<std::string>())
        << row.dump();
  }
}

TEST(HumanEval, FunctionsAreFoundInReplies) {
  EXPECT_EQ(humaneval_chat_completion("Sure:\n```python\ndef f(x):\n    return 1\n```\n", "f"),
            "    return 1");
  EXPECT_EQ(humaneval_chat_completion("def f(x):\n    return 1\nDone.", "f"), "    return 1");
  EXPECT_EQ(humaneval_chat_completion("return 1\n\nx", "f"), "    return 1\n\n    x");
  EXPECT_EQ(humaneval_signature("import re\ndef f(a: int) -> int:\n    pass", "f"),
            "f(a: int) -> int");
  EXPECT_EQ(humaneval_docstring("def f():\n  \"\"\" one\n   two \"\"\"\n"), "one\ntwo");
}

void expect_bleu(const json& wanted, const Bleu& bleu, const char* key, const std::string& what) {
  EXPECT_NEAR(bleu.score, wanted[key].get<double>(), 1e-9 * (1 + wanted[key].get<double>()))
      << what;
  EXPECT_NEAR(bleu.brevity, wanted["bp"].get<double>(), 1e-9) << what;
  for (size_t i = 0; i < BleuCounts::kOrders; ++i) {
    EXPECT_NEAR(bleu.precisions[i], wanted["precisions"][i].get<double>(), 1e-9) << what;
  }
}

TEST(Bleu, SentencesScoreAsInSacrebleu) {
  HENG_NEEDS_GOLDEN("eval/bleu.jsonl");
  for (const json& row : read_golden("bleu.jsonl")) {
    if (row["kind"] != "sentence") continue;
    for (const auto& [name, tokens] :
         {std::pair{"13a", BleuTokens::k13a}, std::pair{"zh", BleuTokens::kZh}}) {
      const json& wanted = row[name];
      const std::string hypothesis = row["hypothesis"], reference = row["reference"];
      EXPECT_EQ(bleu_tokenised(hypothesis, tokens), wanted["hypothesis_tokens"].get<std::string>());
      EXPECT_EQ(bleu_tokenised(reference, tokens), wanted["reference_tokens"].get<std::string>());
      expect_bleu(wanted, bleu_of(bleu_counts(hypothesis, reference, tokens), true),
                  "sentence_bleu", row.dump());
    }
  }
}

TEST(Bleu, CorporaScoreAsInSacrebleu) {
  HENG_NEEDS_GOLDEN("eval/bleu.jsonl");
  const auto rows = read_golden("bleu.jsonl");
  size_t n = 0;
  for (const json& row : rows) {
    if (row["kind"] != "corpus") continue;
    std::vector<const json*> pairs;
    for (const json& pair : rows) {
      if (pair["kind"] == "sentence" && pair["direction"] == row["direction"]) {
        pairs.push_back(&pair);
      }
    }
    const std::string part = row["part"];
    const BleuTokens tokens = row["tokenize"] == "zh" ? BleuTokens::kZh : BleuTokens::k13a;
    const size_t begin = part == "last5" ? pairs.size() - 5 : 0;
    const size_t end = part == "first10" ? 10 : pairs.size();
    BleuCounts sum;
    for (size_t i = begin; i < end; ++i) {
      sum += bleu_counts((*pairs[i])["hypothesis"].get<std::string>(),
                         (*pairs[i])["reference"].get<std::string>(), tokens);
    }
    if (row["lowercase"].get<bool>()) continue;
    expect_bleu(row, bleu_of(sum, false), "bleu", row.dump());
    ++n;
  }
  EXPECT_GE(n, 6u);
}

TEST(Bleu, CountsOfPairsAddUpToACorpus) {
  BleuCounts sum = bleu_counts("the cat sat on the mat", "the cat sat on a mat", BleuTokens::k13a);
  const BleuCounts one = sum;
  sum += bleu_counts("a dog ran home", "a dog ran home", BleuTokens::k13a);
  EXPECT_EQ(sum.length, 10u);
  EXPECT_EQ(sum.right[0], one.right[0] + 4);
  EXPECT_GT(bleu_of(sum, false).score, bleu_of(one, false).score);
  EXPECT_EQ(bleu_of(BleuCounts{}, false).score, 0);
}

}  // namespace
}  // namespace heng::eval
