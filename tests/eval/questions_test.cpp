#include "eval/questions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "eval/csv.h"
#include "support/file_bytes.h"
#include "support/golden.h"

namespace heng::eval {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The cells of one column as pandas prints them.
std::vector<std::string> respelt(const std::vector<std::string>& cells) {
  std::vector<CsvRow> rows;
  for (const auto& cell : cells) rows.push_back({rows.size() + 1, {cell}});
  respell_as_pandas(rows);
  std::vector<std::string> out;
  for (const CsvRow& row : rows) out.push_back(row.cells[0]);
  return out;
}

TEST(Csv, CellsEndAtCommasOutsideQuotes) {
  const auto rows = parse_csv(
      "\xef\xbb\xbf"
      "a,\"b, \"\"c\"\"\nd\",e\r\n\r\n1,,\n",
      "f.csv");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].cells, (std::vector<std::string>{"a", "b, \"c\"\nd", "e"}));
  EXPECT_EQ(rows[1].cells, (std::vector<std::string>{"1", "", ""}));
  EXPECT_EQ(rows[1].line, 4u);
}

TEST(Csv, AnOpenQuoteIsNamed) {
  try {
    parse_csv("a\nb,\"c\nd\n", "f.csv");
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "f.csv:2: a quote is opened and never closed.");
  }
}

TEST(Csv, ColumnsAreRespeltAsPandasPrintsThem) {
  using Cells = std::vector<std::string>;
  EXPECT_EQ(respelt({"05", " 7", "-3"}), (Cells{"5", "7", "-3"}));
  EXPECT_EQ(respelt({"7", "6.50", "1e3"}), (Cells{"7.0", "6.5", "1000.0"}));
  EXPECT_EQ(respelt({"7", "NA", "8"}), (Cells{"7.0", "nan", "8.0"}));
  EXPECT_EQ(respelt({"True", "FALSE"}), (Cells{"True", "False"}));
  EXPECT_EQ(respelt({"7", "seven", "None"}), (Cells{"7", "seven", "nan"}));
}

// Every prompt of the golden file `name` that the original makes of the data in `folder`.
void expect_prompts(const Task& task, const std::string& name, const fs::path& folder,
                    const std::vector<std::pair<std::string, std::string>>& keys, Cells cells) {
  Task local = task;
  local.data.cells = cells;
  const auto golden = test::read_jsonl(test::golden_dir() / "eval" / name);
  std::vector<std::string> subjects;
  for (const json& row : golden) {
    if (std::find(subjects.begin(), subjects.end(), row["subject"]) == subjects.end()) {
      subjects.push_back(row["subject"]);
    }
  }
  for (const auto& [protocol, key] : keys) {
    const Questions questions =
        load_questions(local, local.protocol(protocol), folder, {.subjects = subjects});
    std::map<std::pair<std::string, size_t>, std::string> prompts;
    for (const Question& q : questions.all) prompts[{q.subject, q.row}] = q.prompt;
    for (const json& row : golden) {
      const bool raw = cells == Cells::kRaw && row.contains(key + "_raw");
      const std::string prompt = prompts[{row["subject"], row["row"].get<size_t>()}];
      EXPECT_EQ(prompt, row[raw ? key + "_raw" : key].get<std::string>());
    }
  }
}

TEST(Prompts, AreThoseOfTheOriginalByteForByte) {
  HENG_NEEDS_GOLDEN("eval/prompts_cmmlu.jsonl");
  const fs::path golden = test::golden_dir();
  for (const Cells cells : {Cells::kPandas, Cells::kRaw}) {
    expect_prompts(find_task("cmmlu"), "prompts_cmmlu.jsonl", golden.parent_path() / "data",
                   {{"qwen-base", "prompt"}}, cells);
    Task mmlu = find_task("mmlu");
    mmlu.data.folder = "mmlu_like/data";
    expect_prompts(mmlu, "prompts_mmlu_like.jsonl", golden / "eval/data",
                   {{"qwen-base", "prompt_5shot"}, {"qwen-chat", "user_chat_0shot"}}, cells);
    Task ceval = find_task("ceval");
    ceval.data.folder = "ceval_like";
    expect_prompts(ceval, "prompts_ceval_like.jsonl", golden / "eval/data",
                   {{"qwen-base", "prompt_5shot"}, {"qwen-chat", "user_chat_0shot"}}, cells);
  }
}

