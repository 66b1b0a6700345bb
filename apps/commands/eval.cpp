// heng eval: benchmarks by their published protocols.
#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/user_folders.h"
#include "commands/commands.h"
#include "commands/eval_output.h"
#include "commands/input.h"
#include "commands/options.h"
#include "eval/engine_answerer.h"
#include "eval/fingerprint.h"
#include "eval/result.h"
#include "eval/run.h"
#include "heng/auto_model.h"
#include "terminal/interrupt.h"
#include "terminal/phrases.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

namespace fs = std::filesystem;
using terminal::Phrase;
using terminal::text;

struct Options {
  std::vector<std::string> models;
  LoadOptions load;
  std::vector<std::string> tasks;
  std::string protocol, data, out, answers_file, submission_file;
  eval::QuestionChoice choice;
  eval::Shut shut = eval::Shut::kBubblewrap;
  bool list = false, published = false, json = false, subjects = false;
};

// A folder of the user's own, else the one that an option names.
fs::path own_folder(UserFolder kind, const char* name, const char* option) {
  const fs::path folder = user_folder(kind);
  if (!folder.empty()) return folder / name;
  throw Error(ErrorCode::kInvalidArgument,
              std::string("there is no home folder. Name one with ") + option + ".");
}

fs::path data_folder(const Options& o) {
  if (!o.data.empty()) return o.data;
  const char* named = std::getenv("HENG_DATA");
  return named && *named ? fs::path(named) : own_folder(UserFolder::kData, "data", "--data");
}

fs::path runs_folder(const Options& o) {
  return o.out.empty() ? own_folder(UserFolder::kState, "runs", "--out") : fs::path(o.out);
}

// The model, ready to answer.
std::unique_ptr<eval::EngineAnswerer> load_answerer(const Options& o, const std::string& name) {
  ModelOptions model{.model = name, .load = o.load};
  auto loaded = load_model(model, o.json ? Announce::kNo : Announce::kYes);
  return std::make_unique<eval::EngineAnswerer>(
      loaded,
      eval::EngineAnswererOptions{.fingerprint = eval::model_fingerprint(resolve_model(name))});
}

const eval::Protocol& chosen_protocol(const Options& o, const eval::Task& task, bool chat) {
  return o.protocol.empty() ? task.default_protocol(chat) : task.protocol(o.protocol);
}

// One task by one model, as far as Ctrl-C lets it.
struct Run {
  eval::Result result;
  nlohmann::json manifest;
  fs::path file;
  std::string answers;  // for --answers
  bool finished = false;
};

Run run_one(const Options& o, eval::EngineAnswerer& answerer, const eval::Task& task) {
  const eval::Protocol& protocol = chosen_protocol(o, task, answerer.is_chat());
  const auto questions = eval::load_questions(task, protocol, data_folder(o), o.choice);
  Run run;
  run.manifest =
      eval::run_manifest(answerer, task, protocol,
                         {.choice = o.choice, .version = HENG_VERSION, .shut = o.shut}, questions);
  fs::create_directories(runs_folder(o));
  run.file = runs_folder(o) / eval::run_file_name(run.manifest);
  eval::Store store(run.file);
  store.begin(run.manifest);
  std::optional<eval::Sandbox> sandbox;
  if (eval::runs_code(protocol)) sandbox.emplace(o.shut);
  EvalProgress progress(task.name, answerer.name());
  const terminal::Interrupt interrupt;
  run.finished = eval::ask_all(answerer, store, task, protocol, questions,
                               sandbox ? &*sandbox : nullptr, [&](const eval::Progress& now) {
                                 progress.update(now);
                                 return !terminal::Interrupt::asked();
                               });
  progress.finish();
  const auto answers = store.answers(task.name, protocol.name);
  run.result = eval::summarise(task, protocol, questions, answers, answerer.name());
  if (!o.answers_file.empty()) {
    run.answers = answers_as_jsonl(task, protocol, questions, answers, answerer.name());
  }
  if (!o.submission_file.empty()) {
    write_submission(o.submission_file, protocol, questions, answers);
  }
  return run;
}

int list_tasks() {
  for (const auto& built_in : eval::built_in_tasks()) {
    print_task(eval::parse_task(built_in.text, built_in.name));
  }
  return kDone;
}

