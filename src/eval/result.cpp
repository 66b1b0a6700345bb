#include "eval/result.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "base/message.h"
#include "eval/rules.h"

namespace heng::eval {
namespace {

using nlohmann::json;
using statistics::Interval;

// The answers of each subject, 1 right and 0 wrong, subjects in the task's order.
struct BySubject {
  std::vector<std::string> names;
  std::vector<std::vector<uint8_t>> right;

  size_t find(const std::string& name) const {
    return std::find(names.begin(), names.end(), name) - names.begin();
  }
};

BySubject by_subject(const Questions& questions, const std::vector<bool>& right) {
  BySubject result;
  for (const Question& question : questions.all) {
    if (result.names.empty() || result.names.back() != question.subject) {
      result.names.push_back(question.subject);
      result.right.emplace_back();
    }
    result.right.back().push_back(right[question.index]);
  }
  return result;
}

double mean_of(const std::vector<uint8_t>& right) {
  size_t sum = 0;
  for (const uint8_t one : right) sum += one;
  return static_cast<double>(sum) / static_cast<double>(right.size());
}

// The subjects that a figure is made of, and how.
struct Parts {
  std::string name;
  std::vector<size_t> subjects;
  size_t n = 0;
};

std::vector<Parts> parts_of(const Task& task, const BySubject& answers) {
  std::vector<Parts> all(1);
  for (size_t s = 0; s < answers.names.size(); ++s) all[0].subjects.push_back(s);
  for (const Group& group : task.groups) {
    Parts parts{group.name, {}, 0};
    for (const auto& subject : group.subjects) {
      const size_t at = answers.find(subject);
      if (at < answers.names.size()) parts.subjects.push_back(at);
    }
    if (!parts.subjects.empty()) all.push_back(std::move(parts));
  }
  for (Parts& parts : all) {
    for (const size_t s : parts.subjects) parts.n += answers.right[s].size();
  }
  return all;
}

std::vector<double> aggregate(const std::vector<Parts>& all, const BySubject& answers,
                              Average average, std::span<const double> means) {
  std::vector<double> values;
  for (const Parts& parts : all) {
    double sum = 0, weight = 0;
    for (const size_t s : parts.subjects) {
      const double w =
          average == Average::kSubjects ? 1 : static_cast<double>(answers.right[s].size());
      sum += w * means[s];
      weight += w;
    }
    values.push_back(sum / weight);
  }
  return values;
}

Interval in_percent(Interval interval) {
  return {100 * interval.low, 100 * interval.high};
}

Figure count_figure(const std::vector<uint8_t>& right) {
  size_t k = 0;
  for (const uint8_t one : right) k += one;
  return {100 * mean_of(right), in_percent(statistics::wilson_interval(k, right.size())),
          right.size()};
}

// Where questions count alike Wilson's interval; the mean of subjects' means is resampled inside
// each subject.
std::vector<Figure> figures_of(const std::vector<Parts>& all, const BySubject& answers,
                               Average average) {
  std::vector<double> means;
  for (const auto& right : answers.right) means.push_back(mean_of(right));
  const std::vector<double> values = aggregate(all, answers, average, means);
  std::vector<Interval> intervals;
  if (average == Average::kSubjects) {
    intervals = statistics::bootstrap_intervals(
        answers.right,
        [&](std::span<const double> drawn) { return aggregate(all, answers, average, drawn); },
        kBootstrapSeed);
  } else {
    for (const Parts& parts : all) {
      uint64_t k = 0;
      for (const size_t s : parts.subjects) {
        for (const uint8_t one : answers.right[s]) k += one;
      }
      intervals.push_back(statistics::wilson_interval(k, parts.n));
    }
  }
  std::vector<Figure> figures;
  for (size_t i = 0; i < all.size(); ++i) {
    figures.push_back({100 * values[i], in_percent(intervals[i]), all[i].n});
  }
  return figures;
}

// BLEU of all pairs, its interval by drawing pairs with replacement.
Figure bleu_figure(const std::vector<BleuCounts>& pairs) {
  const auto score_of = [&](const auto& index) {
    BleuCounts sum;
    for (size_t i = 0; i < pairs.size(); ++i) sum += pairs[index(i)];
    return bleu_of(sum, false).score;
  };
  Figure figure{score_of([](size_t i) { return i; }), {}, pairs.size()};
  constexpr size_t kRounds = 1000;
  statistics::Random random(kBootstrapSeed);
  std::vector<double> drawn;
  for (size_t round = 0; round < kRounds; ++round) {
    drawn.push_back(score_of([&](size_t) { return random.below(pairs.size()); }));
  }
  std::sort(drawn.begin(), drawn.end());
  figure.interval = {statistics::quantile(drawn, 0.025), statistics::quantile(drawn, 0.975)};
  return figure;
}

RuleResult bleu_result(const Rule& rule, const Protocol& protocol, const Questions& questions,
                       std::span<const Kept> answers) {
  RuleResult result;
  result.rule = rule.name;
  result.right.assign(questions.all.size(), false);
  if (questions.all.empty()) return result;
  std::vector<std::string> hypotheses(questions.all.size());
  for (const Kept& kept : answers) {
    if (kept.question >= questions.all.size()) continue;
    hypotheses[kept.question] = rule.read(questions.all[kept.question], protocol, kept).read;
  }
  std::vector<BleuCounts> pairs;
  for (const Question& question : questions.all) {
    pairs.push_back(
        bleu_counts(hypotheses[question.index], field(question, protocol.answer), *rule.bleu));
  }
  result.all = bleu_figure(pairs);
  return result;
}

RuleResult apply_rule(const Task& task, const Protocol& protocol, const Questions& questions,
                      std::span<const Kept> answers, const std::string& name) {
  const Rule& rule = *find_rule(name);
  if (rule.bleu) return bleu_result(rule, protocol, questions, answers);
  RuleResult result;
  result.rule = name;
  result.right.assign(questions.all.size(), false);
  for (const Kept& kept : answers) {
    if (kept.question >= questions.all.size()) continue;
    result.right[kept.question] = rule.read(questions.all[kept.question], protocol, kept).right;
  }
  if (questions.all.empty()) return result;
  const BySubject subjects = by_subject(questions, result.right);
  const std::vector<Parts> parts = parts_of(task, subjects);
  const std::vector<Figure> figures = figures_of(parts, subjects, task.average);
  result.all = figures[0];
  for (size_t i = 1; i < parts.size(); ++i) result.groups.emplace_back(parts[i].name, figures[i]);
  for (size_t s = 0; s < subjects.names.size(); ++s) {
    if (!subjects.names[s].empty()) {
      result.subjects.emplace_back(subjects.names[s], count_figure(subjects.right[s]));
    }
  }
  return result;
}

json figure_json(const Figure& figure) {
  return {{"value", figure.value},
          {"low", figure.interval.low},
          {"high", figure.interval.high},
          {"n", figure.n}};
}

json figures_json(const std::vector<std::pair<std::string, Figure>>& figures) {
  json all = json::object();
  for (const auto& [name, figure] : figures) all[name] = figure_json(figure);
  return all;
}

std::string p_value(double p) {
  if (p < 0.001) return "p < 0.001";
  char text[32];
  std::snprintf(text, sizeof text, "p = %.3f", p);
  return text;
}

}  // namespace

Result summarise(const Task& task, const Protocol& protocol, const Questions& questions,
                 std::span<const Kept> answers, const std::string& model) {
  Result result;
  result.task = task.name;
  result.title = task.title;
  result.protocol = protocol.name;
  result.model = model;
  result.shots = protocol.shots;
  result.n_questions = questions.all.size();
  result.malformed = questions.malformed;
  for (const Kept& kept : answers) {
    ++result.n_answered;
    result.n_cut_prompts += kept.answer.prompt_cut;
    result.n_cut_replies += protocol.choices.empty() && kept.answer.reply_cut;
    if (kept.answer.problem.empty()) continue;
    if (result.n_problems++ == 0) result.first_problem = kept.answer.problem;
  }
  result.has_key = std::any_of(questions.all.begin(), questions.all.end(), [&](const Question& q) {
    return !field(q, protocol.answer).empty();
  });
  for (const auto& rule : protocol.rules) {
    result.rules.push_back(apply_rule(task, protocol, questions, answers, rule));
    const auto& first = result.rules.front().right;
    const auto& right = result.rules.back().right;
    for (size_t i = 0; i < right.size(); ++i) result.rules.back().disagrees += right[i] != first[i];
  }
  return result;
}

json to_json(const Result& result) {
  json rules = json::array();
  for (const RuleResult& rule : result.rules) {
    rules.push_back({{"rule", rule.rule},
                     {"all", figure_json(rule.all)},
                     {"groups", figures_json(rule.groups)},
                     {"subjects", figures_json(rule.subjects)},
                     {"disagrees", rule.disagrees}});
  }
  return {{"task", result.task},
          {"protocol", result.protocol},
          {"model", result.model},
          {"shots", result.shots},
          {"questions", result.n_questions},
          {"answered", result.n_answered},
          {"without_answer", result.n_problems},
          {"prompts_cut", result.n_cut_prompts},
          {"replies_cut", result.n_cut_replies},
          {"malformed_rows", result.malformed},
          {"rules", rules}};
}

std::string compare_in_words(const Result& first, const Result& second) {
  uint64_t only_first = 0, only_second = 0;
  const auto& a = first.rules.front().right;
  const auto& b = second.rules.front().right;
  for (size_t i = 0; i < a.size(); ++i) {
    only_first += a[i] && !b[i];
    only_second += b[i] && !a[i];
  }
  const double exact_p = statistics::mcnemar(only_first, only_second).exact_p;
  const std::string p = "(McNemar " + p_value(exact_p) + ").";
  if (exact_p >= 0.05) {
    return first.model + " or " + second.model + ": cannot tell with " + with_commas(a.size()) +
           " questions; " + with_commas(only_first) + " right by the first alone, " +
           with_commas(only_second) + " by the second alone " + p;
  }
  const bool first_wins = only_first > only_second;
  return (first_wins ? first.model : second.model) +
         " is better: " + with_commas(first_wins ? only_first : only_second) +
         " questions right that the other has wrong, " +
         with_commas(first_wins ? only_second : only_first) + " the other way " + p;
}

}  // namespace heng::eval
