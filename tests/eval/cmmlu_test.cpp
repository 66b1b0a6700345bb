// CMMLU on the real default model against the fp32 reference: some minutes of a small machine are
// not worth more than a part of it.
#include <gtest/gtest.h>

#include <map>

#include "eval/engine_answerer.h"
#include "eval/questions.h"
#include "support/default_model.h"
#include "support/golden.h"

namespace heng::eval {
namespace {

constexpr size_t kQuestions = 8;  // of each subject

std::vector<Query> queries_of(const Questions& questions, const Protocol& protocol) {
  std::vector<Query> queries;
  for (const Question& question : questions.all) {
    queries.push_back({.prompt = question.prompt, .choices = protocol.choices});
  }
  return queries;
}

void expect_golden(Precision dtype, float tolerance) {
  const Task task = find_task("cmmlu");
  const Protocol& protocol = task.protocol("qwen-base");
  const auto golden = test::read_jsonl(test::golden_dir() / "cmmlu/smollm2_5shot.jsonl");
  std::map<std::pair<std::string, size_t>, nlohmann::json> wanted;
  for (const auto& row : golden) wanted[{row["subject"], row["i"].get<size_t>()}] = row;
  const Questions questions =
      load_questions(task, protocol, test::golden_dir().parent_path() / "data",
                     {.subjects = {"agronomy", "college_mathematics"}, .limit = kQuestions});
  LoadOptions options;
  options.dtype = dtype;
  options.threads = 2;
  EngineAnswerer answerer(Model::load(test::default_model_path(), options), {});
  size_t n = 0;
  answerer.answer(queries_of(questions, protocol), [&](size_t index, Answer answer) {
    const Question& question = questions.all[index];
    const auto& row = wanted.at({question.subject, question.row});
    EXPECT_EQ(answer.prompt_tokens, row["n_tokens"].get<size_t>());
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(answer.letters.probs.at(i), row["probs"][i].get<float>(), tolerance)
          << question.where;
    }
    ++n;
    return true;
  });
  EXPECT_EQ(n, 2 * kQuestions);
  // The worked examples of each subject were computed once.
  EXPECT_GT(answerer.stats().reused_tokens, answerer.stats().prompt_tokens);
}

TEST(Cmmlu, ProbabilitiesAreTheReferencesInFp32) {
  HENG_NEEDS_GOLDEN("cmmlu/smollm2_5shot.jsonl");
  HENG_NEEDS_DEFAULT_MODEL();
  expect_golden(Precision::kFp32, 1e-3f);
}

TEST(Cmmlu, ProbabilitiesAreNearTheReferencesInTheFastPath) {
  HENG_NEEDS_GOLDEN("cmmlu/smollm2_5shot.jsonl");
  HENG_NEEDS_DEFAULT_MODEL();
  expect_golden(Precision::kAuto, 0.02f);
}

}  // namespace
}  // namespace heng::eval
