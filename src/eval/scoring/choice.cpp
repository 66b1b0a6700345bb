#include "eval/scoring/choice.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <vector>

#include "eval/scoring/closest.h"
#include "eval/scoring/code_points.h"

namespace heng::eval {
namespace {

using Found = std::optional<size_t>;  // where the letter stands

bool is_letter(char32_t c) {
  return c >= U'A' && c <= U'D';
}

bool is_latin(char32_t c) {
  return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z');
}

// Whether one of `words` stands at `at`; its length, 0 for none.
size_t word_at(RunesView text, size_t at, std::initializer_list<RunesView> words) {
  for (const RunesView word : words) {
    if (text.substr(std::min(at, text.size())).starts_with(word)) return word.size();
  }
  return 0;
}

// The first place from `from` on, at most `most` characters on, where `is_it` holds, with none of
// the letters A to D passed over.
template <typename IsIt>
Found within(RunesView text, size_t from, size_t most, const IsIt& is_it) {
  for (size_t at = from; at <= from + most && at <= text.size(); ++at) {
    if (is_it(at)) return at;
    if (at < text.size() && is_letter(text[at])) return std::nullopt;
  }
  return std::nullopt;
}

// Whether `$` matches at `at`: the end, or in front of a last newline.
bool is_end(RunesView text, size_t at) {
  return at == text.size() || (at + 1 == text.size() && text[at] == U'\n');
}

bool is_one_of(RunesView text, size_t at, RunesView set) {
  return at < text.size() && set.find(text[at]) != RunesView::npos;
}

Found next_letter(RunesView text, size_t from, size_t most) {
  return within(text, from, most,
                [&](size_t at) { return at < text.size() && is_letter(text[at]); });
}

// A letter alone, with no Latin letter beside it and no "=" behind: the first.
Found lone_letter(RunesView text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (!is_letter(text[at]) || (at > 0 && is_latin(text[at - 1]))) continue;
    const bool glued = at + 1 < text.size() && (is_latin(text[at + 1]) || text[at + 1] == U'=');
    if (!glued) return at;
  }
  return std::nullopt;
}

Found opening_letter(RunesView text, size_t at, RunesView stops) {
  if (at >= text.size() || !is_letter(text[at])) return std::nullopt;
  if (is_end(text, at + 1) || is_one_of(text, at + 1, stops)) return at;
  return std::nullopt;
}

// Chinese: "the answer is A", "choose A".

bool is_verb_zh(RunesView text, size_t at) {
  return is_one_of(text, at, U"是选为：:】");
}

// The letter that a noun ("answer", "option") which ends at `from` is said to be.
Found stated_behind_noun_zh(RunesView text, size_t from) {
  constexpr size_t kGap = 10;
  // "The answer is not": a denial in front of a verb.
  const auto is_denied = [&](size_t at) {
    return is_one_of(text, at, U"不非") &&
           within(text, at + 1, kGap, [&](size_t v) { return is_verb_zh(text, v); });
  };
  if (within(text, from, kGap, is_denied)) return std::nullopt;
  Found letter;
  const auto leads_to_letter = [&](size_t at) {
    if (!is_verb_zh(text, at)) return false;
    letter = next_letter(text, at + 1, kGap);
    return letter.has_value();
  };
  within(text, from, kGap, leads_to_letter);
  return letter;
}

Found stated_zh(RunesView text) {
  const auto ends_well = [&](size_t letter) {
    size_t at = letter + 1;
    at += word_at(text, at, {U"选项"});
    return is_end(text, at) || is_one_of(text, at, U")。.，,．、ABCD：:）");
  };
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == U'选') {
      size_t letter = at + std::max<size_t>(1, word_at(text, at, {U"选择", U"选定"}));
      if (is_one_of(text, letter, U"：:")) ++letter;
      while (letter < text.size() && is_space(text[letter])) ++letter;
      if (letter < text.size() && is_letter(text[letter]) && ends_well(letter)) return letter;
    }
    const size_t noun = word_at(text, at, {U"答案", U"选项"});
    if (noun == 0) continue;
    const Found letter = stated_behind_noun_zh(text, at + noun);
    if (letter && ends_well(*letter)) return letter;
  }
  return std::nullopt;
}

Found called_right_zh(RunesView text) {
  constexpr size_t kGap = 4;
  const auto praised = [&](size_t at) {
    return word_at(text, at, {U"正确", U"对的", U"对，", U"对。", U"对：", U"符合"}) > 0;
  };
  const auto is_denied = [&](size_t at) {
    return is_one_of(text, at, U"不非") && within(text, at + 1, kGap, praised);
  };
  const auto holds_from = [&](size_t at) {
    return !within(text, at, kGap, is_denied) && within(text, at, kGap, praised);
  };
  for (size_t at = 0; at < text.size(); ++at) {
    if (!is_letter(text[at])) continue;
    const size_t noun = word_at(text, at + 1, {U"选项", U"项"});
    if ((noun > 0 && holds_from(at + 1 + noun)) || holds_from(at + 1)) return at;
  }
  return std::nullopt;
}

// English: "answer is A", "choose A".

bool denied_at(RunesView text, size_t at) {
  return word_at(text, at, {U"n't", U"not"}) > 0;
}

bool stands_alone(RunesView text, size_t letter) {
  return is_word_edge(text, letter) && is_word_edge(text, letter + 1);
}

// From behind a verb: the letter, alone.
Found letter_alone(RunesView text, size_t from) {
  constexpr size_t kGap = 20;
  const Found letter = next_letter(text, from, kGap);
  return letter && stands_alone(text, *letter) ? letter : std::nullopt;
}

