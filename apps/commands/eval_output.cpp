#include "commands/eval_output.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/message.h"
#include "base/part_file.h"
#include "eval/rules.h"
#include "statistics/statistics.h"
#include "terminal/numbers.h"
#include "terminal/phrases.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

using nlohmann::json;
using terminal::Phrase;
using terminal::text;

// Half the width of Wilson's interval, in per cent.
double half_width(size_t right, size_t n) {
  if (n == 0) return 0;
  const statistics::Interval interval = statistics::wilson_interval(right, n);
  return 50 * (interval.high - interval.low);
}

std::string padded(const std::string& cell, int width) {
  return cell + std::string(std::max(0, width - terminal::columns(cell)), ' ');
}

std::string with_interval(const eval::Figure& figure) {
  return fmt::format("{:.1f} [{:.1f}, {:.1f}]", figure.value, figure.interval.low,
                     figure.interval.high);
}

// Letters and digits alone, small: "Qwen-7B" and "qwen_7b" are one model.
std::string folded(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') out += static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  }
  return out;
}

std::string published_for(const eval::Task& task, const eval::Result& result) {
  for (const auto& figure : task.published) {
    if (folded(figure.model) == folded(result.model) && figure.protocol == result.protocol) {
      return fmt::format("{:.1f} ({}{})", figure.value, figure.source,
                         figure.split.empty() ? "" : ", " + figure.split);
    }
  }
  return "";
}

// Columns as wide as their widest cell.
void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<int> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], terminal::columns(row[c]));
    }
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) line += padded(row[c], widths[c] + 2);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

std::vector<std::string> header_row(const eval::RuleResult& first, bool has_rules) {
  std::vector<std::string> row = {""};
  if (has_rules) row.push_back(text(Phrase::kEvalRule));
  row.push_back(text(Phrase::kEvalAll));
  for (const auto& [name, _] : first.groups) row.push_back(name);
  row.push_back(text(Phrase::kEvalPublished));
  return row;
}

void print_notes(const eval::Result& result) {
  const auto say = [](const std::string& line) { terminal::note(line, terminal::Stream::kOut); };
  if (!result.has_key) say(text(Phrase::kEvalNoKey));
  if (result.n_problems > 0) {
    say(text(Phrase::kEvalProblems, result.model, with_commas(result.n_problems),
             result.first_problem));
  }
  if (result.n_cut_prompts > 0) {
    say(text(Phrase::kEvalCutPrompts, result.model, with_commas(result.n_cut_prompts)));
  }
  if (result.n_cut_replies > 0) {
    say(text(Phrase::kEvalCutReplies, result.model, with_commas(result.n_cut_replies)));
  }
  if (!result.malformed.empty()) {
    say(text(Phrase::kEvalMalformed, with_commas(result.malformed.size()), result.malformed[0]));
  }
}

}  // namespace

EvalProgress::EvalProgress(std::string task, std::string model)
    : task_(std::move(task)),
      model_(std::move(model)),
      shown_(terminal::is_terminal(terminal::Stream::kErr)) {}

std::string EvalProgress::line(const eval::Progress& now) const {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double speed = static_cast<double>(now.done - now.kept) / std::max(seconds, 1e-3);
  std::string line = fmt::format("{}  {}  ", task_, model_);
  if (now.n_subjects > 1) {
    line += fmt::format("{}/{} {}  ", now.subject_number, now.n_subjects, now.subject);
  }
  if (now.done > 0) {
    line += fmt::format("{:.1f} ±{:.1f}  ",
                        100.0 * static_cast<double>(now.right) / static_cast<double>(now.done),
                        half_width(now.right, now.done));
  }
  line += fmt::format("{}/{}", with_commas(now.done), with_commas(now.total));
  if (now.kept > 0) line += " " + text(Phrase::kEvalKept, with_commas(now.kept));
  if (speed > 0 && now.done > now.kept) {
    line += "  " + text(Phrase::kEvalSpeed, terminal::short_number(speed));
    const double left = static_cast<double>(now.total - now.done) / speed;
    if (now.done < now.total) line += "  " + text(Phrase::kEvalLeft, terminal::duration(left));
  }
  return line;
}

void EvalProgress::update(const eval::Progress& now) {
  using std::chrono::milliseconds;
  last_ = now;
  const auto time = Clock::now();
  if (!shown_ || time - start_ < milliseconds(500)) return;
  if (visible_ && time - drawn_ < milliseconds(100)) return;
  drawn_ = time;
  visible_ = true;
  std::string shown = line(now);
  if (terminal::columns(shown) >= terminal::width()) {
    shown = fmt::format("{}  {}/{}", task_, with_commas(now.done), with_commas(now.total));
  }
  fmt::print(stderr, "\r{}\x1b[K", shown);
  std::fflush(stderr);
}

