// Who answers the questions of a benchmark: a model on this machine, or one behind an API. Whoever
// cannot give what a protocol asks for says so before the first question.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "eval/scoring/letters.h"

namespace heng::eval {

struct Query {
  std::string prompt = {};
  bool chat = false;                      // the prompt is a user's message
  std::vector<std::string> choices = {};  // texts whose probability is asked for; empty: a reply
  size_t max_new_tokens = 0;
  std::vector<std::string> stop = {};
  size_t longest_prompt = 0, keep_tokens = 0;  // as Protocol has them
};

struct Answer {
  std::string text;      // the reply
  LetterScores letters;  // of the choices
  size_t prompt_tokens = 0, reply_tokens = 0;
  bool reply_cut = false;   // max_new_tokens came before an end
  bool prompt_cut = false;  // to keep_tokens, as the protocol says
  std::string problem;      // why there is no answer: the prompt is too long, ...
};

class Answerer {
 public:
  virtual ~Answerer() = default;

  // For tables: "Qwen-7B-Chat".
  virtual std::string name() const = 0;
  virtual bool is_chat() const = 0;
  // All that may change its answers: files, precision, instruction set. Runs are continued where it
  // is the same only.
  virtual nlohmann::json identity() const = 0;

  // Answers all of `queries`, in any order; each answer goes to `on_answer` as it comes, with its
  // query's index. Where that returns false, stops as soon as it can. Throws Error kUnsupported for
  // what it cannot give; what is wrong with one query alone is that Answer's problem.
  using OnAnswer = std::function<bool(size_t index, Answer answer)>;
  virtual void answer(std::span<const Query> queries, const OnAnswer& on_answer) = 0;
};

}  // namespace heng::eval