Found stated_behind_noun_en(RunesView text, size_t from) {
  constexpr size_t kGap = 10, kDenialGap = 20;
  if (within(text, from, kDenialGap, [&](size_t at) { return denied_at(text, at); })) {
    return std::nullopt;
  }
  Found letter;
  const auto leads_to_letter = [&](size_t at) {
    if (!is_word_edge(text, at)) return false;
    // Nothing at all counts as a verb too.
    for (const RunesView verb : {U"", U"is", U":", U"be"}) {
      if (!text.substr(at).starts_with(verb) || !is_word_edge(text, at + verb.size())) continue;
      letter = letter_alone(text, at + verb.size());
      if (letter) return true;
    }
    return false;
  };
  within(text, from, kGap, leads_to_letter);
  return letter;
}

Found stated_en(RunesView text) {
  for (size_t at = 0; at < text.size(); ++at) {
    Found letter;
    if (const size_t verb = word_at(text, at, {U"Choose", U"choose"})) {
      letter = letter_alone(text, at + verb);
    } else if (const size_t noun =
                   word_at(text, at, {U"Answer", U"answer", U"Choice", U"choice"})) {
      letter = stated_behind_noun_en(text, at + noun);
    }
    if (letter) return letter;
  }
  return std::nullopt;
}

Found called_right_en(RunesView text) {
  constexpr size_t kGap = 10, kDenialGap = 8, kBehindDenial = 5;
  const auto praise = [&](size_t at) { return word_at(text, at, {U"correct", U"right"}); };
  const auto denied = [&](size_t at) {
    for (const RunesView word : {U"n't", U"not"}) {
      if (text.substr(std::min(at, text.size())).starts_with(word) &&
          within(text, at + word.size(), kBehindDenial, praise)) {
        return true;
      }
    }
    return false;
  };
  const auto praised_alone = [&](size_t at) {
    const size_t n = praise(at);
    return n > 0 && is_word_edge(text, at) && is_word_edge(text, at + n);
  };
  for (size_t at = 0; at < text.size(); ++at) {
    if (!is_letter(text[at]) || !stands_alone(text, at)) continue;
    if (within(text, at + 1, kDenialGap, denied)) continue;
    if (within(text, at + 1, kGap, praised_alone)) return at;
  }
  return std::nullopt;
}

// Indexes of the options, longest first; equal ones in their order.
std::array<size_t, 4> longest_first(const std::array<Runes, 4>& options) {
  std::array<size_t, 4> order = {0, 1, 2, 3};
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return options[a].size() > options[b].size(); });
  return order;
}

std::array<Runes, 4> runes_of(const FourOptions& options) {
  std::array<Runes, 4> all;
  for (size_t i = 0; i < all.size(); ++i) all[i] = to_runes(options[i]);
  return all;
}

// Replies often complete the question's sentence: its beginning becomes "the answer is".
Runes without_question(Runes reply, RunesView question) {
  constexpr size_t kShort = 4;
  question = strip_end(question, U'。');
  const size_t sentence = question.rfind(U'。');
  if (sentence != RunesView::npos) question.remove_prefix(sentence + 1);
  const size_t first_gap = question.find(U'_'), last_gap = question.rfind(U'_');
  const RunesView begin = question.substr(0, first_gap);
  const RunesView end = last_gap == RunesView::npos ? question : question.substr(last_gap + 1);
  if (strip_spaces(begin).size() > kShort) reply = replace_all(reply, begin, U"答案是");
  if (strip_spaces(end).size() > kShort) reply = replace_all(reply, end, U"");
  return reply;
}

ReadChoice read(const Runes& reply, const std::array<Runes, 4>& options,
                std::initializer_list<Found> steps) {
  ReadChoice choice;
  choice.replaced = to_utf8(reply);
  char step = 'a';
  for (const Found& found : steps) {
    if (found) return {static_cast<char>(reply[*found]), step, std::move(choice.replaced)};
    ++step;
  }
  // Of options with the same text the first counts.
  const size_t closest = closest_option(reply, options);
  const auto same = std::find(options.begin(), options.end(), options[closest]);
  choice.letter = static_cast<char>('A' + (same - options.begin()));
  return choice;
}

}  // namespace

ReadChoice read_choice_zh(std::string_view reply, std::string_view question,
                          const FourOptions& options) {
  const auto texts = runes_of(options);
  Runes text = without_question(to_runes(reply), to_runes(question));
  for (const size_t i : longest_first(texts)) {
    text = replace_all(text, strip_end(texts[i], U'。'), Runes(1, U'A' + static_cast<char32_t>(i)));
  }
  const size_t opened = is_one_of(text, 0, U"(（") ? 1 : 0;
  return read(text, texts,
              {stated_zh(text), called_right_zh(text),
               opening_letter(text, opened, U"。)）.，,．：:"), lone_letter(text)});
}

ReadChoice read_choice_en(std::string_view reply, const FourOptions& options) {
  const auto texts = runes_of(options);
  Runes text = to_runes(reply);
  for (const size_t i : longest_first(texts)) {
    text = replace_all_folded(text, strip_end(texts[i], U'.'),
                              Runes(1, U'A' + static_cast<char32_t>(i)));
  }
  return read(
      text, texts,
      {stated_en(text), called_right_en(text), opening_letter(text, 0, U".,:"), lone_letter(text)});
}

}  // namespace heng::eval
