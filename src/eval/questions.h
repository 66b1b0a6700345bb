// The rows of a benchmark's data and the prompts that a protocol makes of them. Malformed rows are
// counted and named, never left out in silence.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/task.h"
#include "eval/template.h"

namespace heng::eval {

struct Question {
  size_t index = 0;  // in the task, as its files have it
  std::string subject;
  size_t row = 0;     // in its file, from 0
  std::string where;  // "test/law.csv:17"
  Fields fields;
  std::string prompt;  // text to continue, or a user's message
};

// Empty where it has no such field.
std::string_view field(const Question& question, std::string_view name);

struct QuestionChoice {
  std::vector<std::string> subjects = {};     // empty: all
  size_t limit = 0;                           // most of each subject; 0: all
  std::optional<uint64_t> shuffle_seed = {};  // draws which; else the first ones
};

struct Questions {
  std::vector<Question> all;           // subject by subject, so that prompts begin alike
  std::vector<std::string> malformed;  // "test/law.csv:17: 5 cells, expected 7"
};

// The rows of one file. Throws Error kNotFound, kCorrupt.
struct Rows {
  std::vector<Question> rows;
  std::vector<std::string> malformed;
};
// Of a text in CSV or JSON Lines; `file` names it. Throws Error kCorrupt.
Rows parse_rows(const DataLayout& data, std::string_view text, const std::string& file);
Rows read_rows(const DataLayout& data, const std::filesystem::path& folder,
               const std::string& subject, const std::vector<std::string>& paths);

// The folder of a task in the data folder. Throws Error kNotFound saying where the data comes from.
std::filesystem::path task_folder(const Task& task, const std::filesystem::path& data_folder);

// Throws Error as read_rows; kInvalidArgument for a subject that the task does not have.
Questions load_questions(const Task& task, const Protocol& protocol,
                         const std::filesystem::path& data_folder, const QuestionChoice& choice);

}  // namespace heng::eval
