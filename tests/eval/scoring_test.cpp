#include <gtest/gtest.h>

#include <cmath>

#include "eval/scoring/choice.h"
#include "eval/scoring/closest.h"
#include "eval/scoring/letters.h"
#include "support/golden.h"

namespace heng::eval {
namespace {

using nlohmann::json;

FourOptions options_of(const json& row) {
  return {row["A"].get_ref<const std::string&>(), row["B"].get_ref<const std::string&>(),
          row["C"].get_ref<const std::string&>(), row["D"].get_ref<const std::string&>()};
}

ReadChoice read_row(const json& row, bool chinese) {
  const std::string reply = row["response"], question = row["question"];
  return chinese ? read_choice_zh(reply, question, options_of(row))
                 : read_choice_en(reply, options_of(row));
}

void expect_choices(const std::string& file, bool chinese) {
  size_t wrong = 0;
  for (const json& row : test::read_jsonl(test::golden_dir() / "eval" / file)) {
    const ReadChoice choice = read_row(row, chinese);
    const bool same = std::string(1, choice.letter) == row["expected"] &&
                      std::string(1, choice.step) == row["step"] &&
                      (!row.contains("replaced") || row["replaced"] == choice.replaced);
    if (!same && ++wrong <= 5) {
      ADD_FAILURE() << row.dump() << "\nread " << choice.letter << " by step " << choice.step
                    << " out of " << choice.replaced;
    }
  }
  EXPECT_EQ(wrong, 0u);
}

TEST(ReadChoice, ChineseRepliesGiveTheLettersOfTheOriginal) {
  HENG_NEEDS_GOLDEN("eval/extract_ceval.jsonl");
  expect_choices("extract_ceval.jsonl", true);
}

TEST(ReadChoice, EnglishRepliesGiveTheLettersOfTheOriginal) {
  HENG_NEEDS_GOLDEN("eval/extract_mmlu.jsonl");
  expect_choices("extract_mmlu.jsonl", false);
}

TEST(ClosestOption, ScoresAreThoseOfTheOriginal) {
  HENG_NEEDS_GOLDEN("eval/fuzzy.jsonl");
  for (const json& row : test::read_jsonl(test::golden_dir() / "eval/fuzzy.jsonl")) {
    const Runes query = to_runes(row["query"].get<std::string>());
    std::vector<Runes> options;
    for (const json& option : row["options"])
      options.push_back(to_runes(option.get<std::string>()));
    EXPECT_EQ(to_utf8(process_query(query)), row["query_processed"].get<std::string>());
    for (size_t i = 0; i < options.size(); ++i) {
      const Runes option = process_option(options[i]);
      EXPECT_EQ(to_utf8(option), row["options_processed"][i].get<std::string>());
      EXPECT_NEAR(weighted_ratio(process_query(query), option), row["scores"][i].get<double>(),
                  1e-9)
          << row.dump() << " option " << i;
    }
    EXPECT_EQ(closest_option(query, options), row["best"].get<size_t>()) << row.dump();
  }
}

TEST(ReadChoice, FollowsItsStepsInOrder) {
  const FourOptions options = {"red", "green", "blue", "white"};
  EXPECT_EQ(read_choice_en("The answer is B, not C.", options).letter, 'B');
  EXPECT_EQ(read_choice_en("The answer is not B but C.", options).step, 'd');
  EXPECT_EQ(read_choice_en("I would say the answer is C.", options).step, 'a');
  EXPECT_EQ(read_choice_en("D is correct", options).step, 'b');
  EXPECT_EQ(read_choice_en("", options).letter, 'A');
  EXPECT_EQ(read_choice_en("", options).step, 'e');
  EXPECT_EQ(read_choice_en("It is GREEN", options).letter, 'B');
  EXPECT_EQ(read_choice_zh("答案是C。", "天空的颜色", {"红", "绿", "蓝", "白"}).letter, 'C');
  EXPECT_EQ(read_choice_zh("答案不是A，选B。", "天空的颜色", {"红", "绿", "蓝", "白"}).letter, 'B');
}

TEST(Letters, ProbabilitiesAreThoseOfTheWholeVocabulary) {
  const std::vector<float> logits = {0, 1, 2, 3, std::log(10.0f)};
  const std::vector<int32_t> ids = {1, 4};
  const LetterScores scores = score_letters(logits, ids);
  const double sum = 1 + std::exp(1) + std::exp(2) + std::exp(3) + 10;
  EXPECT_NEAR(scores.probs[0], std::exp(1) / sum, 1e-6);
  EXPECT_NEAR(scores.probs[1], 10 / sum, 1e-6);
  EXPECT_EQ(best_letter(scores.probs), 1u);
}

TEST(Letters, TwoSoftmaxesInBf16MakeEqualsWhereTheMassLiesElsewhere) {
  // The letters hold little of the mass: a difference that logits show is gone behind the second
  // softmax, and the first letter wins.
  const std::vector<float> logits = {12, 1.0f, 1.5f, 1.2f, 1.1f};
  const std::vector<int32_t> ids = {1, 2, 3, 4};
  const LetterScores scores = score_letters(logits, ids);
  EXPECT_EQ(best_letter(scores.probs), 1u);
  EXPECT_EQ(best_letter_bf16(scores.bf16_probs), 0u);
}

}  // namespace
}  // namespace heng::eval
