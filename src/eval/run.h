// One task put to one model: asks what the store has no answer to yet and keeps each answer as it
// comes. One thread.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "eval/answerer.h"
#include "eval/questions.h"
#include "eval/sandbox.h"
#include "eval/store.h"
#include "eval/task.h"

namespace heng::eval {

struct Progress {
  size_t done = 0, total = 0;  // questions
  size_t kept = 0;             // of them answered by an earlier run
  size_t right = 0;            // of those done, by the protocol's first rule
  std::string subject;         // of the last answer
  size_t subject_number = 0, n_subjects = 0;
};

struct RunSettings {
  QuestionChoice choice;
  std::string version;            // the program's
  Shut shut = Shut::kBubblewrap;  // how code of replies is shut in, where a rule runs it
};

// What must be the same for a run to be continued or repeated.
nlohmann::json run_manifest(const Answerer& answerer, const Task& task, const Protocol& protocol,
                            const RunSettings& settings, const Questions& questions);

// "cmmlu-qwen-base-Qwen-7B-1f3a9c02.sqlite": the same for the same manifest.
std::string run_file_name(const nlohmann::json& manifest);

// Whether a rule of the protocol runs the code of replies: ask_all needs a sandbox then.
bool runs_code(const Protocol& protocol);

// Returns false where `on_progress` did, which stops the run. Throws Error as Answerer and Store.
bool ask_all(Answerer& answerer, Store& store, const Task& task, const Protocol& protocol,
             const Questions& questions, const Sandbox* sandbox,
             const std::function<bool(const Progress&)>& on_progress);

}  // namespace heng::eval
