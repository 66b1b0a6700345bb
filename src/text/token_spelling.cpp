#include "text/token_spelling.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "text/gpt2_alphabet.h"
#include "text/utf8.h"

namespace heng::text {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

// Ids by bytes. Plain tokens go before special ones of the same spelling.
using Index = std::unordered_map<std::string_view, TokenId>;

Index index_tokens(const Vocabulary& vocabulary, const FailAt& fail_token) {
  Index index;
  index.reserve(vocabulary.bytes.size());
  const auto add = [&](size_t id) {
    return index.try_emplace(vocabulary.bytes[id], static_cast<TokenId>(id));
  };
  for (size_t i = 0; i < vocabulary.bytes.size(); ++i) {
    if (vocabulary.kinds[i] != TokenKind::kPlain) continue;
    const auto [other, is_new] = add(i);
    if (!is_new) fail_token(i, "is the same token as " + std::to_string(other->second));
  }
  for (size_t i = 0; i < vocabulary.bytes.size(); ++i) {
    const TokenKind kind = vocabulary.kinds[i];
    if (kind != TokenKind::kPlain && kind != TokenKind::kByte) add(i);
  }
  return index;
}

}  // namespace

bool spelled_bytes(Spelling spelling, std::string_view spelled, std::string& out) {
  if (spelling == Spelling::kByteAlphabet) return bytes_of_spelling(spelled, out);
  if (spelled.find(' ') != std::string_view::npos || !is_valid_utf8(spelled)) return false;
  out = with_spaces(spelled);
  return true;
}

int byte_named(std::string_view spelled) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (spelled.size() != 6 || !spelled.starts_with("<0x") || !spelled.ends_with('>')) return -1;
  const size_t high = kDigits.find(spelled[3]), low = kDigits.find(spelled[4]);
  return high > 15 || low > 15 ? -1 : static_cast<int>(high * 16 + low);
}

std::string with_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t mark = std::min(text.find(kSpaceMark), text.size());
    out += text.substr(0, mark);
    if (mark == text.size()) break;
    out += ' ';
    text.remove_prefix(mark + kSpaceMark.size());
  }
  return out;
}

SpelledPair pair_of_line(std::string_view line) {
  const size_t space = line.find(' ');
  const bool pair = space != std::string_view::npos && space > 0 && space + 1 < line.size() &&
                    line.find(' ', space + 1) == std::string_view::npos;
  return pair ? SpelledPair(line.substr(0, space), line.substr(space + 1)) : SpelledPair();
}

std::vector<ByteBpe::Merge> resolve_merges(const Vocabulary& vocabulary, Spelling spelling,
                                           std::span<const SpelledPair> pairs,
                                           const FailAt& fail_token, const FailAt& fail_pair) {
  const Index index = index_tokens(vocabulary, fail_token);
  const auto is_plain = [&](TokenId id) {
    return vocabulary.kinds[static_cast<size_t>(id)] == TokenKind::kPlain;
  };
  std::vector<ByteBpe::Merge> merges;
  merges.reserve(pairs.size());
  std::string left, right;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto& [a_text, b_text] = pairs[i];
    const bool spelled = !a_text.empty() && !b_text.empty() &&
                         spelled_bytes(spelling, a_text, left) &&
                         spelled_bytes(spelling, b_text, right);
    if (!spelled) fail_pair(i, "is no pair of tokens");
    const auto a = index.find(left), b = index.find(right), merged = index.find(left + right);
    if (a == index.end() || b == index.end() || merged == index.end()) {
      fail_pair(i, "names or makes a token that the vocabulary does not have");
    }
    // A special token must not come out of plain text, so what merges towards one is left out.
    if (!is_plain(a->second) || !is_plain(b->second) || !is_plain(merged->second)) continue;
    merges.push_back({a->second, b->second, merged->second});
  }
  return merges;
}

}  // namespace heng::text