TEST(Prompts, OfGsm8kAndHumanEvalAreThoseOfTheOriginal) {
  HENG_NEEDS_GOLDEN("eval/prompts_gsm8k.jsonl");
  const fs::path data = test::golden_dir().parent_path() / "data";
  const Task gsm8k = find_task("gsm8k"), humaneval = find_task("humaneval");
  const Questions base = load_questions(gsm8k, gsm8k.protocol("qwen-base"), data, {});
  const Questions chat = load_questions(gsm8k, gsm8k.protocol("qwen-chat"), data, {});
  for (const json& row : test::read_jsonl(test::golden_dir() / "eval/prompts_gsm8k.jsonl")) {
    const size_t doc = row["doc"];
    EXPECT_EQ(base.all.at(doc).prompt, row["base_8shot"].get<std::string>());
    EXPECT_EQ(chat.all.at(doc).prompt, row["user_0shot"].get<std::string>());
  }
  const Questions code = load_questions(humaneval, humaneval.protocol("qwen-chat"), data, {});
  size_t i = 0;
  for (const json& row :
       test::read_jsonl(test::golden_dir() / "eval/prompts_humaneval_chat.jsonl")) {
    EXPECT_EQ(code.all.at(i++).prompt, row["user"].get<std::string>());
  }
  EXPECT_EQ(i, 164u);
}

class QuestionFiles : public testing::Test {
 protected:
  QuestionFiles() {
    fs::create_directories(folder_ / "colours");
    task_ = parse_task(R"(name: colours
title: Colours
data:
  folder: colours
  format: jsonl
  fields: {question: q, answer: key}
  questions: "{subject}.jsonl"
groups: {warm: [red]}
protocols:
  - {name: plain, prompt: "{question}?", choices: [A, B], rules: logits}
)",
                       "t.yaml");
  }

  void write(const std::string& name, const std::string& text) const {
    test::write_file(folder_ / "colours" / name, text);
  }
  Questions load(const QuestionChoice& choice = {}) const {
    return load_questions(task_, task_.protocols[0], folder_.path(), choice);
  }

  const test::TempDir folder_;
  Task task_;
};

TEST_F(QuestionFiles, MalformedRowsAreNamedAndTheOthersAsked) {
  write("red.jsonl",
        "{\"q\": \"one\", \"key\": \"A\"}\n{\"q\": 1}\nnonsense\n\n"
        "{\"q\": \"two\", \"key\": 2}\n");
  const Questions questions = load();
  ASSERT_EQ(questions.all.size(), 2u);
  EXPECT_EQ(questions.all[1].prompt, "two?");
  EXPECT_EQ(questions.all[1].fields.at("answer"), "2");
  EXPECT_EQ(questions.all[1].where, "red.jsonl:5");
  ASSERT_EQ(questions.malformed.size(), 2u);
  EXPECT_THAT(questions.malformed[0], testing::HasSubstr("red.jsonl:2: lacks \"key\""));
  EXPECT_THAT(questions.malformed[1], testing::HasSubstr("red.jsonl:3"));
}

TEST_F(QuestionFiles, AColumnThatIsMissingIsNamedUnlessItHasTheAnswers) {
  task_.data.format = DataFormat::kCsv;
  task_.data.questions = {"q.csv"};
  write("q.csv", "q\none\n");  // a test split
  EXPECT_EQ(load().all.at(0).prompt, "one?");
  EXPECT_EQ(field(load().all[0], "answer"), "");
  write("q.csv", "key\nA\n");
  try {
    load();
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "q.csv:1: lacks the column \"q\".");
  }
}

TEST_F(QuestionFiles, ASeedDrawsWhichOnesAreAsked) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "{\"q\": \"" + std::to_string(i) + "\", \"key\": \"A\"}\n";
  write("red.jsonl", text);
  const auto rows = [&](const QuestionChoice& choice) {
    std::vector<size_t> all;
    for (const Question& question : load(choice).all) all.push_back(question.row);
    return all;
  };
  EXPECT_EQ(rows({.limit = 3}), (std::vector<size_t>{0, 1, 2}));
  const auto drawn = rows({.limit = 10, .shuffle_seed = 5});
  EXPECT_EQ(drawn.size(), 10u);
  EXPECT_EQ(drawn, rows({.limit = 10, .shuffle_seed = 5}));
  EXPECT_NE(drawn, rows({.limit = 10, .shuffle_seed = 6}));
  EXPECT_TRUE(std::is_sorted(drawn.begin(), drawn.end()));
}

TEST_F(QuestionFiles, WhatIsNotThereIsSaid) {
  EXPECT_THROW(load(), Error);
  EXPECT_THROW(load({.subjects = {"green"}}), Error);
}

}  // namespace
}  // namespace heng::eval
