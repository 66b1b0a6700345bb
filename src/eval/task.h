// A benchmark as a task file describes it: where its data lies, which protocols it is asked by, how
// answers are read and averaged, and what its authors published. docs/tasks.md explains each field.
// Plain values; safe to share once read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heng/error.h"

namespace heng::eval {

enum class DataFormat { kCsv, kJsonl, kLines };
enum class Cells { kPandas, kRaw };

// Paths are inside the task's folder of the data folder; {subject} stands for each subject's name.
struct DataLayout {
  std::string folder;
  DataFormat format = DataFormat::kCsv;
  bool header = true;         // of CSV files
  Cells cells = Cells::kRaw;  // of CSV files
  // Field -> column (CSV), key (JSON Lines) or file (lines). In CSV without a header the columns
  // are these, in this order.
  std::vector<std::pair<std::string, std::string>> fields;
  std::string shots;                   // the file of worked examples; may be empty
  std::vector<std::string> questions;  // the file of questions; of several the first that is there
  std::vector<std::string> answers;    // fields with right answers, which a test split may lack
};

// How a reply becomes right or wrong, by name: kRules in rules.h.
struct Protocol {
  std::string name;
  bool chat = false;  // a chat's user message, else a text to continue
  std::string about;  // one line for people
  // The prompt: heading, worked examples, question. {field} stands for a field of the row,
  // {subject} and {subject_words} for its subject.
  std::string heading;
  std::vector<std::string> heading_file;  // in the data folder; the first that is there
  size_t shots = 0;
  std::string shot, prompt;
  std::string answer;  // the field with the right answer; may be empty
  // Letters scored by their probability; empty: a reply is written.
  std::vector<std::string> choices;
  std::vector<std::string> rules;  // how answers are read; the first gives the headline figure
  size_t max_new_tokens = 512;
  std::vector<std::string> stop;
  // Of longer prompts only the last `keep_tokens` are kept, as upstream does; 0: none is cut.
  size_t longest_prompt = 0, keep_tokens = 0;
};

// A group of subjects that has a figure of its own.
struct Group {
  std::string name;
  std::vector<std::string> subjects;
};

enum class Average {
  kSubjects,   // the mean of the subjects' means
  kQuestions,  // right answers over questions
};

// A figure that somebody printed: not measured here.
struct Published {
  std::string model, protocol, split, source;
  double value = 0;  // per cent, or BLEU
};

struct Task {
  std::string name, title, source;
  DataLayout data;
  Average average = Average::kQuestions;
  std::vector<Group> groups;
  std::vector<std::string> subjects;  // {""} where there are none
  std::vector<Protocol> protocols;
  std::vector<Published> published;

  // Throws Error kInvalidArgument listing the names.
  const Protocol& protocol(std::string_view name) const;
  // The first for base or for chat models; throws Error kUnsupported where there is none.
  const Protocol& default_protocol(bool chat) const;
};

struct BuiltInTask {
  std::string_view name, text;
};
// The files of tasks/, sorted by name.
std::vector<BuiltInTask> built_in_tasks();

// Throws Error kCorrupt "<file>:<line>: ..." for what is no task: unknown fields too.
Task parse_task(std::string_view text, std::string_view file);

// A built-in task by name or a task file by its path (it ends in .yaml or .yml). Throws Error
// kNotFound listing the names.
Task find_task(const std::string& name_or_path);

}  // namespace heng::eval