void EvalProgress::finish() {
  if (visible_) fmt::print(stderr, "\r\x1b[K");
  visible_ = false;
  fmt::print(stderr, "{}\n", line(last_));
}

void print_task(const eval::Task& task) {
  fmt::print("{}  {}\n", padded(task.name, 12), task.title);
  for (const auto& protocol : task.protocols) {
    fmt::print("{}  {}  {}  {}\n", std::string(12, ' '), padded(protocol.name, 16),
               protocol.chat ? "chat" : "base", protocol.about);
  }
}

void print_published(const eval::Task& task) {
  fmt::print("{}  ({})\n", task.title, text(Phrase::kEvalNotMeasured));
  std::vector<std::vector<std::string>> rows;
  for (const auto& figure : task.published) {
    rows.push_back({"  " + figure.model, figure.protocol, fmt::format("{:.1f}", figure.value),
                    figure.split, figure.source});
  }
  print_table(rows);
}

void print_results(const eval::Task& task, std::span<const eval::Result> results, bool by_subject) {
  const eval::Result& head = results.front();
  fmt::print("{}\n", text(Phrase::kEvalTitle, task.name, head.shots, head.protocol,
                          with_commas(head.n_questions)));
  const bool has_rules =
      std::any_of(results.begin(), results.end(), [](const auto& r) { return r.rules.size() > 1; });
  std::vector<std::vector<std::string>> rows = {header_row(head.rules.front(), has_rules)};
  for (const eval::Result& result : results) {
    for (const eval::RuleResult& rule : result.rules) {
      const bool first = &rule == &result.rules.front();
      std::vector<std::string> row = {first ? result.model : ""};
      if (has_rules) row.push_back(rule.rule);
      row.push_back(result.has_key ? with_interval(rule.all) : "-");
      for (const auto& [_, figure] : rule.groups) {
        row.push_back(result.has_key ? fmt::format("{:.1f}", figure.value) : "-");
      }
      row.push_back(first ? published_for(task, result) : "");
      rows.push_back(std::move(row));
    }
  }
  print_table(rows);
  if (by_subject) {
    for (const eval::Result& result : results) {
      std::vector<std::vector<std::string>> lines;
      for (const auto& [name, figure] : result.rules.front().subjects) {
        lines.push_back({"  " + name, with_interval(figure), with_commas(figure.n)});
      }
      fmt::print("{}\n", result.model);
      print_table(lines);
    }
  }
  for (const eval::Result& result : results) print_notes(result);
  for (size_t i = 1; i < results.size(); ++i) {
    if (head.protocol == results[i].protocol && head.n_questions == results[i].n_questions) {
      fmt::print("{}\n", eval::compare_in_words(head, results[i]));
    }
  }
}

std::string answers_as_jsonl(const eval::Task& task, const eval::Protocol& protocol,
                             const eval::Questions& questions, std::span<const eval::Kept> answers,
                             const std::string& model) {
  std::string lines;
  for (const eval::Kept& kept : answers) {
    const eval::Question& question = questions.all.at(kept.question);
    json value = {{"task", task.name},
                  {"protocol", protocol.name},
                  {"model", model},
                  {"subject", kept.subject},
                  {"row", kept.row},
                  {"where", question.where},
                  {"prompt", question.prompt},
                  {"prompt_tokens", kept.answer.prompt_tokens}};
    if (const auto wanted = eval::field(question, protocol.answer); !wanted.empty()) {
      value["answer"] = wanted;
    }
    if (protocol.choices.empty()) {
      value["reply"] = kept.answer.text;
    } else {
      value["probs"] = kept.answer.letters.probs;
    }
    if (!kept.answer.problem.empty()) value["problem"] = kept.answer.problem;
    if (!kept.verdict.empty()) value["verdict"] = kept.verdict;
    for (const auto& name : protocol.rules) {
      const auto verdict = eval::find_rule(name)->read(question, protocol, kept);
      value["rules"][name] = {{"read", verdict.read}, {"right", verdict.right}};
      if (!verdict.step.empty()) value["rules"][name]["step"] = verdict.step;
    }
    lines += value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  }
  return lines;
}

void write_submission(const std::string& file, const eval::Protocol& protocol,
                      const eval::Questions& questions, std::span<const eval::Kept> answers) {
  const eval::Rule& rule = *eval::find_rule(protocol.rules.front());
  json all = json::object();
  for (const eval::Kept& kept : answers) {
    const eval::Question& question = questions.all.at(kept.question);
    const std::string id(eval::field(question, "id"));
    all[kept.subject][id.empty() ? std::to_string(kept.row) : id] =
        rule.read(question, protocol, kept).read;
  }
  write_whole(file, all.dump(1) + "\n");
}

void write_whole(const std::string& file, std::string_view text) {
  PartFile out(file, text.size());
  out.write(std::as_bytes(std::span(text)));
  out.finish();
}

}  // namespace heng::commands
