#include "eval/questions.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "base/file_map.h"
#include "base/json.h"
#include "base/message.h"
#include "eval/csv.h"
#include "eval/scoring/humaneval.h"
#include "statistics/statistics.h"

namespace heng::eval {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostBytes = size_t{256} << 20;

// A plain or gzipped text file.
std::string read_data_file(const fs::path& path) {
  if (path.extension() != ".gz") return read_text_file(path, kMostBytes);
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) throw Error(ErrorCode::kNotFound, path.string() + ": cannot be opened.");
  std::string text;
  std::string piece(size_t{1} << 16, '\0');
  while (true) {
    const int n = gzread(file.get(), piece.data(), static_cast<unsigned>(piece.size()));
    if (n < 0) throw Error(ErrorCode::kCorrupt, path.string() + ": is damaged (gzip).");
    if (n == 0) return text;
    text.append(piece, 0, static_cast<size_t>(n));
    if (text.size() > kMostBytes) {
      throw Error(ErrorCode::kCorrupt, path.string() + ": unpacks to over 256 MiB.");
    }
  }
}

std::string malformed_row(const std::string& file, size_t line, const std::string& problem) {
  return file + ":" + std::to_string(line) + ": " + problem;
}

void read_csv(const DataLayout& data, std::string_view text, const std::string& file, Rows& out) {
  std::vector<CsvRow> rows = parse_csv(text, file);
  std::vector<std::string> columns;
  if (data.header) {
    if (rows.empty()) throw Error(ErrorCode::kCorrupt, file + ": is empty, expected a header.");
    columns = rows.front().cells;
    rows.erase(rows.begin());
  } else {
    for (const auto& [field, column] : data.fields) columns.push_back(column);
  }
  std::vector<std::pair<std::string, size_t>> places;
  for (const auto& [field, column] : data.fields) {
    const auto at = std::find(columns.begin(), columns.end(), column);
    if (at != columns.end()) {
      places.emplace_back(field, at - columns.begin());
    } else if (std::find(data.answers.begin(), data.answers.end(), field) == data.answers.end()) {
      throw Error(ErrorCode::kCorrupt,
                  file + ":1: lacks the column \"" + printable(column) + "\".");
    }
  }
  std::erase_if(rows, [&](const CsvRow& row) {
    if (row.cells.size() == columns.size()) return false;
    out.malformed.push_back(malformed_row(
        file, row.line,
        std::to_string(row.cells.size()) + " cells, expected " + std::to_string(columns.size())));
    return true;
  });
  if (data.cells == Cells::kPandas) respell_as_pandas(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    Question question;
    question.row = i;
    question.where = file + ":" + std::to_string(rows[i].line);
    for (const auto& [field, _] : data.fields) question.fields[field] = "";
    for (const auto& [field, place] : places) question.fields[field] = rows[i].cells[place];
    out.rows.push_back(std::move(question));
  }
}

// The text of a JSON value: of a string its characters, of others as JSON.
std::string field_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void read_jsonl(const DataLayout& data, std::string_view text, const std::string& file, Rows& out) {
  size_t line_number = 0, row = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    if (end == std::string_view::npos) end = text.size();
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Question question;
    question.row = row;
    question.where = file + ":" + std::to_string(line_number);
    try {
      const Json value = parse_json(line, question.where, {.advice = ""});
      if (!value.is_object()) throw Error(ErrorCode::kCorrupt, question.where + ": no JSON object");
      for (const auto& [field, key] : data.fields) {
        const auto found = value.find(key);
        if (found == value.end()) {
          throw Error(ErrorCode::kCorrupt, question.where + ": lacks \"" + key + "\"");
        }
        question.fields[field] = field_text(*found);
      }
      out.rows.push_back(std::move(question));
      ++row;
    } catch (const Error& error) {
      out.malformed.push_back(error.what());
    }
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    lines.push_back(text.substr(at, end - at));
    if (lines.back().ends_with('\r')) lines.back().pop_back();
    at = end + 1;
  }
  return lines;
}

// Parallel files: line i of each belongs to question i.
void read_lines(const DataLayout& data, const fs::path& folder, Rows& out) {
  size_t n = 0;
  std::string first;
  for (const auto& [field, path] : data.fields) {
    const std::vector<std::string> lines = lines_of(read_data_file(folder / path));
    if (first.empty()) {
      first = path;
      n = lines.size();
      out.rows.resize(n);
    }
    if (lines.size() != n) {
      throw Error(ErrorCode::kCorrupt, path + ": has " + std::to_string(lines.size()) + " lines, " +
                                           first + " has " + std::to_string(n) + ".");
    }
    for (size_t i = 0; i < n; ++i) {
      out.rows[i].row = i;
      out.rows[i].where = first + ":" + std::to_string(i + 1);
      out.rows[i].fields[field] = lines[i];
    }
  }
}

std::string words_of(std::string subject) {
  std::replace(subject.begin(), subject.end(), '_', ' ');
  return subject;
}