int show_published(const Options& o) {
  for (const auto& built_in : eval::built_in_tasks()) {
    const auto task = eval::parse_task(built_in.text, built_in.name);
    const bool wanted =
        o.tasks.empty() || std::find(o.tasks.begin(), o.tasks.end(), task.name) != o.tasks.end();
    if (wanted && !task.published.empty()) print_published(task);
  }
  return kDone;
}

int run(const Options& o) {
  if (o.list) return list_tasks();
  if (o.published) return show_published(o);
  if (o.models.empty() || o.tasks.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "eval needs a model and --tasks. heng eval --list shows the tasks.");
  }
  if (!o.submission_file.empty() && (o.models.size() > 1 || o.tasks.size() > 1)) {
    throw Error(ErrorCode::kInvalidArgument, "--submission takes one model and one task.");
  }
  std::vector<eval::Task> tasks;
  for (const auto& name : o.tasks) tasks.push_back(eval::find_task(name));
  // What is not there is said before a model is loaded.
  for (const auto& task : tasks) eval::task_folder(task, data_folder(o));
  std::string answers;
  std::vector<std::vector<Run>> by_task(tasks.size());
  for (const auto& model : o.models) {
    const auto answerer = load_answerer(o, model);
    for (size_t t = 0; t < tasks.size(); ++t) {
      by_task[t].push_back(run_one(o, *answerer, tasks[t]));
      const Run& done = by_task[t].back();
      answers += done.answers;
      if (!o.answers_file.empty()) write_whole(o.answers_file, answers);
      if (done.finished) continue;
      terminal::note(text(Phrase::kEvalStopped, done.file.string()), terminal::Stream::kErr);
      return kInterrupted;
    }
  }
  for (size_t t = 0; t < tasks.size(); ++t) {
    std::vector<eval::Result> results;
    for (const Run& run : by_task[t]) results.push_back(run.result);
    if (o.json) {
      for (const Run& run : by_task[t]) {
        auto value = eval::to_json(run.result);
        value["manifest"] = run.manifest;
        print_json(value);
      }
    } else {
      print_results(tasks[t], results, o.subjects);
      for (const Run& run : by_task[t]) {
        terminal::note(text(Phrase::kEvalKeptIn, run.file.string()), terminal::Stream::kErr);
      }
    }
  }
  return kDone;
}

void add_data_options(CLI::App& command, Options& o) {
  command.add_option("--data", o.data, text(Phrase::kOptionEvalData))->option_text("FOLDER");
  command.add_option("--out", o.out, text(Phrase::kOptionEvalOut))->option_text("FOLDER");
  command.add_option("--answers", o.answers_file, text(Phrase::kOptionEvalAnswers))
      ->option_text("FILE");
  command.add_option("--submission", o.submission_file, text(Phrase::kOptionEvalSubmission))
      ->option_text("FILE");
}

}  // namespace

void add_eval(CLI::App& program, Action& action) {
  auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("eval", text(Phrase::kCommandEval));
  command->add_option("MODEL", o->models, text(Phrase::kOptionEvalModels))
      ->option_text(kNoOptionText);
  command->add_option("--tasks", o->tasks, text(Phrase::kOptionEvalTasks))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("NAME,...");
  command->add_option("--protocol", o->protocol, text(Phrase::kOptionEvalProtocol))
      ->option_text("NAME");
  add_data_options(*command, *o);
  command->add_option("--subjects", o->choice.subjects, text(Phrase::kOptionEvalSubjects))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("NAME,...");
  command->add_option("--limit", o->choice.limit, text(Phrase::kOptionEvalLimit))->option_text("N");
  command->add_option("--shuffle-seed", o->choice.shuffle_seed, text(Phrase::kOptionEvalShuffle))
      ->option_text("N");
  command
      ->add_option_function<std::string>(
          "--sandbox",
          [o](const std::string& name) {
            o->shut = name == "bubblewrap" ? eval::Shut::kBubblewrap : eval::Shut::kRlimitsOnly;
          },
          text(Phrase::kOptionEvalSandbox))
      ->check(CLI::IsMember({"bubblewrap", "rlimit-only"}))
      ->option_text("bubblewrap|rlimit-only");
  command->add_flag("--by-subject", o->subjects, text(Phrase::kOptionEvalBySubject));
  command->add_flag("--list", o->list, text(Phrase::kOptionEvalList));
  command->add_flag("--published", o->published, text(Phrase::kOptionEvalPublished));
  command->add_flag("--json", o->json, text(Phrase::kOptionJson));
  add_load_options(*command, o->load);
  command->footer(text(Phrase::kExamplesEval));
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace heng::commands
