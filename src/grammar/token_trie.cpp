#include "grammar/token_trie.h"

#include <algorithm>

namespace heng::grammar {

TokenTrie::TokenTrie(const std::vector<std::string>& texts) {
  for (size_t id = 0; id < texts.size(); ++id) {
    if (texts[id].empty() || texts[id].size() > kLongestToken) continue;
    tokens_.push_back(static_cast<TokenId>(id));
  }
  std::sort(tokens_.begin(), tokens_.end(), [&](TokenId a, TokenId b) {
    const int order = texts[static_cast<size_t>(a)].compare(texts[static_cast<size_t>(b)]);
    return order != 0 ? order < 0 : a < b;
  });
  std::vector<uint32_t> open;  // the nodes of the last token's bytes
  std::string_view last;
  const auto close = [&](size_t depth) {
    for (; open.size() > depth; open.pop_back()) {
      nodes_[open.back()].skip = static_cast<uint32_t>(nodes_.size());
    }
  };
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view text = texts[static_cast<size_t>(tokens_[i])];
    const auto parting = std::mismatch(text.begin(), text.end(), last.begin(), last.end());
    close(static_cast<size_t>(parting.first - text.begin()));
    while (open.size() < text.size()) {
      open.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({static_cast<uint8_t>(text[open.size() - 1]),
                        static_cast<uint8_t>(open.size()), 0, static_cast<uint32_t>(i)});
    }
    last = text;
  }
  close(0);
  nodes_.push_back({0, 0, 0, static_cast<uint32_t>(tokens_.size())});
}

}  // namespace heng::grammar
