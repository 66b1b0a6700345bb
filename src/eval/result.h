// What the answers of a run come to: figures with intervals as the benchmark averages them, per
// group and subject, by each rule. The same answers give the same result, however they came about.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eval/questions.h"
#include "eval/store.h"
#include "eval/task.h"
#include "statistics/statistics.h"

namespace heng::eval {

struct Figure {
  double value = 0;               // per cent, or BLEU
  statistics::Interval interval;  // 95%
  size_t n = 0;                   // questions
};

struct RuleResult {
  std::string rule;
  Figure all;
  std::vector<std::pair<std::string, Figure>> groups, subjects;
  size_t disagrees = 0;     // questions that this rule judges otherwise than the first one
  std::vector<bool> right;  // by question
};

struct Result {
  std::string task, title, protocol, model;
  size_t shots = 0;
  size_t n_questions = 0, n_answered = 0;
  size_t n_problems = 0;  // questions without an answer: prompt too long, ...; they count as wrong
  size_t n_cut_prompts = 0;   // to Protocol::keep_tokens
  size_t n_cut_replies = 0;   // max_new_tokens came first
  bool has_key = true;        // the data says the right answers
  std::string first_problem;  // one of n_problems
  std::vector<std::string> malformed;
  std::vector<RuleResult> rules;
};

constexpr uint64_t kBootstrapSeed = 20230803;

// `answers` as Store::answers gives them.
Result summarise(const Task& task, const Protocol& protocol, const Questions& questions,
                 std::span<const Kept> answers, const std::string& model);

nlohmann::json to_json(const Result& result);

// Two models on the same questions, in words: "A is better: 40 questions right that B has wrong, 12
// the other way (McNemar p = 0.0002)."; "cannot tell" from p 0.05 on. REQUIRES: the same questions.
std::string compare_in_words(const Result& first, const Result& second);

}  // namespace heng::eval
