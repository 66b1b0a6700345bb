// What heng eval shows: progress, tables, and the files it writes. Used from one thread.
#pragma once

#include <chrono>
#include <span>
#include <string>

#include "eval/result.h"
#include "eval/run.h"

namespace heng::commands {

// One line on standard error that moves on while questions are answered; nothing where standard
// error is no terminal, but a line at the end.
class EvalProgress {
 public:
  EvalProgress(std::string task, std::string model);
  void update(const eval::Progress& now);
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(const eval::Progress& now) const;

  const std::string task_, model_;
  const bool shown_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_ = start_;
  eval::Progress last_;
  bool visible_ = false;
};

void print_task(const eval::Task& task);
void print_published(const eval::Task& task);

// The table of one task, a line a model, and who is better. `by_subject`: each subject too.
void print_results(const eval::Task& task, std::span<const eval::Result> results, bool by_subject);

// A JSON object a line and question: prompt, what came, and each rule's verdict.
std::string answers_as_jsonl(const eval::Task& task, const eval::Protocol& protocol,
                             const eval::Questions& questions, std::span<const eval::Kept> answers,
                             const std::string& model);

// {"subject": {"id": "A", ...}, ...}, as the C-Eval site takes it. Throws as write_whole.
void write_submission(const std::string& file, const eval::Protocol& protocol,
                      const eval::Questions& questions, std::span<const eval::Kept> answers);

// A file that is whole or not there. Throws Error as PartFile.
void write_whole(const std::string& file, std::string_view text);

}  // namespace heng::commands
