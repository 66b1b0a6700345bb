// The tokens of a vocabulary by their bytes, as a tree laid out in the order in which it is walked.
// Immutable; safe to use from many threads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "heng/tokenizer.h"

namespace heng::grammar {

class TokenTrie {
 public:
  struct Node {
    uint8_t byte;
    uint8_t depth;         // bytes up to and with this one; the first has 1
    uint32_t skip;         // where the nodes below it end
    uint32_t first_token;  // its tokens are up to the next node's
  };
  static constexpr size_t kLongestToken = 255;  // bytes; longer ones are left out

  // `texts`: bytes of each id; empty for tokens that are not to be written.
  explicit TokenTrie(const std::vector<std::string>& texts);

  std::span<const Node> nodes() const { return {nodes_.data(), nodes_.size() - 1}; }
  // The tokens that end with node number `i`.
  std::span<const TokenId> tokens(size_t i) const {
    return std::span(tokens_).subspan(nodes_[i].first_token,
                                      nodes_[i + 1].first_token - nodes_[i].first_token);
  }

 private:
  std::vector<Node> nodes_;  // and one behind the last
  std::vector<TokenId> tokens_;
};

}  // namespace heng::grammar
