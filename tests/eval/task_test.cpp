#include "eval/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/template.h"

namespace heng::eval {
namespace {

using testing::HasSubstr;

constexpr const char* kTask = R"(name: colours
title: Colours
data:
  folder: colours
  format: jsonl
  fields: {question: q, A: a, B: b, answer: key}
  questions: "{subject}.jsonl"
groups:
  warm: [red, orange]
  all: [red, blue]
protocols:
  - name: plain
    prompt: "{question}\nA. {A}\nB. {B}\n"
    choices: [A, B]
    rules: logits
published:
  - {model: M, protocol: plain, value: 41.5, source: README}
)";

std::string problem_of(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  try {
    parse_task(text, "t.yaml");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    return error.what();
  }
  return "";
}

TEST(Task, IsReadWholly) {
  const Task task = parse_task(kTask, "t.yaml");
  EXPECT_EQ(task.name, "colours");
  EXPECT_EQ(task.subjects, (std::vector<std::string>{"blue", "orange", "red"}));
  EXPECT_EQ(task.groups[0].name, "warm");
  EXPECT_EQ(task.protocols[0].choices.size(), 2u);
  EXPECT_EQ(task.published[0].value, 41.5);
  EXPECT_EQ(task.average, Average::kQuestions);
  EXPECT_THROW(task.protocol("other"), Error);
  EXPECT_THROW(task.default_protocol(true), Error);
}

TEST(Task, ErrorsNameFileAndLine) {
  EXPECT_THAT(problem_of(kTask, "title:", "titel:"), HasSubstr("t.yaml:1: a task lacks title"));
  EXPECT_THAT(problem_of(kTask, "    rules: logits", "    rules: logits\n    colour: 1"),
              HasSubstr("t.yaml:16: a protocol has no field colour"));
  EXPECT_THAT(problem_of(kTask, "rules: logits", "rules: guess"),
              HasSubstr("t.yaml:15: rules has \"guess\", expected some of"));
  EXPECT_THAT(problem_of(kTask, "{question}", "{quest}"),
              HasSubstr("t.yaml:13: prompt asks for {quest}, which is no field of the data"));
  EXPECT_THAT(problem_of(kTask, "folder: colours", "folder: ../colours"),
              HasSubstr("leads out of the data folder"));
  EXPECT_THAT(problem_of(kTask, "format: jsonl", "format: xml"),
              HasSubstr("format is \"xml\", expected one of csv, jsonl, lines"));
  EXPECT_THAT(problem_of(kTask, "value: 41.5", "value: high"), HasSubstr("expected a number"));
  EXPECT_THAT(problem_of(kTask, "title: Colours", "title: Colours\ntitle: X"),
              HasSubstr("is there twice"));
  EXPECT_THAT(problem_of(kTask, "name: colours", "name: [colours"), HasSubstr("no YAML"));
}

TEST(Task, BuiltInOnesAreSound) {
  size_t n = 0;
  for (const BuiltInTask& built_in : built_in_tasks()) {
    const Task task = parse_task(built_in.text, built_in.name);
    EXPECT_EQ(task.name, built_in.name);
    EXPECT_FALSE(task.source.empty()) << task.name << " does not say where its data is from";
    ++n;
  }
  EXPECT_GE(n, 4u);
  EXPECT_EQ(find_task("cmmlu").subjects.size(), 67u);
  EXPECT_EQ(find_task("mmlu").subjects.size(), 57u);
  EXPECT_EQ(find_task("ceval").subjects.size(), 52u);
  EXPECT_THROW(find_task("nothing"), Error);
}

TEST(Task, AnotherSplitIsLikeTheBuiltInTask) {
  const Task ceval = find_task("ceval"), other = find_task("ceval-test");
  EXPECT_EQ(other.data.questions, (std::vector<std::string>{"test/{subject}_test.csv"}));
  EXPECT_EQ(other.subjects, ceval.subjects);
  EXPECT_EQ(other.protocols.size(), ceval.protocols.size());
  EXPECT_TRUE(other.published.empty());
  const std::string split = "name: a\ntitle: b\nlike: ceval\nquestions: q.csv\n";
  EXPECT_THAT(problem_of(split, "like: ceval", "like: x"),
              HasSubstr("t.yaml:3: like is no built-in"));
  EXPECT_THAT(problem_of(split, "questions: q.csv", "average: subjects"),
              HasSubstr("questions is not said"));
  EXPECT_THAT(problem_of(split, "title: b", "title: b\naverage: subjects"),
              HasSubstr("a task has no field average"));
}

TEST(Template, BracesThatNameNothingStay) {
  const Fields fields = {{"a", "1"}, {"b_2", "{a}"}};
  EXPECT_EQ(fill_in("{a} {} {b_2} {c} {a b} {", fields), "1 {} {a} {c} {a b} {");
  EXPECT_EQ(placeholders("{a} {} {x y} {b_2}"), (std::vector<std::string>{"a", "b_2"}));
}

}  // namespace
}  // namespace heng::eval
