#include "eval/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "eval/result.h"
#include "eval/run.h"
#include "support/file_bytes.h"

namespace heng::eval {
namespace {

namespace fs = std::filesystem;

// Answers by the prompt alone, and may end the process with SIGKILL after some answers.
class FixedAnswerer : public Answerer {
 public:
  explicit FixedAnswerer(int kill_after = -1) : left_(kill_after) {}
  std::string name() const override { return "fixed"; }
  bool is_chat() const override { return false; }
  nlohmann::json identity() const override { return {{"model", "fixed"}}; }
  void answer(std::span<const Query> queries, const OnAnswer& on_answer) override {
    for (size_t i = 0; i < queries.size(); ++i) {
      if (left_ == 0) kill(getpid(), SIGKILL);
      --left_;
      ++asked;
      const size_t hash = std::hash<std::string>()(queries[i].prompt);
      Answer answer;
      answer.letters.probs = {0.1f, 0.2f};
      std::swap(answer.letters.probs[0], answer.letters.probs[hash % 2]);
      answer.letters.bf16_probs = answer.letters.probs;
      if (!on_answer(i, std::move(answer))) return;
    }
  }
  size_t asked = 0;

 private:
  int left_;
};

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    fs::create_directories(folder_ / "numbers");
    std::ofstream data(folder_ / "numbers/q.jsonl");
    for (int i = 0; i < 60; ++i) {
      data << "{\"q\": \"" << i << "\", \"key\": \"" << (i % 3 ? "A" : "B") << "\"}\n";
    }
    data.close();
    task_ = parse_task(R"(name: numbers
title: Numbers
data: {folder: numbers, format: jsonl, fields: {question: q, answer: key}, questions: q.jsonl}
protocols:
  - {name: plain, prompt: "{question}?", choices: [A, B], rules: [qwen-bf16, logits]}
)",
                       "t.yaml");
    questions_ = load_questions(task_, task_.protocols[0], folder_.path(), {});
  }

  // The whole run into `file`; the result as JSON.
  std::string run(FixedAnswerer& answerer, const std::string& file) const {
    Store store(folder_ / file);
    store.begin(run_manifest(answerer, task_, task_.protocols[0], {}, questions_));
    ask_all(answerer, store, task_, task_.protocols[0], questions_, nullptr,
            [](const Progress&) { return true; });
    return to_json(summarise(task_, task_.protocols[0], questions_,
                             store.answers("numbers", "plain"), "fixed"))
        .dump();
  }

  const test::TempDir folder_;
  Task task_;
  Questions questions_;
};

TEST_F(StoreTest, KilledAnywhereTheSameRunGoesOnToTheSameResult) {
  FixedAnswerer whole;
  const std::string wanted = run(whole, "whole.sqlite");
  EXPECT_EQ(whole.asked, 60u);
  for (const int after : {0, 1, 7, 30, 59}) {
    const std::string file = "killed" + std::to_string(after) + ".sqlite";
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      FixedAnswerer killed(after);
      run(killed, file);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    FixedAnswerer rest;
    EXPECT_EQ(run(rest, file), wanted);
    EXPECT_EQ(rest.asked, static_cast<size_t>(60 - after));
  }
}

TEST_F(StoreTest, AnotherRunIsNotMixedIn) {
  FixedAnswerer answerer;
  run(answerer, "run.sqlite");
  Store store(folder_ / "run.sqlite");
  auto manifest = store.manifest();
  manifest["answerer"]["model"] = "other";
  try {
    store.begin(manifest);
    FAIL() << "was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("answerer.model was \"fixed\", is \"other\""));
  }
}

TEST_F(StoreTest, AFileThatIsNoRunIsRefused) {
  std::ofstream(folder_ / "text.sqlite") << std::string(4096, 'x');
  EXPECT_THROW(Store(folder_ / "text.sqlite"), Error);
  EXPECT_THROW(Store(folder_ / "nowhere/run.sqlite"), Error);
}

TEST_F(StoreTest, ResultsCountWhatHasNoAnswer) {
  Store store(folder_ / "run.sqlite");
  Kept kept{0, 0, "", 0, {}, ""};
  kept.answer.problem = "prompt 9,000 > context 8,192";
  store.add("numbers", "plain", kept);
  const Result result =
      summarise(task_, task_.protocols[0], questions_, store.answers("numbers", "plain"), "m");
  EXPECT_EQ(result.n_answered, 1u);
  EXPECT_EQ(result.n_problems, 1u);
  EXPECT_EQ(result.first_problem, kept.answer.problem);
  EXPECT_EQ(result.rules[0].all.value, 0);
}

TEST_F(StoreTest, ModelsAreComparedInWords) {
  Result first, second;
  first.model = "M";
  second.model = "N";
  first.rules.resize(1);
  second.rules.resize(1);
  for (int i = 0; i < 100; ++i) {
    first.rules[0].right.push_back(i < 60);
    second.rules[0].right.push_back(i < 20);
  }
  EXPECT_EQ(compare_in_words(first, second),
            "M is better: 40 questions right that the other has wrong, 0 the other way "
            "(McNemar p < 0.001).");
  second.rules[0].right = first.rules[0].right;
  EXPECT_THAT(compare_in_words(first, second), testing::HasSubstr("cannot tell with 100"));
}

}  // namespace
}  // namespace heng::eval
