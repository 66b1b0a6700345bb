#include "eval/run.h"

#include <algorithm>
#include <set>

#include "eval/rules.h"
#include "eval/sha256.h"

namespace heng::eval {
namespace {

using nlohmann::json;

// For a file's name: letters, digits, "-", "_" and "." stay.
std::string plain_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    name += plain ? c : '_';
  }
  return name.substr(0, 80);
}

// All prompts and right answers: data that was changed makes another run.
std::string questions_hash(const Questions& questions, const Protocol& protocol) {
  Sha256 hash;
  for (const Question& question : questions.all) {
    hash.add(question.prompt);
    hash.add(std::string_view("\0", 1));
    hash.add(field(question, protocol.answer));
    hash.add(std::string_view("\0", 1));
  }
  return hash.finish();
}

Query query_of(const Question& question, const Protocol& protocol) {
  return {.prompt = question.prompt,
          .chat = protocol.chat,
          .choices = protocol.choices,
          .max_new_tokens = protocol.max_new_tokens,
          .stop = protocol.stop,
          .longest_prompt = protocol.longest_prompt,
          .keep_tokens = protocol.keep_tokens};
}

// What the tests say of a reply's function.
std::string run_code(const Sandbox& sandbox, const Question& question, const Protocol& protocol,
                     const Kept& kept) {
  const std::string& prompt = question.fields.at("prompt");
  const std::string completion = find_rule(protocol.rules[0])->read(question, protocol, kept).read;
  return sandbox.judge({.setup = prompt,
                        .code = prompt + completion,
                        .entry = question.fields.at("entry_point"),
                        .checks = question.fields.at("test")});
}

// Keeps the running figures beside the store.
class Tally {
 public:
  Tally(const Protocol& protocol, const Questions& questions)
      : protocol_(protocol), rule_(*find_rule(protocol.rules[0])) {
    progress_.total = questions.all.size();
    std::set<std::string> subjects;
    for (const Question& question : questions.all) subjects.insert(question.subject);
    subjects_.assign(subjects.begin(), subjects.end());
    progress_.n_subjects = subjects_.size();
  }

  void count(const Question& question, const Kept& kept) {
    ++progress_.done;
    progress_.right += rule_.read(question, protocol_, kept).right;
    progress_.subject = question.subject;
    const auto at = std::lower_bound(subjects_.begin(), subjects_.end(), question.subject);
    progress_.subject_number = static_cast<size_t>(at - subjects_.begin()) + 1;
  }
  void keep() { progress_.kept = progress_.done; }

  const Progress& progress() const { return progress_; }

 private:
  const Protocol& protocol_;
  const Rule& rule_;
  Progress progress_;
  std::vector<std::string> subjects_;  // sorted
};

}  // namespace

json run_manifest(const Answerer& answerer, const Task& task, const Protocol& protocol,
                  const RunSettings& settings, const Questions& questions) {
  json choice = {{"limit", settings.choice.limit}, {"subjects", settings.choice.subjects}};
  if (settings.choice.shuffle_seed) choice["shuffle_seed"] = *settings.choice.shuffle_seed;
  json manifest = {{"heng", settings.version},
                   {"task", task.name},
                   {"protocol", protocol.name},
                   {"rules", protocol.rules},
                   {"questions", questions.all.size()},
                   {"questions_sha256", questions_hash(questions, protocol)},
                   {"choice", choice},
                   {"max_new_tokens", protocol.choices.empty() ? protocol.max_new_tokens : 0},
                   {"stop", protocol.stop},
                   {"answerer", answerer.identity()}};
  if (runs_code(protocol)) manifest["sandbox"] = shut_name(settings.shut);
  return manifest;
}

std::string run_file_name(const json& manifest) {
  const json& answerer = manifest.at("answerer");
  return plain_name(manifest.at("task").get<std::string>()) + "-" +
         plain_name(manifest.at("protocol").get<std::string>()) + "-" +
         plain_name(answerer.at("model").get<std::string>()) + "-" +
         sha256_hex(manifest.dump()).substr(0, 8) + ".sqlite";
}

bool runs_code(const Protocol& protocol) {
  return find_rule(protocol.rules[0])->runs_code;
}

bool ask_all(Answerer& answerer, Store& store, const Task& task, const Protocol& protocol,
             const Questions& questions, const Sandbox* sandbox,
             const std::function<bool(const Progress&)>& on_progress) {
  Tally tally(protocol, questions);
  std::set<size_t> answered;
  for (const Kept& kept : store.answers(task.name, protocol.name)) {
    if (kept.question >= questions.all.size()) continue;
    answered.insert(kept.question);
    tally.count(questions.all[kept.question], kept);
  }
  tally.keep();
  std::vector<Query> queries;
  std::vector<const Question*> asked;
  for (const Question& question : questions.all) {
    if (answered.contains(question.index)) continue;
    queries.push_back(query_of(question, protocol));
    asked.push_back(&question);
  }
  if (!on_progress(tally.progress())) return false;
  bool go_on = true;
  answerer.answer(queries, [&](size_t index, Answer answer) {
    const Question& question = *asked[index];
    Kept kept{question.index, 0, question.subject, question.row, std::move(answer), ""};
    if (sandbox && kept.answer.problem.empty()) {
      kept.verdict = run_code(*sandbox, question, protocol, kept);
    }
    store.add(task.name, protocol.name, kept);
    tally.count(question, kept);
    go_on = on_progress(tally.progress());
    return go_on;
  });
  return go_on;
}

}  // namespace heng::eval
