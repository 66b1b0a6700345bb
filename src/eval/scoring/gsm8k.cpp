#include "eval/scoring/gsm8k.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/message.h"
#include "eval/scoring/code_points.h"
#include "heng/error.h"

namespace heng::eval {
namespace {

constexpr size_t kMostDigits = 4300;  // that Python reads as an integer

bool is_ascii_digit(char32_t c) {
  return c >= U'0' && c <= U'9';
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// What Python's eval makes of digits: 007 is no number, 00 is 0.
std::optional<std::string> python_integer(std::string_view digits) {
  if (!all_digits(digits) || digits.size() > kMostDigits) return std::nullopt;
  const bool zeros = digits.find_first_not_of('0') == std::string_view::npos;
  if (zeros) return "0";
  if (digits[0] == '0') return std::nullopt;
  return std::string(digits);
}

std::string without(std::string_view text, std::string_view gone) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [&](char c) { return gone.find(c) == std::string_view::npos; });
  return out;
}

std::optional<double> to_double(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) return HUGE_VAL;
  return value;
}

// A number of the chat script as Python's eval reads it.
std::optional<double> python_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::optional<double> value;
  const size_t point = text.find('.');
  if (point == std::string_view::npos) {
    const auto digits = python_integer(text);
    if (digits) value = to_double(*digits);
    // An integer too large for a double cannot be compared.
    if (value && std::isinf(*value)) return std::nullopt;
  } else {
    const bool plain = (point == 0 || all_digits(text.substr(0, point))) &&
                       (point + 1 == text.size() || all_digits(text.substr(point + 1)));
    if (plain && text.size() > 1) value = to_double(std::string(text));
  }
  if (value && negative) value = -*value;
  return value;
}

// The number behind "#### " in a solution, without commas.
std::string solution_number(std::string_view answer) {
  constexpr std::string_view kMark = "#### ";
  for (size_t at = answer.find(kMark); at != std::string_view::npos;
       at = answer.find(kMark, at + 1)) {
    size_t end = at + kMark.size();
    if (end < answer.size() && answer[end] == '-') ++end;
    const size_t begin = end;
    end = std::min(answer.find_first_not_of("0123456789.,", end), answer.size());
    if (end > begin) return without(answer.substr(at + kMark.size(), end - at - kMark.size()), ",");
  }
  throw Error(ErrorCode::kCorrupt,
              "GSM8K: a solution has no number behind \"####\": " +
                  printable(answer.substr(answer.size() < 60 ? 0 : answer.size() - 60)));
}

// Where a number that begins at `at` ends; nullopt: none does.
class NumberMatcher {
 public:
  explicit NumberMatcher(RunesView text) : text_(text) {}

  std::optional<size_t> match(size_t at) const {
    if (at < text_.size() && (text_[at] == U'+' || text_[at] == U'-')) ++at;
    const bool point = is(at, U'.') && at + 1 < text_.size() && is_ascii_digit(text_[at + 1]);
    if (!point && !(at < text_.size() && is_ascii_digit(text_[at]))) return std::nullopt;
    if (const auto end = with_commas(at)) return end;
    size_t digits = at;
    while (digits < text_.size() && is_digit(text_[digits])) ++digits;
    return decimals(digits);
  }

 private:
  bool is(size_t at, char32_t c) const { return at < text_.size() && text_[at] == c; }

  // A number does not end inside digits.
  std::optional<size_t> ended(size_t at) const {
    if (at < text_.size() && is_digit(text_[at])) return std::nullopt;
    return at;
  }

  std::optional<size_t> decimals(size_t at) const {
    if (is(at, U'.')) {
      size_t end = at + 1;
      while (end < text_.size() && is_digit(text_[end])) ++end;
      return end;
    }
    return ended(at);
  }

  // One to three digits and groups of three: 1,234,567. As many groups as end well.
  std::optional<size_t> with_commas(size_t at) const {
    if (is(at, U'0')) {
      if (const auto end = decimals(at + 1)) return end;
    }
    if (at >= text_.size() || text_[at] == U'0' || !is_ascii_digit(text_[at])) return std::nullopt;
    size_t lead = at + 1;
    while (lead < text_.size() && lead < at + 3 && is_digit(text_[lead])) ++lead;
    for (; lead > at; --lead) {
      size_t end = lead, groups = 0;
      while (group_at(end)) {
        end += 4;
        ++groups;
      }
      for (;; end -= 4, --groups) {
        if (const auto found = decimals(end)) return found;
        if (groups == 0) break;
      }
    }
    return std::nullopt;
  }

  bool group_at(size_t at) const {
    return is(at, U',') && at + 3 < text_.size() && is_digit(text_[at + 1]) &&
           is_digit(text_[at + 2]) && is_digit(text_[at + 3]);
  }

  RunesView text_;
};

}  // namespace

std::string_view cut_at(std::string_view text, std::span<const std::string_view> stops) {
  for (const auto stop : stops) text = text.substr(0, text.find(stop));
  return text;
}

std::string_view gsm8k_base_completion(std::string_view reply) {
  static constexpr std::array<std::string_view, 4> kStops = {"<|endoftext|>", "\n\n\n", "\n\n",
                                                             "Question:"};
  return cut_at(reply, kStops);
}

ReadNumber read_gsm8k_base(std::string_view reply, std::string_view answer) {
  const std::string gold = solution_number(answer);
  const Runes text = to_runes(gsm8k_base_completion(reply));
  size_t end = text.size();
  while (end > 0 && !is_digit(text[end - 1])) --end;
  size_t begin = end;
  while (begin > 0 && is_digit(text[begin - 1])) --begin;
  const auto read = python_integer(to_utf8(RunesView(text).substr(begin, end - begin)));
  if (!read) return {};
  if (const auto whole = python_integer(gold)) return {*read, *read == *whole};
  // A negative or decimal solution; equal as numbers or not at all.
  const auto wanted = python_number(gold), given = python_number(*read);
  return {*read, wanted && given && *wanted == *given};
}

std::optional<std::string> last_number(std::string_view text) {
  const Runes runes = to_runes(text);
  const NumberMatcher matcher(runes);
  std::optional<std::string> last;
  for (size_t at = 0; at < runes.size();) {
    const auto end = matcher.match(at);
    if (end) last = without(to_utf8(RunesView(runes).substr(at, *end - at)), ",+");
    at = end ? std::max(*end, at + 1) : at + 1;
  }
  return last;
}

ReadNumber read_gsm8k_chat(std::string_view reply, std::string_view answer) {
  const auto read = last_number(reply), wanted = last_number(answer);
  if (!wanted) {
    throw Error(ErrorCode::kCorrupt, "GSM8K: a solution has no number: " + printable(answer));
  }
  if (!read) return {};
  const auto a = python_number(*wanted), b = python_number(*read);
  constexpr double kNear = 1e-4;
  return {*read, a && b && (*a == *b || std::abs(*a - *b) <= kNear)};
}

}  // namespace heng::eval
