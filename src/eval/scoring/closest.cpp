#include "eval/scoring/closest.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace heng::eval {
namespace {

using Words = std::vector<Runes>;

// Longest common subsequences with one text, by bit-parallel rows (Hyyro 2004): a bit of `rows` is
// clear where the subsequence grows.
class Pattern {
 public:
  explicit Pattern(RunesView text) : size_(text.size()), n_words_((text.size() + 63) / 64) {
    for (size_t i = 0; i < text.size(); ++i) {
      auto& bits = places_[text[i]];
      bits.resize(n_words_);
      bits[i / 64] |= uint64_t{1} << (i % 64);
    }
  }

  size_t size() const { return size_; }

  size_t common_with(RunesView other) {
    rows_.assign(n_words_, ~uint64_t{0});
    for (const char32_t c : other) {
      const auto found = places_.find(c);
      if (found == places_.end()) continue;
      uint64_t carry = 0;
      for (size_t w = 0; w < n_words_; ++w) {
        const uint64_t row = rows_[w], matches = row & found->second[w];
        const uint64_t sum = row + matches, carried = sum + carry;
        carry = (sum < row) | (carried < sum);
        rows_[w] = carried | (row - matches);
      }
    }
    size_t n = 0;
    for (size_t w = 0; w < n_words_; ++w) n += static_cast<size_t>(__builtin_popcountll(~rows_[w]));
    return n;
  }

 private:
  size_t size_, n_words_;
  std::unordered_map<char32_t, std::vector<uint64_t>> places_;
  std::vector<uint64_t> rows_;
};

// From `distance` insertions and deletions between texts of `total` characters together. rapidfuzz
// computes it in two ways that differ in the last bit, and best options hang on it.
double normal_similarity(size_t distance, size_t total) {
  if (total == 0) return 100;
  return 100 * (1 - static_cast<double>(distance) / static_cast<double>(total));
}

double similarity(size_t distance, size_t total) {
  if (total == 0) return 100;
  return 100 - 100 * static_cast<double>(distance) / static_cast<double>(total);
}

size_t distance_of(RunesView a, RunesView b) {
  Pattern pattern(a);
  return a.size() + b.size() - 2 * pattern.common_with(b);
}

double ratio(RunesView a, RunesView b) {
  return normal_similarity(distance_of(a, b), a.size() + b.size());
}

// The best of `part` against every stretch of its length of `whole`, and against shorter ones at
// the ends.
double best_stretch(RunesView part, RunesView whole) {
  Pattern pattern(part);
  double best = 0;
  const auto try_stretch = [&](size_t begin, size_t end) {
    const RunesView stretch = whole.substr(begin, end - begin);
    const size_t total = part.size() + stretch.size();
    best = std::max(best, normal_similarity(total - 2 * pattern.common_with(stretch), total));
  };
  for (size_t n = 1; n < part.size(); ++n) {
    try_stretch(0, n);
    try_stretch(whole.size() - n, whole.size());
  }
  for (size_t at = 0; at + part.size() <= whole.size(); ++at) try_stretch(at, at + part.size());
  return best;
}

double partial_ratio(RunesView a, RunesView b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (a.empty()) return b.empty() ? 100 : 0;
  const double best = best_stretch(a, b);
  return a.size() == b.size() ? std::max(best, best_stretch(b, a)) : best;
}

Words words_of(RunesView text) {
  Words words;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && !is_space(text[end])) ++end;
    if (end > at) words.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  std::sort(words.begin(), words.end());
  return words;
}

Runes joined(const Words& words) {
  Runes text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += U' ';
    text += words[i];
  }
  return text;
}

// What two lists of words have in common, and alone; each word once.
struct Parts {
  Words both, only_a, only_b;
};

Parts parts_of(Words a, Words b) {
  a.erase(std::unique(a.begin(), a.end()), a.end());
  b.erase(std::unique(b.begin(), b.end()), b.end());
  Parts parts;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(parts.both));
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(parts.only_a));
  std::set_difference(b.begin(), b.end(), a.begin(), a.end(), std::back_inserter(parts.only_b));
  return parts;
}

double token_ratio(const Words& a, const Words& b) {
  const Parts parts = parts_of(a, b);
  if (!parts.both.empty() && (parts.only_a.empty() || parts.only_b.empty())) return 100;
  double best = ratio(joined(a), joined(b));
  const Runes only_a = joined(parts.only_a), only_b = joined(parts.only_b);
  const size_t both = joined(parts.both).size();
  const size_t gap = both > 0 ? 1 : 0;
  const size_t with_a = both + gap + only_a.size(), with_b = both + gap + only_b.size();
  best = std::max(best, similarity(distance_of(only_a, only_b), with_a + with_b));
  if (both == 0) return best;
  best = std::max(best, similarity(gap + only_a.size(), both + with_a));
  return std::max(best, similarity(gap + only_b.size(), both + with_b));
}

double partial_token_ratio(const Words& a, const Words& b) {
  const Parts parts = parts_of(a, b);
  if (!parts.both.empty()) return 100;
  const double best = partial_ratio(joined(a), joined(b));
  if (a.size() == parts.only_a.size() && b.size() == parts.only_b.size()) return best;
  return std::max(best, partial_ratio(joined(parts.only_a), joined(parts.only_b)));
}

Runes without_latin1(RunesView text) {
  Runes out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char32_t c) { return c < 0x80 || c > 0xff; });
  return out;
}

}  // namespace

Runes process_text(RunesView text) {
  Runes out;
  for (const char32_t c : text) out += is_word(c) && c != U'_' ? lower(c) : U' ';
  return Runes(strip_spaces(out));
}

Runes process_query(RunesView text) {
  return process_text(without_latin1(process_text(text)));
}

Runes process_option(RunesView text) {
  return process_text(without_latin1(text));
}

double weighted_ratio(RunesView a, RunesView b) {
  constexpr double kTokenScale = 0.95;
  if (a.empty() || b.empty()) return 0;
  const double longer_by = static_cast<double>(std::max(a.size(), b.size())) /
                           static_cast<double>(std::min(a.size(), b.size()));
  const double whole = ratio(a, b);
  const Words words_a = words_of(a), words_b = words_of(b);
  if (longer_by < 1.5) return std::max(whole, token_ratio(words_a, words_b) * kTokenScale);
  const double scale = longer_by <= 8 ? 0.9 : 0.6;
  return std::max({whole, partial_ratio(a, b) * scale,
                   partial_token_ratio(words_a, words_b) * kTokenScale * scale});
}

size_t closest_option(RunesView text, std::span<const Runes> options) {
  const Runes query = process_query(text);
  size_t best = 0;
  double best_score = -1;
  for (size_t i = 0; i < options.size(); ++i) {
    const double score = weighted_ratio(query, process_option(options[i]));
    if (score > best_score) {
      best = i;
      best_score = score;
    }
  }
  return best;
}

}  // namespace heng::eval
