#include "eval/scoring/bleu.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "eval/scoring/code_points.h"

namespace heng::eval {
namespace {

bool is_digit_char(char32_t c) {
  return c >= U'0' && c <= U'9';
}
bool is_stop(char32_t c) {
  return c == U'.' || c == U',';
}

// Signs that stand alone; not ' - . and ,.
bool is_sign(char32_t c) {
  return (c >= 0x7b && c <= 0x7e) || (c >= 0x5b && c <= 0x60) || (c >= 0x20 && c <= 0x26) ||
         (c >= 0x28 && c <= 0x2b) || (c >= 0x3a && c <= 0x40) || c == U'/';
}

// Where two neighbours are such a pair, `put` writes both; pairs do not overlap.
template <typename IsPair, typename Put>
Runes replace_pairs(RunesView text, const IsPair& is_pair, const Put& put) {
  Runes out;
  for (size_t at = 0; at < text.size();) {
    if (at + 1 < text.size() && is_pair(text[at], text[at + 1])) {
      put(out, text[at], text[at + 1]);
      at += 2;
    } else {
      out += text[at++];
    }
  }
  return out;
}

// The rules of mteval-v13a, one after another over the whole text.
Runes parted(RunesView text) {
  Runes signs;
  for (const char32_t c : text) {
    if (is_sign(c)) {
      signs.append(1, U' ').append(1, c).append(1, U' ');
    } else {
      signs += c;
    }
  }
  Runes out = replace_pairs(
      signs, [](char32_t a, char32_t b) { return !is_digit_char(a) && is_stop(b); },
      [](Runes& to, char32_t a, char32_t b) {
        to.append({a, U' ', b, U' '});
      });
  out = replace_pairs(
      out, [](char32_t a, char32_t b) { return is_stop(a) && !is_digit_char(b); },
      [](Runes& to, char32_t a, char32_t b) {
        to.append({U' ', a, U' ', b});
      });
  return replace_pairs(
      out, [](char32_t a, char32_t b) { return is_digit_char(a) && b == U'-'; },
      [](Runes& to, char32_t a, char32_t b) {
        to.append({a, U' ', b, U' '});
      });
}

// sacrebleu's ranges. Two of them are written with five digits there, which Python reads as four
// and one more character: U+2001 to U+2A6D and U+2F81 to U+2FA1 are what they come to.
bool is_chinese(char32_t c) {
  static constexpr std::pair<char32_t, char32_t> kRanges[] = {
      {0x3400, 0x4db5}, {0x4e00, 0x9fa5}, {0x9fa6, 0x9fbb}, {0xf900, 0xfa2d}, {0xfa30, 0xfa6a},
      {0xfa70, 0xfad9}, {0x2001, 0x2a6d}, {0x2f81, 0x2fa1}, {0xff00, 0xffef}, {0x2e80, 0x2eff},
      {0x3000, 0x303f}, {0x31c0, 0x31ef}, {0x2f00, 0x2fdf}, {0x2ff0, 0x2fff}, {0x3100, 0x312f},
      {0x31a0, 0x31bf}, {0xfe10, 0xfe1f}, {0xfe30, 0xfe4f}, {0x3200, 0x32ff}, {0x3300, 0x33ff}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [c](const auto& range) { return c >= range.first && c <= range.second; });
}

std::vector<Runes> words_of(RunesView text) {
  std::vector<Runes> words;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && !is_space(text[end])) ++end;
    if (end > at) words.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

RunesView without_last_spaces(RunesView text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<Runes> tokens_of(std::string_view text, BleuTokens tokens) {
  Runes line(without_last_spaces(to_runes(text)));
  if (tokens == BleuTokens::kZh) {
    Runes characters;
    for (const char32_t c : strip_spaces(line)) {
      if (is_chinese(c)) {
        characters.append({U' ', c, U' '});
      } else {
        characters += c;
      }
    }
    return words_of(parted(characters));
  }
  using Change = std::pair<RunesView, RunesView>;
  for (const auto& [from, to] :
       {Change{U"<skipped>", U""}, Change{U"-\n", U""}, Change{U"\n", U" "},
        Change{U"&quot;", U"\""}, Change{U"&amp;", U"&"}, Change{U"&lt;", U"<"},
        Change{U"&gt;", U">"}}) {
    line = replace_all(line, from, to);
  }
  return words_of(parted(U" " + line + U" "));
}

using NGrams = std::map<std::vector<Runes>, uint64_t>;

NGrams n_grams(const std::vector<Runes>& words, size_t n) {
  NGrams counts;
  for (size_t at = 0; at + n <= words.size(); ++at) {
    const auto begin = words.begin() + static_cast<ptrdiff_t>(at);
    ++counts[{begin, begin + static_cast<ptrdiff_t>(n)}];
  }
  return counts;
}

}  // namespace

std::string bleu_tokenised(std::string_view text, BleuTokens tokens) {
  std::string out;
  for (const Runes& word : tokens_of(text, tokens)) out += (out.empty() ? "" : " ") + to_utf8(word);
  return out;
}

BleuCounts& BleuCounts::operator+=(const BleuCounts& other) {
  for (size_t i = 0; i < kOrders; ++i) {
    right[i] += other.right[i];
    total[i] += other.total[i];
  }
  length += other.length;
  reference_length += other.reference_length;
  return *this;
}

BleuCounts bleu_counts(std::string_view hypothesis, std::string_view reference, BleuTokens tokens) {
  const std::vector<Runes> words = tokens_of(hypothesis, tokens);
  const std::vector<Runes> wanted = tokens_of(reference, tokens);
  BleuCounts counts;
  counts.length = words.size();
  counts.reference_length = wanted.size();
  for (size_t n = 1; n <= BleuCounts::kOrders; ++n) {
    const NGrams there = n_grams(wanted, n);
    for (const auto& [gram, count] : n_grams(words, n)) {
      counts.total[n - 1] += count;
      const auto found = there.find(gram);
      if (found != there.end()) counts.right[n - 1] += std::min(count, found->second);
    }
  }
  return counts;
}

Bleu bleu_of(const BleuCounts& counts, bool effective_order) {
  Bleu bleu;
  const double length = static_cast<double>(counts.length);
  const double wanted = static_cast<double>(counts.reference_length);
  if (length < wanted) bleu.brevity = length > 0 ? std::exp(1 - wanted / length) : 0;
  if (std::all_of(counts.right.begin(), counts.right.end(), [](uint64_t n) { return n == 0; })) {
    return bleu;
  }
  double smooth = 1;
  size_t orders = BleuCounts::kOrders;
  for (size_t i = 0; i < BleuCounts::kOrders; ++i) {
    if (counts.total[i] == 0) break;
    if (effective_order) orders = i + 1;
    const double total = static_cast<double>(counts.total[i]);
    if (counts.right[i] == 0) {
      smooth *= 2;
      bleu.precisions[i] = 100 / (smooth * total);
    } else {
      bleu.precisions[i] = 100 * static_cast<double>(counts.right[i]) / total;
    }
  }
  // sacrebleu's logarithm of nothing.
  constexpr double kLogOfZero = -9999999999.0;
  double sum = 0;
  for (size_t i = 0; i < orders; ++i) {
    sum += bleu.precisions[i] > 0 ? std::log(bleu.precisions[i]) : kLogOfZero;
  }
  bleu.score = bleu.brevity * std::exp(sum / static_cast<double>(orders));
  return bleu;
}

}  // namespace heng::eval