std::string heading_of(const Task& task, const Protocol& protocol, const fs::path& folder) {
  if (protocol.heading_file.empty()) return protocol.heading;
  for (const auto& path : protocol.heading_file) {
    if (fs::exists(folder / path)) return read_data_file(folder / path) + protocol.heading;
  }
  throw Error(ErrorCode::kNotFound, "task " + task.name + ", protocol " + protocol.name +
                                        ": needs the text " + protocol.heading_file[0] + " in " +
                                        folder.string() + ". " + task.source);
}

void add_subject_fields(Question& question, const std::string& subject) {
  question.subject = subject;
  question.fields["subject"] = subject;
  question.fields["subject_words"] = words_of(subject);
}

// What Qwen's chat prompt for HumanEval says of a function, where the data has functions.
void add_function_fields(Question& question) {
  const auto prompt = question.fields.find("prompt"), entry = question.fields.find("entry_point");
  if (prompt == question.fields.end() || entry == question.fields.end()) return;
  question.fields["signature"] = humaneval_signature(prompt->second, entry->second);
  question.fields["docstring"] = humaneval_docstring(prompt->second);
}

// What stands in front of every question of a subject.
std::string beginning(const Task& task, const Protocol& protocol, const fs::path& folder,
                      const std::string& subject, std::vector<std::string>& malformed) {
  Question head;
  add_subject_fields(head, subject);
  std::string text = fill_in(heading_of(task, protocol, folder), head.fields);
  if (protocol.shots == 0) return text;
  DataLayout with_answers = task.data;
  with_answers.answers.clear();
  Rows examples = read_rows(with_answers, folder, subject, {task.data.shots});
  malformed.insert(malformed.end(), examples.malformed.begin(), examples.malformed.end());
  if (examples.rows.size() < protocol.shots) {
    throw Error(ErrorCode::kCorrupt, fill_in(task.data.shots, head.fields) + ": has " +
                                         std::to_string(examples.rows.size()) +
                                         " worked examples, " + std::to_string(protocol.shots) +
                                         " are asked for.");
  }
  for (size_t i = 0; i < protocol.shots; ++i) {
    add_subject_fields(examples.rows[i], subject);
    text += fill_in(protocol.shot, examples.rows[i].fields);
  }
  return text;
}

// Those of the rows that are asked, in the order of the file.
std::vector<size_t> chosen_rows(size_t n, const QuestionChoice& choice) {
  std::vector<size_t> order(n);
  for (size_t i = 0; i < n; ++i) order[i] = i;
  if (choice.shuffle_seed) order = statistics::shuffled(n, *choice.shuffle_seed);
  if (choice.limit > 0 && choice.limit < n) order.resize(choice.limit);
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

std::string_view field(const Question& question, std::string_view name) {
  const auto found = question.fields.find(name);
  return found == question.fields.end() ? std::string_view() : std::string_view(found->second);
}

Rows parse_rows(const DataLayout& data, std::string_view text, const std::string& file) {
  Rows rows;
  data.format == DataFormat::kCsv ? read_csv(data, text, file, rows)
                                  : read_jsonl(data, text, file, rows);
  return rows;
}

Rows read_rows(const DataLayout& data, const fs::path& folder, const std::string& subject,
               const std::vector<std::string>& paths) {
  if (data.format == DataFormat::kLines) {
    Rows rows;
    read_lines(data, folder, rows);
    return rows;
  }
  const Fields names = {{"subject", subject}};
  std::string file;
  for (const auto& path : paths) {
    file = fill_in(path, names);
    if (fs::exists(folder / file)) break;
  }
  return parse_rows(data, read_data_file(folder / file), file);
}

fs::path task_folder(const Task& task, const fs::path& data_folder) {
  fs::path folder = data_folder / task.data.folder;
  if (!fs::is_directory(folder)) {
    throw Error(ErrorCode::kNotFound, "task " + task.name + ": " + folder.string() +
                                          " is no folder. " + task.source +
                                          " Put it there, or name another folder with --data.");
  }
  return folder;
}

Questions load_questions(const Task& task, const Protocol& protocol, const fs::path& data_folder,
                         const QuestionChoice& choice) {
  const fs::path folder = task_folder(task, data_folder);
  for (const auto& subject : choice.subjects) {
    if (std::find(task.subjects.begin(), task.subjects.end(), subject) == task.subjects.end()) {
      throw Error(
          ErrorCode::kInvalidArgument,
          "--subjects: task " + task.name + " has no subject \"" + printable(subject) + "\".");
    }
  }
  Questions questions;
  size_t index = 0;
  for (const auto& subject : task.subjects) {
    const bool wanted =
        choice.subjects.empty() ||
        std::find(choice.subjects.begin(), choice.subjects.end(), subject) != choice.subjects.end();
    if (!wanted) continue;
    const std::string start = beginning(task, protocol, folder, subject, questions.malformed);
    Rows rows = read_rows(task.data, folder, subject, task.data.questions);
    questions.malformed.insert(questions.malformed.end(), rows.malformed.begin(),
                               rows.malformed.end());
    for (const size_t i : chosen_rows(rows.rows.size(), choice)) {
      Question& question = rows.rows[i];
      question.index = index++;
      add_subject_fields(question, subject);
      add_function_fields(question);
      question.prompt = start + fill_in(protocol.prompt, question.fields);
      questions.all.push_back(std::move(question));
    }
  }
  return questions;
}

}  // namespace heng::eval
